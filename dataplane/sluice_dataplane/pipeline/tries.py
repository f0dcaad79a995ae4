"""One exchange's attempts: takes what each needs, and keeps tab and ledger told of how far it is."""

from sluice_dataplane.errors import GatewayError
from sluice_dataplane.exchange import Candidate
from sluice_dataplane.pipeline.admit import Admission, Admitted
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.settle import Tab
from sluice_dataplane.pipeline.terms import attempt_limits
from sluice_dataplane.usage.ledger import Ledger


class Tries:
    """What :class:`dispatch.Attempts` asks for, over one tab."""

    __slots__ = ("_admission", "_admitted", "_call", "_ledger", "_tab")

    def __init__(self, call: Call, admitted: Admitted, tab: Tab, admission: Admission, ledger: Ledger) -> None:
        self._call = call
        self._admitted = admitted
        self._tab = tab
        self._admission = admission
        self._ledger = ledger

    async def begin(self, candidate: Candidate, number: int) -> GatewayError | None:
        """Take what the attempt needs and nobody has taken yet."""
        limited = bool(attempt_limits(candidate, self._admitted.demand.terms.model))
        lacks, charges = self._tab.lacks(candidate, limited=limited)
        if not lacks:
            return None
        try:
            reservation, limits = await self._admission.further(
                self._call, self._admitted, candidate, charges=charges, number=number
            )
        except GatewayError as error:
            return error
        self._tab.take(reservation, limits, candidate, charged=charges)
        return None

    def sent(self, candidate: Candidate, number: int) -> None:
        """From now on it may be billed."""
        self._tab.sent(candidate, number)
        self._ledger.sent(self._tab.hold_id)

    def over(self, told: GatewayError | None, *, billed: bool) -> None:
        """It came to nothing."""
        if told is None:
            self._tab.over(billed=billed)
        else:
            self._tab.over(billed=billed, status=told.status, code=told.code)

"""The calls that are running: what each holds, and where its progress is shown."""

from collections.abc import Iterable
from itertools import chain

from sluice_dataplane.limits.store import Reservation
from sluice_dataplane.usage.lines import HoldLine


class Call:
    """One hold of this process, from its first line in the journal to its last.

    ``asserted``: the store has said that it knows the hold; ``refused``: that it will not.  ``asked``: it may know the
    hold without having said so.  ``here`` is what was taken of rates and slots in this process instead.
    """

    __slots__ = ("asked", "asserted", "here", "line", "refused", "slot")

    def __init__(self, line: HoldLine, slot: int) -> None:
        self.line = line
        self.slot = slot
        self.asserted = self.refused = self.asked = False
        self.here: Reservation | None = None

    @property
    def reservation(self) -> Reservation:
        """What it holds."""
        return self.line.reservation


class Calls(dict[str, Call]):
    """By the ids of their holds.  ``asking``: those that are written down, and not answered by the store yet."""

    def __init__(self) -> None:
        super().__init__()
        self.asking: dict[str, Call] = {}

    def lines(self) -> Iterable[HoldLine]:
        """What the journal must not forget of them."""
        return (call.line for call in chain(self.asking.values(), self.values()))

    def unasserted(self) -> list[Call]:
        """Those that the store may not know, and has not refused to."""
        return [call for call in self.values() if not call.asserted and not call.refused]

    def doubt(self, hold_ids: Iterable[str] | None = None) -> None:
        """The store does not know these; None: any."""
        for hold_id in self if hold_ids is None else hold_ids:
            if call := self.get(hold_id):
                call.asserted = call.refused = False

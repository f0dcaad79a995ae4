"""What is known of a call before it is sent: enough to bill it if nobody sees how it ends.  Pure; holds no prompt."""

import msgspec

from sluice_contract.snapshot import BudgetUnit, Rates
from sluice_contract.usage import UsageRecord


class Draft(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Written to the journal with the hold.

    ``record`` is the usage record so far, of the moment of admission (``at_ms``); its ``usage`` is the most the call
    can come to.  ``input_tokens`` is what its input probably comes to.  ``units`` are those of the reservation's
    charges, in their order.  ``rates`` None: no price is known, or it is free.
    """

    record: UsageRecord
    input_tokens: int
    units: tuple[BudgetUnit, ...] = ()
    rates: Rates | None = None
    request_nusd: int = 0

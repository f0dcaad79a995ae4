"""What a provider says an answer costs: never charged, kept beside what is.  Pure; knows no wire.

Sources: the pages on usage of OpenRouter and Perplexity (``cost`` in USD), DeepInfra (``estimated_cost``) and xAI
(``cost_in_usd_ticks``; a tick is 10⁻¹⁰ USD).
"""

from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

from sluice_contract.money import MAX_BUDGET_NUSD

MAX_DIGITS: Final = 64
_NUSD_PER_USD: Final = Decimal(10**9)
_NUSD_PER_TICK: Final = Decimal(1) / 10


def usd(raw: msgspec.Raw) -> int | None:
    """A JSON number of USD in nano-USD, rounded up; None where it is no number, negative or more than there can be."""
    return _nusd(raw, _NUSD_PER_USD)


def ticks(raw: msgspec.Raw) -> int | None:
    """The same of a number of xAI's ticks."""
    return _nusd(raw, _NUSD_PER_TICK)


def _nusd(raw: msgspec.Raw, unit: Decimal) -> int | None:
    if not 0 < len(memoryview(raw)) < MAX_DIGITS:
        return None
    try:
        nusd = Decimal(bytes(raw).decode()) * unit
    except (ArithmeticError, UnicodeDecodeError):  # no number, or one beyond all numbers
        return None
    if not (nusd.is_finite() and 0 <= nusd < MAX_BUDGET_NUSD):
        return None
    return int(nusd.to_integral_value(ROUND_CEILING))

"""Money as integers: nano-USD in, nano-USD out; a float never touches it.

One nano-USD is 10⁻⁹ USD.  Prices are nano-USD per one million tokens, so that ``"0.15"`` USD per million is
150,000,000 and the cost of one token is still exact after the division that ends every sum.
"""

import re
from decimal import Decimal
from typing import Final

from sluice_contract.errors import AmountInvalidError

NANO_PER_USD: Final = 1_000_000_000
TOKENS_PER_PRICE: Final = 1_000_000
MAX_BUDGET_NUSD: Final = 9_000_000 * NANO_PER_USD  # Lua's doubles are exact to 2^53 ≈ 9.007e15

_DECIMAL: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


def parse_usd(text: str) -> int:
    """The nano-USD that a decimal string of USD stands for, exactly.

    Raises:
        AmountInvalidError: *text* is not of the form ``1234.567890123``.
    """
    if not _DECIMAL.fullmatch(text):
        message = f"{text!r} is not an amount: write up to 12 digits and up to 9 decimals, like 12.50"
        raise AmountInvalidError(message)
    return int(Decimal(text).scaleb(9))


def format_usd(nusd: int) -> str:
    """*nusd* as a decimal string of USD with six decimals, or nine where six would lose something."""
    sign = "-" if nusd < 0 else ""
    whole, nano = divmod(abs(nusd), NANO_PER_USD)
    digits = f"{nano:09d}"
    return f"{sign}{whole}.{digits[:6] if digits.endswith('000') else digits}"


def cost_nusd(priced_tokens: int) -> int:
    """The nano-USD of a sum of ``tokens * nano-USD per million tokens``, rounded up to the next whole one."""
    return -(-priced_tokens // TOKENS_PER_PRICE)

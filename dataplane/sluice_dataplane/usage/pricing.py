"""Tokens → nano-USD.  Integers only; every sum is rounded up once, at its end."""

from collections.abc import Iterable

from sluice_contract.money import cost_nusd
from sluice_contract.snapshot import Price
from sluice_contract.usage import TokenUsage

# A remote image costs tokens that its URL's bytes do not show: the most that OpenAI's high detail tiles come to.
IMAGE_TOKENS = 4_096


def cost(usage: TokenUsage, price: Price) -> int:
    """What *usage* costs at *price*, in nano-USD; cached and written tokens at their own prices, once each."""
    plain = max(usage.input - usage.cached_input - usage.cache_write, 0)
    priced = (
        plain * price.input_nusd_per_mtok
        + usage.cached_input * price.cached_input_nusd_per_mtok
        + usage.cache_write * price.cache_write_nusd_per_mtok
        + usage.output * price.output_nusd_per_mtok
    )
    return cost_nusd(priced) + price.request_nusd


def input_bound(body: bytes) -> int:
    """No fewer tokens than the input of *body* can come to: a token is at least one byte of its text."""
    return len(body) + IMAGE_TOKENS * body.count(b'"image_url"')


def cost_bound(prices: Iterable[Price], *, input_tokens: int, output_tokens: int) -> int:
    """The most that so many tokens can cost at the dearest of *prices*, in nano-USD; 0 without prices."""
    most = 0
    for price in prices:
        input_price = max(price.input_nusd_per_mtok, price.cached_input_nusd_per_mtok, price.cache_write_nusd_per_mtok)
        priced = input_tokens * input_price + output_tokens * price.output_nusd_per_mtok
        most = max(most, cost_nusd(priced) + price.request_nusd)
    return most

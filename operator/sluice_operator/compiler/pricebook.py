"""The built-in price book: genai-prices, read as flat nano-USD vectors.

The library is imported when the first built-in price is asked for, since it takes some 30 MB that an install
with its own prices need not pay.  Whatever goes wrong in it means "no price", which is never "free".
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Any, Final

from sluice_contract.money import NANO_PER_USD

MAX_REMEMBERED: Final = 4096  # model names come from users: what is remembered of them needs a bound

# The book's name for each unit we meter, and what else it may be sold as.  We do not tell the kinds of a list
# apart in a usage record, so the highest of them counts: a budget may end early, never late.
_INPUT: Final = ("input_mtok",)
_CACHED_INPUT: Final = ("cache_read_mtok",)
_CACHE_WRITE: Final = ("cache_write_mtok", "cache_write_1h_mtok")
_OUTPUT: Final = ("output_mtok", "output_reasoning_mtok", "output_citation_mtok")
_REQUEST: Final = ("requests_kcount",)


@dataclass(frozen=True, slots=True)
class BookPrice:
    """What the book says of one model, in nano-USD (per million tokens; per request)."""

    entry: str  # "openai/gpt-4o-mini": the book's own name
    input_nusd_per_mtok: int
    cached_input_nusd_per_mtok: int
    cache_write_nusd_per_mtok: int
    output_nusd_per_mtok: int
    request_nusd: int
    next_change_ms: int | None  # when the book announces another price


def book_price(provider: str, model: str, *, now_ms: int) -> BookPrice | None:
    """The price of the upstream's *model* at the book's *provider*; None when the book has none in tokens."""
    try:
        found = _find(provider, model)
        return None if found is None else _flatten(*found, now_ms=now_ms)
    except Exception:  # noqa: BLE001 - a foreign library and its data: any surprise is "no price", never a crash
        return None


@lru_cache(maxsize=MAX_REMEMBERED)
def _find(provider: str, model: str) -> tuple[str, Any] | None:
    """The book's entry and its ModelInfo; remembered, misses too, since matching walks thousands of clauses."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - see the module's docstring

    try:
        owner, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return f"{owner.id}/{info.id}", info


def _flatten(entry: str, info: Any, *, now_ms: int) -> BookPrice | None:  # noqa: ANN401 - a foreign type
    day = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).date()
    prices, next_day = _in_force(info.prices, day)
    input_ = _highest(prices, _INPUT, per=1)
    if input_ is None:  # sold by the hour, the page or the picture: no count of tokens gives its cost
        return None
    cached, written = _highest(prices, _CACHED_INPUT, per=1), _highest(prices, _CACHE_WRITE, per=1)
    output = _highest(prices, _OUTPUT, per=1)
    return BookPrice(
        entry=entry,
        input_nusd_per_mtok=input_,
        # Where the book sells no cache, whatever an upstream reports as cached is billed as plain input.
        cached_input_nusd_per_mtok=input_ if cached is None else cached,
        cache_write_nusd_per_mtok=input_ if written is None else written,
        # Embeddings have neither output nor a price for it; an old completion model has output at the input's price.
        output_nusd_per_mtok=input_ if output is None else output,
        request_nusd=_highest(prices, _REQUEST, per=1000) or 0,
        next_change_ms=None if next_day is None else _midnight_ms(next_day),
    )


def _in_force(prices: Any, day: dt.date) -> tuple[list[Any], dt.date | None]:  # noqa: ANN401 - a foreign type
    """The prices that may apply on *day*, and the next day on which others do.

    Of dated prices the last begun one applies.  Prices by the time of day all may: the dearest will count.
    """
    if not isinstance(prices, list):
        return [prices], None
    dated = prices[0].prices
    by_hour: list[Any] = []
    coming: list[dt.date] = []
    for price in prices:
        start = getattr(price.constraint, "start_date", None)
        if start is not None and start > day:
            coming.append(start)
        elif price.constraint is None or start is not None:
            dated, by_hour = price.prices, []
        else:
            by_hour.append(price.prices)
    return [dated, *by_hour], min(coming, default=None)


def _highest(prices: Iterable[Any], names: tuple[str, ...], *, per: int) -> int | None:
    values = [value for price in prices for name in names if (value := getattr(price, name)) is not None]
    return max((_nusd(value, per=per) for value in values), default=None)


def _nusd(value: Any, *, per: int) -> int:  # noqa: ANN401 - a Decimal or the book's TieredPrices
    # A tiered price jumps when one request is long.  Until tiers are metered the dearest tier holds for all
    # requests: it never undercharges.
    tiers = [tier.price for tier in getattr(value, "tiers", ())]
    dearest = max([getattr(value, "base", value), *tiers])
    return int((Decimal(dearest) * NANO_PER_USD / per).to_integral_value(rounding=ROUND_CEILING))


def _midnight_ms(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)

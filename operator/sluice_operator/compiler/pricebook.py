"""The built-in price book: genai-prices, read as nano-USD by kind of token and length of a call.

The library is imported when the first built-in price or window is asked for, since it takes some 30 MB that an install
with its own prices need not pay.  Whatever goes wrong in it means "no price", which is never "free".
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Any, Final

from sluice_contract.money import NANO_PER_USD
from sluice_contract.snapshot import Rates, Tier
from sluice_operator.compiler.rates import ascending, dearest

MAX_REMEMBERED: Final = 4096  # model names come from users: what is remembered of them needs a bound

# The book's names for each kind of token.  Of kinds that usage does not tell apart the dearest counts: a budget may end
# early, never late.  Video, searches and pages are not counted in tokens by those we speak to.
_INPUT: Final = ("input_mtok",)
_CACHED_INPUT: Final = ("cache_read_mtok", "cache_image_read_mtok")
_CACHE_WRITE: Final = ("cache_write_mtok",)
_OUTPUT: Final = ("output_mtok", "output_citation_mtok")
_REQUEST: Final = "requests_kcount"
_OTHERS: Final = {
    "cache_write_1h_nusd_per_mtok": ("cache_write_1h_mtok",),
    "audio_input_nusd_per_mtok": ("input_audio_mtok",),
    "cached_audio_nusd_per_mtok": ("cache_audio_read_mtok",),
    "image_input_nusd_per_mtok": ("input_image_mtok",),
    "audio_output_nusd_per_mtok": ("output_audio_mtok",),
    "image_output_nusd_per_mtok": ("output_image_mtok",),
    "reasoning_nusd_per_mtok": ("output_reasoning_mtok",),
}
_NAMES: Final = (*_INPUT, *_CACHED_INPUT, *_CACHE_WRITE, *_OUTPUT, *(n for names in _OTHERS.values() for n in names))


@dataclass(frozen=True, slots=True)
class BookPrice:
    """What the book says of one model."""

    entry: str  # "openai/gpt-4o-mini": the book's own name
    rates: Rates
    tiers: tuple[Tier, ...]
    request_nusd: int
    next_change_ms: int | None  # when the book announces another price


def book_price(provider: str, model: str, *, now_ms: int) -> BookPrice | None:
    """The price of the upstream's *model* at the book's *provider*; None when the book has none in tokens."""
    try:
        found = _find(provider, model)
        return None if found is None else _read(*found, now_ms=now_ms)
    except Exception:  # noqa: BLE001 - a foreign library and its data: any surprise is "no price", never a crash
        return None


def context_window(provider: str, model: str) -> int | None:
    """The tokens of input and output together that *model* takes; None where the book does not say."""
    try:
        found = _find(provider, model)
        window = None if found is None else found[1].context_window
    except Exception:  # noqa: BLE001 - as above
        return None
    return window if isinstance(window, int) and window > 0 else None


@lru_cache(maxsize=MAX_REMEMBERED)
def _find(provider: str, model: str) -> tuple[str, Any] | None:
    """The book's entry and its ModelInfo; remembered, misses too, since matching walks thousands of clauses."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - see the module's docstring

    try:
        owner, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return f"{owner.id}/{info.id}", info


def _read(entry: str, info: Any, *, now_ms: int) -> BookPrice | None:  # noqa: ANN401 - a foreign type
    day = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).date()
    prices, next_day = _in_force(info.prices, day)
    prices = [price for price in prices if price.input_mtok is not None]
    if not prices:  # sold by the hour, the page or the picture: no count of tokens gives its cost
        return None
    base = dearest(_rates(price, over=None) for price in prices)
    steps = ((over, dearest(_rates(price, over=over) for price in prices)) for over in _starts(prices))
    requests = [value for price in prices if (value := getattr(price, _REQUEST)) is not None]
    return BookPrice(
        entry=entry,
        rates=base,
        tiers=ascending(base, steps),
        request_nusd=max((_nusd(value, over=None, per=1000) for value in requests), default=0),
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


def _starts(prices: Iterable[Any]) -> set[int]:
    """Every length of the input over which some price is another."""
    values = [getattr(price, name) for price in prices for name in _NAMES]
    return {int(tier.start) for value in values for tier in getattr(value, "tiers", ())}


def _rates(price: Any, *, over: int | None) -> Rates:  # noqa: ANN401 - a foreign type
    """What *price* is where the input is just over so many tokens; None: however short it is."""
    input_ = _highest(price, _INPUT, over=over) or 0
    cached = _highest(price, _CACHED_INPUT, over=over)
    written = _highest(price, _CACHE_WRITE, over=over)
    output = _highest(price, _OUTPUT, over=over)
    return Rates(
        input_nusd_per_mtok=input_,
        # Where the book sells no cache, whatever an upstream reports as cached is billed as plain input.
        cached_input_nusd_per_mtok=input_ if cached is None else cached,
        cache_write_nusd_per_mtok=input_ if written is None else written,
        # Embeddings have neither output nor a price for it; an old completion model has output at the input's price.
        output_nusd_per_mtok=input_ if output is None else output,
        **{kind: _highest(price, names, over=over) for kind, names in _OTHERS.items()},
    )


def _highest(price: Any, names: Iterable[str], *, over: int | None) -> int | None:  # noqa: ANN401 - a foreign type
    values = [value for name in names if (value := getattr(price, name)) is not None]
    return max((_nusd(value, over=over, per=1) for value in values), default=None)


def _nusd(value: Any, *, over: int | None, per: int) -> int:  # noqa: ANN401 - a Decimal or the book's TieredPrices
    # A tier is for the whole of a call whose input is longer than its start.
    amount = getattr(value, "base", value)
    for tier in sorted(getattr(value, "tiers", ()), key=lambda tier: tier.start):
        if over is not None and tier.start <= over:
            amount = tier.price
    return int((Decimal(amount) * NANO_PER_USD / per).to_integral_value(rounding=ROUND_CEILING))


def _midnight_ms(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)

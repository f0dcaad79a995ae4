"""What must hold of whatever comes out, whatever went in."""

from typing import Any, Final

import msgspec

from fuzz import readings
from sluice_contract.snapshot import Price, Rates, Tariff, Tier
from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.events import Event
from sluice_dataplane.exchange import Reported
from sluice_dataplane.usage import pricing

MOST_TOKENS: Final = 2**53  # of one count: what other programs, and Redis, count exactly
MOST_NUSD: Final = 2**63
_PARTS: Final = (
    ("input", ("cached_input", "cache_write", "cache_write_1h", "audio_input", "cached_audio", "image_input")),
    ("output", ("reasoning", "audio_output", "image_output")),
    ("cache_write", ("cache_write_1h",)),
    ("cached_input", ("cached_audio",)),
)
_PRICE: Final = Price(
    version="p",
    input_nusd_per_mtok=3,
    cached_input_nusd_per_mtok=1,
    cache_write_nusd_per_mtok=4,
    cache_write_1h_nusd_per_mtok=6,
    output_nusd_per_mtok=15,
    audio_input_nusd_per_mtok=40,
    image_input_nusd_per_mtok=5,
    tiers=(Tier(over_input_tokens=100, rates=Rates(input_nusd_per_mtok=6, output_nusd_per_mtok=30)),),
    services={"priority": Tariff(rates=Rates(input_nusd_per_mtok=9, output_nusd_per_mtok=45))},
)


class BrokenPromiseError(Exception):
    """Something came out that must not."""


def need(holds: bool, what: str) -> None:
    """Raise BrokenPromiseError unless it *holds*."""
    if not holds:
        raise BrokenPromiseError(what)


def check_usage(usage: TokenUsage) -> None:
    """No count is negative, none is beyond counting, no part is more than its whole, and it has a price."""
    for field in usage.__struct_fields__:
        value = getattr(usage, field)
        need(isinstance(value, int) and 0 <= value <= MOST_TOKENS, f"usage.{field} = {value}")
    for whole, parts in _PARTS:
        for part in parts:
            need(getattr(usage, part) <= getattr(usage, whole), f"usage: {part} is more than {whole}: {usage}")
    need(usage.cached_input + usage.cache_write <= usage.input, f"usage: more from caches than came in: {usage}")
    need(pricing.cost(usage, _PRICE) >= 0, f"a negative price: {usage}")


def check_reported(reported: Reported | None) -> None:
    """Its usage holds, its tier has a length, its cost is no debt."""
    if reported is None:
        return
    check_usage(reported.usage)
    tier, nusd = reported.service_tier, reported.provider_cost_nusd
    need(len(tier) <= 64, f"a tier of {len(tier)} characters")
    need(nusd is None or 0 <= nusd < MOST_NUSD, f"a cost of {nusd}")


def check_json(data: bytes, what: str) -> Any:
    """*data* is one JSON value in UTF-8; returned decoded, or None where it is too deep to look."""
    try:
        return readings.check(data)
    except readings.TooDeepError:
        return None
    except readings.UnreadableError as error:
        raise BrokenPromiseError(f"{what} is no JSON: {error}") from None


def check_order(events: list[Event]) -> None:
    """What the events' module promises: one beginning, parts that begin once and are open while they grow, one end."""
    begun: set[tuple[int, int]] = set()
    opened: set[tuple[int, int]] = set()
    for number, event in enumerate(events):
        kind = type(event).__name__
        part = (getattr(event, "choice", 0), getattr(event, "index", 0))
        need((kind == "Began") == (number == 0) or kind == "Failed", f"{kind} is number {number}")
        if kind == "PartBegan":
            need(part not in begun, f"{part} begins twice")
            begun.add(part)
            opened.add(part)
        elif kind in ("Delta", "Signed", "Cited", "PartEnded"):
            need(part in opened, f"{kind} of {part}, which is not open")
            if kind == "PartEnded":
                opened.discard(part)
        elif kind in ("Ended", "Failed"):
            need(number == len(events) - 1, f"something follows {kind}")
        if kind == "ChoiceEnded":
            need(not any(each[0] == part[0] for each in opened), f"choice {part[0]} ends with parts open")


def encodes(value: Any) -> bool:
    """Whether *value* can be written at all: halves of surrogates cannot."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return False
    return True

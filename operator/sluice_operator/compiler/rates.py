"""What a manifest or the book says of prices → the snapshot's rates, tiers and tariffs, and their version."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sluice_contract.money import parse_usd
from sluice_contract.snapshot import Price, Rates, Tariff, Tier
from sluice_operator.resources import Prices
from sluice_operator.resources.prices import PriceTier, ServiceTier

# A kind of token that may be None in Rates, and the kind it then costs as; in an order in which each comes before
# those that cost as it does.
_PART_OF: Final = (
    ("cache_write_1h_nusd_per_mtok", "cache_write_nusd_per_mtok"),
    ("audio_input_nusd_per_mtok", "input_nusd_per_mtok"),
    ("cached_audio_nusd_per_mtok", "audio_input_nusd_per_mtok"),
    ("image_input_nusd_per_mtok", "input_nusd_per_mtok"),
    ("audio_output_nusd_per_mtok", "output_nusd_per_mtok"),
    ("image_output_nusd_per_mtok", "output_nusd_per_mtok"),
    ("reasoning_nusd_per_mtok", "output_nusd_per_mtok"),
)
_SAID_AS: Final = {
    "cache_write_1h_nusd_per_mtok": "cache_write_1h_per_million",
    "audio_input_nusd_per_mtok": "audio_input_per_million",
    "cached_audio_nusd_per_mtok": "cached_audio_input_per_million",
    "image_input_nusd_per_mtok": "image_input_per_million",
    "audio_output_nusd_per_mtok": "audio_output_per_million",
    "image_output_nusd_per_mtok": "image_output_per_million",
    "reasoning_nusd_per_mtok": "reasoning_per_million",
}


def price_of(prices: Prices, *, kind: str) -> Price:
    """The price that *prices*, which are not free, come to; *kind* of source begins the version."""
    services = {
        each.name: Tariff(rates=_rates(each), tiers=_tiers(each.tiers), request_nusd=parse_usd(each.per_request or "0"))
        for each in prices.service_tiers
    }
    return versioned(
        kind,
        _rates(prices),
        tiers=_tiers(prices.tiers),
        services=services,
        request_nusd=parse_usd(prices.per_request or "0"),
    )


def versioned(
    kind: str,
    rates: Rates,
    *,
    tiers: tuple[Tier, ...] = (),
    services: dict[str, Tariff] | None = None,
    request_nusd: int = 0,
) -> Price:
    """The price of these numbers.

    Equal prices of one *kind* of source share a version, so that a usage record tells what was charged, and why.
    """
    price = Price(
        version="",
        **{name: getattr(rates, name) for name in Rates.__struct_fields__},
        tiers=tiers,
        services=services or {},
        request_nusd=request_nusd,
    )
    said = msgspec.json.encode(price, order="deterministic")
    return msgspec.structs.replace(price, version=f"{kind}-{hashlib.sha256(said).hexdigest()[:10]}")


def dearest(rates: Iterable[Rates]) -> Rates:
    """Of each kind of token the highest of *rates*, of which there is at least one."""
    whole = [_whole(each) for each in rates]
    return tidied(Rates(**{name: max(getattr(each, name) for each in whole) for name in Rates.__struct_fields__}))


def tidied(rates: Rates) -> Rates:
    """The same prices, those left out that follow from the others: what costs the same is equal."""
    whole = _whole(rates)
    same = {part: None for part, kind in _PART_OF if getattr(whole, part) == getattr(whole, kind)}
    return msgspec.structs.replace(whole, **same)


def ascending(base: Rates, steps: Iterable[tuple[int, Rates]]) -> tuple[Tier, ...]:
    """Tiers of *steps* (over so many tokens, rates), less those that change nothing."""
    tiers: list[Tier] = []
    before = base
    for over_input_tokens, rates in sorted(steps, key=lambda step: step[0]):
        if rates != before:
            tiers.append(Tier(over_input_tokens=over_input_tokens, rates=rates))
        before = rates
    return tuple(tiers)


def _whole(rates: Rates) -> Rates:
    """*rates* with every kind filled in."""
    for part, kind in _PART_OF:
        if getattr(rates, part) is None:
            rates = msgspec.structs.replace(rates, **{part: getattr(rates, kind)})
    return rates


def _rates(said: Prices | PriceTier | ServiceTier) -> Rates:
    input_ = _nusd(said.input_per_million, 0)
    others: dict[str, Any] = {name: _nusd(getattr(said, field), None) for name, field in _SAID_AS.items()}
    return tidied(
        Rates(
            input_nusd_per_mtok=input_,
            cached_input_nusd_per_mtok=_nusd(said.cached_input_per_million, input_),
            cache_write_nusd_per_mtok=_nusd(said.cache_write_per_million, input_),
            output_nusd_per_mtok=_nusd(said.output_per_million, 0),
            **others,
        )
    )


def _tiers(said: Iterable[PriceTier]) -> tuple[Tier, ...]:
    in_order = sorted(said, key=lambda tier: tier.over_input_tokens)
    return tuple(Tier(over_input_tokens=each.over_input_tokens, rates=_rates(each)) for each in in_order)


def _nusd(amount: str | None, default: Any) -> Any:  # noqa: ANN401 - an int, or the default as it is
    return default if amount is None else parse_usd(amount)

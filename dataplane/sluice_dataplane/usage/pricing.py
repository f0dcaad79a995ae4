"""Tokens → nano-USD.  Integers only; every sum is rounded up once, at its end.

Each token is priced once, as the most particular kind that it is reported as.  Knows no provider and no wire.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from sluice_contract.money import cost_nusd
from sluice_contract.snapshot import Price, Rates, Tariff, Tier
from sluice_contract.usage import TokenUsage

# What providers call the service that their list prices are for: OpenAI, Anthropic, Groq.
PLAIN_SERVICES: Final = frozenset(("", "auto", "default", "standard", "on_demand"))
# A remote image costs tokens that its URL's bytes do not show: the most that OpenAI's high detail tiles come to.
IMAGE_TOKENS: Final = 4_096


def cost(usage: TokenUsage, price: Price, *, service_tier: str = "") -> int:
    """What *usage* costs at *price*, in nano-USD, where the provider says that it served it in *service_tier*.

    A service that the price does not name costs what the dearest of those it does name would.
    """
    services = price.services
    if services:
        tariff = services.get(service_tier)
        if tariff is not None:
            return _cost_in(usage, tariff)
        if service_tier not in PLAIN_SERVICES:
            dearest_service = max(_cost_in(usage, each) for each in services.values())
            return max(dearest_service, cost_at(usage, _tier_of(price, price.tiers, usage.input), price.request_nusd))
    return cost_at(usage, _tier_of(price, price.tiers, usage.input) if price.tiers else price, price.request_nusd)


def cost_at(usage: TokenUsage, rates: Rates, request_nusd: int = 0) -> int:
    """What *usage* costs at *rates*, in nano-USD, and *request_nusd* for the request itself.

    Where parts are said to be more than their whole, the whole is what is paid for.
    """
    return cost_nusd(_input(usage, rates) + _output(usage, rates)) + request_nusd


def dearest(price: Price, *, input_tokens: int) -> tuple[Rates, int]:
    """Of each kind the dearest rate that a request of at most *input_tokens* can meet, in any tier of any service, and
    the dearest fee for a request.  None of the rates is None.
    """
    found = _reachable(price, price.tiers, input_tokens)
    for tariff in price.services.values():
        found += _reachable(tariff.rates, tariff.tiers, input_tokens)
    whole = [_all_kinds(rates) for rates in found]
    most = {kind: max(getattr(rates, kind) for rates in whole) for kind in Rates.__struct_fields__}
    fees = [price.request_nusd, *(tariff.request_nusd for tariff in price.services.values())]
    return Rates(**most), max(fees)


class Most(msgspec.Struct, frozen=True, gc=False):
    """The most that a token and a request can cost where the input is over so many tokens; nano-USD, per million."""

    over_input_tokens: int
    text: int
    audio: int
    image: int
    output: int
    media_output: int
    request_nusd: int


def most_of(price: Price) -> tuple[Most, ...]:
    """What *price* comes to at most, by the length of the input, longest first; the last is for any length."""
    tiers = [*price.tiers, *(tier for tariff in price.services.values() for tier in tariff.tiers)]
    steps = sorted({max(tier.over_input_tokens, 0) for tier in tiers} | {-1}, reverse=True)
    return tuple(_most(price, over_input_tokens) for over_input_tokens in steps)


def cost_most(
    most: tuple[Most, ...],
    *,
    input_tokens: int,
    output_tokens: int,
    audio_input: int | None = None,
    image_input: int | None = None,
    media_output: bool = True,
) -> int:
    """The most that so many tokens can cost, in nano-USD.

    *audio_input* and *image_input* are how many of the input can be such at most, None where all can; *media_output*
    is whether output can be audio or images.
    """
    step = next(each for each in most if input_tokens > each.over_input_tokens)
    text = step.text
    if audio_input is None:
        text, audio_input = max(text, step.audio), 0
    if image_input is None:
        text, image_input = max(text, step.image), 0
    priced = input_tokens * text + output_tokens * (step.media_output if media_output else step.output)
    if audio_input or image_input:
        priced += audio_input * max(step.audio - text, 0) + image_input * max(step.image - text, 0)
    return cost_nusd(priced) + step.request_nusd


def cost_bound(prices: Iterable[Price], *, input_tokens: int, output_tokens: int) -> int:
    """The most that so many tokens, of whatever kind, can cost at the dearest of *prices*, in nano-USD; 0 without."""
    bounds = [cost_most(most_of(each), input_tokens=input_tokens, output_tokens=output_tokens) for each in prices]
    return max(bounds, default=0)


def input_bound(body: bytes) -> int:
    """No fewer tokens than the input of *body* can come to: a token is at least one byte of its text."""
    return len(body) + IMAGE_TOKENS * body.count(b'"image_url"')


def _cost_in(usage: TokenUsage, tariff: Tariff) -> int:
    return cost_at(usage, _tier_of(tariff.rates, tariff.tiers, usage.input), tariff.request_nusd)


def _tier_of(rates: Rates, tiers: tuple[Tier, ...], input_tokens: int) -> Rates:
    for tier in tiers:
        if input_tokens > tier.over_input_tokens:
            rates = tier.rates
    return rates


def _reachable(rates: Rates, tiers: tuple[Tier, ...], input_tokens: int) -> list[Rates]:
    return [rates, *(tier.rates for tier in tiers if input_tokens > tier.over_input_tokens)]


def _most(price: Price, over_input_tokens: int) -> Most:
    rates, request_nusd = dearest(price, input_tokens=over_input_tokens + 1)
    text = max(
        rates.input_nusd_per_mtok,
        rates.cached_input_nusd_per_mtok,
        rates.cache_write_nusd_per_mtok,
        rates.cache_write_1h_nusd_per_mtok or 0,
    )
    output = max(rates.output_nusd_per_mtok, rates.reasoning_nusd_per_mtok or 0)
    return Most(
        over_input_tokens=over_input_tokens,
        text=text,
        audio=max(text, rates.audio_input_nusd_per_mtok or 0, rates.cached_audio_nusd_per_mtok or 0),
        image=max(text, rates.image_input_nusd_per_mtok or 0),
        output=output,
        media_output=max(output, rates.audio_output_nusd_per_mtok or 0, rates.image_output_nusd_per_mtok or 0),
        request_nusd=request_nusd,
    )


def _all_kinds(rates: Rates) -> Rates:
    """*rates* with the kinds that are None at what the kind they are part of costs."""
    audio = _or(rates.audio_input_nusd_per_mtok, rates.input_nusd_per_mtok)
    return Rates(
        input_nusd_per_mtok=rates.input_nusd_per_mtok,
        cached_input_nusd_per_mtok=rates.cached_input_nusd_per_mtok,
        cache_write_nusd_per_mtok=rates.cache_write_nusd_per_mtok,
        output_nusd_per_mtok=rates.output_nusd_per_mtok,
        cache_write_1h_nusd_per_mtok=_or(rates.cache_write_1h_nusd_per_mtok, rates.cache_write_nusd_per_mtok),
        audio_input_nusd_per_mtok=audio,
        cached_audio_nusd_per_mtok=_or(rates.cached_audio_nusd_per_mtok, audio),
        image_input_nusd_per_mtok=_or(rates.image_input_nusd_per_mtok, rates.input_nusd_per_mtok),
        audio_output_nusd_per_mtok=_or(rates.audio_output_nusd_per_mtok, rates.output_nusd_per_mtok),
        image_output_nusd_per_mtok=_or(rates.image_output_nusd_per_mtok, rates.output_nusd_per_mtok),
        reasoning_nusd_per_mtok=_or(rates.reasoning_nusd_per_mtok, rates.output_nusd_per_mtok),
    )


def _or(price: int | None, other: int) -> int:
    return other if price is None else price


def _input(usage: TokenUsage, rates: Rates) -> int:
    plain = rates.input_nusd_per_mtok
    if not (usage.cached_input or usage.cache_write or usage.audio_input or usage.image_input):
        return max(usage.input, 0) * plain
    audio = _or(rates.audio_input_nusd_per_mtok, plain)
    write = rates.cache_write_nusd_per_mtok
    cached_audio = max(min(usage.cached_audio, usage.cached_input, usage.audio_input), 0)
    long_write = max(min(usage.cache_write_1h, usage.cache_write), 0)
    kinds = (
        (cached_audio, _or(rates.cached_audio_nusd_per_mtok, audio)),
        (usage.cached_input - cached_audio, rates.cached_input_nusd_per_mtok),
        (long_write, _or(rates.cache_write_1h_nusd_per_mtok, write)),
        (usage.cache_write - long_write, write),
        (usage.audio_input - cached_audio, audio),
        (usage.image_input, _or(rates.image_input_nusd_per_mtok, plain)),
    )
    return _shared_out(usage.input, kinds, plain)


def _output(usage: TokenUsage, rates: Rates) -> int:
    plain = rates.output_nusd_per_mtok
    if not (usage.reasoning or usage.audio_output or usage.image_output):
        return max(usage.output, 0) * plain
    kinds = (
        (usage.audio_output, _or(rates.audio_output_nusd_per_mtok, plain)),
        (usage.image_output, _or(rates.image_output_nusd_per_mtok, plain)),
        (usage.reasoning, _or(rates.reasoning_nusd_per_mtok, plain)),
    )
    return _shared_out(usage.output, kinds, plain)


def _shared_out(whole: int, kinds: tuple[tuple[int, int], ...], plain: int) -> int:
    """The sum of *kinds* (tokens, price), as long as the *whole* has tokens for them, and of the rest at *plain*."""
    left, priced = max(whole, 0), 0
    for tokens, price in kinds:
        taken = min(max(tokens, 0), left)
        left -= taken
        priced += taken * price
    return priced + left * plain

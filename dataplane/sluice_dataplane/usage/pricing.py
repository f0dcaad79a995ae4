"""Tokens → nano-USD.  Integers only; every sum is rounded up once, at its end.

Each token is priced once, as the most particular kind that it is reported as.  Knows no provider and no wire.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from sluice_contract.money import TOKENS_PER_PRICE, cost_nusd
from sluice_contract.snapshot import Price, Rates, Tariff, Tier
from sluice_contract.usage import TokenUsage

# What providers call the service that their list prices are for (OpenAI, Anthropic, Groq), and those that cost less.
LIST_PRICED: Final = frozenset(("", "auto", "default", "standard", "standard_only", "on_demand", "flex", "batch"))


def cost(usage: TokenUsage, price: Price, *, service_tier: str = "") -> int:
    """What *usage* costs at *price*, in nano-USD, where the provider says that it served it in *service_tier*.

    A service that the price does not name costs what the dearest of those it does name would; see :func:`covers`.
    """
    services = price.services
    if services:
        tariff = services.get(service_tier)
        if tariff is not None:
            return _cost_in(usage, tariff)
        if service_tier not in LIST_PRICED:
            dearest_service = max(_cost_in(usage, each) for each in services.values())
            return max(dearest_service, cost_at(usage, _tier_of(price, price.tiers, usage.input), price.request_nusd))
    return cost_at(usage, _tier_of(price, price.tiers, usage.input) if price.tiers else price, price.request_nusd)


def covers(price: Price, service_tier: str) -> bool:
    """Whether *price* has rates for that service of the provider, or its plain ones are enough for it."""
    return service_tier in LIST_PRICED or service_tier in price.services


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
    """The most that tokens and a request can cost where the input is over so many tokens; nano-USD, per million."""

    over_input_tokens: int
    text: int
    audio: int
    image: int
    output: int
    audio_output: int
    request_nusd: int
    rates: Rates  # the same as rates: what is billed by them is never less than what it can have cost


Sheet = tuple[Most, ...]


def sheet_of(prices: Sequence[Price]) -> Sheet:
    """What *prices* (at least one) come to at most, by the length of the input: longest first, the last for any."""
    steps = sorted({-1, *(max(tier.over_input_tokens, 0) for price in prices for tier in _tiers(price))}, reverse=True)
    return tuple(_most(prices, over_input_tokens) for over_input_tokens in steps)


def most_at(sheet: Sheet, input_tokens: int) -> Most:
    """The most that a request with so much input can cost."""
    if len(sheet) > 1:
        for most in sheet:
            if input_tokens > most.over_input_tokens:
                return most
    return sheet[-1]


def cost_most(
    most: Most,
    *,
    input_tokens: int,
    output_tokens: int,
    audio_input: int | None = None,
    image_input: int | None = None,
    audio_output: bool = True,
) -> int:
    """The most that so many tokens can cost, in nano-USD.

    *audio_input* and *image_input* are how many of the input can be such at most, None where all can; *audio_output* is
    whether output can be spoken.
    """
    priced = output_tokens * (most.audio_output if audio_output else most.output)
    if audio_input == image_input == 0:
        priced += input_tokens * most.text
    else:
        priced += _input_most(most, input_tokens, audio_input, image_input)
    return -(-priced // TOKENS_PER_PRICE) + most.request_nusd


def output_within(
    most: Most, nusd: int, *, input_tokens: int, audio_input: int, image_input: int, audio_output: bool
) -> int | None:
    """How many output tokens *nusd* is enough for, beside that input; below 0 where not even for that.

    None: output costs nothing, so that less of it is of no use.
    """
    rate = most.audio_output if audio_output else most.output
    if rate == 0:
        return None
    left = (nusd - most.request_nusd) * TOKENS_PER_PRICE - _input_most(most, input_tokens, audio_input, image_input)
    return left // rate


def cost_bound(prices: Iterable[Price], *, input_tokens: int, output_tokens: int) -> int:
    """The most that so many tokens, of whatever kind, can cost at the dearest of *prices*, in nano-USD; 0 without."""
    return max(
        (
            cost_most(most_at(sheet_of((each,)), input_tokens), input_tokens=input_tokens, output_tokens=output_tokens)
            for each in prices
        ),
        default=0,
    )


def _input_most(most: Most, tokens: int, audio: int | None, image: int | None) -> int:
    text = most.text
    if audio is None:
        text, audio = max(text, most.audio), 0
    if image is None:
        text, image = max(text, most.image), 0
    priced = tokens * text
    if audio or image:
        priced += audio * max(most.audio - text, 0) + image * max(most.image - text, 0)
    return priced


def _cost_in(usage: TokenUsage, tariff: Tariff) -> int:
    return cost_at(usage, _tier_of(tariff.rates, tariff.tiers, usage.input), tariff.request_nusd)


def _tier_of(rates: Rates, tiers: tuple[Tier, ...], input_tokens: int) -> Rates:
    for tier in tiers:
        if input_tokens > tier.over_input_tokens:
            rates = tier.rates
    return rates


def _reachable(rates: Rates, tiers: tuple[Tier, ...], input_tokens: int) -> list[Rates]:
    return [rates, *(tier.rates for tier in tiers if input_tokens > tier.over_input_tokens)]


def _tiers(price: Price) -> tuple[Tier, ...]:
    return price.tiers + tuple(tier for tariff in price.services.values() for tier in tariff.tiers)


def _most(of: Sequence[Price], over_input_tokens: int) -> Most:
    found = [dearest(price, input_tokens=over_input_tokens + 1) for price in of]

    def most(*kinds: str) -> int:
        prices: list[int] = [getattr(rates, f"{kind}_nusd_per_mtok") for rates, _ in found for kind in kinds]
        return max(prices)

    text = most("input", "cached_input", "cache_write", "cache_write_1h")
    output = most("output", "reasoning", "image_output")
    audio = max(text, most("audio_input", "cached_audio"))
    image = max(text, most("image_input"))
    audio_output = max(output, most("audio_output"))
    return Most(
        over_input_tokens=over_input_tokens,
        text=text,
        audio=audio,
        image=image,
        output=output,
        audio_output=audio_output,
        request_nusd=max(fee for _, fee in found),
        rates=Rates(
            input_nusd_per_mtok=text,
            cached_input_nusd_per_mtok=text,
            cache_write_nusd_per_mtok=text,
            output_nusd_per_mtok=output,
            audio_input_nusd_per_mtok=audio,
            image_input_nusd_per_mtok=image,
            audio_output_nusd_per_mtok=audio_output,
        ),
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

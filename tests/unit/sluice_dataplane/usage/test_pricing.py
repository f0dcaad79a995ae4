"""Tokens to money: exact, each token once, rounded up once; bounds that bind."""

from decimal import ROUND_CEILING, Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import Price, Rates, Tariff, Tier
from sluice_contract.usage import TokenUsage
from sluice_dataplane.usage.pricing import (
    Most,
    cost,
    cost_at,
    cost_bound,
    cost_most,
    covers,
    dearest,
    most_at,
    output_within,
    sheet_of,
)

INPUTS = ("cached_input", "cache_write", "cache_write_1h", "audio_input", "cached_audio", "image_input")
PARTS = (*INPUTS, "reasoning", "audio_output", "image_output")
_OPTIONAL = [kind for kind in Rates.__struct_fields__ if getattr(Rates(), kind) is None]
_usd = st.just(0) | st.integers(0, 10**12)
_some = st.one_of(st.none(), _usd)
_fees = st.integers(0, 10**9)


def _rates() -> st.SearchStrategy[Rates]:
    kinds = {kind: _some if kind in _OPTIONAL else _usd for kind in Rates.__struct_fields__}
    return st.builds(Rates, **kinds)


def usage_of(kinds: dict[str, Any]) -> TokenUsage:
    """So many tokens of each kind."""
    return TokenUsage(**kinds)


def _only(kind: str, tokens: int) -> TokenUsage:
    """*tokens* that are all of one *kind*."""
    whole = "input" if kind in INPUTS else "output"
    wider = {"cache_write_1h": ("cache_write",), "cached_audio": ("cached_input", "audio_input")}.get(kind, ())
    return usage_of(dict.fromkeys((whole, kind, *wider), tokens))


@st.composite
def _tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    overs = draw(st.lists(st.integers(0, 1_000_000), max_size=3, unique=True))
    return tuple(Tier(over_input_tokens=over, rates=draw(_rates())) for over in sorted(overs))


@st.composite
def _prices(draw: st.DrawFn) -> Price:
    services = draw(
        st.dictionaries(
            st.sampled_from(("flex", "priority", "batch", "default")),
            st.builds(Tariff, rates=_rates(), tiers=_tiers(), request_nusd=_fees),
            max_size=3,
        )
    )
    rates = msgspec.structs.asdict(draw(_rates()))
    return Price(version="v", request_nusd=draw(_fees), tiers=draw(_tiers()), services=services, **rates)


@st.composite
def _usages(draw: st.DrawFn) -> TokenUsage:
    """Of any kinds, also such as contradict each other."""
    most = draw(st.sampled_from((10, 2_000_000)))
    return usage_of({kind: draw(st.integers(0, most)) for kind in ("input", "output", *PARTS)})


_services = st.sampled_from(("", "default", "flex", "priority", "batch", "scale"))


def usd(text: str) -> int:
    """USD per million tokens, as nano-USD."""
    return int(Decimal(text) * 10**9)


def rates(each_input: str, output: str, cached: str = "0", write: str = "0", **kinds: str) -> Rates:
    """Rates in USD per million tokens."""
    more = {f"{kind}_nusd_per_mtok": usd(text) for kind, text in kinds.items()}
    return Rates(
        input_nusd_per_mtok=usd(each_input),
        output_nusd_per_mtok=usd(output),
        cached_input_nusd_per_mtok=usd(cached),
        cache_write_nusd_per_mtok=usd(write),
        **more,
    )


def price(base: Rates, **fields: Any) -> Price:
    """*base* as a whole price."""
    return Price(version="v", **msgspec.structs.asdict(base), **fields)


GPT_4O = price(rates("2.50", "10", cached="1.25"))
O3_MINI = price(rates("1.10", "4.40", cached="0.55"))
GPT_4O_AUDIO = price(rates("2.50", "10", audio_input="40", audio_output="80"))
SONNET = price(rates("3", "15", cached="0.30", write="3.75", cache_write_1h="6"))
GEMINI_PRO = price(
    rates("1.25", "10", cached="0.31"),
    tiers=(Tier(over_input_tokens=200_000, rates=rates("2.50", "15", cached="0.625")),),
)
GPT_5 = price(
    rates("1.25", "10", cached="0.125"),
    services={
        "flex": Tariff(rates=rates("0.625", "5", cached="0.0625")),
        "batch": Tariff(rates=rates("0.625", "5", cached="0.0625")),
        "priority": Tariff(rates=rates("2.50", "20", cached="0.25")),
    },
)


@pytest.mark.parametrize(
    ("of", "usage", "nusd"),
    [
        # 86 × 2.50 + 1,920 × 1.25 + 300 × 10
        (GPT_4O, TokenUsage(input=2_006, cached_input=1_920, output=300), 5_615_000),
        # 75 × 1.10 + 1,186 × 4.40: reasoning is part of the output and not paid for twice
        (O3_MINI, TokenUsage(input=75, output=1_186, reasoning=1_024), 5_300_900),
        # 100 × 2.50 + 900 × 40 + 50 × 10 + 150 × 80
        (GPT_4O_AUDIO, TokenUsage(input=1_000, audio_input=900, output=200, audio_output=150), 48_750_000),
        # 100 × 3 + 10,000 × 0.30 + 1,500 × 3.75 + 500 × 6 + 400 × 15
        (
            SONNET,
            TokenUsage(input=12_100, cached_input=10_000, cache_write=2_000, cache_write_1h=500, output=400),
            17_925_000,
        ),
        # all of a request is of one tier, and its edge is of the lower one: 200,000 × 1.25 + 1,000 × 10
        (GEMINI_PRO, TokenUsage(input=200_000, output=1_000), 260_000_000),
        # 150,001 × 2.50 + 50,000 × 0.625 + 1,000 × 15
        (GEMINI_PRO, TokenUsage(input=200_001, cached_input=50_000, output=1_000), 421_252_500),
    ],
    ids=["cached", "reasoning", "audio", "cache writes", "lower tier", "upper tier"],
)
def test_known_bills_come_out_to_the_nano(of: Price, usage: TokenUsage, nusd: int) -> None:
    """Worked out by hand from list prices, kind by kind."""
    assert cost(usage, of) == nusd


@pytest.mark.parametrize(
    ("service", "nusd"),
    [
        ("", 11_250_000),  # 1,000 × 1.25 + 1,000 × 10
        ("default", 11_250_000),
        ("flex", 5_625_000),
        ("batch", 5_625_000),
        ("priority", 22_500_000),
        ("scale", 22_500_000),  # nobody said what it costs: the dearest
    ],
)
def test_a_service_has_its_own_price_and_an_unknown_one_the_dearest(service: str, nusd: int) -> None:
    """As the provider says how it served the call; what we have no price for is not cheap."""
    assert cost(TokenUsage(input=1_000, output=1_000), GPT_5, service_tier=service) == nusd


@pytest.mark.parametrize(
    ("of", "service", "nusd", "covered"),
    [
        (GEMINI_PRO, "priority", 11_250_000, False),
        (GEMINI_PRO, "flex", 11_250_000, True),
        (msgspec.structs.replace(GPT_5, services={"priority": GPT_5.services["priority"]}), "batch", 11_250_000, True),
        (GPT_5, "priority", 22_500_000, True),
        (GPT_5, "scale", 22_500_000, False),
        (GPT_5, "auto", 11_250_000, True),
    ],
)
def test_a_service_that_nobody_prices_is_told_from_those_that_cost_no_more(
    of: Price, service: str, nusd: int, covered: bool
) -> None:
    """Flex and batch never cost more than the list price; what may is not covered by it."""
    assert cost(TokenUsage(input=1_000, output=1_000), of, service_tier=service) == nusd
    assert covers(of, service) is covered


def test_kinds_without_a_price_cost_what_they_are_part_of() -> None:
    """Audio and images what text does, cached audio what audio does, long writes what short ones do, and so on."""
    plain = rates("1", "2", cached="4", write="8")
    audio = rates("1", "2", cached="4", write="8", audio_input="16")

    for part, times in (("audio_input", 1), ("image_input", 1), ("cached_input", 4), ("cache_write", 8)):
        assert cost_at(_only(part, 10), plain) == 10_000 * times
    for part in ("reasoning", "audio_output", "image_output"):
        assert cost_at(_only(part, 10), plain) == 20_000
    assert cost_at(TokenUsage(input=10, cache_write=10, cache_write_1h=10), plain) == 80_000
    assert cost_at(TokenUsage(input=10, cached_input=10, audio_input=10, cached_audio=10), audio) == 160_000


@given(_usages(), _rates(), _fees)
def test_a_cost_is_the_exact_sum_rounded_up_once(usage: TokenUsage, at: Rates, fee: int) -> None:
    """Every token has one price: a sum over tokens in exact decimals, with parts cut to their whole, is the cost."""
    audio = at.audio_input_nusd_per_mtok if at.audio_input_nusd_per_mtok is not None else at.input_nusd_per_mtok
    cached_audio = min(usage.cached_audio, usage.cached_input, usage.audio_input)
    long = min(usage.cache_write, usage.cache_write_1h)
    inputs = [
        (cached_audio, at.cached_audio_nusd_per_mtok, audio),
        (usage.cached_input - cached_audio, at.cached_input_nusd_per_mtok, 0),
        (long, at.cache_write_1h_nusd_per_mtok, at.cache_write_nusd_per_mtok),
        (usage.cache_write - long, at.cache_write_nusd_per_mtok, 0),
        (usage.audio_input - cached_audio, audio, 0),
        (usage.image_input, at.image_input_nusd_per_mtok, at.input_nusd_per_mtok),
        (usage.input, at.input_nusd_per_mtok, 0),
    ]
    outputs = [
        (usage.audio_output, at.audio_output_nusd_per_mtok, at.output_nusd_per_mtok),
        (usage.image_output, at.image_output_nusd_per_mtok, at.output_nusd_per_mtok),
        (usage.reasoning, at.reasoning_nusd_per_mtok, at.output_nusd_per_mtok),
        (usage.output, at.output_nusd_per_mtok, 0),
    ]
    exact = Decimal(0)
    for whole, kinds in ((usage.input, inputs), (usage.output, outputs)):
        left = whole
        for tokens, own, otherwise in kinds:
            exact += Decimal(min(tokens, left)) * (own if own is not None else otherwise) / 1_000_000
            left -= min(tokens, left)

    assert int(exact.to_integral_value(ROUND_CEILING)) + fee == cost_at(usage, at, fee)


@given(_usages(), st.lists(_prices(), min_size=1, max_size=3), _services, st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_usage_within_its_bound_costs_more_than_its_hold(
    usage: TokenUsage, prices: list[Price], service: str, more_input: int, more_output: int
) -> None:
    """Whichever target and service serve it and however its tokens are split, what was held is enough."""
    bound = cost_bound(prices, input_tokens=usage.input + more_input, output_tokens=usage.output + more_output)

    assert all(0 <= cost(usage, each, service_tier=service) <= bound for each in prices)


def most_of(price: Price, input_tokens: int) -> Most:
    """The most that a request with so much input can cost."""
    return most_at(sheet_of((price,)), input_tokens)


@given(_usages(), _prices(), _services, st.integers(0, 10**6))
def test_a_bound_that_knows_of_audio_and_images_holds_too(
    usage: TokenUsage, of: Price, service: str, more: int
) -> None:
    """Told how much of the input can be such, and that output is not spoken, it is still enough."""
    usage = msgspec.structs.replace(usage, audio_output=0)
    bound = cost_most(
        most_of(of, usage.input + more),
        input_tokens=usage.input + more,
        output_tokens=usage.output,
        audio_input=usage.audio_input,
        image_input=usage.image_input,
        audio_output=False,
    )

    assert cost(usage, of, service_tier=service) <= bound


def test_a_bound_that_knows_of_audio_and_images_is_tighter() -> None:
    """Text is held at the price of text: 1,000 × 2.50 + 100 × 10, and 37.50 more for each token that can be audio."""
    most = most_of(GPT_4O_AUDIO, 1_000)
    text = cost_most(most, input_tokens=1_000, output_tokens=100, audio_input=0, audio_output=False)
    some = cost_most(most, input_tokens=1_000, output_tokens=100, audio_input=100, audio_output=False)

    assert (text, some) == (3_500_000, 7_250_000)
    assert cost_bound((GPT_4O_AUDIO,), input_tokens=1_000, output_tokens=100) == 48_000_000


@given(
    _prices(),
    st.integers(0, 10**6),
    st.integers(0, 10**4),
    st.integers(0, 10**4),
    st.integers(0, 10**15),
    st.booleans(),
)
def test_as_much_output_as_fits_and_not_a_token_more(
    of: Price, tokens: int, audio: int, image: int, nusd: int, spoken: bool
) -> None:
    """What is worked out backwards from an amount of money fits it, and one token more does not."""
    most = most_of(of, tokens)
    given = {"input_tokens": tokens, "audio_input": audio, "image_input": image}
    fits = output_within(most, nusd, **given, audio_output=spoken)
    if fits is None:
        assert (most.audio_output if spoken else most.output) == 0
        return

    assert cost_most(most, **given, output_tokens=fits + 1, audio_output=spoken) > nusd
    if fits >= 0:
        assert cost_most(most, **given, output_tokens=fits, audio_output=spoken) <= nusd


@given(_usages(), st.lists(_prices(), min_size=1, max_size=3), _services)
def test_what_nobody_saw_is_billed_as_the_most_it_can_have_been(
    usage: TokenUsage, prices: list[Price], service: str
) -> None:
    """At the rates of the most, tokens cost no less than at any price that may have applied, and no more than held."""
    most = most_at(sheet_of(prices), usage.input)
    whole = TokenUsage(
        input=usage.input,
        output=usage.output,
        audio_input=min(usage.audio_input, usage.input),
        image_input=min(usage.image_input, max(usage.input - usage.audio_input, 0)),
        audio_output=usage.output,
    )
    billed = cost_at(whole, most.rates, most.request_nusd)

    for kind in ("cached_input", "cache_write", "reasoning", "audio_output", "image_output"):
        for each in prices:
            plain = TokenUsage(input=usage.input, output=usage.output)
            alone = msgspec.structs.replace(plain, **{kind: usage.input if kind in INPUTS else usage.output})
            assert cost(alone, each, service_tier=service) <= billed
    assert billed <= cost_most(
        most,
        input_tokens=usage.input,
        output_tokens=usage.output,
        audio_input=whole.audio_input,
        image_input=whole.image_input,
    )


@given(_usages(), _prices(), _services)
def test_the_dearest_rates_are_no_cheaper_than_any_that_apply(usage: TokenUsage, of: Price, service: str) -> None:
    """What a call that nobody saw end is billed at covers every tier it can have reached, in every service."""
    at, fee = dearest(of, input_tokens=usage.input)

    assert None not in msgspec.structs.astuple(at)
    for kind in PARTS:
        alone = _only(kind, usage.input)
        assert cost(alone, of, service_tier=service) <= cost_at(alone, at, fee)


@given(_prices(), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_larger_call_never_has_a_smaller_bound(
    of: Price, less_in: int, more_in: int, less_out: int, more_out: int
) -> None:
    """Also over the edge of a tier that is cheaper: the bound is monotone in input and in output."""
    small = cost_bound((of,), input_tokens=less_in, output_tokens=less_out)
    large = cost_bound((of,), input_tokens=less_in + more_in, output_tokens=less_out + more_out)

    assert 0 <= small <= large


@given(
    st.builds(TokenUsage, **dict.fromkeys(("input", "output", *PARTS), st.integers(-100, 100))), _prices(), _services
)
def test_no_usage_however_odd_costs_less_than_nothing(usage: TokenUsage, of: Price, service: str) -> None:
    """A provider that reports negative tokens gives no money back."""
    assert cost(usage, of, service_tier=service) >= 0

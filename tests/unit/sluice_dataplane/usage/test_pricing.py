"""Tokens to money: exact, each kind once, rounded up once; bounds that bind."""

from decimal import ROUND_CEILING, Decimal

from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import Price
from sluice_contract.usage import TokenUsage
from sluice_dataplane.usage.pricing import cost, cost_bound, input_bound

_prices = st.builds(
    Price,
    version=st.just("v"),
    input_nusd_per_mtok=st.integers(0, 10**12),
    cached_input_nusd_per_mtok=st.integers(0, 10**12),
    cache_write_nusd_per_mtok=st.integers(0, 10**12),
    output_nusd_per_mtok=st.integers(0, 10**12),
    request_nusd=st.integers(0, 10**9),
)


@st.composite
def _usages(draw: st.DrawFn) -> TokenUsage:
    total = draw(st.integers(0, 2_000_000))
    cached = draw(st.integers(0, total))
    written = draw(st.integers(0, total - cached))
    return TokenUsage(input=total, output=draw(st.integers(0, 200_000)), cached_input=cached, cache_write=written)


def test_a_known_bill_comes_out_to_the_nano() -> None:
    """1,000 in (400 cached) and 500 out at 0.15/0.075/0.60 USD per million is 0.00042 USD."""
    price = Price(
        version="v",
        input_nusd_per_mtok=150_000_000,
        cached_input_nusd_per_mtok=75_000_000,
        output_nusd_per_mtok=600_000_000,
    )

    assert cost(TokenUsage(input=1_000, cached_input=400, output=500), price) == 420_000


@given(_usages(), _prices)
def test_a_cost_is_the_exact_sum_rounded_up_once(usage: TokenUsage, price: Price) -> None:
    """Integer arithmetic equals exact decimals, for every mix of kinds."""
    plain = usage.input - usage.cached_input - usage.cache_write
    exact = (
        Decimal(plain) * price.input_nusd_per_mtok
        + Decimal(usage.cached_input) * price.cached_input_nusd_per_mtok
        + Decimal(usage.cache_write) * price.cache_write_nusd_per_mtok
        + Decimal(usage.output) * price.output_nusd_per_mtok
    ) / 1_000_000

    assert int(exact.to_integral_value(ROUND_CEILING)) + price.request_nusd == cost(usage, price)


@given(_usages(), st.lists(_prices, min_size=1, max_size=4))
def test_no_call_within_its_bound_costs_more_than_its_hold(usage: TokenUsage, prices: list[Price]) -> None:
    """Whichever target serves it and however its input is split, the bound holds."""
    bound = cost_bound(prices, input_tokens=usage.input, output_tokens=usage.output)

    assert all(cost(usage, price) <= bound for price in prices)


def test_an_image_by_url_is_bounded_by_more_than_its_url() -> None:
    """A short link to a large picture cannot slip under the hold."""
    assert input_bound(b'{"type":"image_url","image_url":{"url":"https://x/y.png"}}') > 4_096

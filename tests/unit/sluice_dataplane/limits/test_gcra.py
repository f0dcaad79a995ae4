"""The one formula behind every rate."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.limits import gcra
from sluice_dataplane.limits.store import Rate, RateState

amounts = st.one_of(st.integers(1, 1_000), st.integers(1, 200_000_000))


def _rate(amount: int, burst: int, window_ms: int = 60_000) -> Rate:
    return Rate("b", 0, amount, window_ms, burst)


@given(
    amount=st.integers(1, 100),
    burst=st.integers(1, 100),
    window_ms=st.sampled_from([1_000, 7_777, 60_000]),
    calls=st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 100)), max_size=60),
)
def test_no_window_admits_more_than_amount_and_burst(
    amount: int, burst: int, window_ms: int, calls: list[tuple[int, int]]
) -> None:
    """Whatever window of time one looks at, at most amount + burst units were admitted in it."""
    rate, now_us, tat = _rate(amount, burst, window_ms), 0, 0
    admitted: list[tuple[int, int]] = []
    for pause_us, units in calls:
        now_us += pause_us
        units = min(units, burst)  # noqa: PLW2901  a larger one is a case of its own
        cost = gcra.cost_us(units, amount, window_ms)
        if gcra.wait_us(max(tat - now_us, 0), cost, gcra.burst_us(rate)) == 0:
            tat = max(tat, now_us) + cost
            admitted.append((now_us, units))

    for start, _ in admitted:
        inside = sum(units for at, units in admitted if start <= at <= start + window_ms * 1000)
        assert inside <= amount + burst


@given(amount=amounts, window_ms=st.sampled_from([1_000, 60_000, 86_400_000]), burst=st.integers(1, 60))
def test_a_full_bucket_gives_exactly_its_burst(amount: int, window_ms: int, burst: int) -> None:
    """One by one a full bucket gives as many units as its burst says, if a unit lasts longer than the rounding."""
    rate = _rate(amount, burst, window_ms)
    debt = given = 0
    cost = gcra.cost_us(1, amount, window_ms)
    while given <= burst and gcra.wait_us(debt, cost, gcra.burst_us(rate)) == 0:
        debt, given = debt + cost, given + 1

    if window_ms * 1000 // amount > burst:
        assert given == burst
    assert given <= burst


@given(amount=amounts, units=st.integers(1, 5_000_000))
def test_no_unit_is_free(amount: int, units: int) -> None:
    """Every unit makes debt, however large the amount: rounding never gives calls away."""
    cost = gcra.cost_us(units, amount, 60_000)

    assert cost * amount >= units * 60_000_000


@given(amount=amounts, cost=st.integers(0, 100_000), used=st.integers(0, 100_000))
def test_a_refund_leaves_what_the_use_alone_would_have_left(amount: int, cost: int, used: int) -> None:
    """Taking a cost and settling at what was used is the same debt as taking what was used."""
    rate = Rate("b", cost, amount, 60_000, 10)
    taken = 1_000_000 + gcra.cost_us(cost, amount, 60_000)

    settled = gcra.adjusted(taken, 1_000_000, gcra.refund_us(rate, used))

    assert settled == 1_000_000 + gcra.cost_us(used, amount, 60_000)


def test_debt_is_cut_at_ten_years() -> None:
    """A cost that would take longer than ten years to flow back is ten years: sums stay exact in doubles."""
    assert gcra.cost_us(10**15, 1, 86_400_000) == gcra.MAX_US
    assert gcra.adjusted(0, 5, -2 * gcra.MAX_US) == 5 + gcra.MAX_US
    assert gcra.MAX_US + 4 * 10**15 < 2**53


def test_state_is_never_negative_and_never_over_the_burst() -> None:
    """A bucket in debt has nothing left; a full one has its burst."""
    rate = _rate(60, 10)

    assert gcra.state(rate, 90_000_000, gcra.burst_us(rate)) == RateState(0, 90_000)
    assert gcra.state(rate, 0, gcra.burst_us(rate)) == RateState(10, 0)
    assert gcra.state(rate, 1, gcra.burst_us(rate)) == RateState(10, 1)

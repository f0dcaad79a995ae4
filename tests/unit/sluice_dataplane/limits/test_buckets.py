"""The rates in memory."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.limits.buckets import Buckets
from support.stores import rate

arrivals = st.lists(st.tuples(st.integers(0, 20_000_000), st.integers(0, 3)), max_size=60)


@given(arrivals, st.integers(1, 40), st.integers(1, 40))
def test_no_span_of_a_window_holds_more_than_limit_and_burst(
    arrived: list[tuple[int, int]], amount: int, burst: int
) -> None:
    """Over any edge, wherever one looks: in a whole window at most the limit and the burst were admitted."""
    buckets, now_us, admitted = Buckets(), 10**15, list[tuple[int, int]]()
    for wait_us, cost in arrived:
        now_us += wait_us
        one = rate(min(cost, burst), amount=amount, burst=burst)
        if buckets.refused([one], now_us) is None:
            buckets.take(one, now_us)
            admitted.append((now_us, one.cost))

    for start_us, _ in admitted:
        assert sum(cost for at_us, cost in admitted if start_us <= at_us < start_us + 60_000_000) <= amount + burst


def test_full_buckets_are_forgotten() -> None:
    """What has nothing to remember takes no memory."""
    buckets = Buckets()
    buckets.take(rate(30), 10**15)
    buckets.take(rate(60, name="longer"), 10**15)
    buckets.sweep(10**15 + 30_000_000)

    assert len(buckets) == 1

"""What one of several data planes may grant."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.usage.shares import rates_only
from support.stores import charge, rate, slot, take


@given(sources=st.integers(1, 50), amount=st.integers(0, 10_000), burst=st.integers(0, 10_000))
def test_shares_come_to_the_limit_and_no_more_than_one_each_above(sources: int, amount: int, burst: int) -> None:
    """All shares together are at least the limit, and above it by less than the number of those who share."""
    shared = rates_only(take("h", rate(3, amount=amount, burst=burst), slot(amount)), sources=sources)

    for whole, share in (
        (amount, shared.rates[0].amount),
        (burst, shared.rates[0].burst),
        (amount, shared.slots[0].limit),
    ):
        assert whole <= share * sources < whole + sources


def test_charges_are_not_shared_here() -> None:
    """Budgets are not divided: a slice of them is held, or nothing."""
    shared = rates_only(take("h", rate(3), charge(10)), sources=2)

    assert (shared.id, shared.charges, shared.rates[0].cost) == ("h", (), 3)

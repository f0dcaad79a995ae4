"""One account in memory."""

from sluice_dataplane.limits.store import Account
from sluice_dataplane.limits.tally import Tally
from support.stores import FAR_MS, charge


def test_an_account_lives_as_long_as_anything_on_it_says() -> None:
    """A shorter life that is told later does not cut it short."""
    tally = Tally()
    tally.hold(charge(5))
    tally.post(3, 1, None)

    assert (tally.expires_at_ms, tally.account()) == (FAR_MS, Account(3, 5, 0))


def test_enough_is_gone_with_the_first_bucket_that_makes_it_enough() -> None:
    """In the order of time, those aside that do not count any more."""
    tally = Tally()
    for bucket in (3, 1, 2):
        tally.post(10, FAR_MS, bucket)

    assert [tally.last_to_go(charge(1, bucket=9, oldest=2), short) for short in (1, 10, 11, 20, 21)] == [2, 2, 3, 3, 9]
    assert tally.last_to_go(charge(1), 1) is None


def test_buckets_that_left_the_window_are_forgotten_with_the_next_hold() -> None:
    """Asking does not change anything; holding drops them from the sum."""
    tally = Tally()
    for bucket in (1, 2, 3):
        tally.post(10, FAR_MS, bucket)
    seen = tally.taken(charge(1, bucket=9, oldest=3)), tally.account().posted
    tally.hold(charge(1, bucket=9, oldest=3))

    assert seen == (10, 30)
    assert (tally.account(), tally.buckets) == (Account(10, 1, 0), {3: 10})

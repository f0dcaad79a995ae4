"""What both stores promise of windows that roll: each moment sees the last whole window, by buckets of time."""

import random

import pytest

from sluice_dataplane.limits.store import Account, Charge, Entry, Held, Refused
from support.stores import SOURCE, Stand, charge, end, take


async def test_what_left_the_window_does_not_count(stand: Stand) -> None:
    """A bucket counts as long as it is not before the oldest, and is forgotten by the next call that is held."""
    for bucket in (1, 2, 3):
        await stand.settle(end(take(f"h{bucket}", charge(0, bucket=bucket)), 300))
    refused = await stand.store.reserve(take("i", charge(200, bucket=61, oldest=1)))
    held = await stand.store.reserve(take("j", charge(200, bucket=62, oldest=2)))

    assert refused == Refused("charge", 0, None, 100, 1)
    assert held == Held((), (200,))
    assert await stand.account() == Account(600, 200, 0)


async def test_what_a_call_spends_is_posted_to_its_own_bucket(stand: Stand) -> None:
    """However late it is settled, and out of order, it leaves the window with the bucket it was taken in."""
    early, late = take("e", charge(500, bucket=1)), take("l", charge(500, bucket=5))
    await stand.store.reserve(early)
    await stand.store.reserve(late)
    await stand.settle(end(late, 400))
    await stand.settle(end(early, 500))
    before = await stand.store.reserve(take("i", charge(101, bucket=9, oldest=1)))

    assert before == Refused("charge", 0, None, 100, 1)
    assert await stand.store.reserve(take("j", charge(600, bucket=9, oldest=2))) == Held((), (0,))


async def test_holds_count_in_whatever_bucket(stand: Stand) -> None:
    """What is held or orphaned has no bucket: it counts until it is settled."""
    await stand.store.reserve(take("h", charge(600, bucket=1), ttl_ms=0))
    await stand.store.reserve(take("i", charge(300, bucket=2)))
    await stand.store.reap()

    refused = await stand.store.reserve(take("j", charge(101, bucket=90, oldest=80)))
    assert refused == Refused("charge", 0, None, 100, 90)
    assert await stand.account() == Account(0, 300, 600)


@pytest.mark.parametrize(
    ("amount", "bucket"),
    [(101, 9), (400, 9), (401, 10), (700, 10), (701, 60), (850, 60), (851, 63), (1_000, 63)],
)
async def test_a_refusal_says_with_which_bucket_enough_is_gone(stand: Stand, amount: int, bucket: int) -> None:
    """The first that frees enough together with those before it; the present one where what is held has to end too."""
    for spent, at in ((999, 2), (150, 60), (300, 9), (300, 10)):
        await stand.settle(end(take(f"h{at}", charge(0, bucket=at)), spent))
    await stand.store.reserve(take("held", charge(150, bucket=61, oldest=3)))
    refused = await stand.store.reserve(take("i", charge(amount, bucket=63, oldest=3)))

    assert refused == Refused("charge", 0, None, 100, bucket)


async def test_a_rolling_window_full_of_holds_is_free_when_they_have_gone(stand: Stand) -> None:
    """What is held is spent in the present bucket at the latest; of windows that do not roll nothing is said."""
    await stand.store.reserve(take("h", charge(1_000, bucket=5), charge(1_000, name="b")))

    assert await stand.store.reserve(take("i", charge(1, bucket=7))) == Refused("charge", 0, None, 0, 7)
    assert await stand.store.reserve(take("j", charge(1, name="b"))) == Refused("charge", 0, None, 0)
    assert await stand.store.reserve(take("k", charge(1_001, 1_000, name="new", bucket=8))) == Refused(
        "charge", 0, None, 1_000, 8
    )


async def test_a_settlement_of_a_bucket_long_gone_does_not_count(stand: Stand) -> None:
    """What comes after its bucket has left the window is posted, and forgotten by the next call."""
    await stand.store.reserve(take("h", charge(10, bucket=90, oldest=80)))
    await stand.settle(end(take("lost", charge(0, bucket=3)), 900))
    posted = await stand.account()
    held = await stand.store.reserve(take("i", charge(10, bucket=90, oldest=80)))

    assert posted == Account(900, 10, 0)
    assert held == Held((), (980,))
    assert await stand.account() == Account(0, 20, 0)


async def test_repeating_a_hold_sees_the_same_window(stand: Stand) -> None:
    """The answer to a reservation that is asked for again leaves out what the first answer did."""
    await stand.settle(end(take("old", charge(0, bucket=1)), 300))
    reservation = take("h", charge(200, bucket=9, oldest=5))
    first = await stand.store.reserve(reservation)

    assert first == await stand.store.reserve(reservation) == Held((), (800,))


@pytest.mark.parametrize("seed", range(5))
async def test_no_window_holds_more_than_the_limit(stand: Stand, seed: int) -> None:
    """Whatever was spent when: in no span of one window is it over the limit, and never is much less let through."""
    draw, window_ms, limit = random.Random(seed), 60_000, 1_000
    width_ms = window_ms // 60
    spent: list[tuple[int, int]] = []  # when it was taken, how much
    for n in range(300):
        stand.advance(draw.randint(0, 2_000))
        oldest = (stand.now_ms - window_ms) // width_ms
        here = Charge(
            charge(0).account, 60, limit, stand.now_ms + 2 * window_ms, True, stand.now_ms // width_ms, oldest
        )
        took = await stand.store.reserve(take(f"h{n}", here))
        live = sum(amount for at_ms, amount in spent if at_ms > stand.now_ms - window_ms)
        margin = sum(
            amount
            for at_ms, amount in spent
            if stand.now_ms - window_ms - 2 * width_ms < at_ms <= stand.now_ms - window_ms
        )
        if isinstance(took, Refused):
            assert live + margin + 60 > limit
            continue
        assert live + 60 <= limit
        spent.append((stand.now_ms, draw.randint(0, 60)))
        await stand.store.apply(SOURCE, [Entry(n + 1, end(take(f"h{n}", here), spent[-1][1]))])

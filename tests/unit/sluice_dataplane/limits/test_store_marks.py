"""What both stores promise of numbered settlements: each counts once, whenever and however often it comes."""

import random

import pytest

from sluice_dataplane.limits.marks import MOST_HOLES
from sluice_dataplane.limits.store import Account, Entry, Held, KeyUsage, UngreetedError
from support.stores import SOURCE, Stand, charge, end, slot, take, void


def _entry(n: int, spent: int = 1) -> Entry:
    usage = KeyUsage("vk", "2026-09", 1, n, 0, spent, n)
    return Entry(n, end(take(f"h{n}", charge(10)), spent, usage=usage), b"{}")


@pytest.mark.parametrize("seed", range(20))
async def test_any_order_and_any_repetition_come_to_the_same(stand: Stand, seed: int) -> None:
    """Settlements that come late, twice or after others are in the sums once, and leave no hole behind."""
    draw = random.Random(seed)
    entries = [_entry(n, n) for n in range(1, 31)]
    sent = [*entries, *draw.choices(entries, k=20)]
    draw.shuffle(sent)
    while sent:
        some, sent = sent[: draw.randint(1, 8)], sent[8:]
        await stand.apply(*some)
    await stand.apply(*entries)
    standing = await stand.store.hello(SOURCE)

    assert await stand.account() == Account(sum(range(1, 31)), 0, 0)
    assert stand.usage("vk", "2026-09") == KeyUsage("vk", "2026-09", 30, 465, 0, 465, 30)
    assert (standing.applied, standing.holes, standing.total) == (30, (), 30)


async def test_a_number_that_skips_others_leaves_holes(stand: Stand) -> None:
    """What was left out is named, does not hold up the rest, and counts when it comes."""
    await stand.apply(_entry(1), _entry(4), _entry(6))
    before = await stand.store.hello(SOURCE)
    await stand.apply(_entry(3), _entry(3), _entry(2))
    after = await stand.store.hello(SOURCE)

    assert (before.applied, before.holes, before.total) == (6, (2, 3, 5), 3)
    assert (after.applied, after.holes, after.total) == (6, (5,), 5)
    assert await stand.account() == Account(5, 0, 0)


async def test_a_store_that_lacks_too_many_says_so_to_all(stand: Stand) -> None:
    """More holes than it may have: nothing is counted, and all that came are to be told again after a greeting."""
    await stand.apply(_entry(3))
    most = 3 + MOST_HOLES - 2
    errors = await stand.store.apply(SOURCE, [_entry(most + 2), _entry(2)])
    standing = await stand.store.hello(SOURCE)
    await stand.apply(_entry(most + 1))

    assert [type(error) for error in errors] == [UngreetedError, UngreetedError]
    assert standing.applied == 3
    assert len((await stand.store.hello(SOURCE)).holes) == MOST_HOLES - 1


async def test_numbers_that_are_nobodys_leave_no_holes(stand: Stand) -> None:
    """An entry that stands for many numbers counts them all, fills the holes among them, and spends nothing."""
    nothing = void(take(""))
    await stand.apply(_entry(1), _entry(5))
    await stand.apply(Entry(20_000, nothing, first=3))
    await stand.apply(Entry(20_000, nothing, first=3))
    standing = await stand.store.hello(SOURCE)

    assert (standing.applied, standing.holes, standing.total) == (20_000, (2,), 19_999)
    assert await stand.account() == Account(2, 0, 0)
    assert isinstance(await stand.store.reserve(take("h7", charge(1))), Held)


async def test_nobodys_numbers_may_skip_others_too(stand: Stand) -> None:
    """What lies before them is a hole as before any other, and too many of those are refused."""
    nothing = void(take(""))
    (error,) = await stand.store.apply(SOURCE, [Entry(9_000, nothing, first=MOST_HOLES + 2)])
    await stand.apply(Entry(9, nothing, first=4))
    standing = await stand.store.hello(SOURCE)

    assert isinstance(error, UngreetedError)
    assert (standing.applied, standing.holes, standing.total) == (9, (1, 2, 3), 6)


async def test_sources_number_for_themselves(stand: Stand) -> None:
    """The same number of another source is another settlement."""
    await stand.apply(_entry(1))
    await stand.apply(Entry(1, end(take("other", charge(10)), 5)), source="other")
    one, other = await stand.store.hello(SOURCE), await stand.store.hello("other")

    assert await stand.account() == Account(6, 0, 0)
    assert (one.applied, other.applied, other.total) == (1, 1, 2)


async def test_a_hold_that_ended_is_not_given_back_again(stand: Stand) -> None:
    """Two numbers for one hold both post what they say, as any do; the hold is given back once."""
    await stand.store.reserve(take("h1", slot(2), charge(10)))
    await stand.store.reserve(take("h2", slot(2), charge(10)))
    await stand.apply(_entry(1, 3), Entry(2, end(take("h1", charge(10)), 4)))

    assert await stand.account() == Account(7, 10, 0)

"""What both stores promise after they have lost something: nobody is admitted before it was told to them again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.commands import ALIVE_MS, FENCE_MAX_MS, FENCE_MIN_MS, RESTORED_TTL_MS
from sluice_dataplane.limits.store import (
    Account,
    Entry,
    FencedError,
    Held,
    HoldStore,
    KeyUsage,
    RateState,
    Refused,
    UngreetedError,
)
from support.stores import SOURCE, Stand, account, charge, end, rate, slot, take

CALLS: dict[str, Callable[[HoldStore], Awaitable[object]]] = {
    "reserve": lambda store: store.reserve(take("h", charge(1)), source=SOURCE),
    "assert": lambda store: store.reserve(take("h", charge(1)), source=SOURCE, forced=True),
    "apply": lambda store: _raised(store, Entry(1, end(take("h", charge(1)), 1))),
    "skip": lambda store: _raised(store, Entry(9, end(take("")), first=1)),
    "caught_up": lambda store: store.caught_up(SOURCE),
    "extend": lambda store: store.extend(SOURCE, (), 1_000),
    "reap": lambda store: store.reap(),
    "accounts": lambda store: store.accounts([account("a")]),
    "checkpoint": lambda store: store.checkpoint(),
}


async def _raised(store: HoldStore, entry: Entry) -> None:
    for error in await store.apply(SOURCE, [entry]):
        if error is not None:
            raise error


@pytest.mark.parametrize("call", list(CALLS))
async def test_a_store_that_was_wiped_answers_nothing_but_that(stand: Stand, call: str) -> None:
    """Whatever it is asked first after a loss, it asks to be greeted, and does nothing; greeted, it answers."""
    await stand.wipe()
    with pytest.raises(UngreetedError):
        await CALLS[call](stand.store)
    await stand.open()

    assert await stand.account() == Account(0, 0, 0)
    await CALLS[call](stand.store)


async def test_a_loss_raises_a_fence(stand: Stand) -> None:
    """After a loss the first greeting says that the store is fenced, and nobody is admitted; nothing is taken."""
    before = await stand.store.hello(SOURCE)
    await stand.wipe()
    after = await stand.store.hello(SOURCE)
    with pytest.raises(FencedError) as caught:
        await stand.store.reserve(take("h", rate(), slot(1), charge(1)))

    assert (before.fenced, after.fenced) == (False, True)
    assert not caught.value.maybe_done
    assert await stand.account() == Account(0, 0, 0)


async def test_settlements_are_counted_behind_the_fence(stand: Stand) -> None:
    """A source tells a fenced store what it has lost, and only then says that it has caught up."""
    await stand.apply(*(Entry(n, end(take(f"h{n}", charge(10)), n)) for n in (1, 2, 3)))
    before = await stand.account()
    await stand.wipe()
    standing = await stand.store.hello(SOURCE)
    await stand.apply(*(Entry(n, end(take(f"h{n}", charge(10)), n)) for n in (1, 2, 3)))

    assert standing.applied == 0
    assert await stand.account() == before == Account(6, 0, 0)


async def test_the_fence_gives_others_time_to_come(stand: Stand) -> None:
    """A source that has caught up at once waits all the same: nobody knows who else there is."""
    await stand.wipe()
    await stand.store.hello(SOURCE)
    at_once = await stand.store.caught_up(SOURCE)
    stand.advance(FENCE_MIN_MS - 1)
    early = await stand.store.caught_up(SOURCE)
    stand.advance(1)

    assert (at_once, early, await stand.store.caught_up(SOURCE)) == (False, False, True)
    assert isinstance(await stand.store.reserve(take("h", charge(1))), Held)


async def test_the_fence_waits_for_every_source_alive(stand: Stand) -> None:
    """It falls with the last source that was heard of lately, whoever that is, and is down for all then."""
    await stand.wipe()
    for source in (SOURCE, "b", "c"):
        assert (await stand.store.hello(source)).fenced
    stand.advance(FENCE_MIN_MS)
    said = [await stand.store.caught_up(source) for source in (SOURCE, "b", SOURCE)]

    assert said == [False, False, False]
    assert await stand.store.caught_up("c")
    assert await stand.store.caught_up("b")
    assert not (await stand.store.hello("d")).fenced


async def test_the_fence_falls_by_itself(stand: Stand) -> None:
    """A source that never comes back does not keep the others out for longer than a fence may last."""
    await stand.wipe()
    await stand.store.hello("dead")
    await stand.store.hello(SOURCE)
    stand.advance(FENCE_MAX_MS)
    with pytest.raises(FencedError):
        await stand.store.reserve(take("h", charge(1)))
    stand.advance(1)

    assert not (await stand.store.hello(SOURCE)).fenced
    assert isinstance(await stand.store.reserve(take("h", charge(1))), Held)
    assert await stand.store.caught_up(SOURCE)


async def test_a_clock_that_was_put_back_keeps_nobody_out(stand: Stand) -> None:
    """A fence from the future does not stand until the clock has come there again."""
    await stand.wipe()
    await stand.store.hello(SOURCE)
    stand.advance(-3_600_000)

    assert isinstance(await stand.store.reserve(take("h", charge(1))), Held)


async def test_sources_are_counted_while_they_are_heard_of(stand: Stand) -> None:
    """A source is alive from its greeting until it was silent for too long; extending is a heartbeat."""
    await stand.store.hello("b")
    stand.advance(ALIVE_MS - 1)
    await stand.store.extend("b", (), 1_000)
    stand.advance(ALIVE_MS - 1)
    before = (await stand.store.hello(SOURCE)).sources
    stand.advance(1)

    assert before == 2
    assert (await stand.store.hello(SOURCE)).sources == 1


async def test_a_running_hold_is_asserted_in_spite_of_all(stand: Stand) -> None:
    """A hold that was granted before the loss is taken behind the fence, over the limits, and once."""
    await stand.store.reserve(take("other", slot(1), charge(1_000)))
    await stand.wipe()
    await stand.store.hello(SOURCE)
    first = await stand.store.reserve(take("a", slot(1), charge(700)), source=SOURCE, forced=True)
    second = await stand.store.reserve(take("b", slot(1), charge(700)), source=SOURCE, forced=True)
    again = await stand.store.reserve(take("b", slot(1), charge(700)), source=SOURCE, forced=True)
    await stand.open()

    assert (first, second, again) == (Held((), (300,)), Held((), (-400,)), Held((), (-400,)))
    assert await stand.account() == Account(0, 1_400, 0)
    assert await stand.store.reserve(take("c", slot(2))) == Refused("slot", 0, None)


async def test_a_hold_that_was_asserted_has_taken_no_rate(stand: Stand) -> None:
    """Its rates are left alone when it is taken, and when it is settled: what it never took is not given back."""
    reservation = take("h", rate(50), rate(0, amount=0, name="none"), charge(10))
    await stand.store.reserve(take("other", rate(55)))
    held = await stand.store.reserve(reservation, source=SOURCE, forced=True)
    untouched = await stand.store.reserve(take("i", rate(0)))
    await stand.settle(end(reservation, 4, used=(0, 0)))

    assert held == Held((), (990,))
    assert untouched == await stand.store.reserve(take("j", rate(0))) == Held((RateState(5, 55_000),), ())
    assert await stand.account() == Account(4, 0, 0)


async def test_a_hold_that_was_settled_is_not_asserted(stand: Stand) -> None:
    """An assertion that comes after the settlement takes nothing, and is refused for good."""
    reservation = take("h", charge(10))
    await stand.store.reserve(reservation)
    await stand.settle(end(reservation, 4))
    with pytest.raises(StoreError) as caught:
        await stand.store.reserve(reservation, source=SOURCE, forced=True)

    assert not caught.value.transient
    assert await stand.account() == Account(4, 0, 0)


async def test_holds_that_were_lost_are_named(stand: Stand) -> None:
    """Extending names the holds the store does not know; those it knows in any state it does not."""
    for hold_id in ("open", "late", "done"):
        await stand.store.reserve(take(hold_id, charge(1), ttl_ms=0 if hold_id == "late" else 60_000))
    await stand.settle(end(take("done", charge(1)), 1))
    await stand.store.reap()

    assert await stand.store.extend(SOURCE, ["lost", "open", "late", "done", "too"], 1_000) == ("lost", "too")


async def test_a_checkpoint_and_what_came_after_it_make_the_whole(stand: Stand) -> None:
    """Wiped, given its checkpoint and told the rest again, a store has the figures it had, holds and holes included."""
    usage = KeyUsage("vk", "2026-09", 1, 2, 3, 4, 5)
    rolling = take("roll", charge(9, name="rolling", bucket=7, oldest=1))
    late, running = take("late", charge(50), ttl_ms=0), take("running", slot(1), charge(60))
    for reservation in (late, running, rolling):
        await stand.store.reserve(reservation)
    await stand.store.reap()
    await stand.apply(Entry(1, end(take("h1", charge(1)), 5, usage=usage)), Entry(4, end(rolling, 8)))
    await stand.apply(Entry(7, end(take("gone", charge(1, name="b")), 70)), source="dead")
    saved = await stand.store.checkpoint()
    later = [Entry(5, end(late, 40)), Entry(3, end(take("h3", charge(1)), 3, usage=usage))]
    await stand.apply(*later)
    before = await _figures(stand)
    await stand.wipe()
    lost = await stand.store.hello(SOURCE)
    assert saved is not None
    restored = await stand.store.restore(saved)
    with pytest.raises(UngreetedError):
        await stand.apply(*later)
    found = await stand.store.hello(SOURCE)
    await stand.apply(*later)

    assert (lost.total, lost.applied) == (0, 0)
    assert restored
    assert (found.fenced, found.total, found.applied, found.holes) == (True, 3, 4, (2, 3))
    assert await _figures(stand) == before
    assert (await stand.store.hello("dead")).holes == (1, 2, 3, 4, 5, 6)
    assert await stand.store.extend(SOURCE, ["running", "late"], 60_000) == ()
    stand.advance(FENCE_MAX_MS + 1)
    assert await stand.store.reserve(take("i", slot(1))) == Refused("slot", 0, None)


async def _figures(stand: Stand) -> object:
    names = [account(name) for name in ("a", "b", "rolling")]
    return await stand.store.accounts(names), stand.usage("vk", "2026-09")


async def test_what_was_told_again_before_the_checkpoint_came_is_counted_once(stand: Stand) -> None:
    """A checkpoint replaces what was told meanwhile: it is asked for again from where the checkpoint has it."""
    entries = [Entry(n, end(take(f"h{n}", charge(1)), n)) for n in (1, 2, 3)]
    await stand.store.reserve(take("open", charge(100)))
    await stand.apply(*entries)
    saved = await stand.store.checkpoint()
    await stand.wipe()
    await stand.store.hello(SOURCE)
    await stand.apply(*entries[:2])
    await stand.store.reserve(take("open", charge(100)), source=SOURCE, forced=True)
    await stand.store.reserve(take("newer", charge(10)), source=SOURCE, forced=True)
    assert saved is not None
    assert await stand.store.restore(saved)
    await stand.store.hello(SOURCE)
    for hold in (take("open", charge(100)), take("newer", charge(10))):
        await stand.store.reserve(hold, source=SOURCE, forced=True)
    await stand.apply(*entries)

    assert await stand.account() == Account(6, 110, 0)


async def test_a_checkpoint_is_put_back_only_where_it_is_missed(stand: Stand) -> None:
    """A store that is not fenced, or that knows as much, keeps what it has."""
    entry = Entry(1, end(take("h1", charge(1)), 5))
    await stand.apply(entry)
    saved = await stand.store.checkpoint()
    assert saved is not None
    unfenced = await stand.store.restore(saved)
    await stand.wipe()
    await stand.store.hello(SOURCE)
    await stand.apply(entry)

    assert not unfenced
    assert not await stand.store.restore(saved)
    assert await stand.account() == Account(5, 0, 0)


async def test_a_checkpoint_that_comes_too_late_is_not_put_back(stand: Stand) -> None:
    """Once the fence has fallen the store has gone on, and nothing is put in place of that."""
    await stand.apply(Entry(1, end(take("h1", charge(1)), 5)))
    saved = await stand.store.checkpoint()
    await stand.wipe()
    await stand.open()
    await stand.store.reserve(take("h", charge(100)))
    assert saved is not None

    assert not await stand.store.restore(saved)
    assert await stand.account() == Account(0, 100, 0)


async def test_a_source_that_a_checkpoint_does_not_know_begins_anew(stand: Stand) -> None:
    """What it told before the checkpoint was put back is gone, its holes too: told again, each counts once."""
    await stand.apply(*(Entry(n, end(take(f"h{n}", charge(1)), 100)) for n in (1, 2)))
    saved = await stand.store.checkpoint()
    await stand.wipe()
    await stand.store.hello("new")
    told = [Entry(n, end(take(f"new{n}", charge(1)), n)) for n in (1, 2, 3, 4)]
    await stand.apply(told[3], source="new")
    assert saved is not None
    assert await stand.store.restore(saved)
    standing = await stand.store.hello("new")
    await stand.apply(*told, *told, source="new")

    assert (standing.applied, standing.holes) == (0, ())
    assert await stand.account() == Account(210, 0, 0)


async def test_holds_that_were_put_back_have_time_to_be_extended(stand: Stand) -> None:
    """Their deadlines may have passed meanwhile: their owners, who could not extend them, get as long again."""
    await stand.store.reserve(take("h", charge(100), ttl_ms=10_000))
    await stand.apply(Entry(1, end(take("h1", charge(1)), 5)))
    saved = await stand.store.checkpoint()
    stand.advance(20_000)
    await stand.wipe()
    await stand.store.hello(SOURCE)
    assert saved is not None
    assert await stand.store.restore(saved)
    await stand.store.hello(SOURCE)
    at_once = await stand.store.reap()
    stand.advance(RESTORED_TTL_MS)

    assert (at_once, await stand.store.reap()) == (0, 1)
    assert await stand.account() == Account(5, 0, 100)


async def test_a_fenced_store_gives_no_checkpoint(stand: Stand) -> None:
    """What has just lost something would replace a better one."""
    await stand.wipe()
    await stand.store.hello(SOURCE)

    assert await stand.store.checkpoint() is None


async def test_a_restored_fence_waits_for_all_again(stand: Stand) -> None:
    """Who had caught up before a checkpoint was put back must tell what it does not have."""
    await stand.apply(Entry(1, end(take("h1", charge(1)), 5)))
    saved = await stand.store.checkpoint()
    await stand.wipe()
    await stand.store.hello(SOURCE)
    await stand.store.hello("b")
    await stand.store.caught_up("b")
    assert saved is not None
    await stand.store.restore(saved)
    stand.advance(FENCE_MIN_MS)
    for source in ("b", SOURCE):
        await stand.store.hello(source)

    assert not await stand.store.caught_up(SOURCE)
    assert await stand.store.caught_up("b")


async def test_many_at_once_behind_a_fence_take_nothing(stand: Stand) -> None:
    """However many calls come while it stands, none is admitted."""
    await stand.wipe()
    await stand.store.hello(SOURCE)
    calls = (stand.store.reserve(take(f"h{n}", charge(1))) for n in range(200))
    met = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(each) for each in met} == {FencedError}
    assert await stand.account() == Account(0, 0, 0)

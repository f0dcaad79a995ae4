"""Memory and Redis are one store: any history gives the same answers and the same figures from both.

Histories have calls that come twice, late or not at all, windows that roll, and losses: wipes, with and without a
checkpoint to put back.
"""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.commands import FENCE_MAX_MS
from sluice_dataplane.limits.store import Account, Charge, Checkpoint, Entry, Held, KeyUsage, Reservation
from support.redis import RedisServer
from support.stores import FAR_MS, Stand, account, charge, end, rate, slot, take

HOUR_MS = 3_600_000
STEP_MS = 90_000  # times and debts are multiples of it: no answer hangs on the milliseconds a test takes
IDS = [f"h{n}" for n in range(8)]
SOURCES = ["s1", "s2"]
NAMES = ("a", "b", "c")
LIMITS = {"a": 60, "b": 100, "c": 40}

costs = st.integers(0, 24)
rates = st.builds(
    lambda name, cost, amount, burst: rate(cost, amount=amount, window_ms=HOUR_MS, burst=burst, name=name),
    st.sampled_from("xy"),
    costs,
    st.sampled_from([4, 10, 20]),
    st.sampled_from([2, 10, 20]),
)
slots = st.builds(lambda name, limit: slot(limit, name=name), st.sampled_from("xy"), st.integers(0, 3))


def _charge(name: str, amount: int, age: int, enforced: bool) -> Charge:
    """One of account c is on a window that rolls, three buckets long."""
    rolls = {"bucket": 10 + age, "oldest": 8 + age} if name == "c" else {}
    return charge(amount, LIMITS[name], name=name, enforced=enforced, **rolls)


charges = st.builds(
    _charge,
    st.sampled_from(NAMES),
    st.integers(0, 40),
    st.integers(0, 9),
    st.sampled_from([True, True, True, False]),
)
reservations = st.builds(
    lambda hold_id, rates, slots, charges, ttl_ms: take(hold_id, *rates, *slots, *charges, ttl_ms=ttl_ms),
    st.sampled_from(IDS),
    st.lists(rates, max_size=2, unique_by=lambda rate: rate.bucket),
    st.lists(slots, max_size=2, unique_by=lambda slot: slot.slots),
    st.lists(charges, max_size=3, unique_by=lambda charge: charge.account),
    st.sampled_from([0, STEP_MS, 4 * STEP_MS]),
)
numbers = st.integers(1, 12)
steps = st.one_of(
    st.tuples(st.just("reserve"), reservations, st.just(False)),
    st.tuples(st.just("reserve"), reservations, st.sampled_from([False, False, True])),
    st.tuples(
        st.just("apply"),
        st.sampled_from(SOURCES),
        st.lists(st.tuples(numbers, st.sampled_from(IDS), st.integers(0, 45)), min_size=1, max_size=4),
    ),
    st.tuples(st.just("skip"), st.sampled_from(SOURCES), numbers, st.integers(0, 4)),
    st.tuples(st.just("extend"), st.lists(st.sampled_from(IDS), max_size=4), st.just(4 * STEP_MS)),
    st.tuples(st.just("reap")),
    st.tuples(st.just("hello")),
    st.tuples(st.just("hello")),
    st.tuples(st.just("caught_up"), st.sampled_from(SOURCES)),
    st.tuples(st.just("save")),
    st.tuples(st.just("restore")),
    st.tuples(st.just("wipe")),
    st.tuples(st.just("advance"), st.integers(1, 10)),
    st.tuples(st.just("wait"), st.sampled_from([1_000, 2_000, 5_000])),
)


class Told:
    """One store and all that it was told."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.saved: Checkpoint | None = None

    async def do(self, history: "History", step: tuple[Any, ...]) -> object:
        """What it answers to *step*."""
        try:
            return await self._do(history, step)
        except StoreError as error:
            return (type(error), error.transient)

    async def _do(self, history: "History", step: tuple[Any, ...]) -> object:
        store = self.stand.store
        match step:
            case ("reserve", reservation, forced):
                reservation = history.reserved.get(reservation.id, reservation)  # an id is used for one thing
                return await store.reserve(reservation, forced=forced)
            case ("apply", source, entries):
                errors = await store.apply(source, [history.entry(source, *entry) for entry in entries])
                return [type(error) for error in errors]
            case ("skip", source, first, more):
                entries = [Entry(first + more, end(take("")), first=first)]
                return [type(error) for error in await store.apply(source, entries)]
            case ("extend", ids, ttl_ms):
                return await store.extend(SOURCES[0], ids, ttl_ms)
            case ("reap",):
                return await store.reap()
            case ("accounts",):
                return await store.accounts([account(name) for name in NAMES])
        return await self._lose(step)

    async def _lose(self, step: tuple[Any, ...]) -> object:
        match step:
            case ("hello",):
                return [await self.stand.store.hello(source) for source in SOURCES]
            case ("caught_up", source):
                return await self.stand.store.caught_up(source)
            case ("save",):
                saved = await self.stand.store.checkpoint()
                self.saved = saved or self.saved
                return saved and saved.total
            case ("restore",):
                return self.saved and await self.stand.store.restore(self.saved)
            case ("wipe",):
                await self.stand.wipe()
            case ("advance", count):
                self.stand.advance(count * STEP_MS)
            case ("wait", ms):
                self.stand.advance(ms)
        return None


class History:
    """What was asked for so far, so that a settlement ends the reservation its id was taken with."""

    def __init__(self) -> None:
        self.reserved: dict[str, Reservation] = {}
        self.entries: dict[tuple[str, int], Entry] = {}

    def entry(self, source: str, n: int, hold_id: str, number: int) -> Entry:
        """Settlement *n* of *source*, the same whenever it is told: the end of a hold, or of one nobody took."""
        if (source, n) not in self.entries:
            reservation = self.reserved.setdefault(hold_id, take(hold_id, charge(5, LIMITS["a"])))
            used = tuple((number + i) % 30 for i, _ in enumerate(reservation.rates))
            spent = tuple((number * (i + 1)) % 45 for i, _ in enumerate(reservation.charges))
            usage = KeyUsage("vk", "2026-09", 1, number, 2, 3, FAR_MS + number)
            self.entries[source, n] = Entry(n, end(reservation, *spent, used=used, usage=usage))
        return self.entries[source, n]


async def _play(server: RedisServer, story: list[tuple[Any, ...]]) -> None:
    async with Stand.redis(server) as stand:
        redis, memory, history = Told(stand), Told(await Stand.memory(stand.began_ms)), History()
        overspent = dict.fromkeys(NAMES, 0)
        for step in story:
            one, other = await memory.do(history, step), await redis.do(history, step)
            assert one == other, step
            if step[0] == "reserve" and isinstance(one, Held):
                history.reserved.setdefault(step[1].id, step[1])
            figures = await memory.do(history, ("accounts",))
            assert figures == await redis.do(history, ("accounts",)), step
            if isinstance(figures, tuple) and isinstance(figures[0], Account):
                _check(dict(zip(NAMES, figures, strict=True)), overspent, step, one)
            assert memory.stand.usage("vk", "2026-09") == redis.stand.usage("vk", "2026-09"), step
        await _end_all(memory, history)
        await _end_all(redis, history)


def _check(figures: dict[str, Account], overspent: dict[str, int], step: tuple[Any, ...], result: object) -> None:
    """No account was filled over its limit by a reservation that asked, and none is below nothing."""
    asked = step[0] == "reserve" and not step[2]
    enforced = {c.account for c in step[1].charges if c.enforced} if asked else set()
    for name, figure in figures.items():
        assert min(figure.posted, figure.held, figure.orphaned) >= 0
        total = figure.posted + figure.held + figure.orphaned
        if name != "c" and total > max(LIMITS[name], overspent[name]):
            assert not (account(name) in enforced and isinstance(result, Held)), "admitted over the limit"
        overspent[name] = total


async def _end_all(told: Told, history: History) -> None:
    """Settled all, nothing is held or orphaned any more."""
    await told.stand.store.hello("last")
    told.stand.advance(FENCE_MAX_MS + 1)
    for n, reservation in enumerate(history.reserved.values()):
        await told.stand.apply(Entry(n + 1, end(reservation, *(0 for _ in reservation.charges))), source="last")
    for name in NAMES:
        figures = await told.stand.account(name)
        assert (figures.held, figures.orphaned) == (0, 0)
    for name in "xy":
        held = await told.stand.store.reserve(take(f"last {name}", slot(1, name=name)))
        assert isinstance(held, Held)


@settings(max_examples=200)
@given(story=st.lists(steps, min_size=4, max_size=60))
def test_both_stores_tell_the_same_story(redis_server: RedisServer, story: list[tuple[Any, ...]]) -> None:
    """Step by step the same answer and the same figures; no limit is passed; in the end nothing stays held."""
    asyncio.run(_play(redis_server, story))

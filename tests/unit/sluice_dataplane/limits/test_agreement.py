"""Memory and Redis are one store: any history gives the same answers and the same figures from both."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.store import Account, Held, HoldStore, KeyUsage, Reservation, Settlement
from support.redis import RedisServer
from support.stores import FAR_MS, Stand, account, charge, end, rate, slot, take

HOUR_MS = 3_600_000
STEP_MS = 90_000  # times and debts are multiples of it: no answer hangs on the milliseconds a test takes
IDS = [f"h{n}" for n in range(8)]
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
charges = st.builds(
    lambda name, amount, enforced: charge(amount, LIMITS[name], name=name, enforced=enforced),
    st.sampled_from(NAMES),
    st.integers(0, 40),
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
steps = st.one_of(
    st.tuples(st.just("reserve"), reservations),
    st.tuples(st.just("reserve"), reservations),
    st.tuples(st.just("settle"), st.sampled_from(IDS), st.lists(st.integers(0, 45), min_size=5, max_size=5)),
    st.tuples(st.just("extend"), st.lists(st.sampled_from(IDS), max_size=4), st.just(4 * STEP_MS)),
    st.tuples(st.just("reap")),
    st.tuples(st.just("advance"), st.integers(1, 30)),
)


class History:
    """What was asked for so far, so that a settlement ends the reservation its id was taken with."""

    def __init__(self) -> None:
        self.reserved: dict[str, Reservation] = {}

    def settlement(self, hold_id: str, numbers: list[int]) -> Settlement:
        """The end of a hold, or of one nobody took."""
        reservation = self.reserved.get(hold_id) or take(hold_id, charge(5, LIMITS["a"]))
        used = tuple(numbers[: len(reservation.rates)])
        spent = tuple(numbers[-len(reservation.charges) :] if reservation.charges else ())
        usage = KeyUsage("vk", "2026-09", 1, numbers[0], numbers[1], numbers[2], FAR_MS + numbers[3])
        return end(reservation, *spent, used=used, usage=usage)


async def _do(store: HoldStore, history: History, step: tuple[Any, ...]) -> object:
    try:
        match step:
            case ("reserve", reservation):
                reservation = history.reserved.get(reservation.id, reservation)  # an id is used for one thing
                return await store.reserve(reservation)
            case ("settle", hold_id, numbers):
                await store.settle(history.settlement(hold_id, numbers))
            case ("extend", ids, ttl_ms):
                await store.extend(ids, ttl_ms)
            case ("reap",):
                return await store.reap()
    except StoreError as error:
        return ("error", error.transient)
    return None


async def _play(server: RedisServer, story: list[tuple[Any, ...]]) -> None:
    async with Stand.redis(server) as redis:
        memory, history = Stand(), History()
        memory.now_ms = redis.now_ms
        overspent = dict.fromkeys(NAMES, 0)
        for step in story:
            if step[0] == "advance":
                memory.advance(step[1] * STEP_MS)
                redis.advance(step[1] * STEP_MS)
                continue
            one, other = await _do(memory.store, history, step), await _do(redis.store, history, step)
            assert one == other, step
            if step[0] == "reserve" and isinstance(one, Held):
                history.reserved.setdefault(step[1].id, step[1])
            figures = await memory.store.accounts([account(name) for name in NAMES])
            assert figures == await redis.store.accounts([account(name) for name in NAMES]), step
            _check(dict(zip(NAMES, figures, strict=True)), overspent, step, one)
        assert memory.usage("vk", "2026-09") == redis.usage("vk", "2026-09")
        await _end_all(memory, history)
        await _end_all(redis, history)


def _check(figures: dict[str, Account], overspent: dict[str, int], step: tuple[Any, ...], result: object) -> None:
    """No account was filled over its limit by a reservation that enforces it."""
    enforced = {c.account for c in step[1].charges if c.enforced} if step[0] == "reserve" else set()
    for name, figure in figures.items():
        assert min(figure.posted, figure.held, figure.orphaned) >= 0
        total = figure.posted + figure.held + figure.orphaned
        if total > max(LIMITS[name], overspent[name]):
            assert not (account(name) in enforced and isinstance(result, Held)), "admitted over the limit"
        overspent[name] = total


async def _end_all(stand: Stand, history: History) -> None:
    for reservation in history.reserved.values():
        await stand.store.settle(end(reservation, *(0 for _ in reservation.charges)))
    for name in NAMES:
        figures = await stand.account(name)
        assert (figures.held, figures.orphaned) == (0, 0)
    for name in "xy":
        assert isinstance(await stand.store.reserve(take(f"last {name}", slot(1, name=name))), Held)


@settings(max_examples=100)
@given(story=st.lists(steps, min_size=4, max_size=40))
def test_both_stores_tell_the_same_story(redis_server: RedisServer, story: list[tuple[Any, ...]]) -> None:
    """Step by step the same answer and the same figures; no limit is passed; in the end nothing stays held."""
    asyncio.run(_play(redis_server, story))

"""A Redis that does not answer, or too late: how long callers wait, how often it is asked, and when it is back."""

import asyncio
import contextlib
import time
from typing import NamedTuple

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.batcher import STEPS
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.scripts import Scripts
from sluice_dataplane.limits.store import Held
from support.redis import running_redis
from support.redis_proxy import proxy
from support.stores import account, charge, greet, redis_store, running, take
from support.waiting import until

DEADLINE_MS = 50
BACK_S = 10.0  # within which a Redis that answers again is used again, on a machine that does other things too


async def test_calls_that_fail_together_are_one_failure() -> None:
    """Fifty calls on their way at once into a Redis that hangs for a moment do not make it count as away."""
    with running_redis() as server:
        async with running(redis_store(server, deadline_ms=50)) as store:
            await greet(store, server)
            with server.paused():
                refused = await _reserve(store, 50)
            assert refused == 50
            assert store.available


async def test_failures_one_after_the_other_make_it_away() -> None:
    """Five calls in a row that nobody answered are enough."""
    with running_redis() as server:
        async with running(redis_store(server, deadline_ms=50)) as store:
            await greet(store, server)
            with server.paused():
                for _ in range(5):
                    assert store.available
                    await _reserve(store, 1)
            assert not store.available


async def test_nobody_waits_for_a_redis_that_hangs_and_it_is_back_when_it_answers() -> None:
    """Two seconds of silence under load: every call ends at its deadline, most at once, and nothing held is lost."""
    with running_redis() as server:
        async with running(redis_store(server, deadline_ms=DEADLINE_MS)) as store:
            await greet(store, server)
            with server.paused():
                calls, allowed_s = await _keep_asking(store, callers=20, for_s=2.0)
                away = not store.available
            back_s = await _time_until_held(store)
            took = (await store.accounts([account("a")]))[0].held

    held = sum(call.held for call in calls)
    assert max(call.waited_s for call in calls) < allowed_s
    assert away
    assert sum(call.waited_s < DEADLINE_MS / 1000 / 2 for call in calls) > len(calls) * 0.5
    assert (held, back_s < BACK_S) == (0, True)
    assert took <= 1 + len(
        calls
    )  # what was sent before the silence was noticed was done, late: it is voided by its owner


async def test_a_redis_that_is_too_slow_is_away_like_a_dead_one() -> None:
    """Answers that come after the deadline are nobody's: callers do not wait for them, and none gets another's."""
    with running_redis() as server:
        async with proxy(server.port) as between:
            server.url = f"redis://127.0.0.1:{between.port}"
            async with running(redis_store(server, deadline_ms=DEADLINE_MS)) as store:
                await greet(store, server)
                between.delay_s = 0.15
                calls, allowed_s = await _keep_asking(store, callers=3, for_s=1.0)
                away = not store.available
                between.delay_s = 0.0
                await _time_until_held(store)
                figures = await store.accounts([account("a"), account("never")])

    assert max(call.waited_s for call in calls) < allowed_s
    assert away
    assert figures[0].held >= 1
    assert figures[1].held == 0


async def test_a_connection_that_something_forgot_is_replaced() -> None:
    """A line over which nothing comes any more, and which nobody ended, is given up and made anew, in seconds."""
    with running_redis() as server:
        async with proxy(server.port) as between:
            server.url = f"redis://127.0.0.1:{between.port}"
            async with running(redis_store(server, deadline_ms=DEADLINE_MS)) as store:
                await greet(store, server)
                between.forget()
                calls, allowed_s = await _keep_asking(store, callers=1, for_s=0.2)
                back_s = await _time_until_held(store)

    assert not any(call.held for call in calls)
    assert max(call.waited_s for call in calls) < allowed_s
    assert back_s < BACK_S
    assert between.accepted == 2


async def test_it_is_connected_before_the_first_call() -> None:
    """A store that runs has its connection and its scripts before anyone asks: the first call is not the slow one."""
    with running_redis() as server:
        async with running(redis_store(server)):
            scripts = await until(lambda: server.client.info("memory")["number_of_cached_scripts"])

    assert scripts == len(Scripts.load().all())


class _Call(NamedTuple):
    waited_s: float
    held: bool


async def _keep_asking(store: RedisStore, *, callers: int, for_s: float) -> tuple[list[_Call], float]:
    """What *callers* met who asked one after the other, each all the time; and how long a call may have taken.

    That is its deadline, each step of which may have come as late as this process was let run.
    """
    calls: list[_Call] = []
    lags_s: list[float] = []
    end_s = time.monotonic() + for_s

    async def ask(caller: int) -> None:
        while (began_s := time.monotonic()) < end_s:
            held = False
            with contextlib.suppress(StoreError):
                held = isinstance(await store.reserve(take(f"{caller}-{len(calls)}", charge(1, 10**9))), Held)
            calls.append(_Call(time.monotonic() - began_s, held))
            await asyncio.sleep(0.002)

    async def lag() -> None:
        while (began_s := time.monotonic()) < end_s:
            await asyncio.sleep(0.005)
            lags_s.append(time.monotonic() - began_s - 0.005)

    await asyncio.gather(lag(), *(ask(caller) for caller in range(callers)))
    return calls, DEADLINE_MS / 1000 + 0.02 + (STEPS + 1) * max(lags_s)


async def _time_until_held(store: RedisStore) -> float:
    """How long it takes until a call is held again."""
    began_s = time.monotonic()

    async def held() -> bool:
        with contextlib.suppress(StoreError):
            return isinstance(await store.reserve(take("back", charge(1, 10**9))), Held)
        return False

    await until(held, seconds=30)
    return time.monotonic() - began_s


async def _reserve(store: RedisStore, count: int) -> int:
    """How many of *count* calls at once met a StoreError."""
    calls = (store.reserve(take(f"hold-{number}")) for number in range(count))
    return sum(isinstance(result, StoreError) for result in await asyncio.gather(*calls, return_exceptions=True))

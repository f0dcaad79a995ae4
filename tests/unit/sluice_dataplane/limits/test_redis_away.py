"""How often a Redis that does not answer is asked."""

import asyncio

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.scripts import Scripts
from support.redis import running_redis
from support.stores import greet, redis_store, running, take
from support.waiting import until


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


async def test_it_is_connected_before_the_first_call() -> None:
    """A store that runs has its connection and its scripts before anyone asks: the first call is not the slow one."""
    with running_redis() as server:
        async with running(redis_store(server)):
            scripts = await until(lambda: server.client.info("memory")["number_of_cached_scripts"])

    assert scripts == len(Scripts.load().all())


async def _reserve(store: RedisStore, count: int) -> int:
    """How many of *count* calls at once met a StoreError."""
    calls = (store.reserve(take(f"hold-{number}")) for number in range(count))
    return sum(isinstance(result, StoreError) for result in await asyncio.gather(*calls, return_exceptions=True))

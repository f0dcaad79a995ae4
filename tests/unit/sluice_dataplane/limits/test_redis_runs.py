"""A real Redis that is killed, restarted, emptied or replaced: whoever lost something says so to everybody."""

import asyncio
import time

import pytest

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.commands import FENCE_MAX_MS, FENCE_MIN_MS
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import Account, Entry, FencedError, Held, Standing, UngreetedError
from support.redis import RedisServer, running_redis
from support.stores import SOURCE, account, charge, end, greet, redis_store, running, start_ms, take
from support.waiting import until


async def _met(store: RedisStore) -> StoreError:
    """What a call meets as soon as there is a Redis again."""
    async with asyncio.timeout(30):
        while True:
            try:
                await store.reserve(take("probe", charge(1)))
            except (UngreetedError, FencedError) as error:
                return error
            except StoreError:
                await asyncio.sleep(0.01)


async def _figures(store: RedisStore) -> Account:
    return (await store.accounts([account("a")]))[0]


async def test_a_server_that_was_never_greeted_admits_nobody(redis_server: RedisServer) -> None:
    """The first word must be a greeting; a call before it is told so and does nothing."""
    redis_server.client.flushall()
    async with running(redis_store(redis_server)) as store:
        with pytest.raises(UngreetedError) as caught:
            await store.reserve(take("h", charge(1)))

    assert not caught.value.maybe_done
    assert redis_server.client.exists(account("a"), names.hold("h")) == 0


async def test_a_restart_that_lost_nothing_is_fenced_all_the_same() -> None:
    """Killed and restarted with all it had: nobody can know that, so it is greeted anew and fenced."""
    with running_redis(appendonly="yes", appendfsync="always") as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            await store.apply(SOURCE, [Entry(1, end(take("h", charge(1)), 7))])
            server.kill()
            server.start()
            met = await _met(store)
            standing = await store.hello(SOURCE)

            assert isinstance(met, UngreetedError)
            assert (standing.fenced, standing.applied, standing.total) == (True, 1, 1)
            assert await _figures(store) == Account(7, 0, 0)


async def test_a_restart_that_lost_the_end_is_told_again() -> None:
    """A Redis that comes back with an older state says up to where it has counted, and is exact when told the rest."""
    with running_redis() as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            entries = [Entry(n, end(take(f"h{n}", charge(10)), n)) for n in range(1, 21)]
            await store.reserve(take("h15", charge(10)))
            await store.apply(SOURCE, entries[:8])
            server.client.save()
            await store.apply(SOURCE, entries[8:])
            server.kill()
            server.start()
            met = await _met(store)
            standing = await store.hello(SOURCE)
            lost = await _figures(store)
            await store.apply(SOURCE, entries[standing.applied :])

            assert isinstance(met, UngreetedError)
            assert (standing.fenced, standing.applied, standing.holes) == (True, 8, ())
            assert lost == Account(36, 10, 0)
            assert await _figures(store) == Account(210, 0, 0)


async def test_emptying_a_running_server_is_noticed_by_everybody(redis_server: RedisServer) -> None:
    """FLUSHALL, with the process and all connections alive: each source is told, also after another has greeted."""
    redis_server.client.flushall()
    async with running(redis_store(redis_server)) as one, running(redis_store(redis_server)) as other:
        await greet(one, redis_server, "one")
        await greet(other, redis_server, "other")
        redis_server.client.flushall()
        first = await _met(one)
        standing = await one.hello("one")
        second = await _met(other)
        again = await other.hello("other")

    assert isinstance(first, UngreetedError)
    assert isinstance(second, UngreetedError)
    assert (standing.fenced, standing.sources) == (True, 1)
    assert (again.fenced, again.sources) == (True, 2)


async def test_putting_back_a_checkpoint_is_noticed_by_everybody(redis_server: RedisServer) -> None:
    """Marks go back with it: who had told everything is asked again."""
    redis_server.client.flushall()
    async with running(redis_store(redis_server)) as one, running(redis_store(redis_server)) as other:
        await greet(one, redis_server, "one")
        await greet(other, redis_server, "other")
        await one.apply("one", [Entry(1, end(take("h", charge(1)), 7))])
        saved = await one.checkpoint()
        redis_server.client.flushall()
        await one.hello("one")
        await other.hello("other")
        assert saved is not None
        restored = await one.restore(saved)
        met = await _met(other)

        assert restored
        assert isinstance(met, UngreetedError)


async def test_a_replica_that_takes_over_is_fenced() -> None:
    """A fail-over is another server: what it has not received yet is told to it before anybody is admitted."""
    with running_redis() as primary, running_redis() as replica:
        replica.client.replicaof("127.0.0.1", primary.port)
        async with running(redis_store(primary)) as store:
            await greet(store, primary)
            await store.apply(SOURCE, [Entry(1, end(take("h", charge(1)), 7))])
            await until(lambda: replica.client.hget(names.APPLIED, SOURCE) == b"1")
        primary.kill()
        replica.client.replicaof("NO", "ONE")
        async with running(redis_store(replica)) as store:
            standing = await store.hello(SOURCE)

    assert (standing.fenced, standing.applied, standing.total) == (True, 1, 1)


async def test_a_new_connection_alone_changes_nothing(store: RedisStore, redis_server: RedisServer) -> None:
    """The same server over another connection is the one that was greeted: no fence, no second greeting."""
    redis_server.client.client_kill_filter(_type="normal", skipme=True)

    assert isinstance(await store.reserve(take("h", charge(1))), Held)
    assert store.standing == Standing(0, (), fenced=False, total=0, sources=1)


async def test_a_new_connection_greets_before_anything_else(store: RedisStore, redis_server: RedisServer) -> None:
    """What a restarted server is asked first raises its fence, whoever asks what: no call slips in before it."""
    redis_server.client.hset(names.STORE, "run", "another:1")
    redis_server.client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(UngreetedError):
        await store.reserve(take("h", charge(1)))

    assert redis_server.client.hexists(names.STORE, "fence")
    assert store.standing is not None
    assert store.standing.fenced


async def test_who_had_caught_up_with_an_earlier_run_has_not_with_this_one(
    store: RedisStore, redis_server: RedisServer
) -> None:
    """A restart while a fence stood: what was noted behind that one does not count behind the next."""
    redis_server.client.hset(names.STORE, "run", "another:1")
    redis_server.client.sadd(names.CAUGHT_UP, "other")
    redis_server.client.zadd(names.BEATS, {"other": start_ms() + 60_000})
    await store.hello(SOURCE)
    redis_server.client.hincrby(names.STORE, "fence", -FENCE_MIN_MS)

    assert not await store.caught_up(SOURCE)
    assert await store.caught_up("other")


async def test_a_fence_stands_for_seconds_of_redis_own_time(store: RedisStore, redis_server: RedisServer) -> None:
    """On the real clock a fence that waits for nobody falls after its least time, not before and not much later."""
    redis_server.client.flushall()
    began = time.monotonic()
    await store.hello(SOURCE)
    while not await store.caught_up(SOURCE):  # noqa: ASYNC110  nobody tells: it must be asked
        await asyncio.sleep(0.02)
    took_ms = (time.monotonic() - began) * 1000

    assert FENCE_MIN_MS - 20 <= took_ms < FENCE_MAX_MS
    assert isinstance(await store.reserve(take("h", charge(1))), Held)


async def test_a_fence_that_fell_by_itself_is_taken_away(store: RedisStore, redis_server: RedisServer) -> None:
    """The first call that is held clears it: whoever reads the store, at whatever time, finds none."""
    redis_server.client.hset(names.STORE, "fence", start_ms() - FENCE_MAX_MS - 1)
    asserted = await store.reserve(take("a", charge(1)), forced=True)
    stands = redis_server.client.hexists(names.STORE, "fence")
    held = await store.reserve(take("h", charge(1)))

    assert (asserted, held) == (Held((), (999,)), Held((), (998,)))
    assert (stands, redis_server.client.hexists(names.STORE, "fence")) == (True, False)


async def test_a_store_too_large_gives_no_checkpoint(store: RedisStore, redis_server: RedisServer) -> None:
    """More than can be read in one go is not read at all: Redis is not kept busy for that."""
    redis_server.client.zadd(names.ACCOUNTS, {f"{{sluice}}:account:{n}": 1 for n in range(10_001)})

    assert await store.checkpoint() is None


async def test_no_checkpoint_is_taken_of_what_somebody_spoilt(store: RedisStore, redis_server: RedisServer) -> None:
    """Marks are not saved without the account that cannot be read: put back, they would say that it was counted."""
    await store.apply(SOURCE, [Entry(1, end(take("h", charge(1), charge(1, name="bad")), 7, 8))])
    before = await store.checkpoint()
    redis_server.client.set(account("bad"), "x")
    spoilt = await store.checkpoint()

    assert (before is None, spoilt) == (False, None)


async def test_times_to_be_forgotten_are_in_a_checkpoint(store: RedisStore, redis_server: RedisServer) -> None:
    """What was put back is forgotten when it would have been."""
    await store.reserve(take("h", charge(1)))
    keys = [account("a"), names.hold("h")]
    before = [redis_server.client.pexpiretime(key) for key in keys]
    saved = await store.checkpoint()
    redis_server.client.flushall()
    await store.hello(SOURCE)
    assert saved is not None
    assert not await store.restore(saved)  # it counts no settlement: nothing is missing
    redis_server.client.hset(names.STORE, "total", -1)
    assert await store.restore(saved)

    assert [redis_server.client.pexpiretime(key) for key in keys] == before

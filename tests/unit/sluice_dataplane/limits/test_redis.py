"""What only Redis can get wrong, against a real one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import Account, Charge, Held, KeyUsage
from support.redis import RedisServer, running_redis
from support.stores import account, charge, end, rate, redis_store, running, slot, start_ms, take, void
from support.waiting import until


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    """A store on an empty server, with Redis's own clock."""
    redis_server.client.flushall()
    async with running(redis_store(redis_server)) as store:
        yield store


async def _figures(store: RedisStore, name: str = "a") -> Account:
    return (await store.accounts([account(name)]))[0]


async def _held_later(store: RedisStore, hold_id: str, cost: int = 1) -> Held:
    """The hold, as soon as the store takes one again: its breaker lets one try pass now and then."""
    async with asyncio.timeout(30):
        while True:
            try:
                held = await store.reserve(take(hold_id, charge(cost)))
            except StoreError:
                await asyncio.sleep(0.01)
            else:
                assert isinstance(held, Held)
                return held


async def test_scripts_that_were_flushed_are_loaded_again(store: RedisStore, redis_server: RedisServer) -> None:
    """A Redis that forgot the scripts gets them again within the same call."""
    await store.reserve(take("h", charge(1)))
    redis_server.client.script_flush()

    assert isinstance(await store.reserve(take("i", charge(1))), Held)


async def test_a_connection_cut_while_idle_is_not_noticed(store: RedisStore, redis_server: RedisServer) -> None:
    """When Redis, or something between, closed the connection, the next call makes a new one."""
    await store.reserve(take("h", charge(1)))
    redis_server.client.client_kill_filter(_type="normal", skipme=True)

    assert isinstance(await store.reserve(take("i", charge(1))), Held)
    assert await _figures(store) == Account(0, 2, 0)


async def test_no_server_is_a_passing_error_that_names_no_secret() -> None:
    """With nobody listening every call fails at once, as something that may pass; the URL stays out of the text."""
    with running_redis(requirepass="hunter2") as server:
        gone = redis_store(server)
    async with running(gone) as store:
        with pytest.raises(StoreError) as caught:
            await store.reserve(take("h", charge(1)))

    assert caught.value.transient
    assert "hunter2" not in str(caught.value)
    assert str(server.port) not in str(caught.value)


async def test_wrong_password_is_a_lasting_error() -> None:
    """A password that is refused is not something another try helps against, and it is not in the error."""
    with running_redis(requirepass="hunter2") as server:
        server.url = server.url.replace("hunter2", "swordfish")
        async with running(redis_store(server)) as store:
            with pytest.raises(StoreError) as caught:
                await store.reserve(take("h", charge(1)))

    assert not caught.value.transient
    assert "swordfish" not in str(caught.value)


async def test_no_password_is_a_lasting_error() -> None:
    """NOAUTH is not something another try helps against."""
    with running_redis(requirepass="hunter2") as server:
        server.url = server.url.replace(":hunter2@", "")
        async with running(redis_store(server)) as store:
            with pytest.raises(StoreError) as caught:
                await store.reserve(take("h", charge(1)))

    assert not caught.value.transient


async def test_a_lost_answer_can_be_voided() -> None:
    """A reservation whose answer never came is voided; the reservation, when it runs at last, takes nothing."""
    with running_redis() as server:
        async with running(redis_store(server)) as patient:
            await patient.reserve(take("warm", rate()))
            reservation = take("h", rate(30), slot(1), charge(100))
            async with running(redis_store(server, deadline_ms=100)) as hasty:
                await hasty.reap()
                with server.paused(), pytest.raises(StoreError) as caught:
                    await hasty.reserve(reservation)
            await patient.settle(void(reservation))

            assert server.client.hget(names.hold("h"), "state") == b"settled"
            assert caught.value.maybe_done
            assert caught.value.transient
            assert await _figures(patient) == Account(0, 0, 0)
            assert isinstance(await patient.reserve(take("i", slot(1))), Held)


async def test_a_store_that_hangs_opens_the_breaker_and_comes_back() -> None:
    """Calls to a Redis that hangs end at their deadline, after five at once; when it is back, so are we."""
    with running_redis() as server:
        async with running(redis_store(server, deadline_ms=50)) as store:
            with server.paused():
                for n in range(5):
                    with pytest.raises(StoreError, match="in time"):
                        await store.reserve(take(f"h{n}", charge(1)))
                assert not store.available
                with pytest.raises(StoreError, match="away") as caught:
                    await store.reserve(take("h5", charge(1)))
            await _held_later(store, "back")

            assert not caught.value.maybe_done
            assert store.available


async def test_a_restarted_server_is_used_again() -> None:
    """After a crash and a restart calls work again, though scripts and connection are gone."""
    with running_redis() as server:
        async with running(redis_store(server)) as store:
            await store.reserve(take("h", charge(1)))
            server.kill()
            with pytest.raises(StoreError) as caught:
                await store.reserve(take("i", charge(1)))
            server.start()

            assert caught.value.transient
            assert await _held_later(store, "j") == Held((), (999,))


async def test_a_replica_takes_nothing_and_may_become_primary() -> None:
    """READONLY is a passing error; the connection is dropped, since the primary may be elsewhere by now."""
    with running_redis() as server:
        async with running(redis_store(server)) as store:
            server.client.replicaof("127.0.0.1", "1")
            with pytest.raises(StoreError) as caught:
                await store.reserve(take("h", charge(1)))
            await until(lambda: len(server.client.client_list(_type="normal")) == 1)  # the test's own
            server.client.replicaof("NO", "ONE")

            assert caught.value.transient
            assert isinstance(await store.reserve(take("i", charge(1))), Held)


async def test_without_memory_nothing_is_held_and_settling_still_works() -> None:
    """A Redis out of memory refuses holds whole, and still takes settlements: spending is not forgotten."""
    with running_redis(maxmemory_policy="noeviction") as server:
        async with running(redis_store(server)) as store:
            reservation = take("h", rate(), slot(1), charge(100))
            await store.reserve(reservation)
            server.client.config_set("maxmemory", "1")
            with pytest.raises(StoreError) as caught:
                await store.reserve(take("i", rate(), slot(9, name="other"), charge(100)))
            await store.settle(end(reservation, 30, usage=KeyUsage("vk", "2026-09", 1, 1, 1, 30, 1)))

            assert caught.value.transient
            assert await _figures(store) == Account(30, 0, 0)


@pytest.mark.parametrize("broken", ["bucket", "slots", "account"])
async def test_a_key_of_the_wrong_type_is_a_lasting_error(
    store: RedisStore, redis_server: RedisServer, broken: str
) -> None:
    """Somebody else's value under one of our keys: the call fails whole, before anything is written."""
    reservation = take("h", rate(), slot(1), charge(100, name="first"), charge(100))
    key = {"bucket": names.bucket("vk", "Requests", 60_000), "slots": names.slots("vk"), "account": account("a")}
    redis_server.client.lpush(key[broken], "x")
    with pytest.raises(StoreError, match="WRONGTYPE") as reserving:
        await store.reserve(reservation)
    with pytest.raises(StoreError, match="WRONGTYPE") as settling:
        await store.settle(end(reservation, 1, 1))

    assert not reserving.value.transient
    assert not settling.value.transient
    assert redis_server.client.keys() == [key[broken].encode()]
    assert store.available


async def test_one_refusal_in_a_batch_is_one_refusal(store: RedisStore, redis_server: RedisServer) -> None:
    """In a batch of settlements each succeeds or fails by itself."""
    redis_server.client.lpush(account("bad"), "x")
    good, bad = take("h", charge(1)), take("i", charge(1, name="bad"))
    errors = await store.settle_all([end(good, 1), end(bad, 1), end(take("j", charge(1)), 1)])

    assert [error is None for error in errors] == [True, False, True]
    assert await _figures(store) == Account(2, 0, 0)


async def test_every_key_is_ours_and_expires(store: RedisStore, redis_server: RedisServer) -> None:
    """Whatever is written carries the hash tag and, but for the one list of deadlines, an end."""
    reservation = take("h", rate(9), slot(5), charge(100))
    await store.reserve(reservation)
    await store.reserve(take("i", rate(9), slot(5), charge(100)))
    await store.settle(end(reservation, 30, used=(5,), usage=KeyUsage("vk", "2026-09", 1, 1, 1, 30, 1)))
    keys = redis_server.client.keys("*")
    lasting = [key for key in keys if redis_server.client.pttl(key) < 0]

    assert all(key.startswith(b"{sluice}:") for key in keys)
    assert lasting == [names.HOLDS.encode()]
    assert redis_server.client.pttl(names.key_usage("vk", "2026-09")) > 399 * 86_400_000


async def test_an_account_that_expired_stays_gone(store: RedisStore, redis_server: RedisServer) -> None:
    """A settlement, or an orphan, of an account that may be forgotten does not bring it back to life."""
    past = Charge(account("a"), 100, 1_000, start_ms() - 1)
    await store.reserve(take("h", past, ttl_ms=0))
    await store.reserve(take("i", past, ttl_ms=60_000))
    await store.reap()
    after_reaping = redis_server.client.exists(account("a"))
    await store.settle(end(take("i", past), 30))

    assert (after_reaping, redis_server.client.exists(account("a"))) == (0, 0)


async def test_a_lost_account_is_not_given_back_what_it_lost(store: RedisStore, redis_server: RedisServer) -> None:
    """When an account is gone and its hold is not, the settlement posts what was spent and nothing goes below zero."""
    reservation = take("h", charge(100))
    await store.reserve(reservation)
    redis_server.client.delete(account("a"))
    await store.settle(end(reservation, 30))

    assert await _figures(store) == Account(30, 0, 0)


@pytest.mark.parametrize("broken", ["bucket", "slots", "account", "usage"])
async def test_a_settlement_that_fails_can_be_repeated(
    store: RedisStore, redis_server: RedisServer, broken: str
) -> None:
    """A settlement that meets somebody else's value changes nothing, and counts once when the value is gone."""
    usage = KeyUsage("vk", "2026-09", 1, 1, 1, 30, 1)
    settlement = end(take("h", rate(9), slot(1), charge(100)), 30, used=(5,), usage=usage)
    keys = {"bucket": names.bucket("vk", "Requests", 60_000), "slots": names.slots("vk"), "account": account("a")}
    key = {**keys, "usage": names.key_usage("vk", "2026-09")}[broken]
    await store.reserve(settlement.reservation)
    before = redis_server.client.dump(key)
    redis_server.client.delete(key)
    redis_server.client.lpush(key, "x")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await store.settle(settlement)
    redis_server.client.delete(key)
    if before is not None:
        redis_server.client.restore(key, 0, before)
    await store.settle(settlement)

    assert await _figures(store) == Account(30, 0, 0)
    assert redis_server.client.hget(names.key_usage("vk", "2026-09"), "requests") == b"1"
    assert isinstance(await store.reserve(take("i", slot(1))), Held)


async def test_amounts_stay_exact_up_to_the_cap(store: RedisStore) -> None:
    """Nine million dollars in nano-USD are held to the last one, and not one more."""
    limit = 9_000_000 * 10**9
    held = await store.reserve(take("h", charge(limit - 1, limit)))
    last = await store.reserve(take("i", charge(1, limit)))
    over = await store.reserve(take("j", charge(1, limit)))

    assert (held, last) == (Held((), (1,)), Held((), (0,)))
    assert not isinstance(over, Held)
    assert await _figures(store) == Account(0, limit, 0)


async def test_many_holds_are_extended_in_pieces(store: RedisStore, redis_server: RedisServer) -> None:
    """More holds than one script may take are all extended."""
    ids = [f"h{n}" for n in range(450)]
    await asyncio.gather(*(store.reserve(take(hold_id, charge(1), ttl_ms=0)) for hold_id in ids))
    await store.extend(ids, 60_000)

    assert await store.reap() == 0

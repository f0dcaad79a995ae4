"""What only Redis can get wrong, against a real one."""

import asyncio

import pytest

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import Account, Entry, Held
from support.redis import RedisServer, running_redis
from support.stores import SOURCE, account, charge, greet, rate, redis_store, running, slot, take, void


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
            await store.hello(SOURCE)

    assert caught.value.transient
    assert "hunter2" not in str(caught.value)
    assert str(server.port) not in str(caught.value)


async def test_a_lost_answer_can_be_voided() -> None:
    """A reservation whose answer never came is voided; the reservation, when it runs at last, takes nothing."""
    with running_redis() as server:
        async with running(redis_store(server)) as patient:
            await greet(patient, server)
            reservation = take("h", rate(30), slot(1), charge(100))
            async with running(redis_store(server, deadline_ms=100)) as hasty:
                await greet(hasty, server, "other")
                with server.paused(), pytest.raises(StoreError) as caught:
                    await hasty.reserve(reservation)
            await patient.apply(SOURCE, [Entry(1, void(reservation))])

            assert server.client.hget(names.hold("h"), "state") == b"settled"
            assert caught.value.maybe_done
            assert caught.value.transient
            assert await _figures(patient) == Account(0, 0, 0)
            assert isinstance(await patient.reserve(take("i", slot(1))), Held)


async def test_a_store_that_hangs_opens_the_breaker_and_comes_back() -> None:
    """Calls to a Redis that hangs end at their deadline, after five at once; when it is back, so are we."""
    with running_redis() as server:
        async with running(redis_store(server, deadline_ms=50)) as store:
            await greet(store, server)
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
    """More holds than one script may take are all extended, and those that are not known are named."""
    ids = [f"h{n}" for n in range(450)]
    await asyncio.gather(*(store.reserve(take(hold_id, charge(1), ttl_ms=0)) for hold_id in ids))
    assert await store.extend(SOURCE, [*ids, "unknown"], 60_000) == ("unknown",)

    assert await store.reap() == 0

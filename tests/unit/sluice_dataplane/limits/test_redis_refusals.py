"""What Redis says no with, each from a real server in that state: always a StoreError, and the right one."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
import redis

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import Account, Entry, Held
from support.redis import RedisServer, running_redis
from support.stores import SOURCE, account, charge, end, greet, rate, redis_store, running, slot, take
from support.waiting import until


async def _everything(store: RedisStore) -> list[StoreError]:
    """What each call of the seam met; all must meet something."""
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.hello(SOURCE),
        lambda: store.reserve(take("h", charge(1))),
        lambda: store.caught_up(SOURCE),
        lambda: store.extend(SOURCE, ["h"], 1_000),
        store.reap,
        lambda: store.accounts([account("a")]),
        store.checkpoint,
    ]
    met: list[StoreError] = []
    for call in calls:
        with pytest.raises(StoreError) as caught:
            await call()
        met.append(caught.value)
    (error,) = await store.apply(SOURCE, [Entry(1, end(take("h", charge(1)), 1))])
    assert error is not None
    return [*met, error]


async def _refused(store: RedisStore, hold_id: str = "refused") -> StoreError:
    with pytest.raises(StoreError) as caught:
        await store.reserve(take(hold_id, charge(1)))
    return caught.value


async def _held_soon(store: RedisStore) -> None:
    """Wait until it holds again."""
    async with asyncio.timeout(30):
        while True:
            try:
                await store.hello(SOURCE)
                await store.reserve(take("soon", charge(1)), forced=True)
            except StoreError:
                await asyncio.sleep(0.01)
            else:
                return


@pytest.mark.parametrize("password", ["", "swordfish"])
async def test_a_wrong_password_and_none_are_lasting_errors(password: str) -> None:
    """NOAUTH and WRONGPASS: every call says so, another try does not help, the store is away, no secret is named."""
    with running_redis(requirepass="hunter2") as server:
        server.url = server.url.replace(":hunter2@", f":{password}@" if password else "")
        async with running(redis_store(server)) as store:
            with pytest.raises(StoreError) as caught:
                await store.hello(SOURCE)
            for _ in range(4):
                with pytest.raises(StoreError):
                    await store.hello(SOURCE)

            assert not caught.value.transient
            assert not any(word in str(caught.value) for word in ("swordfish", "hunter2", str(server.port)))
            assert not store.available


async def test_a_password_that_was_changed_is_a_lasting_error_of_every_call() -> None:
    """A connection that is made after the password was changed is refused; what was greeted before does not help."""
    with running_redis() as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            server.client.config_set("requirepass", "other")
            server.client.client_kill_filter(_type="normal", skipme=True)
            error = await _refused(store)

    assert not error.transient


async def test_an_acl_without_our_commands_is_a_lasting_error() -> None:
    """NOPERM: a user who may not run scripts, or not touch our keys, is told so by every call."""
    with running_redis() as server:
        for rules in ("on nopass ~* +@all -evalsha", "on nopass ~other:* +@all"):
            server.client.execute_command("ACL", "SETUSER", "us", "reset", *rules.split())
            server.url = f"redis://us:any@127.0.0.1:{server.port}/0"
            async with running(redis_store(server)) as store:
                with pytest.raises(StoreError, match="NOPERM") as caught:
                    await store.hello(SOURCE)

            assert not caught.value.transient


async def test_a_replica_takes_nothing_and_may_become_primary() -> None:
    """READONLY is a passing error; the connection is dropped, since the primary may be elsewhere by now."""
    with running_redis() as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            server.client.replicaof("127.0.0.1", "1")
            error = await _refused(store)
            await until(lambda: len(server.client.client_list(_type="normal")) == 1)  # the test's own
            server.client.replicaof("NO", "ONE")

            assert error.transient
            assert isinstance(await store.reserve(take("i", charge(1))), Held)


async def test_without_memory_nothing_is_held_and_settling_still_works() -> None:
    """OOM: holds are refused whole, as what may pass; settlements are counted: spending is not forgotten."""
    with running_redis(maxmemory_policy="noeviction") as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            reservation = take("h", rate(), slot(1), charge(100))
            await store.reserve(reservation)
            server.client.config_set("maxmemory", "1")
            before = set(server.client.keys())
            with pytest.raises(StoreError, match="OOM") as caught:
                await store.reserve(take("i", rate(), slot(9, name="other"), charge(100)))
            after = set(server.client.keys())
            standing = await store.hello(SOURCE)
            errors = await store.apply(SOURCE, [Entry(1, end(reservation, 30), b"{}")])

            assert caught.value.transient
            assert before == after
            assert standing.total == 0
            assert errors == (None,)
            assert (await store.accounts([account("a")]))[0] == Account(30, 0, 0)


async def test_too_few_replicas_are_a_passing_error() -> None:
    """NOREPLICAS: a primary that may be cut off from the rest takes nothing."""
    with running_redis() as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            server.client.config_set("min-replicas-to-write", "1")
            error = await _refused(store)

    assert error.transient
    assert "NOREPLICAS" in str(error)


async def test_a_disk_that_fails_is_a_passing_error() -> None:
    """MISCONF: a Redis that cannot save what it is told takes nothing."""
    with running_redis(save="3600 1") as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            _break_saving(server)
            error = await _refused(store)

    assert error.transient
    assert "MISCONF" in str(error)


def _break_saving(server: RedisServer) -> None:
    """Let a save fail: where the file should go there is a folder."""
    folder = server.folder / "dump.rdb"
    folder.mkdir()
    (folder / "full").touch()
    server.client.bgsave()
    while server.client.info("persistence")["rdb_last_bgsave_status"] != "err":
        continue


async def test_a_script_of_somebody_elses_that_never_ends_is_a_passing_error() -> None:
    """BUSY: while somebody's script runs on, every call says so; when it is killed, calls are held again."""
    with running_redis(busy_reply_threshold="20") as server:
        async with running(redis_store(server)) as store:
            await greet(store, server)
            stuck = asyncio.get_running_loop().run_in_executor(None, _run_for_ever, server)
            await until(lambda: _is_busy(server))
            errors = [await _refused(store, f"h{n}") for n in range(3)]
            server.client.script_kill()
            await stuck
            await _held_soon(store)

    assert {str(error) for error in errors} == {"Redis refused: BUSY"}
    assert all(error.transient for error in errors)


async def test_scripts_that_were_flushed_are_loaded_within_the_same_call(
    store: RedisStore, redis_server: RedisServer
) -> None:
    """NOSCRIPT is nobody's error: the scripts are loaded again, in a batch too."""
    redis_server.client.script_flush()
    held = await asyncio.gather(*(store.reserve(take(f"h{n}", charge(1))) for n in range(20)))
    redis_server.client.script_flush()
    errors = await store.apply(SOURCE, [Entry(n + 1, end(take(f"h{n}", charge(1)), 1)) for n in range(20)])

    assert all(isinstance(each, Held) for each in held)
    assert errors == (None,) * 20
    assert (await store.accounts([account("a")]))[0] == Account(20, 0, 0)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "noeviction"])
async def test_a_store_that_evicts_says_that_it_is_unsafe(policy: str) -> None:
    """A maxmemory-policy that drops keys is named; one that does not is not."""
    with running_redis(maxmemory_policy=policy) as server:
        async with running(redis_store(server)) as store:
            standing = await store.hello(SOURCE)

    assert (policy in standing.unsafe) is (policy != "noeviction")


async def test_every_call_fails_alike_where_nobody_listens() -> None:
    """With no server each call of the seam meets a StoreError that may pass, and nothing was done."""
    with running_redis() as server:
        store = redis_store(server)
        async with running(store):
            await greet(store, server)
            server.kill()
            errors = await _everything(store)

    assert all(error.transient for error in errors)


def _run_for_ever(server: RedisServer) -> None:
    client = redis.Redis.from_url(server.url, protocol=2)
    with contextlib.closing(client), pytest.raises(redis.exceptions.ResponseError, match="killed"):
        client.eval("while true do end", 0)


def _is_busy(server: RedisServer) -> bool:
    try:
        server.client.ping()
    except redis.exceptions.ResponseError as error:
        return str(error).startswith("BUSY")
    return False

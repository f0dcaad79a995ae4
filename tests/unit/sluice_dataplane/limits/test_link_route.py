"""Finding the Redis that may be written to, and finding it again when it is another one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from sluice_contract import names
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.link import RedisLink
from sluice_dataplane.limits.link_cluster import OUR_SLOT
from sluice_dataplane.limits.scripts import Scripts
from support.redis import RedisServer, free_port
from support.redis_cluster import Cluster, running_cluster
from support.redis_sentinel import Sentinel, Watched, running_sentinels
from support.waiting import until

KEY = names.STORE
COUNT = ("HINCRBY", KEY, "count", 1)


@contextlib.asynccontextmanager
async def _link(url: str, greetings: list[object] | None = None) -> AsyncIterator[RedisLink]:
    heard: list[object] = [] if greetings is None else greetings
    link = RedisLink(url, Scripts.load(), deadline_s=10, greeting=lambda: ("HGET", KEY, "count"), greeted=heard.append)
    try:
        yield link
    finally:
        await link.close()


async def _one(link: RedisLink, *command: Any) -> Any:
    """The reply to one command; raises the StoreError that it met."""
    (reply,) = await link.exchange([command])
    if isinstance(reply, StoreError):
        raise reply
    return reply


async def _refused(ask: Callable[[], Awaitable[Any]]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await ask()
    return caught.value


async def _later(ask: Callable[[], Awaitable[Any]]) -> tuple[Any, Sequence[StoreError]]:
    """The first answer of *ask*, and the errors until then."""
    errors: list[StoreError] = []
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask(), errors
            except StoreError as error:
                errors.append(error)
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _watched(**options: Any) -> AsyncIterator[Watched]:
    with running_sentinels(**options) as watched:
        await until(watched.ready, seconds=40)
        yield watched


@contextlib.asynccontextmanager
async def _cluster(**options: Any) -> AsyncIterator[Cluster]:
    with running_cluster(**options) as cluster:
        await until(cluster.ready, seconds=40)
        yield cluster


async def test_sentinels_know_the_new_master_after_a_failover() -> None:
    """A master that dies is replaced; the link finds who took over by itself, greets it, and all errors may pass."""
    greetings: list[object] = []
    async with _watched(fails_over=True) as watched, _link(watched.url(), greetings) as link:
        await _one(link, *COUNT)
        watched.master.kill()
        count, errors = await _later(lambda: _one(link, *COUNT))
        at_the_new = int(watched.replica.client.hget(KEY, "count"))

    assert at_the_new == count
    assert all(error.transient for error in errors)
    assert greetings[0] is None
    assert len(greetings) == 2


async def test_a_master_that_was_made_a_replica_is_left_for_the_new_one() -> None:
    """Where an operator switches roles, the old master says READONLY, and the call goes to the new one."""
    async with _watched() as watched, _link(watched.url()) as link:
        await _one(link, *COUNT)
        watched.sentinels[0].client.execute_command("SENTINEL", "FAILOVER", "main")
        await until(watched.failed_over, seconds=40)
        watched.master.client.replicaof("127.0.0.1", watched.replica.port)  # as the Sentinels do within ten seconds

        assert await _one(link, *COUNT) == 2
        assert int(watched.replica.client.hget(KEY, "count")) == 2


async def test_one_sentinel_that_answers_is_enough() -> None:
    """Sentinels that are gone, or know no master of that name, are passed over."""
    async with _watched() as watched:
        url = watched.url()
        watched.sentinels[0].kill()
        watched.sentinels[1].client.execute_command("SENTINEL", "REMOVE", "main")
        async with _link(url) as link:
            assert await _one(link, *COUNT) == 1
        watched.sentinels[2].client.execute_command("SENTINEL", "REMOVE", "main")
        async with _link(url) as link:
            error = await _refused(lambda: _one(link, *COUNT))

    assert (str(error), error.transient, error.maybe_done) == ("Redis: no Sentinel knows the master", True, False)


async def test_sentinels_and_servers_have_their_own_passwords() -> None:
    """Each is told its own; a wrong one of the Sentinels' is an error that lasts and names neither."""
    async with _watched(sentinel_password="swordfish", requirepass="hunter2") as watched:
        async with _link(watched.url(login=":hunter2@", query="sentinel_password=swordfish", database=2)) as link:
            assert await _one(link, *COUNT) == 1
        async with _link(watched.url(login=":hunter2@", query="sentinel_password=hunter3")) as link:
            sentinels = await _refused(lambda: _one(link, *COUNT))
        async with _link(watched.url(login=":hunter4@", query="sentinel_password=swordfish")) as link:
            server = await _refused(lambda: _one(link, *COUNT))

    for error in (sentinels, server):
        assert not error.transient
        assert "WRONGPASS" in str(error)
        assert "hunter" not in str(error)


async def test_a_sentinel_that_names_a_replica_is_not_believed(redis_server: RedisServer) -> None:
    """Who is named must say of itself that it is the master."""
    redis_server.client.flushall()
    redis_server.client.replicaof("127.0.0.1", "1")
    named = Sentinel(redis_server, quorum=1)
    try:
        await until(lambda: named.master_port() == redis_server.port)
        async with _link(f"redis+sentinel://127.0.0.1:{named.port}/main") as link:
            error = await _refused(lambda: _one(link, *COUNT))
            redis_server.client.replicaof("NO", "ONE")
            assert await _one(link, *COUNT) == 1
    finally:
        redis_server.client.replicaof("NO", "ONE")
        named.stop()

    assert "no master" in str(error)
    assert error.transient


@contextlib.asynccontextmanager
async def _scripted_sentinel(*masters: int) -> AsyncIterator[tuple[int, list[bytes]]]:
    """The port of a Sentinel that names a server on this machine, or no master; and what it was asked."""
    asked: list[bytes] = []
    answer = b"".join(b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(port)), port) for port in masters)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.write(b"+OK\r\n" + (answer or b"*-1\r\n"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        await server.wait_closed()


async def test_who_was_of_no_help_is_asked_last_the_next_time(redis_server: RedisServer) -> None:
    """A Sentinel that knows no master, and one whose master is not there, do not stand before the others again."""
    redis_server.client.flushall()
    async with (
        _scripted_sentinel() as (first, asked_first),
        _scripted_sentinel(free_port()) as (second, asked_second),
        _scripted_sentinel(redis_server.port) as (third, _),
        _link(f"redis+sentinel://127.0.0.1:{first},127.0.0.1:{second},127.0.0.1:{third}/main") as link,
    ):
        error = await _refused(lambda: _one(link, *COUNT))
        assert await _one(link, *COUNT) == 1
        redis_server.client.client_kill_filter(_type="normal", skipme=True)
        assert await _one(link, *COUNT) == 2

    assert error.transient
    assert (len(asked_first), len(asked_second)) == (1, 1)


async def test_the_owner_of_our_slot_is_found_and_followed() -> None:
    """Any node shows the way; when the slot has moved, the call goes to where it is now, and it is greeted first."""
    greetings: list[object] = []
    async with _cluster() as cluster, _link(cluster.url, greetings) as link:
        await _one(link, *COUNT)
        assert cluster.slot == OUR_SLOT
        assert cluster.owner.client.hget(KEY, "count") == b"1"
        cluster.begin_to_move()
        cluster.move_keys()
        halfway = await _refused(lambda: _one(link, *COUNT))
        asked = _times_asked(cluster)
        cluster.end_move()

        assert await _one(link, *COUNT) == 2
        assert _times_asked(cluster) == asked  # who said that it has moved said where to
        assert cluster.other.client.hget(KEY, "count") == b"2"
        assert greetings == [None, b"1"]
        assert (halfway.transient, str(halfway)) == (True, "Redis refused: ASK")


def _times_asked(cluster: Cluster) -> int:
    """How often nodes were asked who owns what."""
    told = (node.client.info("commandstats").get("cmdstat_cluster|slots", {}) for node in cluster.nodes)
    return sum(each.get("calls", 0) for each in told)


async def test_a_slot_that_is_half_moved_takes_no_call() -> None:
    """Keys of one call on two nodes: nothing is done anywhere until the slot has arrived."""
    both = ("DEL", KEY, names.HOLDS)
    async with _cluster() as cluster, _link(cluster.url) as link:
        await _one(link, *COUNT)
        cluster.begin_to_move()
        error = await _refused(lambda: _one(link, *both))
        cluster.move_keys()
        cluster.end_move()

        assert (str(error), error.transient) == ("Redis refused: TRYAGAIN", True)
        assert await _one(link, *both) == 1


async def test_the_replica_of_an_owner_that_died_is_found() -> None:
    """A node that dies is replaced by its replica, which nodes that live tell us of, though the URL never named it."""
    async with _cluster(fails_over=True) as cluster, _link(cluster.url) as link:
        await _one(link, *COUNT)
        cluster.owner.client.wait(1, 5_000)
        cluster.owner.kill()
        count, errors = await _later(lambda: _one(link, *COUNT))

        assert int(cluster.replica.client.hget(KEY, "count")) == count
        assert all(error.transient for error in errors)


async def test_a_cluster_whose_slot_nobody_has_is_away() -> None:
    """No owner: an error that may pass, and the first node that knows one again is believed."""
    async with _cluster(cluster_require_full_coverage="no") as cluster, _link(cluster.url) as link:
        cluster.owner.client.execute_command("CLUSTER", "DELSLOTS", cluster.slot)
        for node in cluster.nodes:
            if node is not cluster.owner:
                node.client.execute_command("CLUSTER", "DELSLOTS", cluster.slot)
        error = await _refused(lambda: _one(link, *COUNT))
        cluster.owner.client.execute_command("CLUSTER", "ADDSLOTS", cluster.slot)
        count, _ = await _later(lambda: _one(link, *COUNT))

    assert error.transient
    assert not error.maybe_done
    assert count == 1


async def test_a_server_that_is_no_cluster_says_so(redis_server: RedisServer) -> None:
    """A URL of the wrong kind is an error that lasts."""
    async with _link(f"redis+cluster://127.0.0.1:{redis_server.port}") as link:
        error = await _refused(lambda: _one(link, *COUNT))

    assert str(error) == "Redis refused: ERR"
    assert not error.transient

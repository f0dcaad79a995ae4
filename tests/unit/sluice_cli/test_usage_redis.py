"""What is read from Redis: a real one, written as replicas write it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec
import pytest

from sluice_cli import usage_redis
from sluice_cli.usage_redis import Marks, Reader
from sluice_contract import names
from sluice_contract.errors import RedisUrlInvalidError
from sluice_contract.usage import UsageRecord
from sluice_dataplane.errors import StoreError
from support.redis import RedisServer, running_redis
from support.usage_records import record

ACCOUNT = names.account("uid", "2026-11", "-")
ROLLING = names.account("uid", "rolling", "-")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A redis-server."""
    with running_redis(requirepass="hunter2") as server:
        yield server


@pytest.fixture(autouse=True)
def _empty(server: RedisServer) -> None:
    server.client.flushall()


def _publish(server: RedisServer, *records: UsageRecord) -> None:
    for each in records:
        server.client.xadd(names.USAGE_STREAM, {"record": msgspec.json.encode(each)})


def _stream(server: RedisServer) -> tuple[list[int], int]:
    unreadable = Counter[str]()
    with Reader(server.url) as reader:
        return [each.sequence for each in reader.records(unreadable)], unreadable[usage_redis.STREAM]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 12])
def test_the_whole_stream_is_read_page_by_page(
    server: RedisServer, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every record once, in order, however the pages fall."""
    monkeypatch.setattr(usage_redis, "PAGE", 4)
    _publish(server, *map(record, range(1, count + 1)))

    assert _stream(server) == (list(range(1, count + 1)), 0)


def test_entries_that_are_no_records_are_counted(server: RedisServer) -> None:
    """What somebody else wrote there is left out, and told of."""
    _publish(server, record(1))
    server.client.xadd(names.USAGE_STREAM, {"record": b"{"})
    server.client.xadd(names.USAGE_STREAM, {"other": b"x"})
    _publish(server, record(2))

    assert _stream(server) == ([1, 2], 2)


def test_accounts_come_with_the_marks_of_the_same_moment(server: RedisServer) -> None:
    """What each account posted, by bucket where its window rolls, and which settlements that counts."""
    server.client.hset(names.APPLIED, mapping={"a": 7, "b": 3})
    server.client.sadd(names.holes("a"), 4, 5)
    server.client.hset(ACCOUNT, mapping={"posted": 100, "held": 5, "orphaned": 1})
    server.client.hset(ROLLING, mapping={"b12": 1, "b13": 2, "held": 9})
    server.client.zadd(names.ACCOUNTS, {ACCOUNT: 1, ROLLING: 2})
    with Reader(server.url) as reader:
        listed = reader.account_names()
        page = reader.page(listed)

    assert page.accounts == {ACCOUNT: {None: 100}, ROLLING: {12: 1, 13: 2}}
    assert page.marks == Marks({"a": 7, "b": 3}, {"a": frozenset({4, 5}), "b": frozenset()})
    assert [page.marks.counted("a", n) for n in (3, 4, 7, 8)] == [True, False, True, False]
    assert not page.marks.counted("c", 1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda client: client.hset(ACCOUNT, "posted", "x"),
        lambda client: client.set(ACCOUNT, "x"),
        lambda client: client.set(names.ACCOUNTS, "x"),
    ],
)
def test_what_somebody_spoilt_is_an_error(server: RedisServer, spoil: Callable[[object], object]) -> None:
    """A figure that is none is never taken for 0."""
    spoil(server.client)
    with Reader(server.url) as reader, pytest.raises(StoreError):
        reader.page([ACCOUNT] if server.client.type(names.ACCOUNTS) == b"none" else reader.account_names())


@pytest.mark.parametrize("url", ["redis://:hunter3@127.0.0.1:{port}/0", "redis://:hunter3@127.0.0.1:1/0"])
def test_nobody_there_or_not_let_in_is_said_without_the_password(server: RedisServer, url: str) -> None:
    """The error says what is wrong and quotes no secret."""
    with Reader(url.format(port=server.port)) as reader, pytest.raises(StoreError) as caught:
        list(reader.records(Counter()))

    assert "hunter3" not in str(caught.value)


def test_a_url_of_no_known_form_is_refused() -> None:
    """Before anything is asked."""
    with pytest.raises(RedisUrlInvalidError):
        Reader("http://redis")


def test_a_reader_is_no_replica(server: RedisServer) -> None:
    """Reading writes nothing: nobody waits for a reader as for a replica that has not caught up."""
    _publish(server, record(1))
    before = set(server.client.keys("*"))
    _stream(server)
    with Reader(server.url) as reader:
        reader.page(reader.account_names())

    assert set(server.client.keys("*")) == before


def test_leave_to_read_is_enough(server: RedisServer) -> None:
    """Whoever may only read the gateway's keys may ask: no script, no write."""
    rights = ["on", ">secret", "~{sluice}:*", "+@read", "+@transaction", "+@connection", "-@write"]
    server.client.execute_command("ACL", "SETUSER", "auditor", "reset", *rights)
    _publish(server, record(1))
    server.client.hset(ACCOUNT, "posted", 5)
    server.client.zadd(names.ACCOUNTS, {ACCOUNT: 1})
    with Reader(f"redis://auditor:secret@127.0.0.1:{server.port}/0") as reader:
        found = [each.sequence for each in reader.records(Counter())]
        page = reader.page(reader.account_names())

    assert (found, page.accounts) == ([1], {ACCOUNT: {None: 5}})


async def test_it_may_be_used_in_a_thread_of_its_own(server: RedisServer) -> None:
    """It brings its own event loop, and lets go of it."""
    _publish(server, record(1))

    assert await asyncio.to_thread(_stream, server) == ([1], 0)

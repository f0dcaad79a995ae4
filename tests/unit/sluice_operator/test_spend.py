"""Reading the counters from a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sluice_contract import names
from sluice_operator import spend as spend_module
from sluice_operator.errors import SpendUnavailableError
from sluice_operator.spend import Account, Answer, Question, RedisSpend, Usage
from support.certificates import make_certificates
from support.redis import RedisServer, running_redis
from support.redis_cluster import running_cluster
from support.redis_sentinel import running_sentinels
from support.waiting import until

SHARED = names.account("b1", "2026-09", "-")


def greet(server: RedisServer, **more: object) -> None:
    """Do to its store what a data plane's first word does."""
    run_id = server.client.info("server")["run_id"]
    server.client.hset(names.STORE, mapping={"run": f"{run_id}:1:word", **more})


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A real redis-server."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def spend(server: RedisServer) -> AsyncIterator[RedisSpend]:
    """A reader of a Redis in which nothing is counted yet."""
    server.client.flushall()
    greet(server)
    async with RedisSpend(server.url) as spend:
        yield spend


async def test_accounts_and_usage_are_read(server: RedisServer, spend: RedisSpend) -> None:
    """What the data plane counted is what is read; what was never charged is left out."""
    server.client.hset(SHARED, mapping={"posted": 5, "held": 2})
    usage = {"requests": 1, "input": 2, "output": 3, "cost": 4, "last_ms": 5}
    server.client.hset(names.key_usage("vk1", "2026-09"), mapping=usage)
    never = names.account("b2", "2026-09", "-")

    answer = await spend.read(Question((SHARED, never), "2026-09", ("vk1", "vk2")))

    assert answer.accounts == {SHARED: Account(5, 2, 0)}
    assert answer.keys == {"vk1": Usage(1, 2, 3, 4, 5)}


async def test_accounts_of_users_are_found_by_their_beginning(server: RedisServer, spend: RedisSpend) -> None:
    """Users are not known beforehand: every account of the window that begins so is read, and no other."""
    mine = [names.account("b1", "2026-09", f"u{number:016x}") for number in range(2500)]
    other = [SHARED, names.account("b1", "2026-08", "u0"), names.account("b11", "2026-09", "u0")]
    with server.client.pipeline() as pipe:
        for name in (*mine, *other):
            pipe.hset(name, "posted", 1)
            pipe.zadd(names.ACCOUNTS, {name: 1})
        pipe.execute()

    answer = await spend.read(Question(prefixes=(names.account("b1", "2026-09", "u"),)))

    assert answer.accounts == dict.fromkeys(mine, Account(1, 0, 0))


async def test_buckets_of_a_rolling_window_are_told_apart(server: RedisServer, spend: RedisSpend) -> None:
    """What a rolling window's account has posted is answered by bucket: who reads it knows which of them count."""
    server.client.hset(SHARED, mapping={"held": 2, "b7": 5, "b8": 0, "b9": 4, "bad": "no"})

    answer = await spend.read(Question((SHARED,)))

    assert answer.accounts == {SHARED: Account(0, 2, 0, {7: 5, 8: 0, 9: 4})}


async def test_an_account_that_was_given_back_whole_is_as_if_it_was_never_charged(
    server: RedisServer, spend: RedisSpend
) -> None:
    """Zeros are left out like what is not there."""
    server.client.hset(SHARED, mapping={"held": 0})

    assert (await spend.read(Question((SHARED,)))).accounts == {}


async def test_more_than_one_round_trip_keeps_the_order(server: RedisServer, spend: RedisSpend) -> None:
    """Many accounts are read in several round trips, each with its own figure."""
    wanted = {names.account(f"b{number}", "w", "-"): number + 1 for number in range(1203)}
    with server.client.pipeline() as pipe:
        for name, posted in wanted.items():
            pipe.hset(name, "posted", posted)
        pipe.execute()

    answer = await spend.read(Question(tuple(wanted)))

    assert {name: account.posted for name, account in answer.accounts.items()} == wanted


async def test_a_redis_that_is_away_is_not_zero(server: RedisServer, spend: RedisSpend) -> None:
    """When Redis does not answer, that is said: nothing is read as zero."""
    server.kill()
    try:
        with pytest.raises(SpendUnavailableError):
            await spend.read(Question((SHARED,)))
    finally:
        server.start()


async def test_a_redis_that_has_lost_what_was_spent_is_not_zero(server: RedisServer, spend: RedisSpend) -> None:
    """A server that was wiped, restarted or that data planes still tell what it lost is not believed: its figures are
    too small.
    """
    now_ms = int(server.client.time()[0]) * 1000
    found = []
    for store in ({}, {"run": "another:1:word"}, {"fence": now_ms}, {"fence": now_ms - 60_000}):
        server.client.flushall()
        server.client.hset(SHARED, "posted", 5)
        if store:
            greet(server, **store)
        found.append(await _readable(spend))

    assert found == [None, None, None, Answer({SHARED: Account(5)})]


async def test_a_redis_that_loses_all_while_it_is_read_is_not_zero(
    server: RedisServer, spend: RedisSpend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before, after and between is not mixed: the counters are those of one run, or unknown."""
    ask = spend._ask

    async def wiped(commands: Sequence[tuple[str, ...]]) -> list[Any]:
        server.client.flushall()
        answers = await ask(commands)
        greet(server, run="another:2:word")
        return answers

    monkeypatch.setattr(spend, "_ask", wiped)

    with pytest.raises(SpendUnavailableError):
        await spend.read(Question((SHARED,)))


async def test_nonsense_in_a_counter_is_not_zero(server: RedisServer, spend: RedisSpend) -> None:
    """A counter that is no number makes the reading fail, and is not taken for something else."""
    server.client.hset(SHARED, "posted", "many")

    with pytest.raises(SpendUnavailableError) as caught:
        await spend.read(Question((SHARED,)))

    assert "many" not in str(caught.value)


def charge_users(server: RedisServer, budget_id: str, count: int) -> str:
    """*count* users of a Budget are charged; what their accounts begin with."""
    with server.client.pipeline() as pipe:
        for number in range(count):
            name = names.account(budget_id, "w", f"u{number:016x}")
            pipe.hset(name, "posted", 1)
            pipe.zadd(names.ACCOUNTS, {name: 1})
        pipe.execute()
    return names.account(budget_id, "w", "u")


async def test_more_accounts_than_can_be_looked_through_hide_nothing_but_users(
    server: RedisServer, spend: RedisSpend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that had to end before its end knows nothing of users, rather than less, and says so; named accounts and
    keys are read all the same.
    """
    monkeypatch.setattr(spend_module, "_MAX_SCANS", 1)
    prefix = charge_users(server, "b9", 5000)
    server.client.hset(SHARED, "posted", 5)
    server.client.hset(names.key_usage("vk1", "2026-09"), "requests", 3)

    answer = await spend.read(Question((SHARED,), "2026-09", ("vk1",), (prefix,)))

    assert answer == Answer({SHARED: Account(5)}, {"vk1": Usage(3)}, frozenset((prefix,)))


async def test_a_search_without_time_hides_nothing_but_users(
    server: RedisServer, spend: RedisSpend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users for whom there was no time are unknown; who named accounts asked for is answered."""
    monkeypatch.setattr(spend_module, "_USERS_SECONDS", 0)
    prefix = charge_users(server, "b9", 1)
    server.client.hset(SHARED, "posted", 5)

    answer = await spend.read(Question((SHARED,), prefixes=(prefix,)))

    assert answer == Answer({SHARED: Account(5)}, unread=frozenset((prefix,)))


async def test_a_budget_with_very_many_users_hides_no_other(
    server: RedisServer, spend: RedisSpend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where time ends among the accounts of users, the few were read whole and the many are unknown."""
    many, few = charge_users(server, "b1", 1200), charge_users(server, "b2", 3)
    read, loop = spend._accounts, asyncio.get_running_loop()
    until = loop.time() + 1

    async def slow(wanted: Sequence[str]) -> dict[str, Account]:
        if any(name.startswith(many) for name in wanted):
            await asyncio.sleep(until - loop.time())
        return await read(wanted)

    monkeypatch.setattr(spend, "_accounts", slow)

    accounts, unread = await spend._users((many, few), until)

    assert (len(accounts), unread) == (3, frozenset((many,)))


async def _read_at(url: str) -> int:
    """What is posted in SHARED, read over *url*."""
    async with RedisSpend(url) as spend:
        return (await spend.read(Question((SHARED,)))).accounts[SHARED].posted


async def test_a_socket_a_database_and_tls(tmp_path: Path) -> None:
    """Each form of URL is read; a password that is refused is not in the error."""
    path = str(tmp_path / "redis.sock")
    certificates = make_certificates(tmp_path)
    with running_redis(certificates=certificates, unixsocket=path, requirepass="hunter2") as server:
        greet(server)
        server.client.hset(SHARED, "posted", 5)
        assert await _read_at(server.url) == 5
        assert await _read_at(f"unix://:hunter2@{path}") == 5
        server.client.move(SHARED, 3)
        server.client.move(names.STORE, 3)
        assert await _read_at(f"unix://:hunter2@{path}?db=3") == 5
        with pytest.raises(SpendUnavailableError) as caught:
            await _read_at(f"unix://:hunter3@{path}")

    assert "hunter3" not in str(caught.value)


async def test_the_master_of_sentinels_is_read_also_after_a_failover() -> None:
    """The Sentinels are asked for the master, with their own password, and asked again when it is another."""
    with running_sentinels(fails_over=True, sentinel_password="swordfish", requirepass="hunter2") as watched:
        await until(watched.ready, seconds=40)
        greet(watched.master)
        watched.master.client.hset(SHARED, "posted", 5)
        watched.master.client.wait(1, 4_000)
        async with RedisSpend(watched.url(login=":hunter2@", query="sentinel_password=swordfish")) as spend:
            before = await spend.read(Question((SHARED,)))
            watched.master.kill()
            await until(watched.failed_over, seconds=40)
            unknown = await _readable(spend)
            greet(watched.replica)
            watched.replica.client.hset(SHARED, "posted", 6)

            after = await until(lambda: _readable(spend))

    assert before.accounts == {SHARED: Account(5, 0, 0)}
    assert unknown is None
    assert after.accounts == {SHARED: Account(6, 0, 0)}


async def test_a_cluster_is_read_where_the_keys_are() -> None:
    """The node that has our keys is found from any other."""
    with running_cluster() as cluster:
        await until(cluster.ready, seconds=40)
        user = names.account("b1", "w", "u1")
        greet(cluster.owner)
        cluster.owner.client.hset(SHARED, "posted", 5)
        cluster.owner.client.hset(user, "posted", 6)
        cluster.owner.client.zadd(names.ACCOUNTS, {user: 1})
        async with RedisSpend(cluster.url) as spend:
            answer = await spend.read(Question((SHARED,), prefixes=(names.account("b1", "w", "u"),)))

    assert answer.accounts == {SHARED: Account(5, 0, 0), user: Account(6, 0, 0)}


async def _readable(spend: RedisSpend) -> Answer | None:
    try:
        return await spend.read(Question((SHARED,)))
    except SpendUnavailableError:
        return None


def test_an_account_takes_what_is_posted_held_and_orphaned() -> None:
    """All three count against the limit."""
    assert Account(1, 2, 4).taken == 7


def test_what_is_held_is_not_used() -> None:
    """What calls in flight may cost is not spent yet; what nobody saw end may have been."""
    assert Account(1, 2, 4).used == 5

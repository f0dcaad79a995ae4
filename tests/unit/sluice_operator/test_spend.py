"""Reading the counters from a real Redis."""

from collections.abc import AsyncIterator, Iterator

import pytest

from sluice_contract import names
from sluice_operator.errors import SpendUnavailableError
from sluice_operator.spend import Account, Question, RedisSpend, Usage
from support.redis import RedisServer, running_redis

SHARED = names.account("b1", "2026-09", "-")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A real redis-server."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def spend(server: RedisServer) -> AsyncIterator[RedisSpend]:
    """A reader of an empty Redis."""
    server.client.flushall()
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
        pipe.execute()

    answer = await spend.read(Question(prefixes=(names.account("b1", "2026-09", "u"),)))

    assert answer.accounts == dict.fromkeys(mine, Account(1, 0, 0))


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


async def test_nonsense_in_a_counter_is_not_zero(server: RedisServer, spend: RedisSpend) -> None:
    """A counter that is no number makes the reading fail, and is not taken for something else."""
    server.client.hset(SHARED, "posted", "many")

    with pytest.raises(SpendUnavailableError):
        await spend.read(Question((SHARED,)))


def test_an_account_takes_what_is_posted_held_and_orphaned() -> None:
    """All three count against the limit."""
    assert Account(1, 2, 4).taken == 7

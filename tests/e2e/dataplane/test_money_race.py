"""Five hundred calls at once, three replicas, a budget for ten: ten reach the provider, whatever the store does."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice_contract.snapshot import Budget, Price, Snapshot
from sluice_contract.windows import Period
from support.bill import Line, Script
from support.bill_books import cost_of
from support.bill_client import Call, perform
from support.bill_load import Provider, provider
from support.builders import budget, key
from support.process import Fleet, fleet
from support.redis import RedisServer
from support.scenes import one_provider, served, target
from support.waiting import until

CALLS = 500
ROOM = 10
REPLICAS = 3
CEILING = 20
PATIENT_MS = 10_000  # 500 calls at once on two cores
MONTH = Period(unit="Month")
# Input is free, so that what a call can cost at most, and does cost, is its ceiling of output.
PRICE = Price(version="out", output_nusd_per_mtok=600_000_007)
CALL_NUSD = cost_of(0, CEILING, PRICE)


def asking(number: int) -> Call:
    """One of the 500: all of one size, at the provider for as long as the others take to ask."""
    script = Script(chunks=1, tokens=CEILING, first_ms=3_000)
    return Call(f"call-{number:04d}", stream=False, scripts=(script,), max_tokens=CEILING)


def budget_for_ten(unit: str, **fields: object) -> Budget:
    """One that holds ten of these calls and not eleven."""
    return budget(unit=unit, amount=ROOM * (CALL_NUSD if unit == "Cost" else 1), period=MONTH, **fields)


def world(up: Provider, held: Budget) -> Snapshot:
    """One model and one key under *held*."""
    return one_provider(
        up.base_url, served("chat", target(price=PRICE)), keys=(key(budget_ids=(held.id,)),), budgets=(held,)
    )


async def at_once(planes: Fleet) -> list[Call]:
    """All of them, spread over the replicas."""
    return await asyncio.gather(*(perform(asking(n), planes[n % REPLICAS].port) for n in range(CALLS)))


def charged(up: Provider) -> list[Line]:
    """What the provider has taken on."""
    return [line for line in up.bill.entries() if line.state != "refused"]


@pytest.mark.parametrize("unit", ["Cost", "Requests"])
async def test_ten_of_five_hundred(
    tmp_path: Path, redis: RedisServer, unit: str, figure: Callable[[str, object], None]
) -> None:
    """Ten are served; 490 get 429 insufficient_quota and are told the budget, its reset, and not to retry."""
    held = budget_for_ten(unit)
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up, held), count=REPLICAS, redis_url=redis.url, store_deadline_ms=PATIENT_MS) as planes,
    ):
        calls = await at_once(planes)
        taken = len(charged(up))

    statuses = Counter(call.status for call in calls)
    assert taken == ROOM
    assert statuses == {200: ROOM, 429: CALLS - ROOM}
    for call in calls:
        if call.status == 429:
            assert call.code == "insufficient_quota"
            assert call.headers["x-should-retry"] == "false"
            assert call.headers["x-sluice-budget"] == "team/month"
            assert b"team/month" in call.body
            assert call.headers["x-sluice-budget-reset"].encode() in call.body
    figure(f"{unit}: served of {CALLS} at once on {REPLICAS} replicas, room for {ROOM}", taken)


@pytest.mark.parametrize("unit", ["Cost", "Requests"])
async def test_never_more_when_the_store_dies_in_the_middle(
    tmp_path: Path, redis: RedisServer, unit: str, figure: Callable[[str, object], None]
) -> None:
    """The store is killed among the 500 and comes back empty for 500 more: what was admitted stays counted."""
    held = budget_for_ten(unit, failure_mode="Lease")
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up, held), count=REPLICAS, redis_url=redis.url) as planes,
    ):
        first = asyncio.ensure_future(at_once(planes))
        with contextlib.suppress(AssertionError):
            await until(lambda: len(charged(up)) >= ROOM // 2, seconds=5)
        redis.kill()
        calls = await first
        redis.start()
        await until(lambda: up.bill.live() == 0)
        again = await at_once(planes)
        taken = charged(up)

    statuses = Counter(call.status for call in (*calls, *again))
    assert set(statuses) <= {200, 429, 503}
    assert {call.code for call in (*calls, *again) if call.status == 503} <= {"budget_store_unavailable"}
    assert len(taken) <= ROOM
    figure(f"{unit}: served of 1,000, the store killed in the middle, room for {ROOM}", len(taken))

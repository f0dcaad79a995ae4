"""Redis hangs for thirty seconds under load: calls go on from what replicas hold in advance, and nothing is lost."""

import asyncio
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sluice_contract.snapshot import Snapshot
from support.bill import Script
from support.bill_books import PRICE, all_records, compare, posted_by, three_budgets
from support.bill_client import Call, perform
from support.bill_load import provider
from support.bill_redis import counted
from support.builders import budget, key
from support.process import Fleet, PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import one_provider, other_key, served, target
from support.waiting import until

PAUSE_SECONDS = float(os.environ.get("SLUICE_PAUSE_SECONDS") or 30)
WARM_SECONDS = 10.0  # at WARM_RATE, so that what a replica used in its last minute lasts for the pause
WARM_RATE, RATE = 120.0, 20.0  # calls a second
CLOSED_RATE = 2.0
REPLICAS = 2
EXACT_SECONDS = 30.0
STORE_CALL_MS = 50
SCRIPT = Script(chunks=1, tokens=20)


def world(base_url: str) -> Snapshot:
    """A key under Budgets that lease, and one whose Budget is closed while the store is away."""
    leased = three_budgets(failure_mode="Lease")
    closed = budget(id="closed", name="closed", amount=10**15, failure_mode="Closed")
    return one_provider(
        base_url,
        served("chat", target(price=PRICE)),
        keys=(
            key(budget_ids=tuple(each.id for each in leased)),
            other_key("closed", budget_ids=(closed.id,)),
        ),
        budgets=(*leased, closed),
    )


class Steady:
    """Calls at an even rate, whatever becomes of the ones before."""

    def __init__(self, planes: Fleet) -> None:
        self.calls: list[Call] = []
        self._planes = list(planes)

    async def run(self, name: str, rate: float, seconds: float, **fields: str) -> list[Call]:
        """*rate* calls a second for so long; all of them, ended."""
        made: list[Call] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(began + number / rate - loop.time(), 0))
                script = (SCRIPT,)
                call = Call(f"{name}-{number}", stream=False, scripts=script, max_tokens=20, **fields)  # type: ignore[arg-type]
                made.append(call)
                tasks.create_task(perform(call, self._planes[number % REPLICAS].port))
        self.calls += made
        return made


def p99_ms(calls: list[Call]) -> float:
    """Of how long they took."""
    return 1000 * statistics.quantiles([call.seconds for call in calls], n=100)[98]


async def slices_kept(plane: PlaneProcess) -> bool:
    """Whether the replica holds something in advance."""
    return any(value > 0 for series, value in (await plane.metrics()).items() if series.startswith("sluice_slices"))


async def test_thirty_seconds_without_an_answer(
    tmp_path: Path, redis: RedisServer, figure: Callable[[str, object], None]
) -> None:
    """Leased: all served, no store call over 50 ms; Closed: 503 at once; totals exact within 30 s of the end."""
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up.base_url), count=REPLICAS, redis_url=redis.url) as planes,
    ):
        load = Steady(planes)
        await load.run("warm", WARM_RATE, WARM_SECONDS)
        before = await load.run("before", RATE, 5.0)
        with redis.paused():
            async with asyncio.TaskGroup() as tasks:
                during = tasks.create_task(load.run("during", RATE, PAUSE_SECONDS))
                closed = tasks.create_task(load.run("closed", CLOSED_RATE, PAUSE_SECONDS, secret="sk-closed"))
        ended = time.monotonic()
        data_dirs = [plane.data_dir for plane in planes]
        mine = await exact(redis, data_dirs, "team/app")
        seconds = time.monotonic() - ended
        after = await load.run("after", RATE, 2.0)
        await until(lambda: up.bill.live() == 0)
        told = compare(up.bill, all_records(data_dirs), load.calls)

    assert mine
    assert Counter(call.status for call in before) == {200: len(before)}
    assert Counter(f"{call.status} {call.code}" for call in during.result()) == {"200 ": len(during.result())}
    assert Counter(f"{call.status} {call.code}" for call in closed.result()) == {
        "503 budget_store_unavailable": len(closed.result())
    }
    assert Counter(call.status for call in after) == {200: len(after)}
    assert told.crashed == 0
    assert seconds <= EXACT_SECONDS
    added_ms = p99_ms(during.result()) - p99_ms(before)
    figure(f"Redis hangs for {PAUSE_SECONDS:g} s: calls served", f"{len(during.result())} of {len(during.result())}")
    figure("p99 added to a call meanwhile", f"{added_ms:.0f} ms, of {p99_ms(before):.0f} ms before")
    figure("slowest 503 of a closed Budget", f"{1000 * max(call.seconds for call in closed.result()):.0f} ms")
    figure("from the end to exact totals", f"{seconds:.1f} s")


async def exact(redis: RedisServer, data_dirs: list[Path], key_name: str) -> bool:
    """Wait until the counters say what the journals say of one key."""

    def agree() -> bool:
        found = [record for record in all_records(data_dirs) if record.key == key_name]
        return counted(redis.client).posted == posted_by(found)

    return bool(await until(agree, seconds=EXACT_SECONDS, why="the totals are not exact"))

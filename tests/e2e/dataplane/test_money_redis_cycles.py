"""Redis is killed, paused, replaced, rewound and emptied, again and again, under load: the totals come out exact.

``SLUICE_CYCLES`` says how often each fault; the seed is in the figures.
"""

import asyncio
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluice_contract.snapshot import Budget, Key, Snapshot
from support.bill import Bill, Script
from support.bill_books import ONCE, PRICE, Journals, all_records, compare, cost_of, posted_by, three_budgets
from support.bill_client import Call
from support.bill_load import Load, Provider, provider
from support.bill_redis import LosingRedis, counted
from support.builders import budget, key
from support.process import Fleet, fleet
from support.scenes import one_provider, other_key, served, target
from support.waiting import until

EACH = int(os.environ.get("SLUICE_CYCLES") or 6)  # of nine faults: 54 cycles
SEED = int(os.environ.get("SLUICE_SEED") or 20_261_121)
REPLICAS = 2
CALLERS = 14
ROOM = 8  # calls that a tight Budget holds
EXACT_SECONDS = 30.0
CEILING = 60
SERVED_BETWEEN = 15  # calls, before a fault and after it
SERVED_SECONDS = 30.0
FAULTS = (
    "killed",
    "paused",
    "rewound",
    "flushed",
    "failed over",
    "wiped",
    "scripts forgotten",
    "wiped, a replica killed",
    "rewound, a replica killed",
)


@pytest.fixture
def losing() -> Iterator[LosingRedis]:
    """A Redis that keeps what it is told, until it is made to lose it."""
    server = LosingRedis()
    try:
        yield server
    finally:
        server.stop()


def tight(number: int) -> Budget:
    """The Budget of one cycle: room for ROOM calls, by number or by what they may cost."""
    by_cost = number % 2 == 0
    return budget(
        id=f"tight{number}",
        name=f"tight-{number}",
        unit="Cost" if by_cost else "Requests",
        amount=cost_of(400, CEILING) + (ROOM - 1) * cost_of(5, CEILING) if by_cost else ROOM,
        period=ONCE,
        failure_mode="Closed" if number % 4 > 1 else "Lease",
    )


def world(up: Provider, cycles: int) -> Snapshot:
    """A key under Budgets that never end, and one for each cycle under a Budget that soon does."""
    wide = three_budgets(failure_mode="Lease")
    narrow = tuple(tight(number) for number in range(cycles))
    holders: tuple[Key, ...] = (key(budget_ids=tuple(each.id for each in wide), max_parallel_requests=1_000),)
    holders += tuple(other_key(f"tight{number}", budget_ids=(f"tight{number}",)) for number in range(cycles))
    return one_provider(up.base_url, served("chat", target(price=PRICE)), keys=holders, budgets=(*wide, *narrow))


class Cycles:
    """What happens, in which order; and how long each took to come out exact."""

    def __init__(self, redis: LosingRedis, up: Provider, planes: Fleet) -> None:
        self.draw = random.Random(SEED)
        self.faults = list(FAULTS) * EACH
        self.draw.shuffle(self.faults)
        self.seconds: dict[str, list[float]] = {fault: [] for fault in FAULTS}
        self.now = 0
        self._redis = redis
        self._up = up
        self._planes = list(planes)
        self._revision = planes.revision
        self._journals = Journals(plane.data_dir for plane in planes)

    def call(self, number: int) -> Call:
        """Half of them under the wide Budgets, half under that of the cycle."""
        draw = random.Random(f"{SEED} {number}")
        script = Script(chunks=draw.randint(1, 8), tokens=4, gap_ms=10)
        call = Call(f"wide-{number}", stream=draw.random() < 0.7, scripts=(script,), max_tokens=CEILING)
        if number % 2:
            call.marker, call.secret = f"tight{self.now}-{number}", f"sk-tight{self.now}"
            call.scripts = (Script(chunks=CEILING, tokens=1, gap_ms=1),)  # all that it may come to
        return call

    async def one(self, load: Load, fault: str) -> None:
        """Load, the fault, load, silence; raises AssertionError where the totals are not exact in time."""
        await self._some_served(load)
        if fault.startswith("rewound"):
            await asyncio.to_thread(self._redis.save)
            await self._some_served(load)
        await self._strike(fault)
        ended = time.monotonic()
        await self._some_served(load)
        await until(lambda: self._used_up(load), seconds=SERVED_SECONDS, why="the cycle's Budget is not used up")
        await load.pause()
        await until(self.exact, seconds=EXACT_SECONDS + ended - time.monotonic(), why=f"not exact after {fault}")
        self.seconds[fault].append(time.monotonic() - ended)
        load.go_on()

    async def _some_served(self, load: Load) -> None:
        """Wait until some of the wide Budgets' calls were answered from now on."""
        seen = len(load.calls)

        def enough() -> bool:
            fresh = load.calls[seen:]
            return sum(call.status == 200 and call.marker.startswith("wide") for call in fresh) >= SERVED_BETWEEN

        await until(enough, seconds=SERVED_SECONDS, why="calls are not served")

    def _used_up(self, load: Load) -> bool:
        """Whether the Budget of this cycle has refused a call."""
        mine = f"tight{self.now}-"
        return any(call.status == 429 and call.marker.startswith(mine) for call in reversed(load.calls))

    async def _strike(self, fault: str) -> None:
        what, also, _ = fault.partition(", a replica killed")
        victim = self._planes[self.now % REPLICAS]
        if also:
            await victim.kill()
        await self._lose(what)
        if also:
            await victim.start(self._revision)

    async def _lose(self, what: str) -> None:
        redis = self._redis
        match what:
            case "killed":
                await asyncio.to_thread(redis.kill)
                await asyncio.sleep(self.draw.random() / 2)
                await asyncio.to_thread(redis.start)
            case "paused":
                with redis.paused():
                    await asyncio.sleep(self.draw.uniform(0.2, 3.0))
            case "rewound":
                await asyncio.to_thread(redis.rewind)
            case "flushed":
                await asyncio.to_thread(redis.client.flushall)
            case "failed over":
                await asyncio.to_thread(redis.fail_over)
            case "wiped":
                await asyncio.to_thread(redis.lose_all)
            case "scripts forgotten":
                await asyncio.to_thread(redis.client.script_flush)

    def exact(self) -> bool:
        """Whether the counters say what the journals say of the wide Budgets' calls."""
        written = posted_by([r for r in self._journals.records() if (r.user or "").startswith("wide")])
        found = counted(self._redis.client)
        return found.posted == written and found.slots == 0


def spent(bill: Bill, number: int) -> int:
    """What the provider charges to a tight Budget, in its unit."""
    lines = [line for line in bill.entries(f"tight{number}-") if line.state != "refused"]
    return sum(cost_of(line.input, line.output) for line in lines) if number % 2 == 0 else len(lines)


async def test_totals_are_exact_after_everything_that_a_redis_can_do(
    tmp_path: Path, losing: LosingRedis, figure: Callable[[str, object], None]
) -> None:
    """After each cycle posted equals the journals within 30 s; at the end the bill does too, nothing overspent."""
    async with provider(tmp_path, seed=SEED) as up:
        snapshot = world(up, EACH * len(FAULTS))
        async with fleet(tmp_path, snapshot, count=REPLICAS, redis_url=losing.url, hold_ttl_seconds=10) as planes:
            cycles = Cycles(losing, up, planes)
            running = list(planes)
            async with Load(CALLERS, cycles.call, lambda number: running[number // 2 % REPLICAS]) as load:
                for number, fault in enumerate(cycles.faults):
                    cycles.now = number
                    await cycles.one(load, fault)
                await load.stop()
            await until(lambda: up.bill.live() == 0)
            await asyncio.gather(*(plane.stop() for plane in running))
            found = all_records([plane.data_dir for plane in running])
            told = compare(up.bill, found, load.calls)
            standing = counted(losing.client)

    assert standing.posted == posted_by([r for r in found if (r.user or "").startswith("wide")])
    assert (standing.open, standing.slots) == (0, 0)
    over = {number: each for number in range(cycles.now + 1) if (each := spent(up.bill, number)) > tight(number).amount}
    assert over == {}
    statuses = Counter(f"{call.status} {call.code}".strip() for call in load.calls)
    assert set(statuses) <= {"0", "200", "429 insufficient_quota", "503 budget_store_unavailable"}
    every = [seconds for each in cycles.seconds.values() for seconds in each]
    figure(f"seed {SEED}, cycles", f"{len(every)} on {REPLICAS} replicas, {len(load.calls)} calls: {dict(statuses)}")
    figure("records", f"{told.exact} as billed, {told.crashed} of calls whose replica was killed, none missing")
    figure("Budgets used up meanwhile, and none over its limit", cycles.now + 1)
    figure("from a fault's end to exact totals", f"median {statistics.median(every):.1f} s, most {max(every):.1f} s")
    for fault, seconds in cycles.seconds.items():
        figure(f"… {fault}", f"median {statistics.median(seconds):.1f} s, most {max(seconds):.1f} s")

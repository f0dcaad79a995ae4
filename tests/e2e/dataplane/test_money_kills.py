"""Killed hundreds of times under live streams: the provider's own bill, our records and the counters are one.

``SLUICE_KILLS`` says how often: ``make soak`` asks for 1,000.  The seed is in the figures.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sluice_contract import names
from sluice_contract.snapshot import Snapshot
from support.bill import Script
from support.bill_books import PRICE, Journals, Posted, Told, all_records, compare, posted_by, three_budgets
from support.bill_client import Call
from support.bill_load import Load, provider
from support.bill_redis import Counted, counted, lines_of, streamed
from support.builders import key
from support.process import Fleet, PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import one_provider, served, target
from support.waiting import until

KILLS = int(os.environ.get("SLUICE_KILLS") or 200)
LOCAL_KILLS = max(20, KILLS // 10)
SEED = int(os.environ.get("SLUICE_SEED") or 20_261_121)
LIVE = 50  # streams whose answer has begun, at the plane that is killed
CALLERS = 72
LATER_SECONDS = 0.4  # at most, from the fiftieth stream to the kill
QUIET_SECONDS = 60.0
PLANES = 3  # one is called, two are starting
SLOTS = 1_000


def world(base_url: str) -> Snapshot:
    """One model, one key, and a Budget in each unit."""
    budgets = three_budgets(failure_mode="Lease")
    held = key(budget_ids=tuple(each.id for each in budgets), max_parallel_requests=SLOTS)
    return one_provider(base_url, served("chat", target(price=PRICE)), keys=(held,), budgets=budgets)


def maker(seed: int) -> Callable[[int], Call]:
    """Calls of every kind: four in five are streams, some answers are short and some long."""

    def make(number: int) -> Call:
        draw = random.Random(f"{seed} {number}")
        stream = draw.random() < 0.9
        script = Script(
            tokens=draw.choice((1, 4, 11)), gap_ms=draw.choice((20, 50, 100)), first_ms=0 if stream else 150
        )
        return Call(f"call-{number}", stream=stream, scripts=(script,), text="x" * draw.randint(1, 200))

    return make


class Killing:
    """Kills one plane after the other while it is called; those that were killed start again meanwhile."""

    def __init__(self, planes: Fleet, draw: random.Random) -> None:
        self._planes = list(planes)
        self._revision = planes.revision
        self._draw = draw
        self._starts: dict[str, asyncio.Task[None]] = {}
        self.called = self._planes[0]
        self.live_at_kill: list[int] = []

    def to(self, number: int) -> PlaneProcess:
        """The plane that is called now."""
        return self.called

    async def kill(self, load: Load) -> None:
        """Wait for LIVE streams at the plane that is called, and a little; kill it; the next one is called."""
        victim = self.called
        await until(lambda: load.live[victim.name] >= LIVE, why=f"not {LIVE} streams at {victim.name}")
        await asyncio.sleep(self._draw.random() * LATER_SECONDS)
        await until(lambda: load.live[victim.name] >= LIVE, why=f"not {LIVE} streams at {victim.name} any more")
        self.live_at_kill.append(load.live[victim.name])
        place = self._planes.index(victim)
        self.called = self._planes[(place + 1) % len(self._planes)]
        await victim.kill()
        self._starts[victim.name] = asyncio.ensure_future(victim.start(self._revision))
        if (start := self._starts.pop(self.called.name, None)) is not None:
            await start

    async def settle(self) -> None:
        """Wait until every plane is up again."""
        await asyncio.gather(*self._starts.values())


async def test_killed_under_live_streams_with_redis(
    tmp_path: Path, redis: RedisServer, figure: Callable[[str, object], None]
) -> None:
    """Each billed attempt has one record, exact where its call ended; the counters say the same, and hold nothing."""
    async with (
        provider(tmp_path, seed=SEED) as up,
        fleet(tmp_path, world(up.base_url), count=PLANES, redis_url=redis.url, hold_ttl_seconds=5) as planes,
    ):
        load, killing, seconds = await _killed(planes, KILLS)
        await until(lambda: up.bill.live() == 0, why="the provider is still answering")
        journals = Journals(plane.data_dir for plane in planes)
        await until(
            lambda: _agree(counted(redis.client), posted_by(journals.records())),
            seconds=QUIET_SECONDS,
            why="the counters do not come to what the journals say",
        )
        await asyncio.gather(*(plane.stop() for plane in planes))  # what they hold in advance is given back
        found = journals.records()
        told = compare(up.bill, found, load.calls)
        standing = counted(redis.client)
        assert _agree(standing, posted_by(found))
        assert standing.open == 0
        assert lines_of(streamed(redis.client)) == lines_of(found)
        assert redis.client.xlen(names.USAGE_STREAM) == len(found)

    _tell(figure, "Redis", killing, load, told, seconds)


async def test_killed_under_live_streams_with_the_journal_alone(
    tmp_path: Path, figure: Callable[[str, object], None]
) -> None:
    """The same without a Redis: what each replica counts is what its journal says, after every kill."""
    async with (
        provider(tmp_path, seed=SEED) as up,
        fleet(tmp_path, world(up.base_url), count=PLANES, hold_ttl_seconds=5) as planes,
    ):
        load, killing, seconds = await _killed(planes, LOCAL_KILLS)
        await until(lambda: up.bill.live() == 0, why="the provider is still answering")
        for plane in planes:
            written = posted_by(all_records([plane.data_dir]))
            await until(lambda plane=plane, written=written: _local(plane, written), why=f"{plane.name} has other sums")  # type: ignore[misc]
        told = compare(up.bill, all_records([plane.data_dir for plane in planes]), load.calls)

    _tell(figure, "journal", killing, load, told, seconds)


async def _killed(planes: Fleet, kills: int) -> tuple[Load, Killing, float]:
    """*kills* of them, then quiet; the seconds that the kills took."""
    killing = Killing(planes, random.Random(SEED))
    async with Load(CALLERS, maker(SEED), killing.to) as load:
        began = time.monotonic()
        for _ in range(kills):
            await killing.kill(load)
        seconds = time.monotonic() - began
        await killing.settle()
        await load.stop()
    return load, killing, seconds


def _agree(found: Counted, written: Posted) -> bool:
    return (found.posted, found.usage, found.slots) == (written, written, 0)


async def _local(plane: PlaneProcess, written: Posted) -> bool:
    accounts = (await plane.spend())["accounts"]
    found = [accounts[f"{{sluice}}:account:b{unit}:once:-"] for unit in ("Cost", "TotalTokens", "Requests")]
    open_ = sum(account["held"] + account["orphaned"] for account in found)
    return open_ == 0 and [account["posted"] for account in found] == [written.cost, written.tokens, written.requests]


def _tell(
    figure: Callable[[str, object], None], store: str, killing: Killing, load: Load, told: Told, seconds: float
) -> None:
    statuses = Counter(f"{call.status} {call.code}".strip() for call in load.calls)
    assert not any(status.startswith("500") for status in statuses)
    assert told.crashed > 0
    assert told.exact > 0
    assert min(killing.live_at_kill) >= LIVE
    live = sorted(killing.live_at_kill)
    figure(
        f"{store}: seed {SEED}, kills", f"{len(live)} in {seconds:.0f} s, under {live[0]} to {live[-1]} live streams"
    )
    figure(f"{store}: calls", f"{len(load.calls)}, answered {dict(sorted(statuses.items()))}")
    figure(f"{store}: attempts billed", f"{told.exact} exact, {told.crashed} crashed, {told.estimated} estimated")
    figure(f"{store}: records of attempts that never arrived", told.unbilled)
    figure(f"{store}: posted over billed, crashed calls", f"{told.ratio:.2f}")
    over = told.over
    figure(
        f"{store}: tokens over the bill, crashed streams",
        f"median {over[len(over) // 2]}, least {over[0]}, most {over[-1]}",
    )

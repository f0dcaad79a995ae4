"""One simulation: data planes, a store, clients and faults, from a seed; then quiet, and the audit."""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from simulator.bill import Bill
from simulator.calls import Call
from simulator.clockwork import SimulatedLoop
from simulator.faults import Faults
from simulator.links import FarMemory, redis_store
from simulator.network import Way
from simulator.places import MemoryPlace, RedisPlace
from simulator.plane import Life, Plane, bury
from simulator.scenario import NEW_YEAR_MS, Scenario, scenario
from simulator.server import Clockwork
from simulator.verdict import verdict
from simulator.watch import Watch
from sluice_dataplane.limits.scripts import Scripts
from sluice_dataplane.limits.store import HoldStore
from sluice_dataplane.usage import slices

QUIET_S: Final = 240.0  # at most, until everything is told and every slice given back
LOOK_EVERY_S: Final = 5.0
LATE_S: Final = 30.0  # at least: what is late arrives

Tell = Callable[[str], None]


class Outcome(msgspec.Struct, frozen=True):
    """How one seed ended: what was violated, and how often what happened."""

    seed: int
    violations: tuple[str, ...]
    tally: dict[str, int]


class World:
    """All of one simulation.  *folder* is empty, and its own."""

    def __init__(self, plan: Scenario, folder: Path, clockwork: Clockwork, scripts: Scripts) -> None:
        self.plan = plan
        self.loop = SimulatedLoop()
        self.rng = random.Random(plan.seed * 2 + 1)
        self.tally: Counter[str] = Counter()
        self.bill = Bill()
        self.scripts = scripts
        self.place = self._place(clockwork)
        self.watch = Watch(plan, self.place, self.bill, scripts)
        self.place.watcher = self.watch
        self.planes = [Plane(f"p{n}", folder, self.loop, self.fork(), self.tally) for n in range(plan.planes)]
        for plane in self.planes:
            plane.segment_bytes = plan.segment_bytes
        self.lives: list[Life] = []
        self.violations: list[str] = []
        self.streamed: dict[tuple[str, int], Any] = {}  # what whoever reads the stream has seen
        self.calm = self.forgot = False
        self.tell: Tell | None = None

    def _place(self, clockwork: Clockwork) -> RedisPlace | MemoryPlace:
        if self.plan.shared != "redis":
            return MemoryPlace(self.loop, self.tally)
        clockwork.begin(self.scripts)
        return RedisPlace(self.loop, clockwork, self.tally)

    def fork(self) -> random.Random:
        """Luck of one's own."""
        return random.Random(self.rng.getrandbits(64))

    def say(self, text: str) -> None:
        """Something happened that a reader of a trace wants to know."""
        if self.tell is not None:
            self.tell(f"{self.loop.now_s:9.4f} {text}")

    def start(self, plane: Plane) -> None:
        """A new process in *plane*."""
        way = Way(self.place, self.plan.weather, self.fork(), self.tally)
        way.calm = self.calm
        store, run_store = self._store(way)
        life = Life(plane, way, store, run_store)
        self.lives.append(life)
        self.watch.losses.sources.add(plane.fresh_source())
        plane.start(life)
        if life.task is not None:
            life.task.add_done_callback(lambda task: self._ended(life, task))
        self.say(f"{plane.name} starts as {plane.sources[-1]}, n {life.ledger._writer.n}")

    def _store(self, way: Way) -> tuple[HoldStore, Callable[[], Coroutine[Any, Any, None]]]:
        if isinstance(self.place, RedisPlace):
            redis = redis_store(way, self.place, self.scripts, self.fork())
            return redis, redis.run
        if self.plan.shared == "none":
            self.place.begin()
            return self.place.store, _nothing
        return FarMemory(way, self.place), _nothing

    def _ended(self, life: Life, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and life.alive:
            life.alive = False
            self.violations.append(f"L.ended: {life.plane.name} ended by itself: {_first(error)!r}")

    def forget(self, how: str) -> None:
        """The store has come back with less than it knew."""
        self.say(how)
        self.forgot = True
        self.watch.losses.forgot()

    def read_stream(self) -> None:
        """Somebody reads the usage records, before they are gone."""
        if isinstance(self.place, RedisPlace):
            self.streamed |= {(record["source"], record["sequence"]): record for record in self.place.stream()}

    async def run(self) -> None:
        """Load and faults, then quiet."""
        for plane in self.planes:
            self.start(plane)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._clients())
            faults = group.create_task(Faults(self, self.fork()).run())
            await asyncio.sleep(self.plan.length_s)
            faults.cancel()
        await self._quiet()
        self.tally["rollovers"] += any(attempt.at_ms >= NEW_YEAR_MS for attempt in self.bill.attempts.values())

    async def _clients(self) -> None:
        rng = self.fork()
        for number in range(self.plan.calls):
            await asyncio.sleep(min(rng.expovariate(self.plan.calls / self.plan.length_s), 5))
            plane, caller, luck = rng.choice(self.planes), rng.choice(self.plan.callers), self.fork()
            life = plane.life
            if life is None or life.group is None or not life.way.gate.is_set():
                continue
            call = Call(f"s{self.plan.seed}c{number}", caller, life, luck)
            life.group.create_task(call.run(self.bill, self.watch, self.tally))

    async def _quiet(self) -> None:
        """No more faults: everybody is back, and tells what there is to tell."""
        self.calm = True
        self.say("quiet")
        self.place.come_back()
        self.place.heal()
        for plane in self.planes:
            life = plane.life
            if life is None:
                self.start(plane)
            else:
                life.doomed, life.way.cut, life.way.calm = False, False, True
                life.way.gate.set()
        await asyncio.sleep(LATE_S)
        for _ in range(int(QUIET_S / LOOK_EVERY_S)):
            if self._at_rest():
                break
            await asyncio.sleep(LOOK_EVERY_S)

    def _at_rest(self) -> bool:
        lives = [plane.life for plane in self.planes if plane.life is not None]
        told = [life.ledger.figures() for life in lives]
        if any(life.attempts for life in lives) or any(each.waiting or each.slices for each in told):
            return False
        return not any(int(fields.get("held", 0)) for fields in self.place.fields(list(self.bill.accounts())))

    def end(self) -> None:
        """Let go of tasks and files."""
        loop = self.loop
        for life in self.lives:
            life.alive = False
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for life in self.lives:
            bury(life)
        loop.close()


async def _nothing() -> None:
    return


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def _folder() -> Iterator[Path]:
    shared = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="sluice-sim-", dir=shared if shared.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def simulate(seed: int, clockwork: Clockwork, scripts: Scripts, *, tell: Tell | None = None) -> Outcome:
    """Run *seed* once, on an empty Redis; *tell* gets a trace."""
    with _folder() as folder:
        world = World(scenario(seed), folder, clockwork, scripts)
        vars(slices)["SHARE"] = world.plan.slice_share
        world.tell = tell
        if tell is not None:
            world.watch.trace = world.say
        try:
            world.loop.run_until_complete(world.run())
            violations = verdict(world)
        finally:
            world.end()
        world.tally.update(world.watch.seen)
        return Outcome(seed, tuple(violations), dict(world.tally))

"""One data plane: the production ledger on a real journal directory, which dies and comes back, or does not.

A SIGKILL leaves what the kernel has.  So to kill a life is to copy its directory at that instant: whatever its
objects still do goes into the old one, which nobody reads again.
"""

import asyncio
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from simulator.bill import Attempt
from simulator.clockwork import SimulatedLoop
from simulator.network import Way
from sluice_dataplane.limits.store import HoldStore
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.ledger import Ledger

RESERVE_BYTES = 64 * 1024


class FragileJournal(Journal):
    """A journal whose process may die in the middle of a line: before it, in it, or right after it."""

    def __init__(self, plane: "Plane", strike: Callable[[bytes, str], None]) -> None:
        super().__init__(
            plane.directory,
            segment_bytes=plane.segment_bytes,
            reserve_bytes=RESERVE_BYTES,
            new_source=plane.fresh_source,
        )
        self._strike = strike

    def append(self, line: bytes) -> None:
        """As Journal; the line may be the last thing this process does."""
        self._strike(line, "")
        super().append(line)
        self._strike(b"", "")

    def begin(self, first_line: bytes) -> None:
        """As Journal; the segment may have no whole line."""
        self._strike(first_line, f"{self._next:08d}.log")
        super().begin(first_line)

    def forget(self, *, acknowledged: int, now_ms: int) -> None:
        """As Journal; files are as old as the machine's clock says, not the simulation's."""
        super().forget(acknowledged=acknowledged, now_ms=time.time_ns() // 1_000_000)


class Life:
    """One process."""

    def __init__(
        self, plane: "Plane", way: Way, store: HoldStore, run_store: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self.plane = plane
        self.way = way
        self.store = store
        self.alive = True
        self.ended = asyncio.Event()
        self.attempts: dict[str, Attempt] = {}  # under way
        self._run_store = run_store
        self._loop = plane.loop
        self.journal = FragileJournal(plane, self._strike)
        self.ledger = Ledger(self.journal, store, clock_ms=lambda: plane.loop.now_ms)
        self.doomed = False  # dies at one of the next lines it writes
        self.group: asyncio.TaskGroup | None = None
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as group:
            self.group = group
            group.create_task(self._run_store())
            group.create_task(self.ledger.run())

    def _strike(self, line: bytes, segment: str) -> None:
        if not self.alive or not self.doomed or self.plane.rng.random() < 0.5:
            return
        torn = line[: self.plane.rng.randrange(len(line))] if line else b""
        self.plane.kill(torn, segment)


class Plane:
    """A place where one process after the other lives."""

    def __init__(self, name: str, root: Path, loop: SimulatedLoop, rng: random.Random, tally: Counter[str]) -> None:
        self.name = name
        self.segment_bytes = 0
        self.loop = loop
        self.rng = rng
        self._tally = tally
        self._root = root
        self._lives = self._disks = 0
        self.directory = root / f"{name}-0"
        self.life: Life | None = None
        self.sources: list[str] = []  # one a disk, the last one is in use
        self.graves: dict[str, Path] = {}  # what was on the disks that were lost, by source
        self.torn: Counter[str] = Counter()  # lines, by source

    def fresh_source(self) -> str:
        """The id that a new journal gets."""
        return f"{self.name}{self._disks:x}-5151-4a1e-8000-00000000000{self._disks:x}"

    def start(self, life: Life) -> None:
        """Let *life* begin: what the journal says is caught up with first."""
        self.life = life
        source = self.fresh_source()
        if source not in self.sources:
            self.sources.append(source)
        life.ledger.replay()
        if life.alive:  # it may die while it catches up
            life.task = self.loop.create_task(life.run(), name=self.name)

    def kill(self, torn: bytes = b"", segment: str = "") -> None:
        """End the process at this instant; *torn* is as much of a line as it could write, into a new *segment* or
        the last one.
        """
        life, self.life = self.life, None
        assert life is not None
        life.alive = False
        life.ended.set()
        self._tally["kills"] += 1
        self._lives += 1
        old, self.directory = self.directory, self._root / f"{self.name}-{self._lives}"
        shutil.copytree(old, self.directory)
        if torn:
            self._tally["torn lines"] += 1
            self.torn[self.sources[-1]] += 1
            newest = max((path.name for path in self.directory.glob("*.log")), default="")
            with (self.directory / (segment or newest)).open("ab") as file:
                file.write(torn)
        for attempt in life.attempts.values():
            attempt.crash(self.rng.randint)
        life.way.gate = asyncio.Event()  # nobody opens it
        if life.task is not None:
            self.loop.call_soon(life.task.cancel)

    def lose_disk(self) -> None:
        """The dead process's disk is gone, too."""
        assert self.life is None
        self._tally["disk losses"] += 1
        self._disks += 1
        self._lives += 1
        self.graves[self.sources[-1]] = self.directory
        self.directory = self._root / f"{self.name}-{self._lives}"


def bury(life: Life) -> None:
    """Let go of a dead life's files."""
    for fd in (life.journal._segment, life.journal._reserve, life.journal._lock):
        if fd >= 0:
            os.close(fd)

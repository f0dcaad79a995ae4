"""The provider with its bill as a process, and callers that go on and on, whatever breaks under them."""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

from support.bill import Bill
from support.bill_client import Call, perform
from support.process import PlaneProcess, Process
from support.waiting import until

TESTS = Path(__file__).parents[1]
READY_SECONDS = 20.0
AGAIN_SECONDS = 0.02  # before a caller that was not served asks again


class Provider:
    """A provider that runs, and its bill."""

    def __init__(self, port: int, bill: Bill) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.bill = bill


@contextlib.asynccontextmanager
async def provider(folder: Path, *, seed: int = 1) -> AsyncIterator[Provider]:
    """A provider in a process of its own; *seed* decides the lengths of its answers."""
    path = folder / "bill.jsonl"
    command = [sys.executable, "-m", "support.bill_upstream", "--bill", str(path), "--seed", str(seed)]
    process = Process("provider", folder, command, {"PYTHONPATH": str(TESTS)})
    process.launch()
    try:
        said = await until(lambda: _port(process), seconds=READY_SECONDS, why=process.said())
        yield Provider(int(said), Bill(path))
        assert process.alive, process.said()
    finally:
        process.end()


def _port(process: Process) -> str:
    said = process.log.read_text() if process.log.exists() else ""
    return said.partition("ready ")[2].strip() if said.endswith("\n") else ""


class Load:
    """*callers* that call one after the other until :meth:`stop`; *make* makes the calls of a load by their numbers.

    *to* says whom to call; None: nobody now.  Every call is kept with what became of it.
    """

    def __init__(self, callers: int, make: Callable[[int], Call], to: Callable[[int], PlaneProcess | None]) -> None:
        self.calls: list[Call] = []
        self.live: Counter[str] = Counter()  # calls whose answer has begun, by plane
        self._make = make
        self._to = to
        self._number = 0
        self._stopping = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._under_way = 0
        self._tasks = [asyncio.ensure_future(self._caller()) for _ in range(callers)]

    async def _caller(self) -> None:
        while not self._stopping.is_set():
            await self._running.wait()
            self._number += 1
            number = self._number
            plane = self._to(number)
            if plane is None:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            call = self._make(number)
            await self._one(call, plane)
            if call.status != 200:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _one(self, call: Call, plane: PlaneProcess) -> None:
        begun = False

        def seen() -> None:
            nonlocal begun
            begun = True
            self.live[plane.name] += 1

        self._under_way += 1
        try:
            await perform(call, plane.port, seen=seen, plane=plane.name)
        finally:
            self._under_way -= 1
            if begun:
                self.live[plane.name] -= 1
            self.calls.append(call)

    async def pause(self, *, seconds: float = 30.0) -> None:
        """Begin no more calls, and wait for those under way."""
        self._running.clear()
        await until(lambda: self._under_way == 0, seconds=seconds, why="calls do not end")

    def go_on(self) -> None:
        """Call again after :meth:`pause`."""
        self._running.set()

    async def stop(self) -> None:
        """Begin no more calls, and wait for those under way."""
        self._stopping.set()
        self._running.set()
        await asyncio.gather(*self._tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        self._running.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

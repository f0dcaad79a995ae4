"""An event loop in which no time passes but the simulation's: a sleep ends as soon as nobody has anything to do before.

What runs on it runs the same way each time: there is no I/O, no thread and no clock but this one.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Never

START_MS = 4_102_444_800_000 - 45_000  # 45 s before the year 2100, UTC: far from Redis's own clock, which expires keys


class StuckError(Exception):
    """Everybody waits for somebody else."""


class _Turns:
    """Stands where a loop has its selector: waiting is moving the clock."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Never]:
        if timeout is None:
            raise StuckError("nothing is scheduled and nothing can happen")
        self._loop.now_s += max(timeout, 0.0)
        return []

    def close(self) -> None:
        return


class SimulatedLoop(asyncio.BaseEventLoop):
    """An asyncio loop on a clock of its own.  ``now_s`` counts from 0; :attr:`now_ms` is the time of day."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__()
        self._selector = _Turns(self)
        self._clock_resolution = 1e-9

    @property
    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return START_MS + int(self.now_s * 1000 + 1e-6)

    def time(self) -> float:
        """The simulation's."""
        return self.now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """*func* runs a moment later, alone."""
        future: asyncio.Future[Any] = self.create_future()

        def run() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except BaseException as error:  # noqa: BLE001  as an executor does
                future.set_exception(error)

        self.call_later(0.001, run)
        return future

    def _process_events(self, event_list: list[Never]) -> None:
        return

    def _write_to_self(self) -> None:
        return

"""Timers shared by many: one tick looks after all waits, so that a wait costs two set operations and no timer.

A deadline is met up to one tick late.  The tick runs only while there is something to look after.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

TICK_S: Final = 0.05  # how late a deadline may be noticed; the shortest one in use is counted in seconds


class Waiting(Protocol):
    """Something with a deadline."""

    due_s: float  # by the loop's clock

    def expire(self) -> None:
        """The deadline has passed.  Must not raise."""
        ...


class Ticker:
    """Calls *action* every *interval_s* from :meth:`wake` until it returns False."""

    __slots__ = ("_action", "_handle", "_interval_s", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float, action: Callable[[], bool]) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._action = action
        self._handle: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Begin to tick, unless it ticks already."""
        if self._handle is None:
            self._handle = self._loop.call_later(self._interval_s, self._tick)

    def stop(self) -> None:
        """Tick no more until the next wake."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick(self) -> None:
        self._handle = None
        if self._action():
            self.wake()


class Deadlines:
    """Expires what waits too long."""

    __slots__ = ("_loop", "_ticker", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[Waiting] = set()
        self._ticker = Ticker(loop, TICK_S, self._sweep)

    def watch(self, waiting: Waiting) -> None:
        """Expire *waiting* once its ``due_s`` has passed; it may move ``due_s`` meanwhile."""
        self._waiting.add(waiting)
        self._ticker.wake()

    def forget(self, waiting: Waiting) -> None:
        """It waits no longer."""
        self._waiting.discard(waiting)

    def stop(self) -> None:
        """Expire nothing any more."""
        self._waiting.clear()
        self._ticker.stop()

    def _sweep(self) -> bool:
        now_s = self._loop.time()
        for waiting in [each for each in self._waiting if each.due_s <= now_s]:
            self._waiting.discard(waiting)
            waiting.expire()
        return bool(self._waiting)

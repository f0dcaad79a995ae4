"""Settlements on their way to a shared store: in order, again and again, until it has answered each.

Settling twice is harmless, so an unanswered settlement is simply sent again.  At most MAX_WAITING wait in memory;
the journal has them all, and is read again for those that did not fit, or that an earlier life left behind.
"""

import asyncio
import logging
from collections import deque
from typing import Final

from sluice_dataplane.limits.store import HoldStore, Settlement
from sluice_dataplane.usage import replay
from sluice_dataplane.usage.journal import Journal

MAX_WAITING: Final = 5_000
MAX_REFUSED: Final = 1_000
BATCH: Final = 128
PAUSE_S: Final = 0.25  # after a batch that was not answered
REFUSED_AGAIN_S: Final = 60.0  # what the store refused for good may pass when somebody has put it right

_log: Final = logging.getLogger(__name__)

Numbered = tuple[int, Settlement]


class Outbox:
    """A queue with the journal behind it.  With a store in this process it stays empty."""

    def __init__(self, journal: Journal, store: HoldStore) -> None:
        self._journal = journal
        self._store = store
        self._waiting: deque[Numbered] = deque()
        self._refused: deque[Numbered] = deque()
        self._sending: list[Numbered] = []
        self._reading: tuple[int, int] | None = None  # after, until: on their way from the journal
        self._unread: int | None = None  # the settlement after which the journal must be read
        self._n = 0
        self._written = 0  # the mark in the journal
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many are not answered yet."""
        unread = self._n - self._unread if self._unread is not None else 0
        after, until = self._reading or (0, 0)
        return len(self._waiting) + len(self._refused) + len(self._sending) + unread + until - after

    def begin(self, *, acknowledged: int, n: int) -> None:
        """Start with all settlements up to *n* in the journal, those up to *acknowledged* answered."""
        self._n, self._written = n, acknowledged
        if acknowledged < n:
            self._unread = acknowledged
            self._wake.set()

    def put(self, n: int, settlement: Settlement, *, journaled: bool) -> None:
        """Queue settlement number *n*; the journal is asked for it later if there is no room."""
        self._n = n
        if journaled and self._unread is None and len(self._waiting) >= MAX_WAITING:
            self._unread = n - 1
        if self._unread is None or not journaled:
            self._waiting.append((n, settlement))
        self._wake.set()

    def acknowledged(self, n: int) -> int:
        """The settlement up to which the store has answered all, *n* being the last one there is."""
        first = [number for queue in (self._waiting, self._refused, self._sending) for number, _ in queue]
        if self._unread is not None:
            first.append(self._unread + 1)
        if self._reading is not None:
            first.append(self._reading[0] + 1)
        return min(first, default=n + 1) - 1

    def checkpoint(self) -> None:
        """Write down how far the store has answered."""
        acknowledged = self.acknowledged(self._n)
        if acknowledged != self._written:
            self._journal.acknowledge(acknowledged)
            self._written = acknowledged

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        again_at = loop.time() + REFUSED_AGAIN_S
        while True:
            if loop.time() >= again_at:
                again_at = loop.time() + REFUSED_AGAIN_S
                self._waiting.extendleft(reversed(self._refused))
                self._refused.clear()
            if not self._waiting and self._unread is None:
                self._wake.clear()
                timeout = REFUSED_AGAIN_S if self._refused else None
                await _wait(self._wake, timeout)
            elif not await self._send():
                await asyncio.sleep(PAUSE_S)

    async def _send(self) -> bool:
        """Send one batch; whether all of it was answered."""
        if not self._waiting:
            await self._read()
        while self._waiting and len(self._sending) < BATCH:
            self._sending.append(self._waiting.popleft())
        left: list[Numbered] = []
        try:
            errors = await self._store.settle_all([settlement for _, settlement in self._sending])
            for numbered, error in zip(self._sending, errors, strict=True):
                if error is None:
                    continue
                if error.transient or len(self._refused) >= MAX_REFUSED:
                    left.append(numbered)
                else:
                    self._refused.append(numbered)
                    _log.error("outbox.refused", extra={"n": numbered[0], "reason": str(error)})
        except BaseException:
            left = self._sending
            raise
        finally:
            self._waiting.extendleft(reversed(left))
            self._sending = []
        return not left

    async def _read(self) -> None:
        """Fill up from the journal."""
        assert self._unread is not None
        after = self._unread
        until = min(self._n, after + MAX_WAITING)
        # From here on new ones are queued again, if this read reaches the last one there is.
        self._reading, self._unread = (after, until), until if until < self._n else None
        try:
            found = await asyncio.to_thread(replay.settlements, self._journal.segments(), after=after, until=until)
        except BaseException as error:
            self._unread, self._reading = after, None
            if isinstance(error, OSError):
                _log.error("outbox.unreadable", extra={"reason": error.strerror})
                return
            raise
        self._waiting.extendleft(reversed(found))
        self._reading = None

    async def close(self, deadline_s: float) -> None:
        """Send what can be sent within *deadline_s*, and write down how far it got; :meth:`run` must have ended."""
        try:
            async with asyncio.timeout(deadline_s):
                while self._waiting or self._unread is not None:
                    if not await self._send():
                        await asyncio.sleep(PAUSE_S)
        except TimeoutError:
            _log.warning("outbox.left", extra={"waiting": self.waiting})
        self.checkpoint()


async def _wait(event: asyncio.Event, timeout_s: float | None) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return

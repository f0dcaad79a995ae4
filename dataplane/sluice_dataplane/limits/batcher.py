"""Many small calls, one conversation: what is asked within one turn of the event loop goes out together.

Knows commands and replies, not Redis.  One task (:meth:`Batcher.run`) owns the link, so that a caller who goes away
never leaves half a conversation behind.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.scripts import Command

MAX_WAITING: Final = 10_000  # calls: more than a store that answers could have left
MAX_BATCH: Final = 256
STEPS: Final = 5  # in which a deadline passes: see _Patience

Reply = object  # whatever the link's parser makes of an answer, or the StoreError that one command met


class Link(Protocol):
    """One conversation with a store."""

    async def exchange(self, commands: Sequence[Command]) -> Sequence[Reply]:
        """One reply per command, in order.  Raises StoreError when the conversation broke down."""
        ...

    async def close(self) -> None:
        """Hang up.  Never raises."""
        ...


class _Call:
    __slots__ = ("command", "future", "sent")

    def __init__(self, command: Command, future: asyncio.Future[Reply]) -> None:
        self.command = command
        self.future = future
        self.sent = False

    def end(self, reply: Reply) -> None:
        if not self.future.done():
            self.future.set_result(reply)

    def expire(self) -> None:
        self.end(StoreError("the store did not answer in time", transient=True, maybe_done=self.sent))


class _Patience:
    """A deadline that passes in steps, each of which takes its full share however late the loop comes to it.

    A loop that was busy for long has replies to read first: what it did not look at yet is not late.
    """

    __slots__ = ("_calls", "_left", "_loop", "_step_s", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline_s: float, calls: Sequence[_Call]) -> None:
        self._loop = loop
        self._step_s = deadline_s / STEPS
        self._left = STEPS
        self._calls = calls
        self._timer = loop.call_later(self._step_s, self._step)

    def _step(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = self._loop.call_later(self._step_s, self._step)
            return
        for call in self._calls:
            call.expire()

    def end(self) -> None:
        self._timer.cancel()


class Batcher:
    """A bounded queue of calls in front of one link."""

    def __init__(self, link: Link, *, deadline_s: float) -> None:
        self._link = link
        self._deadline_s = deadline_s
        self._waiting: deque[_Call] = deque()
        self._wake = asyncio.Event()

    async def call_all(self, commands: Sequence[Command], deadline_s: float | None = None) -> list[Reply]:
        """The replies to *commands*, or the StoreError that each met, within *deadline_s* (or everyone's)."""
        loop = asyncio.get_running_loop()
        calls = [_Call(command, loop.create_future()) for command in commands]
        if len(self._waiting) + len(calls) > MAX_WAITING:
            return [StoreError("too many calls wait for the store", transient=True, maybe_done=False)] * len(calls)
        self._waiting.extend(calls)
        self._wake.set()
        patience = _Patience(loop, deadline_s or self._deadline_s, calls)
        try:
            return [await call.future for call in calls]
        finally:
            patience.end()
            for call in calls:
                call.future.cancel()  # of those still waiting when their caller was cancelled

    async def run(self) -> None:
        """Carry calls over the link until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while batch := self._batch():
                    await self._carry(batch)
        finally:
            await self._link.close()

    def _batch(self) -> list[_Call]:
        batch: list[_Call] = []
        while self._waiting and len(batch) < MAX_BATCH:
            call = self._waiting.popleft()
            if not call.future.done():
                batch.append(call)
        return batch

    async def _carry(self, batch: list[_Call]) -> None:
        for call in batch:
            call.sent = True
        try:
            replies = await self._link.exchange([call.command for call in batch])
        except StoreError as error:
            replies = [error] * len(batch)
        except asyncio.CancelledError:
            for call in batch:
                call.end(StoreError("the store is being closed", transient=True))
            raise
        for call, reply in zip(batch, replies, strict=True):
            call.end(reply)

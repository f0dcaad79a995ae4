"""The idle connections of one upstream: the last one used is used first, so that the others can grow old and go."""

import asyncio
from collections import deque
from typing import Final

from sluice_dataplane.upstream.connection import Connection

MAX_IDLE: Final = 256  # per upstream; a burst's connections beyond that are closed when it ends
IDLE_S: Final = 30.0  # below the keep-alive of most providers; a server that closes earlier costs one more attempt


class Pool:
    """Idle connections to one place."""

    __slots__ = ("_idle", "_loop", "_retired")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle: deque[Connection] = deque()  # oldest first
        self._retired = False

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection | None:
        """The connection used last, if there is one that still stands."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.is_usable and self._loop.time() - connection.idle_since_s < IDLE_S:
                return connection
            connection.fail("idle for too long", "Protocol")
        return None

    def end(self, connection: Connection) -> None:
        """The exchange on *connection* is over: keep it for another if it may serve one, else it is dropped."""
        if not connection.end():
            return
        if self._retired or len(self._idle) >= MAX_IDLE:
            connection.fail("not needed any more", "Protocol")
            return
        connection.idle_since_s = self._loop.time()
        self._idle.append(connection)

    def prune(self) -> None:
        """Drop what is lost or was idle for too long."""
        idle, oldest_s = self._idle, self._loop.time() - IDLE_S
        while idle and (idle[0].idle_since_s <= oldest_s or not idle[0].is_usable):
            idle.popleft().fail("idle for too long", "Protocol")

    def retire(self) -> None:
        """Drop what is idle, and what comes back."""
        self._retired = True
        while self._idle:
            self._idle.pop().fail("not needed any more", "Protocol")

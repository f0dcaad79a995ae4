"""The idle connections of one upstream: the last one used is used first, so that the others can grow old and go."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from sluice_dataplane.upstream.connection import Connection

MAX_IDLE: Final = 256  # per upstream; a burst's connections beyond that are closed when it ends
IDLE_S: Final = 30.0  # below the keep-alive of most providers; a server that closes earlier costs one more attempt


class Pool:
    """Idle connections to one place."""

    __slots__ = ("_addresses", "_idle", "_loop", "_retired", "_used")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle: deque[Connection] = deque()  # oldest first
        self._retired = False
        self._addresses: frozenset[str] | None = None  # None: nobody has said
        self._used = False

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection | None:
        """The connection used last, if there is one that still stands."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if self._is_fit(connection, self._loop.time() - IDLE_S):
                return connection
            connection.fail("idle for too long, or elsewhere", "Protocol")
        return None

    def lead_to(self, addresses: Iterable[str]) -> None:
        """From now on the place is at *addresses*: connections to others are not handed out again."""
        self._addresses = frozenset(addresses)

    def in_use(self) -> bool:
        """Whether a connection is idle, or came back since this was asked last."""
        used, self._used = self._used, False
        return used or bool(self._idle)

    def end(self, connection: Connection) -> None:
        """The exchange on *connection* is over: keep it for another if it may serve one, else it is dropped."""
        if not connection.end():
            return
        if self._retired or len(self._idle) >= MAX_IDLE:
            connection.fail("not needed any more", "Protocol")
            return
        self._used = True
        connection.idle_since_s = self._loop.time()
        self._idle.append(connection)

    def prune(self) -> None:
        """Drop what is lost or was idle for too long."""
        idle, oldest_s = self._idle, self._loop.time() - IDLE_S
        while idle and not self._is_fit(idle[0], oldest_s):
            idle.popleft().fail("idle for too long, or elsewhere", "Protocol")

    def retire(self) -> None:
        """Drop what is idle, and what comes back."""
        self._retired = True
        while self._idle:
            self._idle.pop().fail("not needed any more", "Protocol")

    def _is_fit(self, connection: Connection, oldest_s: float) -> bool:
        return (
            connection.is_usable
            and connection.idle_since_s > oldest_s
            and (self._addresses is None or connection.address in self._addresses)
        )

"""Keeps the connections of the lean front: listens, watches their deadlines, gives away what aiohttp must serve."""

import asyncio
from typing import Final, Protocol

from sluice_dataplane.surface.door import Door
from sluice_dataplane.surface.head import ResponseHeads
from sluice_dataplane.surface.lean import KEEPALIVE_SECONDS, LeanConnection

SWEEP_SECONDS: Final = 1.0  # how late a deadline may be noticed
DRAIN_SWEEP_SECONDS: Final = 0.1  # the same, while the end of the process waits for it
BACKLOG: Final = 1024


class Fallback(Protocol):
    """Whoever serves the connections that are given away."""

    def __call__(self) -> asyncio.Protocol:
        """The protocol of one more connection."""
        ...

    @property
    def empty(self) -> bool:
        """Whether there are none."""
        ...

    def close_idle(self, now_s: float, idle_seconds: float) -> None:
        """Hang up where nothing has been under way for so long.  Called again and again."""
        ...


class LeanHost:
    """The front's listener.  *fallback* serves the connections that are given away: all, if not *lean*.

    A connection that is closed can always have a call on its way to it, which then fails although nobody did anything
    wrong.  So a front that is to end first says ``connection: close`` with each answer (:attr:`Door.closing`), and
    hangs up without having said so only where nothing came for long.
    """

    def __init__(self, door: Door, fallback: Fallback, *, max_body_bytes: int, lean: bool = True) -> None:
        self.door = door
        self.heads = ResponseHeads()
        self.max_body_bytes = max_body_bytes
        self.idle_seconds: float = KEEPALIVE_SECONDS
        self._fallback = fallback
        self._lean = lean
        self._loop = asyncio.get_running_loop()
        self._connections: set[LeanConnection] = set()
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._draining = False
        self._gone = asyncio.Event()  # set when draining may have left no connection

    async def listen(self, host: str, port: int) -> None:
        """Accept connections.

        Raises:
            OSError: the port cannot be bound.
        """
        make = self._connection if self._lean else self._fallback
        self._server = await self._loop.create_server(make, host, port, backlog=BACKLOG, reuse_address=True)
        self._sweep()

    def drain(self, idle_seconds: float) -> None:
        """Go on accepting and answering, and from now on hang up where nothing is under way for *idle_seconds*."""
        self._draining = True
        self.idle_seconds = idle_seconds
        for connection in self._connections:
            connection.hurry()
        self._sweep()

    def stop(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def gone(self) -> None:
        """Wait until no connection is left, nor a call of one; meant for after :meth:`drain` and :meth:`stop`."""
        while not self._empty:
            self._gone.clear()
            await self._gone.wait()

    async def close(self) -> None:
        """Hang up everywhere; calls that are still being answered are cancelled, and have ended on return."""
        self.stop()
        if self._sweeping is not None:
            self._sweeping.cancel()
        left = [connection.abort() for connection in list(self._connections)]
        await asyncio.gather(*(task for task in left if task is not None), return_exceptions=True)

    def joined(self, connection: LeanConnection) -> None:
        """As the connection's Host."""
        self._connections.add(connection)

    def left(self, connection: LeanConnection) -> None:
        """As the connection's Host."""
        self._connections.discard(connection)
        if self._draining:
            self._gone.set()

    def take_over(self, transport: asyncio.Transport, data: bytes) -> None:
        """As the connection's Host."""
        protocol = self._fallback()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    def _connection(self) -> LeanConnection:
        return LeanConnection(self, self._loop)

    @property
    def _empty(self) -> bool:
        return not self._connections and self._fallback.empty

    def _sweep(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        now_s = self._loop.time()
        for connection in [each for each in self._connections if each.due_s <= now_s]:
            connection.expire()
        if self._draining:
            self._fallback.close_idle(now_s, self.idle_seconds)
            self._gone.set()  # aiohttp does not say when one goes
        seconds = DRAIN_SWEEP_SECONDS if self._draining else SWEEP_SECONDS
        self._sweeping = self._loop.call_later(seconds, self._sweep)

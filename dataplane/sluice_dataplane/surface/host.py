"""Keeps the connections of the lean front: listens, watches their deadlines, gives away what aiohttp must serve."""

import asyncio
from collections.abc import Callable
from typing import Final

from sluice_dataplane.surface.door import Door
from sluice_dataplane.surface.head import ResponseHeads
from sluice_dataplane.surface.lean import LeanConnection

SWEEP_SECONDS: Final = 1.0  # how late a deadline may be noticed
BACKLOG: Final = 1024


class LeanHost:
    """The front's listener.  *fallback* makes the protocol for connections that are given away: all, if not *lean*."""

    def __init__(
        self, door: Door, fallback: Callable[[], asyncio.Protocol], *, max_body_bytes: int, lean: bool = True
    ) -> None:
        self.door = door
        self.heads = ResponseHeads()
        self.max_body_bytes = max_body_bytes
        self._fallback = fallback
        self._lean = lean
        self._loop = asyncio.get_running_loop()
        self._connections: set[LeanConnection] = set()
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int) -> None:
        """Accept connections.

        Raises:
            OSError: the port cannot be bound.
        """
        make = self._connection if self._lean else self._fallback
        self._server = await self._loop.create_server(make, host, port, backlog=BACKLOG, reuse_address=True)
        self._sweep()

    def stop(self) -> None:
        """Accept no more; hang up where nothing is under way."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close_if_idle()

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

    def take_over(self, transport: asyncio.Transport, data: bytes) -> None:
        """As the connection's Host."""
        protocol = self._fallback()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    def _connection(self) -> LeanConnection:
        return LeanConnection(self, self._loop)

    def _sweep(self) -> None:
        now_s = self._loop.time()
        for connection in [each for each in self._connections if each.due_s <= now_s]:
            connection.expire()
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

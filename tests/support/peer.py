r"""A TCP server whose every byte the test decides: for rules of HTTP that a proper server cannot break.

::

    async with serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")) as served:
        served.base_url, served.requests, served.connections
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Served:
    """What the server saw."""

    port: int = 0
    scheme: str = "http"
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    open_peers: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def until_open(self, count: int) -> None:
        """Wait until *count* connections are open."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: self.open_peers == count)


class Peer:
    """One connection, seen from the server."""

    def __init__(self, served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served = served
        self.number = served.connections  # from 1
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """The next request, whole.  Raises IncompleteReadError when the caller has gone."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")), 0)
        request = head + await self._reader.readexactly(length)
        self.served.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        """Send *data* and wait until the kernel has it."""
        self._writer.write(data)
        await self._writer.drain()

    async def gone(self) -> None:
        """Wait until the caller has closed the connection."""
        while await self._reader.read(65536):
            pass

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def written_ahead(self) -> int:
        """Bytes that were sent but that the caller's side does not take."""
        return self._writer.transport.get_write_buffer_size()


Script = Callable[[Peer], Awaitable[None]]


def answering(*answers: bytes, close: bool = False) -> Script:
    """Every request gets the next of *answers*, the last one again and again; *close* after each."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(answers[min(len(peer.served.requests), len(answers)) - 1])
            if close:
                return

    return script


@contextlib.asynccontextmanager
async def serving(script: Script, *, context: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    """A server on a free loopback port; each connection is closed when *script* returns for it."""
    served = Served(scheme="http" if context is None else "https")
    tasks: set[asyncio.Task[None]] = set()

    async def changed(by: int) -> None:
        async with served.changed:
            served.open_peers += by
            served.changed.notify_all()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        served.connections += 1
        try:
            await changed(+1)
            await script(Peer(served, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()
            await changed(-1)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=2**20)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

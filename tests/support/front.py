"""A lean front for tests: on a real socket, in front of whatever the test puts behind the door.

async with serving(answer) as served:
    client = await served.client()
    head, body = await client.ask(call(b"{}"))
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web

from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.holder import Holder
from sluice_dataplane.config.table import Table
from sluice_dataplane.exchange import Answer, Exchange
from sluice_dataplane.surface.door import Door
from sluice_dataplane.surface.host import LeanHost
from sluice_dataplane.surface.rest import Rest
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.telemetry.observer import Observer
from sluice_dataplane.telemetry.tracing import NoTracer
from support.builders import NOW_MS
from support.plane import free_port

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Length: %d\r\n%s\r\n"
Serve = Callable[[Exchange], Awaitable[Answer]]


def call(body: bytes, extra: bytes = b"") -> bytes:
    """A call as a client writes it."""
    return HEAD % (len(body), extra) + body


async def echo(exchange: Exchange) -> Answer:
    """Answers with what was sent."""
    return Answer(200, (("content-type", "text/plain"),), exchange.body)


class Rooms:
    """What is behind the door; keeps the exchanges."""

    def __init__(self, serve: Serve) -> None:
        self.seen: list[Exchange] = []
        self._serve = serve

    async def run(self, exchange: Exchange) -> Answer:
        """Keep and answer *exchange*."""
        self.seen.append(exchange)
        return await self._serve(exchange)


class Parts:
    """A stream of *chunks*; between them it waits for ``gate``."""

    def __init__(self, *chunks: bytes, repeat: int = 1) -> None:
        self._chunks: Iterator[bytes] = iter(chunks * repeat)
        self.gate = asyncio.Event()
        self.gate.set()
        self.taken = 0
        self.closed = asyncio.Event()
        self.error: Exception | None = None

    def __aiter__(self) -> "Parts":
        return self

    async def __anext__(self) -> bytes:
        """The next chunk."""
        await self.gate.wait()
        if self.error is not None and self.taken:
            raise self.error
        self.taken += 1
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Remember it."""
        assert not self.closed.is_set()
        self.closed.set()


class Served:
    """A lean front that listens, in front of *rooms*; aiohttp behind it answers ``fallback <path> <body>``."""

    def __init__(self, serve: Serve, **door: Any) -> None:
        metrics = Metrics()
        holder = Holder(lambda: NOW_MS)
        holder._table = Table.build(Snapshot(), revision="r1")
        self.rooms = Rooms(serve)
        clocks: dict[str, Any] = {"clock_ms": lambda: NOW_MS, "monotonic_ms": lambda: 0.0, "max_inflight": 100}
        observer = Observer(metrics, NoTracer(), None, lambda: NOW_MS)
        self.door = Door(self.rooms, holder, observer, metrics, **{**clocks, **door})
        self.rest = Rest(self._rest, max_body_bytes=100_000, keepalive_seconds=60)
        self.host = LeanHost(self.door, self.rest, max_body_bytes=100_000)
        self.port = free_port()
        self._clients: list[Client] = []

    async def _rest(self, request: web.BaseRequest) -> web.Response:
        return web.Response(text=f"fallback {request.path} {(await request.read()).decode()}")

    async def client(self) -> "Client":
        """A new connection."""
        made = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(made)
        return made

    async def close(self) -> None:
        """Every client goes, then the front; nobody may be left inside."""
        for client in self._clients:
            client.reset()
        await self.host.close()
        await self.rest.close()
        assert self.door.inflight == 0


class Client:
    """One connection, seen from the client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[bytes, bytes]:
        """The next answer's head and body, whose framing must be right."""
        async with asyncio.timeout(5):
            head = await self.reader.readuntil(b"\r\n\r\n")
            lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            if b"content-length" in lines:
                return head, await self.reader.readexactly(int(lines[b"content-length"]))
            body = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += await self.reader.readexactly(size)
                assert await self.reader.readexactly(2) == b"\r\n"
            assert await self.reader.readexactly(2) == b"\r\n"
            return head, body

    async def ask(self, data: bytes) -> tuple[bytes, bytes]:
        """Send *data*, get one answer."""
        self.writer.write(data)
        return await self.answer()

    async def rest(self) -> bytes:
        """What comes until the server hangs up, which it must."""
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read()
            return b""

    def reset(self) -> None:
        """Go away without a word."""
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(serve: Serve = echo, **door: Any) -> AsyncIterator[Served]:
    """A lean front in front of *serve*."""
    served = Served(serve, **door)
    await served.rest.open()
    await served.host.listen("127.0.0.1", served.port)
    try:
        yield served
    finally:
        await served.close()


async def until(state: Callable[[], bool]) -> None:
    """Wait until *state* holds."""
    async with asyncio.timeout(5):
        while not state():  # noqa: ASYNC110  a state of what is tested, which tells nobody of it
            await asyncio.sleep(0.001)

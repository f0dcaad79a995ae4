"""A provider of every wire that breaks as it is told: a raw socket on a loopback port, for tests.

::

    async with FaultyUpstream() as upstream:
        upstream.play = lambda spoken: streamed(spoken, spoken.events[:3])   # support/faults/plays.py has more
        ...
        upstream.spoken[-1].used    # what a good answer would have been billed

What it would say if nothing were wrong is what support/wires says; a play makes of that what is sent.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from enum import Enum
from types import TracebackType
from typing import Final, Self

import msgspec

from support.wires.chat import Chat
from support.wires.converse import Converse
from support.wires.gemini import Gemini
from support.wires.messages import Messages
from support.wires.responses import Responses
from support.wires.routes import route_of
from support.wires.script import reply_to
from support.wires.values import Failure, Heard, Reply, Speaker, Used

KEY: Final = "up-canary-7c2e"
JSON: Final = "application/json"


class Signal(Enum):
    """What a connection does besides sending bytes."""

    STALL = "nothing more comes, until the caller goes"
    RESET = "it is reset"
    CLOSE = "it is closed as if all were well"


class Flood(msgspec.Struct, frozen=True):
    """So many times the same bytes; ends early where the caller goes."""

    unit: bytes
    count: int

    @property
    def size(self) -> int:
        """All of it, in bytes."""
        return len(self.unit) * self.count


Step = bytes | Flood | Signal


class Spoken(msgspec.Struct, frozen=True):
    """One request and the good answer to it.  ``kind`` is the media type of that answer, streamed where it was asked
    for; ``body`` is it in one piece, ``events`` in many.
    """

    wire: str
    stream: bool
    kind: str
    body: bytes
    events: list[bytes]
    broken: list[bytes]  # the stream of an answer that ends in the provider's own error
    used: Used
    failed: Callable[[Failure], tuple[dict[str, str], bytes]]


Play = Callable[[Spoken], Iterable[Step]]


class FaultyUpstream:
    """The server; an async context manager."""

    def __init__(self) -> None:
        self.key = KEY
        self.port = 0
        self.play: Play = lambda _: ()
        self.spoken: list[Spoken] = []
        self._speakers: dict[str, Speaker] = {
            each.wire: each for each in (Chat(), Responses(), Messages(), Gemini(), Converse())
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def url(self, scope: str, version: str = "") -> str:
        """The base URL of the wire *scope*, with what comes before its paths."""
        return f"http://127.0.0.1:{self.port}/{scope}{version}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller went, or the server is closing
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may take another request."""
        path, headers = _read_head(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        spoken = self._spoken(path, headers, body)
        self.spoken.append(spoken)
        for step in self.play(spoken):
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case Flood():
                    for _ in range(step.count):
                        writer.write(step.unit)
                        await writer.drain()
                case Signal.STALL:
                    await reader.read()
                    return False
                case Signal.RESET:
                    _reset(writer)
                    return False
                case Signal.CLOSE:
                    writer.close()
                    await writer.wait_closed()
                    return False
        return True

    def _spoken(self, path: str, headers: dict[str, str], body: bytes) -> Spoken:
        tail = path.partition("?")[0].split("/", 2)[2]
        wire, found = route_of(tail)
        assert found is not None, f"the gateway called {path}"
        speaker, named = self._speakers[wire], found.groupdict()

        def heard() -> Heard:
            told = speaker.hear(body, named.get("model", ""), headers)
            if "verb" in named:
                told.stream = "tream" in named["verb"]
            return told

        one = heard()
        reply = reply_to(one, None, len(self.spoken) + 1)
        broken = Reply(reply.id, reply.parts, reply.finish, reply.used, breaks=True)
        return Spoken(
            wire=wire,
            stream=one.stream,
            kind=speaker.content_type if one.stream else JSON,
            body=speaker.answer(one, reply),
            events=speaker.events(one, reply),
            broken=speaker.events(one, broken),
            used=reply.used,
            failed=speaker.error,
        )


def _read_head(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs}


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

"""A provider of every wire that breaks as it is told: a raw socket on a loopback port, for tests.

::

    async with FaultyUpstream() as upstream:
        upstream.play = lambda spoken: streamed(spoken, spoken.events[:3])   # support/faults/plays.py has more
        ...
        upstream.spoken[-1].used    # what a good answer would have been billed

What it would say if nothing were wrong is what support/wires says; a play makes of that what is sent.
"""

import contextlib
from collections.abc import Callable, Iterable
from enum import Enum
from types import TracebackType
from typing import Final, Self

import msgspec

from support.peer import Peer, serving
from support.wires.chat import Chat
from support.wires.converse import Converse
from support.wires.gemini import Gemini
from support.wires.messages import Messages
from support.wires.responses import Responses
from support.wires.routes import route_of
from support.wires.script import reply_to
from support.wires.values import Failure, Speaker, Used

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
        self._running = contextlib.AsyncExitStack()

    def url(self, scope: str, version: str = "") -> str:
        """The base URL of the wire *scope*, with what comes before its paths."""
        return f"http://127.0.0.1:{self.port}/{scope}{version}"

    async def __aenter__(self) -> Self:
        served = await self._running.enter_async_context(serving(self._serve))
        self.port = served.port
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def _serve(self, peer: Peer) -> None:
        """One connection."""
        while True:
            spoken = self._spoken(*_read(await peer.request()))
            self.spoken.append(spoken)
            for step in self.play(spoken):
                match step:
                    case bytes():
                        await peer.send(step)
                    case Flood():
                        for _ in range(step.count):
                            await peer.send(step.unit)
                    case Signal.STALL:
                        return await peer.gone()
                    case Signal.RESET:
                        return peer.reset()
                    case Signal.CLOSE:
                        return None

    def _spoken(self, path: str, headers: dict[str, str], body: bytes) -> Spoken:
        tail = path.partition("?")[0].split("/", 2)[2]
        wire, found = route_of(tail)
        assert found is not None, f"the gateway called {path}"
        speaker, named = self._speakers[wire], found.groupdict()
        heard = speaker.hear(body, named.get("model", ""), headers)
        if "verb" in named:
            heard.stream = "tream" in named["verb"]
        reply = reply_to(heard, len(self.spoken) + 1)
        broken = msgspec.structs.replace(reply, breaks=True)
        return Spoken(
            wire=wire,
            stream=heard.stream,
            kind=speaker.content_type if heard.stream else JSON,
            body=speaker.answer(heard, reply),
            events=speaker.events(heard, reply),
            broken=speaker.events(heard, broken),
            used=reply.used,
            failed=speaker.error,
        )


def _read(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Path, headers and body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs}, body

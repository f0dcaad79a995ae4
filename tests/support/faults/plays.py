"""What a provider may send instead of a good answer, as the steps of its connection.  Pure."""

import gzip
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from support.faults.upstream import JSON, Flood, Play, Signal, Spoken, Step
from support.wires.values import Failure

CANARY: Final = "words-of-the-provider-41d8"
HTML: Final = f"<html><body><h1>It works!</h1>{CANARY}</body></html>".encode()
Events = Callable[[Spoken], list[bytes]]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """A status line and headers."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((f"HTTP/1.1 {status} Scripted", *lines, "", "")).encode("latin-1")


def plain(body: bytes, *, status: int = 200, kind: str = JSON, length: int | None = None, **more: str) -> list[Step]:
    """A whole answer.  *length* is what is told of its length; *more* are headers, ``_`` for ``-``."""
    headers = {"content-type": kind} if kind else {}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return [head(status, {**headers, "content-length": str(len(body) if length is None else length)}) + body]


def stream_head(spoken: Spoken, **more: str) -> bytes:
    """The head of a streamed answer."""
    headers = {"content-type": spoken.kind, **{name.replace("_", "-"): value for name, value in more.items()}}
    return head(200, {**headers, "transfer-encoding": "chunked"})


def chunk(data: bytes) -> bytes:
    """One chunk of a streamed body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(spoken: Spoken, events: Iterable[bytes], *then: Step, **more: str) -> list[Step]:
    """A streamed answer of *events*, each in a chunk of its own; it ends properly unless *then* says otherwise."""
    return [stream_head(spoken, **more), *(chunk(event) for event in events if event), *(then or (b"0\r\n\r\n",))]


def good(spoken: Spoken) -> list[Step]:
    """The good answer."""
    return streamed(spoken, spoken.events) if spoken.stream else plain(spoken.body)


def failing(status: int, **headers: str) -> Play:
    """The wire's own error; *headers* with ``_`` for ``-``."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}

    def play(spoken: Spoken) -> list[Step]:
        named, body = spoken.failed(Failure(status, CANARY, headers=told))
        return [head(status, {**named, "content-length": str(len(body))}) + body]

    return play


def listed(status: int) -> Play:
    """An error in a list of one, as Google has it now and then."""

    def play(spoken: Spoken) -> list[Step]:
        _, body = spoken.failed(Failure(status, CANARY))
        return plain(b"[" + body + b"]", status=status)

    return play


def said(body: bytes, *, status: int = 200, kind: str = JSON) -> Play:
    """*body*, whatever was asked."""
    return lambda _: plain(body, status=status, kind=kind)


def half_body(spoken: Spoken) -> list[Step]:
    """A whole HTTP answer with half a JSON text in it."""
    return plain(spoken.body[: len(spoken.body) // 2])


def short_body(spoken: Spoken) -> list[Step]:
    """Fewer bytes than announced."""
    return [*plain(spoken.body, length=len(spoken.body) + 10), Signal.CLOSE]


def zipped(spoken: Spoken) -> list[Step]:
    """Compressed, though nobody asked."""
    if spoken.stream:
        return streamed(spoken, [gzip.compress(b"".join(spoken.events))], content_encoding="gzip")
    return plain(gzip.compress(spoken.body), content_encoding="gzip")


def swapped(spoken: Spoken) -> list[Step]:
    """A stream where an answer was asked for, an answer where a stream was."""
    if spoken.stream:
        return plain(spoken.body)
    kind = "application/vnd.amazon.eventstream" if spoken.wire == "converse" else "text/event-stream"
    return plain(b"".join(spoken.events), kind=kind)


def mislabelled(spoken: Spoken) -> list[Step]:
    """A good answer that is called plain text."""
    return plain(b"".join(spoken.events) if spoken.stream else spoken.body, kind="text/plain")


def silent(spoken: Spoken) -> list[Step]:
    """Not even a head."""
    return [Signal.STALL]


def silent_after_head(spoken: Spoken) -> list[Step]:
    """A head, and then nothing."""
    return [stream_head(spoken), Signal.STALL]


def reset(spoken: Spoken) -> list[Step]:
    """A reset instead of an answer."""
    return [Signal.RESET]


def reset_after_head(spoken: Spoken) -> list[Step]:
    """A reset before the first byte of the body."""
    return [stream_head(spoken), Signal.RESET]


def endless_headers(spoken: Spoken) -> list[Step]:
    """A head of 100 MB."""
    return [b"HTTP/1.1 200 OK\r\n", Flood(b"x-filler: " + b"x" * 65_000 + b"\r\n", 1_600)]


def endless_body(spoken: Spoken) -> list[Step]:
    """A plain answer of 160 MB."""
    begun = spoken.body[:-1] + b',"filler":"'
    flood = Flood(b"x" * 65_536, 2_500)
    return [head(200, {"content-type": JSON, "content-length": str(len(begun) + flood.size + 2)}) + begun, flood, b'"}']


def of_events(change: Events, *then: Step) -> Play:
    """A stream whose events are what *change* makes of the good ones; it ends properly unless *then* says otherwise."""
    return lambda spoken: streamed(spoken, change(spoken), *then)


def at_once(change: Events) -> Play:
    """As :func:`of_events`, all of them in one chunk."""
    return lambda spoken: streamed(spoken, [b"".join(change(spoken))])


def in_bytes(change: Events) -> Play:
    """As :func:`of_events`, byte by byte."""
    return lambda spoken: streamed(spoken, [bytes((each,)) for event in change(spoken) for each in event])

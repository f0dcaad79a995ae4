"""Calls at the least cost for the caller: hundreds of streams at once, and every way to leave one.

A connection each, read as bytes; what is told of a call is what its client can know: how much came, and whether that
was all.
"""

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import msgspec

from support.bill import Script
from support.builders import SECRET

RESET = struct.pack("ii", 1, 0)
CONTENT = b'"content":"'
SECONDS = 60.0


class Call(msgspec.Struct):
    """One call: what is asked, and what became of it so far."""

    marker: str
    model: str = "chat"
    stream: bool = True
    scripts: tuple[Script, ...] = (Script(),)
    secret: str = SECRET
    max_tokens: int | None = 400
    text: str = "how much is this?"
    leave_after: int | None = None  # reset the connection after so many chunks; 0: once the request is written
    read: bool = True  # False: never read a byte of the answer
    # Told:
    plane: str = ""
    status: int = 0
    headers: dict[str, str] = {}
    chunks: int = 0  # of content, delivered
    whole: bool = False  # the answer came to its proper end
    broken: bool = False  # the connection ended before that
    body: bytes = b""  # of answers that are no streams
    seconds: float = 0.0

    @property
    def code(self) -> str:
        """The error's code; empty where there is none."""
        if self.status == 200 or not self.body:
            return ""
        return str(json.loads(self.body)["error"]["code"])

    def request(self) -> bytes:
        """The bytes to send."""
        asked: dict[str, Any] = {
            "model": self.model,
            "user": self.marker,
            "messages": [{"role": "user", "content": self.text}],
            "metadata": {"script": msgspec.json.encode(self.scripts).decode()},
        }
        if self.stream:
            asked["stream"] = True
        if self.max_tokens is not None:
            asked["max_tokens"] = self.max_tokens
        body = msgspec.json.encode(asked)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {self.secret}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def perform(call: Call, port: int, *, seen: Callable[[], None] = lambda: None, plane: str = "") -> Call:
    """Make *call* at the data plane on *port*, to its end; *seen* is told once its first content has come."""
    began = time.monotonic()
    call.plane = plane
    writer = None
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(call.request())
            if not call.read:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                await asyncio.Event().wait()
            if call.leave_after != 0:
                await _receive(call, reader, seen)
    except (OSError, asyncio.IncompleteReadError):
        call.broken = True
    finally:
        call.seconds = time.monotonic() - began
        if writer is not None:
            _leave(call, writer)
    return call


async def _receive(call: Call, reader: asyncio.StreamReader, seen: Callable[[], None]) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    call.status = int(first.split(" ", 2)[1])
    call.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" in call.headers:
        call.body = await reader.readexactly(int(call.headers["content-length"]))
        call.whole = True
        seen()
        return
    tail = b""
    while True:
        piece = await reader.read(65536)
        if not piece:
            call.broken = True
            return
        if not call.chunks:
            seen()
        # A word that is cut in two is counted with the piece that ends it.
        joined = tail + piece
        call.chunks += joined.count(CONTENT) - tail.count(CONTENT)
        tail = joined[-64:]
        if call.leave_after is not None and call.chunks >= call.leave_after:
            return
        if tail.endswith(b"0\r\n\r\n"):
            call.whole = b"data: [DONE]\n\n" in tail
            return


def _leave(call: Call, writer: asyncio.StreamWriter) -> None:
    """Close; at once and by a reset where the caller leaves early."""
    if not call.whole:
        with contextlib.suppress(OSError):
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()

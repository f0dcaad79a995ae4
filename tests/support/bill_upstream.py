"""A provider in a process of its own that writes its own bill: ``python -m support.bill_upstream --bill FILE``.

Speaks OpenAI's chat completions, plain and streamed.  Each request says by a :class:`~support.bill.Script` in its
``metadata`` how it is to be answered (the n-th attempt of a marker at a model by the n-th script; the last one goes
on), and by its ``user`` which call it is: the gateway passes both on as they are.  It generates by the clock, whether
it is read or not, and stops when it sees that the caller is gone.  Prints ``ready PORT`` once it listens.
"""

import argparse
import asyncio
import contextlib
import os
import random
import socket
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from support.bill import Line, Script, State, encode

WORD = "four"  # one token in this provider's count, as its input is: four bytes
RESET = struct.pack("ii", 1, 0)
DEFAULT = Script()
_scripts = msgspec.json.Decoder(list[Script])


class Asked(msgspec.Struct):
    """What is read of a request's body."""

    model: str
    messages: list[dict[str, Any]]
    user: str = ""
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


_asked = msgspec.json.Decoder(Asked)


class Books:
    """The bill's file, and how often each marker has come."""

    def __init__(self, path: Path, seed: int) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.seed = seed
        self.number = 0
        self.attempts: Counter[tuple[str, str]] = Counter()  # by marker and model

    def write(self, line: Line) -> None:
        """Append *line*: before what it says is sent."""
        os.write(self._fd, encode(line))


class Work:
    """One request being answered: decides what to generate, and charges before it is sent."""

    def __init__(self, asked: Asked, books: Books) -> None:
        books.number += 1
        self.number = books.number
        self.asked = asked
        given = _scripts.decode(asked.metadata["script"]) if asked.metadata else [DEFAULT]
        scripts = [each for each in given if each.model in ("", asked.model)]
        attempt = books.attempts[asked.user, asked.model]
        books.attempts[asked.user, asked.model] += 1
        self.script = scripts[min(attempt, len(scripts) - 1)]
        draw = random.Random(f"{books.seed} {asked.user}")
        chunks = draw.randint(5, 30) if self.script.chunks is None else self.script.chunks
        ceiling = asked.max_completion_tokens or asked.max_tokens
        whole = chunks * self.script.tokens
        self.whole = whole if ceiling is None else min(whole, ceiling)
        self.input = sum((len(str(each.get("content")).encode()) + 3) // 4 for each in asked.messages)
        self.output = 0
        self.over = False
        self._books = books

    def charge(self, state: State, output: int = 0) -> None:
        """Write what it has come to; after a last state nothing more is written."""
        if self.over:
            return
        self.output += output
        self.over = state != "open"
        free = state == "refused"
        asked = self.asked
        line = Line(self.number, asked.user, asked.model, state, 0 if free else self.input, 0 if free else self.output)
        self._books.write(line)

    def chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        """One event."""
        choices = [] if "usage" in more else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        told = {
            "id": f"chatcmpl-{self.number:024d}",
            "object": "chat.completion.chunk",
            "created": 1_790_000_000,
            "model": self.asked.model,
            "system_fingerprint": "fp_0123456789",
            "choices": choices,
            **more,
        }
        return b"data: " + msgspec.json.encode(told) + b"\n\n"

    def usage(self) -> dict[str, int]:
        """What the bill says."""
        return {
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
        }

    def body(self) -> bytes:
        """The plain answer."""
        message = {"role": "assistant", "content": WORD * self.output}
        told: dict[str, Any] = {
            "id": f"chatcmpl-{self.number:024d}",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": self.asked.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        if self.script.usage:
            told["usage"] = self.usage()
        return msgspec.json.encode(told)


class Connection(asyncio.Protocol):
    """One connection of a gateway."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._got = b""
        self._task: asyncio.Task[None] | None = None
        self._work: Work | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: what was generated by now is charged, and no more."""
        if self._task is not None:
            self._task.cancel()
        if self._work is not None:
            work = self._work
            # A plain answer is generated in one go, and charged whole once it was begun.
            rest = 0 if work.asked.stream or work.script.status != 200 else work.whole - work.output
            work.charge("refused" if work.script.status != 200 else "gone", rest)

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        self._got += data
        head, found, rest = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(rest) < length:
            return
        self._got = rest[length:]
        self._work = Work(_asked.decode(rest[:length]), self._books)
        self._work.charge("open")
        self._task = asyncio.get_running_loop().create_task(self._answer(self._work))

    async def _answer(self, work: Work) -> None:
        script = work.script
        if script.first_ms:
            await asyncio.sleep(script.first_ms / 1000)
        if script.reset_after == 0:
            self._reset(work)
        elif script.hang_after == 0:
            work.charge("hung", work.whole)
        elif script.status != 200:
            work.charge("refused")
            self._send(script.status, b'{"error":{"message":"scripted","type":"scripted_error","code":"scripted"}}')
        elif work.asked.stream:
            await self._stream(work)
        else:
            work.charge("ended", work.whole)
            self._send(200, work.body())

    def _send(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    async def _stream(self, work: Work) -> None:
        script = work.script
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        sent = 0
        while work.output < work.whole:
            if sent and script.gap_ms:
                await asyncio.sleep(script.gap_ms / 1000)
            if sent and sent == script.reset_after:
                return self._reset(work)
            if sent and sent == script.hang_after:
                return work.charge("hung", work.whole - work.output)
            tokens = min(script.tokens, work.whole - work.output)
            work.charge("open", tokens)
            self._event(work.chunk({"content": WORD * tokens}))
            sent += 1
        work.charge("ended")
        self._event(work.chunk({}, "stop"))
        if script.usage and (work.asked.stream_options or {}).get("include_usage"):
            self._event(work.chunk({}, usage=work.usage()))
        self._event(b"data: [DONE]\n\n")
        self._transport.write(b"0\r\n\r\n")
        return None

    def _event(self, event: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))

    def _reset(self, work: Work) -> None:
        work.charge("reset", 0 if work.asked.stream else work.whole)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()


async def _main(port: int, path: Path, seed: int) -> None:
    books = Books(path, seed)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(books), "127.0.0.1", port, backlog=1024)
    sys.stdout.write(f"ready {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A provider that writes its own bill.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bill", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(given.port, given.bill, given.seed))

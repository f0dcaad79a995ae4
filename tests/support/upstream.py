"""A provider that does as it is told: a real HTTP server on a loopback port, for tests.

In the test's own process::

    async with ScriptedUpstream() as upstream:
        upstream.base_url                                           # http://127.0.0.1:<port>/v1
        upstream.queue(Fault(status=503, headers={"retry-after": "1"}))  # for the next call
        upstream.models["slow"] = Fault(first_byte_ms=500)          # for every call of that model
        ...
        upstream.seen[-1].headers["authorization"], upstream.seen[-1].json()["model"]
        upstream.bill[-1].output_tokens                             # what this provider would charge for

In a process of its own: ``python -m support.upstream --port N`` (with ``tests`` on the path; 0 takes a free port),
which prints ``ready http://127.0.0.1:N/v1`` once it listens.  There, and here too:

- a model called ``fault-<name>`` behaves like ``PRESETS[<name>]``: ``fault-stall``, ``fault-503``, …
- ``POST /-/queue`` takes a list of faults as JSON, ``PUT /-/models/<model>`` one fault, ``DELETE /-/all`` forgets
  everything; ``GET /-/seen`` and ``GET /-/bill`` tell what came and what was billed.

Without a fault it answers chat, completions and embeddings in OpenAI's form, plain and streamed.  The content is the
last user message (or prompt), one token is four UTF-8 bytes, usage comes in streams when ``include_usage`` asks.
"""

import argparse
import asyncio
import contextlib
import gzip
import socket
import struct
import sys
from collections import deque
from types import TracebackType
from typing import Any, Self

import msgspec

from support.upstream_wire import Answer, answer_to, error_body

MAX_SEEN = 100_000


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one call gets instead of, or besides, a good answer.  Events are a stream's, the usage event included."""

    status: int = 200  # another one sends ``body``, or an error in OpenAI's form
    headers: dict[str, str] = {}
    body: str | None = None  # instead of the answer, as it is
    first_byte_ms: int = 0  # wait before the status line
    stall_before_head: bool = False  # never answer; the connection stays open
    stall_after_events: int | None = None  # send so many events, then nothing; the connection stays open
    reset_before_head: bool = False  # TCP reset instead of an answer
    reset_after_events: int | None = None  # TCP reset after so many events (of a plain answer: after its head)
    end_after_events: int | None = None  # end the body properly after so many events, without [DONE]
    half_event: bool = False  # end the body properly inside the last event of content
    truncate: bool = False  # plain: a proper body that holds half the JSON
    short_body: bool = False  # plain: announce more bytes than are sent, then close
    usage: str = "real"  # real | none | zero
    gzip: bool = False  # compress although nobody asked
    crlf: bool = False  # events end in CRLF CRLF
    huge_line_bytes: int = 0  # one more event first, with so much data in one line
    chunks: int | None = None  # pieces of content in a stream; the content is then "w0 w1 …"
    chunk_delay_ms: int = 0  # between events
    close: bool = False  # say "connection: close" and do it


PRESETS = {
    "400": Fault(status=400),
    "401": Fault(status=401),
    "429": Fault(status=429, headers={"retry-after": "1"}),
    "500": Fault(status=500),
    "503": Fault(status=503, headers={"retry-after": "1"}),
    "redirect": Fault(status=307, headers={"location": "http://127.0.0.1:9/elsewhere"}, body=""),
    "html": Fault(headers={"content-type": "text/html"}, body="<html><body>It works!</body></html>"),
    "garbage": Fault(body="\x00\x01 this is no JSON"),
    "truncated": Fault(truncate=True),
    "short-body": Fault(short_body=True),
    "slow": Fault(first_byte_ms=1000),
    "stall": Fault(stall_before_head=True),
    "stall-midstream": Fault(stall_after_events=2),
    "reset": Fault(reset_before_head=True),
    "reset-midstream": Fault(reset_after_events=2),
    "no-done": Fault(end_after_events=2),
    "half-event": Fault(half_event=True),
    "no-usage": Fault(usage="none"),
    "zero-usage": Fault(usage="zero"),
    "gzip": Fault(gzip=True),
    "crlf": Fault(crlf=True),
    "huge-line": Fault(huge_line_bytes=2 * 1024 * 1024),
    "long-stream": Fault(chunks=50, chunk_delay_ms=20),
}


class Seen(msgspec.Struct, frozen=True):
    """One request as it came.  Header names are in lower case; of two with one name the last counts."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int  # counted from 1: equal numbers came over one connection

    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class Billed(msgspec.Struct, frozen=True):
    """What this provider charges for: all input, and the output that was sent (``complete``: all of it was)."""

    request_id: str  # as in the answer's x-request-id and id
    model: str
    input_tokens: int
    output_tokens: int
    complete: bool


class _GoneError(Exception):
    """The connection is over; nothing more is to be sent."""


class ScriptedUpstream:
    """The server; an async context manager.  ``port`` 0 takes a free one; ``host`` is an address of this machine."""

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = port
        self.models: dict[str, Fault] = {}
        self.seen: deque[Seen] = deque(maxlen=MAX_SEEN)
        self.bill: deque[Billed] = deque(maxlen=MAX_SEEN)
        self.connections = 0  # ever accepted
        self._queue: deque[Fault] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """What a ModelProvider's baseURL would be."""
        return f"http://{self.host}:{self.port}/v1"

    @property
    def open_connections(self) -> int:
        """How many connections stand now."""
        return len(self._tasks)

    def queue(self, *faults: Fault) -> None:
        """The next calls get *faults*, one each, in this order and before any fault by model."""
        self._queue.extend(faults)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=2**20)
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
        self.connections += 1
        number = self.connections
        try:
            while await self._serve_one(reader, writer, number):
                pass
        except (_GoneError, ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass  # the server is closing; asyncio would log a cancelled connection as an error
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """Whether the connection may take another request."""
        method, path, headers = _read_head(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if path.startswith("/-/"):
            told = self._command(method, path[3:], body)
            writer.write(_head(200, {"content-type": "application/json", "content-length": str(len(told))}) + told)
            await writer.drain()
            return True
        self.seen.append(Seen(method, path, headers, body, number))
        answer = answer_to(path, body, number=len(self.seen))
        fault = self._fault_for(answer.model)
        try:
            await _Reply(self.bill, answer, fault, reader, writer).send()
        finally:
            await writer.drain()
        return not fault.close

    def _fault_for(self, model: str) -> Fault:
        if self._queue:
            return self._queue.popleft()
        return self.models.get(model) or PRESETS.get(model.removeprefix("fault-")) or Fault()

    def _command(self, method: str, path: str, body: bytes) -> bytes:
        match method, path.split("/", 1):
            case "POST", ["queue"]:
                self.queue(*msgspec.json.decode(body, type=list[Fault]))
            case "PUT", ["models", model]:
                self.models[model] = msgspec.json.decode(body, type=Fault)
            case "DELETE", ["all"]:
                for everything in (self._queue, self.models, self.seen, self.bill):
                    everything.clear()
            case "GET", ["seen"]:
                return msgspec.json.encode([{**msgspec.to_builtins(s), "body": s.body.decode()} for s in self.seen])
            case "GET", ["bill"]:
                return msgspec.json.encode(list(self.bill))
            case _:
                return b'{"error":"no such command"}'
        return b"{}"


class _Reply:
    """One call's answer on its way out."""

    def __init__(
        self,
        bill: deque[Billed],
        answer: Answer,
        fault: Fault,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._bill = bill
        self._answer = answer
        self._fault = fault
        self._reader = reader
        self._writer = writer

    async def send(self) -> None:
        """Raises _GoneError when the connection is of no further use."""
        fault, answer = self._fault, self._answer
        await asyncio.sleep(fault.first_byte_ms / 1000)
        if fault.stall_before_head:
            await self._stall()
        if fault.reset_before_head:
            self._reset()
        if fault.status != 200 or fault.body is not None or answer.status != 200:
            status = answer.status if fault.status == 200 else fault.status
            body = answer.body(usage=fault.usage) if answer.status != 200 else error_body(status)
            self._plain(status, fault.body.encode() if fault.body is not None else body)
        elif answer.streamed:
            await self._stream()
        else:
            body = answer.body(usage=fault.usage)
            if fault.reset_after_events is not None:
                self._writer.write(_head(200, {"content-length": str(len(body))}))
                await self._writer.drain()
                self._reset()
            self._plain(200, body[: len(body) // 2] if fault.truncate else body)
            self._charge(answer.output_tokens, complete=True)
            if fault.short_body:
                raise _GoneError

    def _plain(self, status: int, body: bytes) -> None:
        fault = self._fault
        headers = {"content-type": "application/json", "x-request-id": self._answer.id, **fault.headers}
        if fault.gzip:
            body = gzip.compress(body)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body) + (10 if fault.short_body else 0))
        self._writer.write(_head(status, headers, close=fault.close) + body)

    async def _stream(self) -> None:
        fault, answer = self._fault, self._answer
        headers = {"content-type": "text/event-stream", "x-request-id": answer.id, **fault.headers}
        if fault.gzip:
            headers["content-encoding"] = "gzip"
        self._writer.write(_head(200, {**headers, "transfer-encoding": "chunked"}, close=fault.close))
        sent_tokens, complete = 0, False
        try:
            if fault.huge_line_bytes:
                await self._event(b"data: " + b"x" * fault.huge_line_bytes + b"\n\n")
            events = answer.events(usage=fault.usage, chunks=fault.chunks)
            for sent, (event, tokens) in enumerate(events):
                await self._break_off_after(sent)
                if sent == fault.end_after_events:
                    break
                if sent and fault.chunk_delay_ms:
                    await asyncio.sleep(fault.chunk_delay_ms / 1000)
                if fault.half_event and tokens:
                    await self._event(event[: len(event) // 2])
                    break
                await self._event(event)
                sent_tokens += tokens
            else:
                await self._break_off_after(len(events))
            self._writer.write(b"0\r\n\r\n")
            await self._writer.drain()
            complete = True
        finally:
            self._charge(sent_tokens, complete=complete)

    async def _break_off_after(self, sent: int) -> None:
        if sent == self._fault.stall_after_events:
            await self._stall()
        if sent == self._fault.reset_after_events:
            self._reset()

    async def _event(self, event: bytes) -> None:
        if self._fault.crlf:
            event = event.replace(b"\n", b"\r\n")
        if self._fault.gzip:
            event = gzip.compress(event)
        self._writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await self._writer.drain()

    def _charge(self, output_tokens: int, *, complete: bool) -> None:
        answer = self._answer
        self._bill.append(Billed(answer.id, answer.model, answer.input_tokens, output_tokens, complete))

    async def _stall(self) -> None:
        """Until the caller goes away."""
        await self._writer.drain()
        await self._reader.read()
        raise _GoneError

    def _reset(self) -> None:
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise _GoneError


def _read_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return method, path, {name.lower(): value.strip() for name, _, value in pairs}


def _head(status: int, headers: dict[str, str], *, close: bool = False) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()] + ["connection: close"] * close
    return "\r\n".join((f"HTTP/1.1 {status} Scripted", *lines, "", "")).encode("latin-1")


async def _main(port: int) -> None:
    async with ScriptedUpstream(port) as upstream:
        sys.stdout.write(f"ready {upstream.base_url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A provider that does as it is told.")
    parser.add_argument("--port", type=int, default=0)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args().port))

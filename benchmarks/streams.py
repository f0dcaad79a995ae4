"""Streams of 50 chunks, 5 ms apart: a provider that sends them, and clients that take them.  Both cost little.

python benchmarks/streams.py serve PORT
python benchmarks/streams.py take PORT KEY STREAMS SECONDS     # prints: how many streams came whole, how many did not
"""

import asyncio
import sys
from typing import Final

import uvloop

CHUNKS: Final = 50
PAUSE_SECONDS: Final = 0.005
DEADLINE_SECONDS: Final = 10.0
BODY: Final = b'{"model":"m","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"%s"}]}' % (b"x" * 120)
_EVENT: Final = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"m","choices":[{"index":0,'
    b'"delta":{"content":" lorem"},"finish_reason":null}]}\n\n'
)
_LAST: Final = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":57,"completion_tokens":50,"total_tokens":107}}\n\ndata: [DONE]\n\n'
)
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_PLAIN: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Provider(asyncio.Protocol):
    """Answers each request of one connection with a stream; a request ends where its body's last brace has come."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has come."""
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        """Bytes of a request: whole once the body is as long as announced."""
        self.seen += data
        head, separator, body = self.seen.partition(b"\r\n\r\n")
        if separator and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0):
            self.seen = b""
            if b'"stream":true' not in body:  # the first call, which only asks whether anybody is there
                self.transport.write(_PLAIN)
                return
            self.transport.write(_HEAD)
            self.send(CHUNKS)

    def send(self, left: int) -> None:
        """The next chunk, and the one after it in a while."""
        if self.transport.is_closing():
            return
        if not left:
            self.transport.write(_chunk(_LAST) + b"0\r\n\r\n")
            return
        self.transport.write(_chunk(_EVENT))
        asyncio.get_running_loop().call_later(PAUSE_SECONDS, self.send, left - 1)


async def serve(port: int) -> None:
    """Provide until ended."""
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


class Taker(asyncio.Protocol):
    """Takes one stream after the other on one connection until *until*, by the loop's clock."""

    def __init__(self, request: bytes, until: float) -> None:
        self.request = request
        self.until = until
        self.loop = asyncio.get_running_loop()
        self.done = self.loop.create_future()
        self.whole = self.broken = self.events = 0
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first stream."""
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """A piece of a stream; the body's end asks for the next one."""
        self.events += data.count(b"data: {")
        self.tail = (self.tail + data)[-64:]
        if not self.tail.endswith(b"\r\n0\r\n\r\n"):
            return
        whole = b"data: [DONE]" in self.tail and self.events >= CHUNKS
        self.whole += whole
        self.broken += not whole
        self.events, self.tail = 0, b""
        if self.loop.time() < self.until:
            self.transport.write(self.request)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, wanted or not."""
        self.broken += exc is not None or self.loop.time() < self.until
        self.done.set_result(None)


async def take(port: int, key: str, streams: int, seconds: float) -> None:
    """Take *streams* at once for *seconds*; print how many came whole and how many did not."""
    loop = asyncio.get_running_loop()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    request = f"{head}authorization: Bearer {key}\r\ncontent-length: {len(BODY)}\r\n\r\n".encode() + BODY
    until = loop.time() + seconds
    takers = []
    for _ in range(streams):
        _, taker = await loop.create_connection(lambda: Taker(request, until), "127.0.0.1", port)
        takers.append(taker)
    async with asyncio.timeout(seconds + DEADLINE_SECONDS):
        await asyncio.gather(*(taker.done for taker in takers))
    print(sum(taker.whole for taker in takers), sum(taker.broken for taker in takers))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "serve":
        uvloop.run(serve(int(arguments[0])))
    else:
        uvloop.run(take(int(arguments[0]), arguments[1], int(arguments[2]), float(arguments[3])))

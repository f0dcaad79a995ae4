"""Answers through aiohttp: written as they come, and let go of when nobody reads them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from sluice_dataplane.exchange import Answer
from sluice_dataplane.surface.reply import send
from support.front import Client, Parts
from support.plane import free_port

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@contextlib.asynccontextmanager
async def _answering(answer: Answer, *, closing: bool = False) -> AsyncIterator[Client]:
    """A connection to aiohttp that answers with *answer*, handlers running on when their client is gone."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await send(request, answer, "req1", closing=closing)

    port = free_port()
    runner = web.ServerRunner(web.Server(handle, handler_cancellation=False), shutdown_timeout=1)
    await runner.setup()
    client: Client | None = None
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        yield client
    finally:
        if client is not None:
            client.reset()
        await runner.cleanup()


async def test_a_body_goes_out_under_both_ids() -> None:
    """A plain answer has its own headers, and the id under the name that each SDK looks for."""
    async with _answering(Answer(201, (("content-type", "text/plain"),), b"hello")) as client:
        head, body = await client.ask(ASK)
    lines = head.lower().split(b"\r\n")
    assert lines[0].startswith(b"http/1.1 201")
    assert {b"content-type: text/plain", b"x-request-id: req1", b"request-id: req1"} <= set(lines)
    assert body == b"hello"


async def test_the_last_answer_says_that_it_is_the_last() -> None:
    """A front that is closing tells its clients, so that they ask elsewhere, and hangs up."""
    for answer in (Answer(200, (), b""), Answer(200, (), chunks=Parts(b"one"))):
        async with _answering(answer, closing=True) as client:
            head, _ = await client.ask(ASK)
            assert b"connection: close" in head.lower()
            assert await client.rest() == b""


async def test_a_stream_is_passed_on_and_closed() -> None:
    """Each chunk goes out, and the stream is closed when it has ended."""
    parts = Parts(b"one ", b"two")
    async with _answering(Answer(200, (), chunks=parts)) as client:
        _, body = await client.ask(ASK)
        assert body == b"one two"
        async with asyncio.timeout(5):
            await parts.closed.wait()


async def test_a_client_that_leaves_a_silent_stream_is_noticed() -> None:
    """Nothing comes from upstream, so that nothing is written: the stream is closed all the same."""
    parts = Parts(b"one ", b"two")
    async with _answering(Answer(200, (), chunks=parts)) as client:
        client.writer.write(ASK)
        async with asyncio.timeout(5):
            await client.reader.readuntil(b"two")
        parts.gate.clear()  # the end of the stream does not come
        client.reset()
        async with asyncio.timeout(5):
            await parts.closed.wait()

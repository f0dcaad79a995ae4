"""The lean front's keeper: how it stops, and how it ends."""

import asyncio

import pytest

from sluice_dataplane.exchange import Answer, Exchange
from support.front import Parts, call, echo, serving, until


async def test_stopping_ends_what_is_idle_and_nothing_else() -> None:
    """No new connections, idle ones closed; a call is answered, with word that the connection ends."""
    gate = asyncio.Event()

    async def held(exchange: Exchange) -> Answer:
        await gate.wait()
        return await echo(exchange)

    async with serving(held) as served:
        idle, busy, slow = [await served.client() for _ in range(3)]
        busy.writer.write(call(b"busy"))
        slow.writer.write(call(b"slow")[:-1])
        await until(lambda: served.door.inflight == 2)
        served.door.closing = True
        served.host.stop()
        assert await idle.rest() == b""
        with pytest.raises(OSError, match="Connect"):
            await served.client()
        gate.set()
        slow.writer.write(b"w")
        answers = [await busy.answer(), await slow.answer()]
        assert await busy.rest() == await slow.rest() == b""
        await served.door.idle()

    assert [body for _, body in answers] == [b"busy", b"slow"]
    assert all(b"connection: close\r\n" in head for head, _ in answers)


async def test_closing_cancels_what_is_left_and_waits_for_it() -> None:
    """When time is up, calls and streams get a chance to settle before the rest of the process goes."""
    parts = Parts(b"one")
    parts.gate.clear()

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=parts)

    async with serving(stream) as served:
        client = await served.client()
        client.writer.write(call(b"{}"))
        await until(lambda: len(served.rooms.seen) == 1)
        await served.host.close()

        assert parts.closed.is_set()
        assert served.door.inflight == 0

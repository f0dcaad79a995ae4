"""The lean front's keeper: how it stops, and how it ends."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import pytest

from sluice_dataplane.exchange import Answer, Exchange
from sluice_dataplane.surface import host as host_module
from support.front import Parts, Served, call, echo, serving, until

OTHER: Final = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"  # aiohttp's


LONG: Final = 60.0  # no test waits so long


@pytest.fixture
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that notices at once, while it drains, what time is up for."""
    monkeypatch.setattr(host_module, "DRAIN_SWEEP_SECONDS", 0.005)


def drain(served: Served, idle_seconds: float) -> None:
    """As a process does that is told to end."""
    served.door.closing = True
    served.host.drain(idle_seconds)


async def test_stopping_lets_nobody_in_and_answers_who_is() -> None:
    """No new connections; calls under way are answered, with word that the connection ends, which it does."""
    gate = asyncio.Event()

    async def held(exchange: Exchange) -> Answer:
        await gate.wait()
        return await echo(exchange)

    async with serving(held) as served:
        busy, slow = [await served.client() for _ in range(2)]
        busy.writer.write(call(b"busy"))
        slow.writer.write(call(b"slow")[:-1])
        await until(lambda: served.door.inflight == 2)
        drain(served, LONG)
        served.host.stop()
        with pytest.raises(OSError, match="Connect"):
            await served.client()
        gate.set()
        slow.writer.write(b"w")
        answers = [await busy.answer(), await slow.answer()]
        assert await busy.rest() == await slow.rest() == b""
        async with asyncio.timeout(5):
            await served.host.gone()

    assert [body for _, body in answers] == [b"busy", b"slow"]
    assert all(b"connection: close\r\n" in head for head, _ in answers)


@pytest.mark.parametrize("used", [True, False], ids=["kept", "just opened"])
async def test_a_call_on_an_idle_connection_is_answered_to_the_last(used: bool) -> None:
    """It may be on its way when draining begins, or when nobody is let in any more: its connection is still there."""
    async with serving() as served:
        clients = [await served.client() for _ in range(2)]
        if used:
            assert [(await client.ask(call(b"before")))[1] for client in clients] == [b"before"] * 2
        await until(lambda: len(served.host._connections) == 2)
        drain(served, LONG)
        draining = await clients[0].ask(call(b"while draining"))
        served.host.stop()
        stopped = await clients[1].ask(call(b"when stopped"))
        ends = [await client.rest() for client in clients]

    assert [draining[1], stopped[1]] == [b"while draining", b"when stopped"]
    assert all(b"connection: close\r\n" in head for head, _ in (draining, stopped))
    assert ends == [b"", b""]


async def test_a_new_connection_is_served_while_draining() -> None:
    """Whoever has not heard yet that we go is answered, and asked to try elsewhere next."""
    async with serving() as served:
        drain(served, LONG)
        client = await served.client()
        head, body = await client.ask(call(b"late"))

        assert (body, b"connection: close\r\n" in head) == (b"late", True)
        assert await client.rest() == b""


async def test_a_stream_that_began_before_is_not_its_connections_last() -> None:
    """Its head was out before anybody knew, and did not say so: the next call on the connection is answered."""
    gate = asyncio.Event()

    async def words() -> AsyncGenerator[bytes]:
        yield b"one"
        await gate.wait()
        yield b"two"

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=words()) if exchange.body == b"stream" else await echo(exchange)

    async with serving(stream) as served:
        client = await served.client()
        client.writer.write(call(b"stream"))
        async with asyncio.timeout(5):
            await client.reader.readuntil(b"one\r\n")
            drain(served, LONG)
            served.host.stop()
            gate.set()
            await client.reader.readuntil(b"0\r\n\r\n")
        await asyncio.sleep(0.02)  # time in which it would be hung up on
        head, body = await client.ask(call(b"next"))

        assert (body, b"connection: close\r\n" in head) == (b"next", True)
        assert await client.rest() == b""


@pytest.mark.usefixtures("attentive")
async def test_who_asks_nothing_for_long_is_hung_up_on() -> None:
    """A connection nobody uses does not hold up the end; one on which a call is under way is left alone."""
    gate = asyncio.Event()

    async def held(exchange: Exchange) -> Answer:
        await gate.wait()
        return await echo(exchange)

    async with serving(held) as served:
        idle, given_away, busy = [await served.client() for _ in range(3)]
        given_away.writer.write(OTHER)
        await given_away.answer()
        busy.writer.write(call(b"busy"))
        await until(lambda: served.door.inflight == 1)
        drain(served, 0.02)
        served.host.stop()
        assert await idle.rest() == await given_away.rest() == b""
        gate.set()
        assert (await busy.answer())[1] == b"busy"
        async with asyncio.timeout(5):
            await served.host.gone()


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

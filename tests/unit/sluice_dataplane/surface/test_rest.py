"""aiohttp's connections: who is idle, and who is left alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from sluice_dataplane.surface.rest import Rest
from support.front import Client, until
from support.plane import free_port

ASK: Final = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
NOW_S: Final = 1_000.0


class Serving:
    """Connections served by aiohttp; answers wait for ``gate``."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0
        self.rest = Rest(self._handle, max_body_bytes=1_000, keepalive_seconds=60)
        self.port = free_port()
        self.clients: list[Client] = []

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        self.asked += 1
        await self.gate.wait()
        return web.Response(text="hello")

    async def silent(self) -> Client:
        """A connection on which nothing was asked."""
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]

    async def client(self) -> Client:
        """A connection that has had one answer."""
        client = await self.silent()
        assert (await client.ask(ASK))[1] == b"hello"
        return client


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Serving]:
    """What listens, and goes at the end."""
    made = Serving()
    await made.rest.open()
    server = await asyncio.get_running_loop().create_server(made.rest, "127.0.0.1", made.port)
    try:
        yield made
    finally:
        server.close()
        for client in made.clients:
            client.reset()
        made.gate.set()
        await made.rest.close()


async def test_nobody_is_hung_up_on_before_time() -> None:
    """A connection is idle from when that was first looked at, and is kept for as long as was said."""
    async with serving() as served:
        client = await served.client()
        served.rest.close_idle(NOW_S, 5.0)
        served.rest.close_idle(NOW_S + 4.9, 5.0)

        assert (await client.ask(ASK))[1] == b"hello"


async def test_a_call_begins_the_time_anew() -> None:
    """What counts is the time since the last answer."""
    async with serving() as served:
        client = await served.client()
        served.rest.close_idle(NOW_S, 5.0)
        await client.ask(ASK)
        served.rest.close_idle(NOW_S + 6.0, 5.0)

        assert (await client.ask(ASK))[1] == b"hello"


async def test_who_is_idle_for_long_is_hung_up_on() -> None:
    """Whether or not it ever asked; then there is none left."""
    async with serving() as served:
        used = await served.client()
        silent = await served.silent()
        await until(lambda: len(served.rest._server.connections) == 2)
        assert not served.rest.empty
        served.rest.close_idle(NOW_S, 5.0)
        served.rest.close_idle(NOW_S + 5.0, 5.0)

        assert await used.rest() == await silent.rest() == b""
        await until(lambda: served.rest.empty)


async def test_a_call_under_way_is_no_idleness() -> None:
    """However long its answer takes."""
    async with serving() as served:
        client = await served.client()
        served.rest.close_idle(NOW_S, 5.0)
        served.gate.clear()
        client.writer.write(ASK)
        await until(lambda: served.asked == 2)
        served.rest.close_idle(NOW_S + 500.0, 5.0)
        served.gate.set()

        assert (await client.answer())[1] == b"hello"


async def test_a_call_whose_client_has_gone_is_waited_for() -> None:
    """It is paid for, and there until it has ended."""
    async with serving() as served:
        client = await served.client()
        served.gate.clear()
        client.writer.write(ASK)
        await until(lambda: served.asked == 2)
        client.reset()
        (connection,) = served.rest._server.connections
        await until(lambda: connection.transport is None)
        assert not served.rest.empty
        served.gate.set()

        await until(lambda: served.rest.empty)

"""Names are looked up again: where they lead decides, also for connections that were kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream import client
from sluice_dataplane.upstream.address import KEEP_S, Resolver, may_connect
from sluice_dataplane.upstream.client import HttpAnswer, HttpUpstreams
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience
from support.peer import Served, answering, serving
from support.waiting import until

PATIENT = Patience(connect_ms=5_000, first_byte_ms=5_000, between_bytes_ms=5_000)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LAST = OK.replace(b"content-length", b"connection: close\r\ncontent-length")
PUBLIC = "127.0.0.1"  # stands for a public address: the internet is not part of a test


def _may(ip: str, *, private_allowed: bool) -> bool:
    return ip == PUBLIC or may_connect(ip, private_allowed=private_allowed)


class World:
    """Where the one name leads, what time it is, and the client that lives in it."""

    def __init__(self) -> None:
        self.addresses: list[str] | None = [PUBLIC]  # None: the name service fails
        self.asked = 0
        self.now_s = 0.0
        self.http = HttpUpstreams(Resolver(self._lookup, clock_s=lambda: self.now_s), may=_may)

    async def _lookup(self, host: str) -> list[str]:
        self.asked += 1
        if self.addresses is None:
            raise OSError("no name service")
        return self.addresses

    async def send(self, port: int, *, private: bool = False) -> HttpAnswer:
        """A call with a credential, up to its answer's head."""
        upstream = Upstream(
            id="u",
            type="OpenAI",
            provider_name="openai",
            base_url=f"http://models.example:{port}",
            auth_header="authorization",
            auth_prefix="Bearer ",
            allow_private_network=private,
        )
        return await self.http.send(
            upstream, UpstreamRequest("POST", "/chat", (), b"{}"), credential="sk-secret", patience=PATIENT
        )

    async def call(self, served: Served, *, private: bool = False) -> None:
        """The same, to its end."""
        answer = await self.send(served.port, private=private)
        await answer.read(100)
        answer.close()

    async def looked_again(self) -> None:
        """Time has passed since the name was looked up, and it was looked up again."""
        self.now_s += KEEP_S
        before = self.asked
        await until(lambda: self.asked > before)
        await asyncio.sleep(0)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world whose client looks often whether a name must be looked up again."""
    monkeypatch.setattr(client, "RECHECK_S", 0.01)
    it = World()
    running = asyncio.ensure_future(it.http.run())
    yield it
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await it.http.close()


async def test_a_name_that_turns_private_is_refused_and_its_connections_are_not_used(world: World) -> None:
    """DNS rebinding: once looked up again, neither a new connection nor the kept one carries the credential."""
    async with serving(answering(OK)) as served:
        await world.call(served)
        world.addresses = ["10.0.0.7"]
        await world.looked_again()
        with pytest.raises(AttemptFailedError, match="no address that may be called") as caught:
            await world.call(served)

        assert (caught.value.cause, caught.value.sent) == ("Refused", False)
        assert len(served.requests) == 1


async def test_a_new_connection_goes_by_a_fresh_look_up(world: World) -> None:
    """Also where nothing was kept: what was found half a minute ago is not good any more."""
    async with serving(answering(OK, close=True)) as served:
        await world.call(served)
        world.addresses, world.now_s = ["10.0.0.7"], KEEP_S
        with pytest.raises(AttemptFailedError, match="no address that may be called"):
            await world.call(served)

        assert len(served.requests) == 1


async def test_a_provider_that_moved_is_called_where_it_is_now(world: World) -> None:
    """A kept connection to its old address is not used again, however busy it is; a call on it ends as it would."""
    async with serving(answering(OK)) as served:
        under_way = await world.send(served.port, private=True)
        world.addresses = ["127.0.0.2"]  # nobody listens there
        await world.call(served, private=True)
        await world.looked_again()
        body = await under_way.read(100)
        under_way.close()
        with pytest.raises(AttemptFailedError, match="refused the connection"):
            await world.call(served, private=True)

        assert (body, len(served.requests)) == (b"{}", 2)


async def test_connections_of_a_name_that_stays_are_kept(world: World) -> None:
    """Looking again costs no connection; other addresses beside the old one do not either."""
    async with serving(answering(OK)) as served:
        for addresses in ([PUBLIC], [PUBLIC, "127.0.0.2"], [PUBLIC]):
            world.addresses = addresses
            await world.call(served, private=True)
            await world.looked_again()
        await world.call(served, private=True)

        assert (served.connections, len(served.requests)) == (1, 4)


@pytest.mark.parametrize("broken", [None, []], ids=["fails", "empty"])
async def test_connections_are_kept_while_names_cannot_be_looked_up(world: World, broken: list[str] | None) -> None:
    """An outage of the name service stops no call that has a connection."""
    async with serving(answering(OK)) as served:
        await world.call(served)
        world.addresses = broken
        for _ in range(12):  # longer than an old answer stands in
            await world.looked_again()
        await world.call(served)

        assert (served.connections, len(served.requests)) == (1, 2)


async def test_a_name_nobody_calls_is_not_looked_up(world: World) -> None:
    """Only where connections are kept or were used is there anything to look after."""
    async with serving(answering(LAST, close=True)) as served:
        await world.call(served)
        await served.until_open(0)
        world.now_s = 100 * KEEP_S
        for _ in range(5):
            await asyncio.sleep(0.02)

        assert world.asked == 1


async def test_a_connection_to_a_new_address_is_kept_at_once() -> None:
    """It was made by a newer look-up than the last that kept connections were judged by."""
    world = World()
    async with serving(answering(OK)) as served:
        await world.call(served, private=True)
        world.addresses, world.now_s = ["127.0.0.2"], KEEP_S
        await world.http._recheck(world.http._origins["u"])
        world.addresses, world.now_s = [PUBLIC], 2 * KEEP_S
        for _ in range(3):
            await world.call(served, private=True)
        await world.http.close()

        assert (served.connections, len(served.requests)) == (2, 4)

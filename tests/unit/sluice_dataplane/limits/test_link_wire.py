"""One connection, with a real Redis or a scripted peer at the other end."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from sluice_dataplane.limits import link_wire
from sluice_dataplane.limits.link_wire import LostError, ReplyError, Wire, connect
from support.redis import RedisServer, running_redis
from support.waiting import until

PATIENT_S = 20.0

Answer = Callable[[asyncio.StreamWriter], None]


class Peer:
    """Answers the first bytes of each connection as it is told."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.connected = asyncio.Event()
        self.writer: asyncio.StreamWriter | None = None
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.writer = writer
        self.connected.set()
        with contextlib.suppress(ConnectionError):
            await reader.read(1000)
            self._answer(writer)
            while await reader.read(1000):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.ended.set()


@contextlib.asynccontextmanager
async def _peer(answer: Answer) -> AsyncIterator[tuple[Peer, Wire]]:
    peer = Peer(answer)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    wire = await connect("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield peer, wire
    finally:
        async with asyncio.timeout(PATIENT_S):
            await peer.connected.wait()
            wire.drop()
            await peer.ended.wait()
        server.close()
        await server.wait_closed()


async def test_replies_come_in_the_order_of_commands(redis_server: RedisServer) -> None:
    """Strings, numbers, nothing, lists and errors: each command of one asking has its own reply."""
    wire = await connect("127.0.0.1", redis_server.port)
    redis_server.client.flushall()
    replies = await wire.ask(
        [("ECHO", "é"), ("INCR", "n"), ("GET", b"no"), ("NO-SUCH",), ("MGET", "n", "no"), ("ECHO", 7)], PATIENT_S
    )
    wire.drop()

    assert isinstance(replies[3], ReplyError)
    assert replies[3].code == "ERR"
    assert [*replies[:3], *replies[4:]] == ["é".encode(), 1, None, [b"1", None], b"7"]


async def test_a_long_asking_is_answered_whole(redis_server: RedisServer) -> None:
    """More than fits any buffer goes out and comes back."""
    wire = await connect("127.0.0.1", redis_server.port)
    words = [bytes([65 + n % 26]) * 100_000 for n in range(64)]
    replies = await wire.ask([("ECHO", word) for word in words], PATIENT_S)
    wire.drop()

    assert replies == words


async def test_a_socket_is_as_good(tmp_path: Path) -> None:
    """A unix socket instead of a host."""
    path = str(tmp_path / "redis.sock")
    with running_redis(unixsocket=path):
        wire = await connect("", 0, socket_path=path)
        assert await wire.ask([("PING",)], PATIENT_S) == [b"PONG"]
        wire.drop()


async def test_nobody_there_is_an_error_of_the_system() -> None:
    """A port nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await connect("127.0.0.1", taken.getsockname()[1])


async def test_connecting_has_a_deadline() -> None:
    """A host that says nothing at all, neither yes nor no, is given up."""
    with socket.socket() as silent, contextlib.ExitStack() as others:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(3):  # its queue is full: what comes now is not answered
            waiting = others.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            await connect("127.0.0.1", silent.getsockname()[1], patience_s=0.2)

    assert time.monotonic() - began_s < PATIENT_S


async def test_an_asking_has_a_deadline() -> None:
    """A Redis that holds the line and says nothing is waited for as long as was said, and no longer."""
    with running_redis() as server:
        wire = await connect("127.0.0.1", server.port)
        with server.paused():
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await wire.ask([("PING",)], 0.2)
            took_s = time.monotonic() - began
        wire.drop()

    assert took_s >= 0.2


def test_a_loop_that_was_busy_reads_what_has_come() -> None:
    """A reply that waits to be read while our own process was busy for longer than the deadline is not late."""
    assert uvloop.run(_busy()) == [b"PONG"]  # the loop of production looks at its timers first


async def _busy() -> list[object]:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    wire = Wire(loop)
    with theirs:
        await loop.create_connection(lambda: wire, sock=ours)
        asking = loop.create_task(wire.ask([("PING",)], 0.2))
        await asyncio.sleep(0)  # it has asked
        theirs.send(b"+PONG\r\n")
        busy_until = time.monotonic() + 0.3
        while time.monotonic() < busy_until:
            pass
        try:
            return await asking
        finally:
            wire.drop()


async def test_a_connection_that_ends_in_the_middle_is_lost() -> None:
    """Half a reply is none."""

    def half(writer: asyncio.StreamWriter) -> None:
        writer.write(b"+PONG\r\n$5\r\nhal")
        writer.close()

    async with _peer(half) as (_, wire):
        with pytest.raises(LostError):
            await wire.ask([("PING",), ("ECHO", "halve")], PATIENT_S)
        assert wire.lost


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+one\r\n+more\r\n", b"*1\r\n$x\r\n"],
    ids=["http", "extra", "broken"],
)
async def test_what_is_no_reply_ends_the_connection(said: bytes) -> None:
    """Another protocol, more replies than commands, or nonsense: no reply is taken from such a peer."""
    async with _peer(lambda writer: writer.write(said)) as (_, wire):
        with pytest.raises(LostError):
            await wire.ask([("PING",)], PATIENT_S)
        with pytest.raises(LostError):
            await wire.ask([("PING",)], PATIENT_S)


async def test_what_nobody_asked_for_is_not_the_next_reply() -> None:
    """Bytes that come between two askings end the connection."""
    async with _peer(lambda writer: writer.write(b"+one\r\n")) as (peer, wire):
        await wire.ask([("PING",)], PATIENT_S)
        assert peer.writer is not None
        peer.writer.write(b"+two\r\n")
        await until(lambda: wire.lost)

        with pytest.raises(LostError):
            await wire.ask([("PING",)], PATIENT_S)


async def test_an_end_while_idle_is_known() -> None:
    """A connection that Redis closed while nobody asked says so before it is used."""
    with running_redis() as server:
        wire = await connect("127.0.0.1", server.port)
        server.kill()
        await until(lambda: wire.lost)
    wire.drop()


async def test_a_dropped_connection_is_closed() -> None:
    """Hanging up is noticed at the other end, also when nothing was ever said."""
    async with _peer(lambda writer: writer.write(b"+one\r\n")) as (peer, wire):
        await wire.ask([("PING",)], PATIENT_S)
        wire.drop()
        async with asyncio.timeout(PATIENT_S):
            await peer.ended.wait()


async def test_a_peer_that_vanished_is_noticed_while_idle() -> None:
    """The system asks an idle peer whether it still lives: an end that never arrived is found without a call."""
    async with _peer(lambda writer: writer.write(b"+one\r\n")) as (_, wire):
        assert wire._transport is not None
        channel = wire._transport.get_extra_info("socket")

        assert channel.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == link_wire.KEEPALIVE_IDLE_S

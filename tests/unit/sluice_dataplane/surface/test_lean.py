"""The lean front on real sockets: what it serves itself, what it gives to aiohttp, and what no client can do to it."""

import asyncio
import contextlib

import pytest

from sluice_dataplane.errors import UnknownModelError
from sluice_dataplane.exchange import Answer, Exchange
from sluice_dataplane.surface import host as host_module
from sluice_dataplane.surface import lean
from support.front import HEAD, Parts, call, echo, serving, until
from support.h1_corpus import CORPUS


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A host that looks after deadlines all the time."""
    monkeypatch.setattr(host_module, "SWEEP_SECONDS", 0.01)
    return monkeypatch


async def test_calls_on_one_connection_are_answered_one_after_the_other() -> None:
    """Body, headers, address and id reach the rooms and come back; nobody else is asked."""
    async with serving() as served:
        client = await served.client()
        first, second = await client.ask(call(b"one")), await client.ask(call(b""))
        exchange = served.rooms.seen[0]

    assert (first[1], second[1]) == (b"one", b"")
    assert first[0].startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-request-id: " + exchange.id.encode())
    assert (exchange.headers, exchange.client_address) == ((("authorization", "Bearer k"),), "127.0.0.1")
    assert served.rooms.seen[0].id != served.rooms.seen[1].id


async def test_it_does_not_matter_how_a_call_is_cut() -> None:
    """Wherever TCP cuts a call in two, the same is understood."""
    data = call(b"hello")
    async with serving() as served:
        client = await served.client()
        for cut in range(1, len(data)):
            client.writer.write(data[:cut])
            await asyncio.sleep(0.001)  # so that it is read as two pieces; either way the answer is the same
            assert (await client.ask(data[cut:]))[1] == b"hello"

    assert {exchange.body for exchange in served.rooms.seen} == {b"hello"}


async def test_a_large_body_comes_whole() -> None:
    """In as many pieces as the network likes, up to the limit."""
    body = bytes(range(256)) * 390
    async with serving() as served:
        client = await served.client()

        assert (await client.ask(call(body)))[1] == body


async def test_calls_sent_ahead_are_answered_in_order() -> None:
    """Ten calls in one write: ten answers, each after the one before it, one at a time."""
    running = 0

    async def slowly(exchange: Exchange) -> Answer:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        return await echo(exchange)

    async with serving(slowly) as served:
        client = await served.client()
        client.writer.write(b"".join(call(b"%d" % number) for number in range(10)))

        assert [(await client.answer())[1] for _ in range(10)] == [b"%d" % number for number in range(10)]


async def test_what_is_sent_ahead_is_not_hoarded() -> None:
    """While a call is being answered at most one read of what follows is held here; the rest stays with the sender."""
    gate = asyncio.Event()

    async def held(exchange: Exchange) -> Answer:
        await gate.wait()
        return await echo(exchange)

    async with serving(held) as served:
        client = await served.client()
        client.writer.write(call(b"one"))
        await until(lambda: len(served.rooms.seen) == 1)
        client.writer.write(call(b"x" * 90_000) * 500)
        await asyncio.sleep(0.1)  # time in which 45 MB would have come through a socket that is read
        (connection,) = served.host._connections
        held_bytes = len(connection._ahead)
        gate.set()
        answers = [(await client.answer())[1] for _ in range(501)]

    assert held_bytes <= 1024 * 1024
    assert (answers[0], set(answers[1:])) == (b"one", {b"x" * 90_000})


@pytest.mark.parametrize(
    ("unusual", "answered"),
    [
        (b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", b"fallback /v1/models "),
        (call(b"2\r\nhi\r\n0\r\n\r\n").replace(b"Content-Length: 12", b"Transfer-Encoding: chunked"), b"hi"),
        (call(b"hi", b"Expect: 100-continue\r\n"), b"hi"),
        (call(b"hi").replace(b"HTTP/1.1", b"HTTP/1.0"), b"hi"),
        (call(b"hi").replace(b"completions", b"completions?a=b"), b"hi"),
    ],
    ids=["another path", "chunked", "expectation", "HTTP/1.0", "query"],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one write", "after the answer"])
async def test_what_is_not_usual_is_given_to_aiohttp(unusual: bytes, answered: bytes, together: bool) -> None:
    """Bytes and all, also behind calls that were served here, sent ahead or not."""
    async with serving() as served:
        client = await served.client()
        client.writer.write(call(b"one") + (unusual if together else b""))
        first = await client.answer()
        client.writer.write(b"" if together else unusual)
        second = await client.reader.readuntil(b"\r\n\r\n")
        if second.startswith(b"HTTP/1.1 100"):
            second = await client.reader.readuntil(b"\r\n\r\n")
        body = await client.reader.read(1_000)

    assert first[1] == b"one"
    assert second.split(b"\r\n")[0].endswith(b"200 OK")
    assert body.startswith(b"fallback ")
    assert body.endswith(answered)
    assert len(served.rooms.seen) == 1


@pytest.mark.parametrize("name", CORPUS)
async def test_doubtful_messages_are_never_called(name: str, impatient: pytest.MonkeyPatch) -> None:
    """None of the corpus reaches the rooms, save two that only repeat a harmless header."""
    impatient.setattr(lean, "HEAD_SECONDS", 0.05)
    async with serving() as served:
        client = await served.client()
        client.writer.write(CORPUS[name])
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                await client.reader.read(100)

    assert len(served.rooms.seen) == (name in ("two authorizations", "two types"))


async def test_a_body_over_the_limit_is_not_waited_for() -> None:
    """aiohttp, which refuses it, gets it with the head; not a byte of the body is needed."""
    async with serving() as served:
        client = await served.client()
        client.writer.write(HEAD % (100_001, b""))
        await until(lambda: not served.host._connections)


@pytest.mark.parametrize("name", ["TLS", "bare line feeds"])
async def test_what_can_never_become_a_request_is_not_waited_for(name: str) -> None:
    """aiohttp, which says so at once, gets it: who speaks TLS to this port must not sit and wait."""
    async with serving() as served:
        client = await served.client()
        client.writer.write(CORPUS[name])

        assert b" 400 " in await client.rest()


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["endless", "long"])
async def test_a_head_over_the_limit_is_not_hoarded(end: bytes) -> None:
    """aiohttp, which refuses it, gets what has come so far; no call is made of it."""
    async with serving() as served:
        client = await served.client()
        client.writer.write(HEAD[:-4] % 2 + b"X: " + b"a" * lean.MAX_HEAD_BYTES + end + b"{}")
        await until(lambda: not served.host._connections)

    assert served.rooms.seen == []


async def test_a_call_too_many_is_not_let_in() -> None:
    """Over the limit of calls in flight the connection goes to aiohttp, whose front says so."""
    async with serving(max_inflight=0) as served:
        client = await served.client()

        assert (await client.ask(call(b"hi")))[1] == b"fallback /v1/chat/completions hi"


async def test_an_error_is_told_and_the_connection_stays() -> None:
    """In the form all SDKs read, with its headers."""

    async def refuse(exchange: Exchange) -> Answer:
        raise UnknownModelError("no such model", headers=(("x-extra", "1"),))

    async with serving(refuse) as served:
        client = await served.client()
        head, body = await client.ask(call(b"{}"))
        again, _ = await client.ask(call(b"{}"))

    assert head.startswith(b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nx-extra: 1\r\n")
    assert b'"code":"model_not_found"' in body
    assert again.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("header", ["fine", "two\r\nlines"])
async def test_a_bug_is_a_500_and_the_connection_stays(header: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is raised, and an answer that cannot be written: told to the client without a detail, and to the log."""

    async def fail(exchange: Exchange) -> Answer:
        if header == "fine":
            raise RuntimeError("secret")
        return Answer(200, (("x-a", header),), b"")

    async with serving(fail) as served:
        client = await served.client()
        answers = [await client.ask(call(b"{}")) for _ in range(2)]

    assert [head.split(b" ")[1] for head, _ in answers] == [b"500", b"500"]
    assert not any(b"secret" in body or b"lines" in head for head, body in answers)
    assert [record.message for record in caplog.records] == ["front.unexpected"] * 2


async def test_a_stream_comes_chunk_by_chunk() -> None:
    """Each chunk goes out when it is there; the body ends properly; the connection stays."""
    parts = Parts(b"one", b"two")

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (("content-type", "text/event-stream"),), chunks=parts)

    async with serving(stream) as served:
        client = await served.client()
        parts.gate.clear()
        client.writer.write(call(b"{}"))
        await until(lambda: len(served.rooms.seen) == 1)
        parts.gate.set()
        head, body = await client.answer()

        assert b"transfer-encoding: chunked\r\n" in head
        assert (body, parts.closed.is_set()) == (b"onetwo", True)


async def test_a_stream_without_a_chunk_is_an_empty_answer() -> None:
    """The head is not forgotten."""

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=Parts())

    async with serving(stream) as served:
        client = await served.client()

        assert (await client.ask(call(b"{}")))[1] == b""


async def test_a_stream_waits_for_its_reader() -> None:
    """A client that reads nothing stops the stream, not our memory; when it reads on, all of it comes."""
    parts = Parts(b"x" * 100_000, repeat=300)

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=parts)

    async with serving(stream) as served:
        client = await served.client()
        client.writer.write(call(b"{}"))
        await until(lambda: parts.taken > 0)
        before = -1
        while before != parts.taken:
            before = parts.taken
            await asyncio.sleep(0.05)
        assert parts.taken < 200
        _, body = await client.answer()

    assert len(body) == 30_000_000


async def test_answers_wait_for_their_reader() -> None:
    """A client that sends calls and reads no answers gets no more of them than the sockets and one buffer hold."""

    async def large(exchange: Exchange) -> Answer:
        return Answer(200, (), b"x" * 1_000_000)

    async with serving(large) as served:
        client = await served.client()
        client.writer.write(call(b"{}") * 100)
        await until(lambda: any(each._drained is not None for each in served.host._connections))
        await asyncio.sleep(0.1)  # time in which all of them would be answered
        assert len(served.rooms.seen) < 50
        bodies = [(await client.answer())[1] for _ in range(100)]

    assert {len(body) for body in bodies} == {1_000_000}


async def test_a_stream_stops_when_its_client_has_gone() -> None:
    """At the next chunk; its chunks are closed, once."""
    parts = Parts(b"x", repeat=1_000_000)

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=parts)

    async with serving(stream) as served:
        client = await served.client()
        client.writer.write(call(b"{}"))
        await client.reader.readuntil(b"\r\n\r\n")
        client.reset()
        async with asyncio.timeout(5):
            await parts.closed.wait()
        await until(lambda: served.door.inflight == 0 and not served.host._connections)

    assert parts.taken < 1_000_000


async def test_a_client_that_goes_while_its_stream_waits_lets_it_go_on() -> None:
    """Someone who stopped reading and then left must not leave the stream behind."""
    parts = Parts(b"x" * 1_000_000, repeat=100)

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=parts)

    async with serving(stream) as served:
        client = await served.client()
        client.writer.write(call(b"{}"))
        await until(lambda: any(each._drained is not None for each in served.host._connections))
        client.reset()
        async with asyncio.timeout(5):
            await parts.closed.wait()


async def test_a_plain_call_is_finished_without_its_client() -> None:
    """It is paid for: who goes away early does not make it free."""
    gate, finished = asyncio.Event(), asyncio.Event()

    async def held(exchange: Exchange) -> Answer:
        await gate.wait()
        finished.set()
        return await echo(exchange)

    async with serving(held) as served:
        client = await served.client()
        client.writer.write(call(b"{}"))
        await until(lambda: len(served.rooms.seen) == 1)
        client.reset()
        await until(lambda: all(each._lost for each in served.host._connections))
        gate.set()
        async with asyncio.timeout(5):
            await finished.wait()
        await until(lambda: not served.host._connections)


async def test_a_stream_that_fails_is_not_taken_for_whole(caplog: pytest.LogCaptureFixture) -> None:
    """The connection breaks instead of ending the body; the chunks are closed, and the log is told."""
    parts = Parts(b"one", b"two")
    parts.error = RuntimeError("bug")

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=parts)

    async with serving(stream) as served:
        client = await served.client()
        client.writer.write(call(b"{}"))
        body = await client.rest()

    assert not body.endswith(b"0\r\n\r\n")
    assert parts.closed.is_set()
    assert [record.message for record in caplog.records] == ["front.unexpected"]


async def test_a_client_that_asks_for_it_is_hung_up_on() -> None:
    """``connection: close`` is done after the answer, and said."""
    async with serving() as served:
        client = await served.client()
        head, _ = await client.ask(call(b"hi", b"Connection: close\r\n"))

        assert b"connection: close\r\n" in head
        assert await client.rest() == b""


@pytest.mark.parametrize("sent", [b"", b"POST /v1/ch", call(b"hello")[:30]], ids=["nothing", "a line", "some head"])
async def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes, impatient: pytest.MonkeyPatch) -> None:
    """Neither the first byte nor the last: the connection ends."""
    impatient.setattr(lean, "HEAD_SECONDS", 0.02)
    impatient.setattr(host_module, "KEEPALIVE_SECONDS", 0.02)
    async with serving() as served:
        client = await served.client()
        client.writer.write(sent)

        assert await client.rest() == b""


async def test_a_head_that_drips_is_not_waited_for(impatient: pytest.MonkeyPatch) -> None:
    """Each byte in time does not help: the time is for the whole head."""
    impatient.setattr(lean, "HEAD_SECONDS", 0.1)
    async with serving() as served:
        client = await served.client()

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    client.writer.write(b"X")
                    await client.writer.drain()
                    await asyncio.sleep(0.01)

        client.writer.write(HEAD[:40])
        async with asyncio.TaskGroup() as tasks:
            dripping = tasks.create_task(drip())
            await client.rest()
            dripping.cancel()


async def test_a_body_that_does_not_come_is_told_so(impatient: pytest.MonkeyPatch) -> None:
    """The clear error, then the end of the connection."""
    impatient.setattr(lean, "BODY_IDLE_SECONDS", 0.02)
    async with serving() as served:
        client = await served.client()
        head, body = await client.ask(call(b"hello")[:-1])

        assert head.startswith(b"HTTP/1.1 400")
        assert b"request_timeout" in body
        assert await client.rest() == b""
        assert (served.door.inflight, served.rooms.seen) == (0, [])


async def test_a_client_that_goes_inside_its_body_is_forgotten() -> None:
    """Nothing is called, nobody stays counted."""
    async with serving() as served:
        client = await served.client()
        client.writer.write(call(b"hello")[:-1])
        await until(lambda: served.door.inflight == 1)
        client.reset()
        await until(lambda: served.door.inflight == 0 and not served.host._connections)

    assert served.rooms.seen == []


async def test_a_client_that_never_reads_is_hung_up_on(impatient: pytest.MonkeyPatch) -> None:
    """A stream that nobody takes ends, and is closed."""
    impatient.setattr(lean, "STALL_SECONDS", 0.05)
    parts = Parts(b"x" * 1_000_000, repeat=100)

    async def stream(exchange: Exchange) -> Answer:
        return Answer(200, (), chunks=parts)

    async with serving(stream) as served:
        client = await served.client()
        client.writer.write(call(b"{}"))
        async with asyncio.timeout(5):
            await parts.closed.wait()
        await until(lambda: served.door.inflight == 0)

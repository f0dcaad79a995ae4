"""The client against servers whose every byte the test decides: answers, connections, cancellation, close."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.address import Resolver
from sluice_dataplane.upstream.client import HttpAnswer, HttpUpstreams
from sluice_dataplane.upstream.connection import HIGH_WATER_BYTES
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience
from support.peer import Peer, answering, serving

PATIENT = Patience(connect_ms=5_000, first_byte_ms=5_000, between_bytes_ms=5_000)
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LIMIT = 1_000_000


def _upstream(base_url: str, **more: object) -> Upstream:
    more = {"allow_private_network": True, **more}
    return Upstream(id="u", type="OpenAI", provider_name="openai", base_url=base_url, **more)  # type: ignore[arg-type]


async def _send(
    http: HttpUpstreams, upstream: Upstream, *, body: bytes = b"{}", method: str = "POST", patience: Patience = PATIENT
) -> HttpAnswer:
    request = UpstreamRequest(method, "/chat", (("content-type", "application/json"),), body)
    return await http.send(upstream, request, credential=None, patience=patience)


async def _call(
    http: HttpUpstreams, upstream: Upstream, *, method: str = "POST", patience: Patience = PATIENT
) -> bytes:
    """One call, from beginning to end."""
    answer = await _send(http, upstream, method=method, patience=patience)
    try:
        return await answer.read(LIMIT)
    finally:
        answer.close()


@contextlib.asynccontextmanager
async def _failing(cause: str, *, sent: bool) -> AsyncIterator[None]:
    with pytest.raises(AttemptFailedError) as caught:
        yield
    assert (caught.value.cause, caught.value.sent) == (cause, sent)


# Answers.


async def test_a_request_is_sent_and_its_answer_read(http: HttpUpstreams) -> None:
    """The whole way: request line, headers and body there; status, headers and body back."""
    async with serving(answering(OK)) as served:
        upstream = _upstream(f"{served.base_url}/v1", auth_header="authorization", auth_prefix="Bearer ")
        request = UpstreamRequest("POST", "/chat", (("content-type", "application/json"),), b'{"a":1}')
        answer = await http.send(upstream, request, credential="sk", patience=PATIENT)
        body = await answer.read(LIMIT)
        answer.close()

    assert (answer.status, dict(answer.headers)["content-type"], body) == (200, "application/json", b"{}")
    assert served.requests == [
        b"POST /v1/chat HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept-encoding: identity\r\nauthorization: Bearer sk\r\n"
        b'content-type: application/json\r\nuser-agent: sluice\r\ncontent-length: 7\r\n\r\n{"a":1}' % served.port
    ]


async def test_a_redirect_is_an_answer(http: HttpUpstreams) -> None:
    """It is handed over like any other, and nobody goes where it points."""
    async with serving(answering(OK)) as elsewhere:
        away = f"HTTP/1.1 307 Away\r\nlocation: {elsewhere.base_url}\r\ncontent-length: 0\r\n\r\n".encode()
        async with serving(answering(away)) as served:
            answer = await _send(http, _upstream(served.base_url))
            answer.close()

    assert (answer.status, elsewhere.connections) == (307, 0)


async def test_an_answer_may_come_byte_by_byte(http: HttpUpstreams) -> None:
    """An interim answer first, then head, chunks and trailers in the smallest pieces there are."""
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" + STREAM + b"2\r\nab\r\n1\r\nc\r\n0\r\nx-t: 1\r\n\r\n"

    async def script(peer: Peer) -> None:
        await peer.request()
        for byte in whole:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await peer.gone()

    async with serving(script) as served:
        assert await _call(http, _upstream(served.base_url)) == b"abc"


async def test_chunks_come_as_they_come(http: HttpUpstreams) -> None:
    """Each piece is there before the next is sent."""
    more = asyncio.Semaphore(0)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(STREAM)
        for number in range(3):
            await more.acquire()
            await peer.send(b"2\r\n%d!\r\n" % number)
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    async with serving(script) as served:
        answer = await _send(http, _upstream(served.base_url))
        more.release()
        got = []
        async for chunk in answer.chunks():
            got.append(chunk)
            more.release()
        answer.close()

    assert got == [b"0!", b"1!", b"2!"]


async def test_a_body_without_a_length_ends_with_the_connection(http: HttpUpstreams) -> None:
    """Both ways of reading take it; the connection is gone after it."""
    async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\nabc", close=True)) as served:
        whole = await _call(http, _upstream(served.base_url))
        answer = await _send(http, _upstream(served.base_url))
        pieces = b"".join([chunk async for chunk in answer.chunks()])
        answer.close()

    assert (whole, pieces, served.connections) == (b"abc", b"abc", 2)


async def test_an_answer_to_head_is_complete_with_its_head(http: HttpUpstreams) -> None:
    """Nobody waits for the body that its length tells of."""
    async with serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")) as served:
        assert await _call(http, _upstream(served.base_url), method="HEAD") == b""


@pytest.mark.parametrize("how", ["length", "chunks", "silence"])
async def test_an_answer_that_is_too_long_fails(http: HttpUpstreams, how: str) -> None:
    """read() takes no more than it was told, whatever the length said, and the connection is dropped."""
    answers = {
        "length": b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
        "chunks": STREAM + b"b\r\nhello world\r\n0\r\n\r\n",
        "silence": STREAM + b"b\r\nhello world\r\n",
    }
    async with serving(answering(answers[how])) as served:
        answer = await _send(http, _upstream(served.base_url))
        async with _failing("Protocol", sent=True):
            await answer.read(10)
        answer.close()
        await served.until_open(0)


@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000,
        b"HTTP/1.1 101 Upgrade\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"\x00\x01\x02",
    ],
    ids=["two-lengths", "length-and-chunks", "gzip", "long-head", "upgrade", "noise"],
)
async def test_what_is_no_answer_fails_and_its_connection_is_dropped(http: HttpUpstreams, bad: bytes) -> None:
    """The failure says that the upstream may have worked on it."""
    async with serving(answering(bad)) as served:
        async with _failing("Protocol", sent=True):
            await _send(http, _upstream(served.base_url))
        await served.until_open(0)


@pytest.mark.parametrize("reading", ["whole", "chunks"])
@pytest.mark.parametrize("way", ["end", "reset"])
async def test_an_answer_that_breaks_off_fails(http: HttpUpstreams, reading: str, way: str) -> None:
    """What came before is handed over by chunks(); half a body is never taken for a whole one."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(STREAM + b"3\r\nabc\r\n")
        await read.wait()
        if way == "reset":
            peer.reset()

    read = asyncio.Event()
    got = []
    async with serving(script) as served:
        answer = await _send(http, _upstream(served.base_url))
        async with _failing("Protocol", sent=True):
            if reading == "whole":
                read.set()
                await answer.read(LIMIT)
            async for chunk in answer.chunks():
                got.append(chunk)
                read.set()
        answer.close()

    assert got == ([] if reading == "whole" else [b"abc"])


# Connections.


async def test_a_connection_is_used_again(http: HttpUpstreams) -> None:
    """One after the other, calls share one connection, whatever their bodies were like."""
    answers = [
        OK,
        STREAM + b"2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\ncontent-length: 1\r\n\r\nx",
        OK,
    ]
    async with serving(answering(*answers)) as served:
        bodies = [await _call(http, _upstream(served.base_url)) for _ in answers]

    assert (bodies, served.connections) == ([b"{}", b"hi", b"", b"x", b"{}"], 1)


async def test_calls_at_once_have_a_connection_each(http: HttpUpstreams) -> None:
    """Two answers are never on one connection at a time; the connections are kept for later."""

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            body = request.rpartition(b"\r\n\r\n")[2]
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async def call(number: int) -> bool:
        answer = await _send(http, upstream, body=b"%d" % number)
        same = await answer.read(LIMIT) == b"%d" % number
        answer.close()
        return same

    async with serving(script) as served:
        upstream = _upstream(served.base_url)
        same = [await asyncio.gather(*(call(number + 100 * turn) for number in range(20))) for turn in range(3)]

        assert (all(map(all, same)), served.connections) == (True, 20)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"extra",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        OK + OK,
    ],
    ids=["extra-bytes", "close", "http-1.0", "an-answer-too-many"],
)
async def test_a_connection_that_cannot_be_trusted_is_not_used_again(http: HttpUpstreams, answer: bytes) -> None:
    """Bytes beyond an answer never become another caller's answer."""
    async with serving(answering(answer)) as served:
        bodies = [await _call(http, _upstream(served.base_url)) for _ in range(2)]

    assert (bodies, served.connections) == ([b"{}", b"{}"], 2)


async def test_bytes_on_an_idle_connection_end_it(http: HttpUpstreams) -> None:
    """An answer that nobody asked for waits for no one."""
    idle = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        if peer.number == 1:
            await idle.wait()
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await peer.gone()

    async with serving(script) as served:
        await _call(http, _upstream(served.base_url))
        idle.set()
        await served.until_open(0)

        assert (await _call(http, _upstream(served.base_url)), served.connections) == (b"{}", 2)


async def test_an_unread_answer_costs_its_connection(http: HttpUpstreams) -> None:
    """close() before the end drops it: what is still to come belongs to nobody."""
    async with serving(answering(STREAM + b"2\r\nhi\r\n")) as served:
        answer = await _send(http, _upstream(served.base_url))
        answer.close()
        await served.until_open(0)


async def test_close_may_be_called_twice(http: HttpUpstreams) -> None:
    """The second close does nothing to the connection that by then serves another call."""
    async with serving(answering(OK)) as served:
        first = await _send(http, _upstream(served.base_url))
        await first.read(LIMIT)
        first.close()
        second = await _send(http, _upstream(served.base_url))
        first.close()

        assert (await second.read(LIMIT), served.connections) == (b"{}", 1)
        with pytest.raises(AttemptFailedError):
            await first.read(LIMIT)
        second.close()


async def test_headers_can_be_read_after_close(http: HttpUpstreams) -> None:
    """They are this answer's, though the connection has served another since."""
    answers = [b"HTTP/1.1 200 OK\r\nx-number: %d\r\ncontent-length: 0\r\n\r\n" % number for number in (1, 2)]
    async with serving(answering(*answers)) as served:
        first = await _send(http, _upstream(served.base_url))
        first.close()
        second = await _send(http, _upstream(served.base_url))
        second.close()

    assert (dict(first.headers)["x-number"], dict(second.headers)["x-number"], served.connections) == ("1", "2", 1)


@pytest.mark.parametrize("way", ["end", "reset"])
async def test_a_kept_connection_that_was_closed_is_replaced_once(http: HttpUpstreams, way: str) -> None:
    """The server gives up a kept connection on the next request: that call goes out once more, on a new one."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if peer.number == 1:
            if way == "reset":
                peer.reset()
            return
        await peer.send(OK)
        await peer.gone()

    async with serving(script) as served:
        upstream = _upstream(served.base_url)
        await _call(http, upstream)
        await served.until_open(1)
        body = await _call(http, upstream)

        assert (body, served.connections, len(served.requests)) == (b"{}", 2, 3)


async def test_a_new_connection_that_breaks_is_not_replaced(http: HttpUpstreams) -> None:
    """The upstream may have worked on the request: whether to try again is not ours to say."""

    async def script(peer: Peer) -> None:
        await peer.request()

    async with serving(script) as served, _failing("Protocol", sent=True):
        await _call(http, _upstream(served.base_url))

    assert len(served.requests) == 1


async def test_a_replacement_that_breaks_is_not_replaced(http: HttpUpstreams) -> None:
    """Once means once."""

    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.send(OK)
            await peer.request()

    async with serving(script) as served:
        upstream = _upstream(served.base_url)
        await _call(http, upstream)
        async with _failing("Protocol", sent=True):
            await _call(http, upstream)

    assert len(served.requests) == 3


async def test_a_kept_connection_that_breaks_inside_an_answer_is_not_replaced(http: HttpUpstreams) -> None:
    """One byte of an answer, and the call is the caller's to repeat."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(b"H")

    async with serving(script) as served:
        upstream = _upstream(served.base_url)
        await _call(http, upstream)
        async with _failing("Protocol", sent=True):
            await _call(http, upstream)

    assert len(served.requests) == 2


@pytest.mark.parametrize("changed", [{"headers": {"x-new": "1"}}, {"allow_private_network": True, "ca_pem": None}])
async def test_a_reload_keeps_connections_only_of_unchanged_upstreams(
    http: HttpUpstreams, changed: dict[str, object]
) -> None:
    """An equal upstream of a new table uses the old one's connections; a changed one begins anew."""
    async with serving(answering(OK)) as served:
        await _call(http, _upstream(served.base_url))
        await _call(http, _upstream(served.base_url, **changed))

        assert served.connections == (2 if "headers" in changed else 1)


async def test_an_upstream_that_moved_is_called_at_its_new_place(http: HttpUpstreams) -> None:
    """The same id with another URL never meets the old server, also not with a call that was under way."""
    async with serving(answering(OK)) as old, serving(answering(OK)) as new:
        running = await _send(http, _upstream(old.base_url))
        await _call(http, _upstream(new.base_url))
        await running.read(LIMIT)
        running.close()
        await _call(http, _upstream(new.base_url))
        await old.until_open(0)

        assert (len(old.requests), len(new.requests), new.connections) == (1, 2, 1)


# Waiting.


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", STREAM], ids=["nothing", "half-a-head", "a-head"])
async def test_a_first_byte_that_does_not_come_is_a_timeout(http: HttpUpstreams, sent: bytes) -> None:
    """first_byte_ms runs until the body begins: a head alone does not stop it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        await peer.gone()

    patience = Patience(connect_ms=5_000, first_byte_ms=150, between_bytes_ms=60_000)
    async with serving(script) as served:
        async with asyncio.timeout(5), _failing("Timeout", sent=True):
            await _call(http, _upstream(served.base_url), patience=patience)
        await served.until_open(0)


@pytest.mark.parametrize("reading", ["whole", "chunks"])
async def test_a_body_that_stalls_is_a_timeout(http: HttpUpstreams, reading: str) -> None:
    """between_bytes_ms begins anew with each byte, not with the call."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(STREAM)
        for _ in range(4):
            await peer.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.15)
        await peer.gone()

    patience = Patience(connect_ms=5_000, first_byte_ms=5_000, between_bytes_ms=300)
    got = b""
    async with serving(script) as served:
        answer = await _send(http, _upstream(served.base_url), patience=patience)
        async with asyncio.timeout(5), _failing("Timeout", sent=True):
            if reading == "whole":
                await answer.read(LIMIT)
            async for chunk in answer.chunks():
                got += chunk
        answer.close()
        await served.until_open(0)

    assert got == (b"" if reading == "whole" else b"xxxx")


async def test_a_body_that_trickles_is_no_stall(http: HttpUpstreams) -> None:
    """A whole body may take longer than between_bytes_ms, as long as no single gap does."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(STREAM)
        for _ in range(6):
            await peer.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.1)
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    patience = Patience(connect_ms=5_000, first_byte_ms=5_000, between_bytes_ms=300)
    async with serving(script) as served:
        assert await _call(http, _upstream(served.base_url), patience=patience) == b"xxxxxx"


async def test_a_timeout_on_a_kept_connection_is_not_tried_again(http: HttpUpstreams) -> None:
    """The upstream has the request and may still work on it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.gone()

    upstream_patience = Patience(connect_ms=5_000, first_byte_ms=150, between_bytes_ms=150)
    async with serving(script) as served:
        upstream = _upstream(served.base_url)
        await _call(http, upstream)
        async with _failing("Timeout", sent=True):
            await _call(http, upstream, patience=upstream_patience)
        await served.until_open(0)

        assert served.connections == 1


async def test_a_deadline_that_was_met_troubles_nobody_later(http: HttpUpstreams) -> None:
    """A kept connection outlives the deadlines of the calls it served."""
    brief = Patience(connect_ms=5_000, first_byte_ms=100, between_bytes_ms=100)

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.02)  # so that the call has to wait
            await peer.send(OK)

    async with serving(script) as served:
        await _call(http, _upstream(served.base_url), patience=brief)
        await asyncio.sleep(0.3)
        await _call(http, _upstream(served.base_url), patience=brief)

        assert served.connections == 1


async def test_a_slow_reader_is_no_stalled_upstream(http: HttpUpstreams) -> None:
    """Only waiting for the upstream counts, not what the caller does between reads."""
    async with serving(answering(STREAM + b"1\r\nx\r\n0\r\n\r\n")) as served:
        patience = Patience(connect_ms=5_000, first_byte_ms=200, between_bytes_ms=200)
        answer = await _send(http, _upstream(served.base_url), patience=patience)
        await asyncio.sleep(0.4)
        body = await answer.read(LIMIT)
        answer.close()

    assert body == b"x"


async def test_an_unread_body_holds_the_upstream_back(http: HttpUpstreams) -> None:
    """Not more than HIGH_WATER_BYTES and one read are buffered, and nothing is lost when reading goes on."""
    total = 64 * 1024 * 1024  # more than all kernel buffers take
    held_back = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        for _ in range(total // 65536):
            if not held_back.is_set():
                try:
                    async with asyncio.timeout(0.5):
                        await peer.send(b"x" * 65536)
                        continue
                except TimeoutError:
                    held_back.set()
                    continue
            await peer.send(b"x" * 65536)
        await peer.gone()

    async with serving(script) as served:
        answer = await _send(http, _upstream(served.base_url))
        async with asyncio.timeout(20):
            await held_back.wait()
            assert answer._connection is not None
            buffered = answer._connection.buffered_bytes
            got = sum([len(chunk) async for chunk in answer.chunks()])
        answer.close()

    assert (got, HIGH_WATER_BYTES < buffered <= 2 * HIGH_WATER_BYTES) == (total, True)


# Connecting.


async def test_a_refused_connection_was_surely_not_sent(http: HttpUpstreams) -> None:
    """Nobody listens there: the caller may try another target without a second thought."""
    async with serving(answering(OK)) as served:
        pass
    async with _failing("ConnectFailure", sent=False):
        await _call(http, _upstream(served.base_url))


async def test_an_address_that_is_not_allowed_is_refused(http: HttpUpstreams) -> None:
    """Without allowPrivateNetwork no connection is made to loopback."""
    async with serving(answering(OK)) as served, _failing("Refused", sent=False):
        await _call(http, _upstream(served.base_url, allow_private_network=False))

    assert served.connections == 0


async def test_a_policy_that_was_tightened_holds_at_once(http: HttpUpstreams) -> None:
    """A kept connection does not outlive the permission it was made under."""
    async with serving(answering(OK)) as served:
        await _call(http, _upstream(served.base_url))
        async with _failing("Refused", sent=False):
            await _call(http, _upstream(served.base_url, allow_private_network=False))
        await served.until_open(0)


@contextlib.asynccontextmanager
async def _resolving(*answers: list[str]) -> AsyncIterator[HttpUpstreams]:
    """A client for which every name has these addresses, and other ones each time it is asked for."""
    asked = iter(answers)

    async def lookup(host: str) -> list[str]:
        return next(asked)

    http = HttpUpstreams(Resolver(lookup, clock_s=lambda: 0.0))
    yield http
    await http.close()


async def test_the_checked_address_is_the_one_connected_to() -> None:
    """A name that would resolve to something else the second time (rebinding) is asked for once."""
    async with serving(answering(OK)) as served, _resolving(["127.0.0.1"]) as http:
        body = await _call(http, _upstream(f"http://rebind.example:{served.port}"))

    assert body == b"{}"
    assert b"host: rebind.example:%d\r\n" % served.port in served.requests[0]


async def test_a_public_name_with_a_private_address_is_refused() -> None:
    """The check is on the address, whatever the name looks like."""
    async with _resolving(["10.0.0.1", "169.254.169.254"]) as http, _failing("Refused", sent=False):
        await _call(http, _upstream("http://api.example.com", allow_private_network=False))


async def test_addresses_are_tried_in_turn() -> None:
    """One that refuses and one that is not allowed do not keep the next from being used."""
    async with serving(answering(OK)) as served, _resolving(["169.254.1.1", "127.0.0.2", "127.0.0.1"]) as http:
        assert await _call(http, _upstream(f"http://h.example:{served.port}")) == b"{}"


async def test_no_proxy_is_used(http: HttpUpstreams, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy variables of the environment do not reroute calls."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(answering(OK)) as served:
        assert await _call(http, _upstream(served.base_url)) == b"{}"


async def test_connecting_has_a_deadline() -> None:
    """A name that does not resolve in time fails within connect_ms."""

    async def never(host: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    http = HttpUpstreams(Resolver(never, clock_s=lambda: 0.0))
    async with asyncio.timeout(5), _failing("ConnectFailure", sent=False):
        await _call(http, _upstream("http://h.example"), patience=Patience(100, 60_000, 60_000))


async def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    """A full accept queue swallows connections: the next address still has its share of connect_ms."""
    async with serving(answering(OK)) as served, _resolving(["127.0.0.9", "127.0.0.1"]) as http:
        full = await asyncio.get_running_loop().run_in_executor(None, _full_listener, "127.0.0.9", served.port)
        try:
            async with asyncio.timeout(10):
                body = await _call(http, _upstream(f"http://h:{served.port}"), patience=Patience(1_000, 5_000, 5_000))
        finally:
            for each in full:
                each.close()

    assert body == b"{}"


def _full_listener(host: str, port: int) -> list[socket.socket]:
    """Sockets that together make connections to *host*:*port* hang."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(0)
    sockets = [listener]
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((host, port))
        sockets.append(filler)
    return sockets


# Giving up.


@pytest.mark.parametrize("sent", [b"", STREAM + b"1\r\nx\r\n"], ids=["before-the-head", "inside-the-body"])
async def test_a_cancelled_call_drops_its_connection(http: HttpUpstreams, sent: bytes) -> None:
    """Nothing is kept of it, and no connection stays open."""
    got = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        got.set()
        await peer.gone()

    async with serving(script) as served:
        task = asyncio.ensure_future(_call(http, _upstream(served.base_url)))
        await got.wait()
        task.cancel()
        await asyncio.wait([task])
        await served.until_open(0)

    assert task.cancelled()


async def test_a_call_cancelled_while_connecting_leaves_nothing_open(http: HttpUpstreams) -> None:
    """Whatever moment the cancellation hits, no connection leaks."""
    async with serving(answering(OK)) as served:
        upstream = _upstream(served.base_url)
        for steps in range(12):
            task = asyncio.ensure_future(_call(http, upstream))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        kept = len(http._origins["u"].pool)
        await served.until_open(kept)

        assert (len(http._open), await _call(http, upstream)) == (kept, b"{}")


async def test_close_drops_everything(http: HttpUpstreams) -> None:
    """Calls under way fail, kept connections end, and a second close does nothing."""
    async with serving(answering(OK, STREAM)) as served:
        await _call(http, _upstream(served.base_url))
        answer = await _send(http, _upstream(served.base_url))
        reading = asyncio.ensure_future(answer.read(LIMIT))
        await asyncio.sleep(0)
        await http.close()
        async with _failing("Protocol", sent=True):
            await reading
        answer.close()
        await http.close()
        await served.until_open(0)


async def test_an_early_answer_does_not_free_the_connection(http: HttpUpstreams) -> None:
    """An upstream may refuse before it has read the request; the rest of it must not precede the next request."""

    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 413 Too large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async with serving(script) as served:
        answer = await _send(http, _upstream(served.base_url), body=b"x" * 64 * 1024 * 1024)
        answer.close()

        assert (answer.status, len(http._origins["u"].pool)) == (413, 0)

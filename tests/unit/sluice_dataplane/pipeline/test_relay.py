"""Passing on: the client's bytes are the upstream's, and the tab is closed before the last of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.chat.wire import CHAT
from sluice_dataplane.dialects.flow import Passing
from sluice_dataplane.errors import UpstreamFailedError, UpstreamTimeoutError
from sluice_dataplane.exchange import Headers
from sluice_dataplane.pipeline.relay import NoAnswerError, Relay, Watch, whole
from sluice_dataplane.upstream.seam import AttemptFailedError
from sluice_dataplane.usage.meter import Meter

CHUNKS = [b'data: {"choices":[{"delta":{"content":"%d"}}],"usage":null}\n\n' % n for n in range(5)]
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"


class Scripted:
    """An upstream's answer read from a list; an exception in the list is raised in its place."""

    status = 200
    headers: Headers = ()

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.closed = 0

    async def read(self, limit_bytes: int) -> bytes:
        """The first of the script."""
        return self._one(self.script[0])

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of the script."""
        for item in self.script:
            yield self._one(item)

    def close(self) -> None:
        """Count."""
        self.closed += 1

    @staticmethod
    def _one(item: Any) -> bytes:
        if isinstance(item, Exception):
            raise item
        return bytes(item)


class Run:
    """A relay over a script, and what it told."""

    def __init__(self, *script: Any, keep_usage: bool = False) -> None:
        self.answer = Scripted(*script[1:])
        self.meter = Meter(input_tokens=10)
        self.ends: list[str] = []
        self.closed = 0
        self.late = False
        self.seen: list[tuple[int, bool]] = []
        watch = Watch(expired=lambda: self.late, end=self.ends.append, closed=self._close, saw=self._see)
        self.relay = Relay(
            self.answer,
            self.answer.chunks(),
            Passing(CHAT, self.meter, keep_usage=keep_usage),
            CHAT,
            self.meter,
            watch,
            first_chunk=script[0],
            request_id="req_1",
        )

    def _close(self) -> None:
        self.closed += 1

    def _see(self, tokens: int, stalled: bool) -> None:
        self.seen.append((tokens, stalled))

    async def all(self) -> bytes:
        """Everything the client gets, to the end."""
        out = b"".join([chunk async for chunk in self.relay])
        await self.relay.aclose()
        return out


async def test_a_stream_passes_byte_for_byte_but_for_the_usage_nobody_asked_for() -> None:
    """What the client gets is what the upstream sent, less the chunk that only we asked for."""
    run = Run(*CHUNKS, USAGE, DONE)

    assert await run.all() == b"".join(CHUNKS) + DONE
    assert run.ends == ["ok"]
    assert run.meter.usage() == TokenUsage(input=3, output=5)
    assert (run.answer.closed, run.closed) == (1, 1)


async def test_a_client_that_asked_for_usage_gets_it() -> None:
    """With include_usage of its own the stream is untouched."""
    run = Run(*CHUNKS, USAGE, DONE, keep_usage=True)

    assert await run.all() == b"".join(CHUNKS) + USAGE + DONE


@pytest.mark.parametrize("cut", range(1, len(CHUNKS[0] + USAGE + DONE)))
async def test_how_tcp_cuts_the_stream_changes_nothing(cut: int) -> None:
    """Bytes for the client and figures for the bill do not depend on chunk borders."""
    stream = CHUNKS[0] + USAGE + DONE
    run = Run(stream[:cut], stream[cut:])

    assert await run.all() == CHUNKS[0] + DONE
    assert run.meter.usage() == TokenUsage(input=3, output=5)


async def test_the_tab_is_closed_before_the_last_bytes_go_out() -> None:
    """When the client sees [DONE] its call is settled already: dying then costs nobody anything."""
    run = Run(CHUNKS[0], USAGE, DONE)
    async for chunk in run.relay:
        assert (DONE in chunk) == bool(run.ends)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (AttemptFailedError("reset", cause="Protocol", sent=True), b"upstream_error"),
        (AttemptFailedError("slow", cause="Timeout", sent=True), b"upstream_timeout"),
        (b"data: " + b"x" * 5_000_000, b"upstream_error"),
        (b"", b"upstream_error"),
    ],
    ids=["reset", "stall", "endless event", "clean end too early"],
)
async def test_a_stream_that_breaks_ends_with_an_error_event_and_no_done(end: Any, code: bytes) -> None:
    """The client can tell a broken answer from a whole one; what was delivered is billed as an estimate."""
    run = Run(*CHUNKS, end)
    out = await run.all()

    assert out.startswith(b"".join(CHUNKS))
    assert b'"code":"' + code in out[len(b"".join(CHUNKS)) :]
    assert b"[DONE]" not in out
    assert run.ends == ["partial"]
    assert run.meter.usage().estimated
    assert run.meter.usage().output >= len(CHUNKS)


async def test_half_an_event_at_the_end_is_not_passed_on() -> None:
    """A cut event would be broken JSON in the client's hands, and swallow the event that tells of the error."""
    run = Run(CHUNKS[0], b'data: {"choi')
    out = await run.all()

    assert out.startswith(CHUNKS[0] + b'data: {"type":"error"')
    assert run.ends == ["partial"]


async def test_a_break_after_done_is_no_break() -> None:
    """An upstream that resets instead of closing has still answered in full."""
    run = Run(CHUNKS[0], USAGE + DONE, AttemptFailedError("reset", cause="Protocol", sent=True))

    assert await run.all() == CHUNKS[0] + DONE
    assert run.ends == ["ok"]


@pytest.mark.parametrize("after", range(len(CHUNKS) + 1))
async def test_a_client_that_leaves_pays_for_what_it_got(after: int) -> None:
    """Closed after k chunks, also before the first: aborted once, upstream let go, k tokens at least."""
    run = Run(*CHUNKS, USAGE, DONE)
    for _ in range(after):
        await anext(run.relay)
    await run.relay.aclose()
    await run.relay.aclose()

    assert run.ends == ["aborted"]
    assert (run.answer.closed, run.closed) == (1, 1)
    assert run.meter.usage().output >= after


async def test_the_time_for_the_whole_request_ends_a_stream() -> None:
    """A stream over its deadline is broken off with a time-out, not left to run."""
    run = Run(*CHUNKS, USAGE, DONE)
    await anext(run.relay)
    run.late = True
    out = await run.all()

    assert b"upstream_timeout" in out
    assert run.ends == ["partial"]


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (b"<html>busy</html>", UpstreamFailedError),
        (b'{"choices":[', UpstreamFailedError),
        (AttemptFailedError("reset", cause="Protocol", sent=True), UpstreamFailedError),
        (AttemptFailedError("slow", cause="Timeout", sent=True), UpstreamTimeoutError),
    ],
)
async def test_a_plain_answer_that_is_none_is_an_upstream_error(item: Any, error: type[Exception]) -> None:
    """Garbage, cuts, resets and stalls are 502 or 504, never passed on as an answer."""
    with pytest.raises(error):
        await whole(Scripted(item), CHAT, Meter(input_tokens=1), limit_bytes=1_000)


async def test_progress_is_told_with_whether_anybody_reads() -> None:
    """A chunk that was handed out may be the last one read; asking for the next says that it was not."""
    run = Run(*CHUNKS[:2], USAGE, DONE)
    for told in ([(1, True)], [(1, False), (2, True)]):
        await anext(run.relay)
        assert run.seen == told
        run.seen.clear()


async def test_what_is_whole_and_no_answer_is_told_from_what_broke_off() -> None:
    """Nobody charges for a page that says "busy"; what broke off, or is cut, was worked on."""
    with pytest.raises(NoAnswerError):
        await whole(Scripted(b"<html>busy</html>"), CHAT, Meter(input_tokens=1), limit_bytes=1_000)
    for item in (AttemptFailedError("reset", cause="Protocol", sent=True), b'{"choices":['):
        with pytest.raises(UpstreamFailedError) as caught:
            await whole(Scripted(item), CHAT, Meter(input_tokens=1), limit_bytes=1_000)
        assert not isinstance(caught.value, NoAnswerError)


ERROR = b'data: {"error":{"message":"busy","code":500}}\n\n'


@pytest.mark.parametrize("after", [(), (DONE,), (AttemptFailedError("reset", cause="Protocol", sent=True),)])
async def test_one_error_ends_a_stream(after: tuple[Any, ...]) -> None:
    """The provider's own, where it tells of one: whatever follows it, no second one is told and the answer broke."""
    run = Run(*CHUNKS, ERROR, *after)
    out = await run.all()

    assert out == b"".join((*CHUNKS, ERROR)) + (DONE if after == (DONE,) else b"")
    assert run.ends == ["partial"]


async def test_an_error_alone_is_no_answer() -> None:
    """Its provider said that it failed before it said anything else: that is as if its status had."""
    run = Run(ERROR)

    assert await run.all() == ERROR
    assert run.ends == ["failed"]


async def test_a_client_that_leaves_at_an_error_did_not_break_the_stream() -> None:
    """Most SDKs close at once when they see one."""
    run = Run(*CHUNKS, ERROR, DONE)
    for _ in (*CHUNKS, ERROR):
        await anext(run.relay)
    await run.relay.aclose()

    assert run.ends == ["partial"]


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n: hello\n\n"])
async def test_a_stream_that_nobody_asked_for_is_no_answer_and_is_paid_for(before: bytes) -> None:
    """What it tells of its use counts, as in a stream that was asked for."""
    meter = Meter(input_tokens=1)
    with pytest.raises(UpstreamFailedError) as caught:
        await whole(Scripted(before + b"".join((*CHUNKS, USAGE, DONE))), CHAT, meter, limit_bytes=10_000)

    assert not isinstance(caught.value, NoAnswerError)
    assert meter.usage() == TokenUsage(input=3, output=5)


@pytest.mark.parametrize("body", [ERROR, b": ping\n\n", b"<p>data: x</p>", b"data; x"])
async def test_what_only_looks_like_a_stream_costs_nothing(body: bytes) -> None:
    """An error, a comment, a page with the word in it."""
    with pytest.raises(NoAnswerError):
        await whole(Scripted(body), CHAT, Meter(input_tokens=1), limit_bytes=10_000)

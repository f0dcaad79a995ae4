"""Pass on: the upstream's answer to the client, watched by a meter.

Whoever holds the tab is told the end before the last bytes go out, so that a client which has its whole
answer has also paid for it.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Final, Literal

import msgspec

from sluice_dataplane.dialects.flow import Flow
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.gemini.array import ArrayOfEvents
from sluice_dataplane.dialects.seam import Wire
from sluice_dataplane.errors import GatewayError, UpstreamFailedError, UpstreamTimeoutError
from sluice_dataplane.upstream.seam import AttemptFailedError, UpstreamAnswer
from sluice_dataplane.usage.meter import Meter

# failed: its provider said so, and nothing else.
StreamEnd = Literal["ok", "partial", "failed", "aborted"]
_EVENTS: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")  # as no JSON and no HTML begins
_BROKEN: Final = "The upstream broke off its answer."


class NoAnswerError(UpstreamFailedError):
    """What came is whole, and no answer: nobody charges for it."""


async def whole(answer: UpstreamAnswer, wire: Wire, meter: Meter, *, limit_bytes: int) -> bytes:
    """A plain answer's body in *wire*'s words, metered.

    Raises:
        NoAnswerError: it came whole, and is no answer of this wire.
        UpstreamFailedError: it broke off, or is over *limit_bytes*; the provider had made all of it, and charges.
        UpstreamTimeoutError: it did not come in time.
    """
    try:
        body = await answer.read(limit_bytes)
    except AttemptFailedError as error:
        if error.cause == "Timeout":
            raise UpstreamTimeoutError("The upstream did not finish its answer in time.") from None
        raise UpstreamFailedError(_BROKEN) from None
    try:
        meter.reported = wire.read_usage(body)
    except ValueError:
        message = "The upstream's answer is not a valid answer."
        begun = wire.begins_answer(body) or _is_stream(body, wire, meter)
        raise (UpstreamFailedError(message) if begun else NoAnswerError(message)) from None
    meter.saw_body(body)
    return body


def _is_stream(body: bytes, wire: Wire, meter: Meter) -> bool:
    """Whether *body* is a stream though no stream was asked for, or none was announced; *meter* has then counted it."""
    if wire.stream_type == "text/event-stream" and not _EVENTS.match(body):
        return False
    framer, watcher = wire.framer(), wire.watcher(meter, keep_usage=True)
    with contextlib.suppress(FramingError):
        for frame in (*framer.feed(body), *framer.finish()):
            if frame.data is not None:
                watcher.passes(frame)
    return not meter.silent


class Watch(msgspec.Struct, frozen=True):
    """Who is told: ``end`` exactly once with how the stream ended, ``closed`` exactly once when the upstream is let go.

    ``saw`` before and after each wait for the upstream: how many tokens came so far, and whether more may come that
    nobody reads.  ``expired`` says whether the time for the whole request is over.
    """

    expired: Callable[[], bool]
    end: Callable[[StreamEnd], None]
    closed: Callable[[], None]
    saw: Callable[[int, bool], None]


class Relay:
    """A streamed answer: an async iterator of bytes for the client that must be closed, also if never begun.

    *flow* turns what comes into what the client gets; *front* is the wire that the client speaks.
    """

    def __init__(
        self,
        answer: UpstreamAnswer,
        chunks: AsyncIterator[bytes],
        flow: Flow,
        front: Wire,
        meter: Meter,
        watch: Watch,
        *,
        first_chunk: bytes,
        request_id: str,
    ) -> None:
        self._answer = answer
        self._pending: bytes | None = first_chunk
        self._chunks = chunks
        self._flow = flow
        self._front = front
        self._meter = meter
        self._request_id = request_id
        self._watch = watch
        self._ended = False
        self._exhausted = False
        self._let_go = False

    def __aiter__(self) -> "Relay":
        return self

    async def __anext__(self) -> bytes:
        """The next bytes for the client, whole events only."""
        while not self._exhausted:
            try:
                if self._pending is None:
                    self._check_time()
                    # What piled up while the client did not read comes at once; after that we read all there is.
                    self._watch.saw(self._meter.output_tokens, False)  # noqa: FBT003  the seam's second word
                    chunk = await anext(self._chunks, b"")
                else:
                    chunk, self._pending = self._pending, None
                out = self._pass(chunk) if chunk else self._finish()
            except AttemptFailedError as error:
                timed_out = error.cause == "Timeout"
                out = self._break_off(
                    UpstreamTimeoutError("The upstream stalled.") if timed_out else UpstreamFailedError(_BROKEN)
                )
            except FramingError as error:
                out = error.passed + self._break_off(UpstreamFailedError("The upstream's stream is not valid."))
            if out:
                self._watch.saw(self._meter.output_tokens, True)  # noqa: FBT003  until the client asks for more
                return out
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Let go of the upstream; a stream that had not ended was aborted by the client, unless it had failed."""
        self._tell_end("aborted")
        self._exhausted = True
        if not self._let_go:
            self._let_go = True
            self._answer.close()
            self._watch.closed()

    def _check_time(self) -> None:
        if self._watch.expired():
            raise AttemptFailedError("the time for the whole request is over", cause="Timeout", sent=True)

    def _pass(self, chunk: bytes) -> bytes:
        out = self._flow.feed(chunk)
        if self._flow.ended:
            self._tell_end("ok")
        return out

    def _finish(self) -> bytes:
        """The upstream ended its body properly; before its answer was whole, that was too early."""
        out, complete = self._flow.finish()
        if not (complete or self._ended):
            return out + self._break_off(UpstreamFailedError(_BROKEN))
        self._tell_end("ok")
        self._exhausted = True
        return out

    def _break_off(self, error: GatewayError) -> bytes:
        self._exhausted = True
        if self._ended:
            return b""  # after the end nothing is owed
        self._tell_end("partial")
        if self._flow.failed:
            return b""  # the client knows: one error ends a stream
        return self._front.error_event(self._front.error_body(error, self._request_id))

    def _tell_end(self, how: StreamEnd) -> None:
        if not self._ended:
            self._ended = True
            if self._flow.failed:
                how = "failed" if self._meter.silent else "partial"
            self._watch.end(how)


class Arrayed:
    """*relay*'s events as one JSON array, for Gemini's clients that did not ask for events."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._array = ArrayOfEvents()
        self._closed = False

    def __aiter__(self) -> "Arrayed":
        return self

    async def __anext__(self) -> bytes:
        """The next bytes for the client."""
        async for events in self._relay:
            out = self._array.feed(events)
            if out:
                return out
        if self._closed:
            raise StopAsyncIteration
        self._closed = True
        return self._array.finish()

    async def aclose(self) -> None:
        """As the relay's."""
        await self._relay.aclose()

"""Echo: an upstream inside the process, for trials and tests.  It answers at once, in OpenAI's wire form.

Its content is the last user message (or the prompt).  One token is four UTF-8 bytes of text, a started one counts;
usage figures, ``max_tokens`` and embeddings all follow that one rule.  The upstream's header ``chunk-delay-ms``
spaces out the events of a stream.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Final

import msgspec

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest
from sluice_dataplane.upstream.echo_answers import EchoInvalidError, Reply, reply_to
from sluice_dataplane.upstream.head import refused
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience

MAX_CHUNK_DELAY_MS: Final = 5_000
CHUNK_DELAY: Final = "chunk-delay-ms"

_encoder: Final = msgspec.json.Encoder()


class EchoAnswer:
    """An answer that is here already; a stream takes its time between events."""

    def __init__(
        self, reply: Reply, *, request_id: str, delay_s: float, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self.status = reply.status
        self._reply = reply
        self._delay_s = delay_s
        self._sleep = sleep
        self._sent = 0
        kind = "text/event-stream" if reply.streamed else "application/json"
        self._headers: Headers = (("content-type", kind), ("x-request-id", request_id))

    @property
    def headers(self) -> Headers:
        """What the answer is, and its id."""
        return self._headers

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body; see the seam."""
        body = b"".join([chunk async for chunk in self])
        if len(body) > limit_bytes:
            raise AttemptFailedError(f"the answer is longer than {limit_bytes} bytes", cause="Protocol", sent=True)
        return body

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, one event at a time."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next event of a stream, or the whole of a plain body."""
        parts = self._reply.parts
        if self._sent == len(parts):
            raise StopAsyncIteration
        if self._sent and self._delay_s:
            await self._sleep(self._delay_s)
        self._sent += 1
        return parts[self._sent - 1]

    def close(self) -> None:
        """Say no more."""
        self._sent = len(self._reply.parts)


class EchoUpstreams:
    """Upstreams that need no network.  ``now_s`` gives the ``created`` times; ``sleep`` waits between events."""

    def __init__(
        self, *, now_s: Callable[[], int] = lambda: 0, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._now_s = now_s
        self._sleep = sleep
        self._numbers = count(1)

    async def send(
        self,
        upstream: Upstream,
        request: UpstreamRequest,
        *,
        credential: str | None,  # noqa: ARG002  # the seam's; nobody is asked for one here
        patience: Patience,  # noqa: ARG002  # the seam's; nobody is waited for here
    ) -> EchoAnswer:
        """The answer to *request*; an error in OpenAI's form for a body or path that OpenAI would refuse.

        Raises:
            AttemptFailedError: the upstream's ``chunk-delay-ms`` is no number of milliseconds.
        """
        delay = upstream.headers.get(CHUNK_DELAY, "0")
        if not (delay.isascii() and delay.isdigit()):
            raise refused(upstream.id, f"{CHUNK_DELAY} is no number of milliseconds")
        request_id = f"echo-{next(self._numbers)}"
        try:
            reply = reply_to(request.path, request.body, answer_id=request_id, created_s=self._now_s())
        except EchoInvalidError as error:
            reply = Reply(error.status, (_error_body(error),), streamed=False)
        delay_s = min(int(delay), MAX_CHUNK_DELAY_MS) / 1000
        return EchoAnswer(reply, request_id=request_id, delay_s=delay_s, sleep=self._sleep)

    async def close(self) -> None:
        """Nothing is held."""


def _error_body(error: EchoInvalidError) -> bytes:
    return _encoder.encode(
        {"error": {"message": str(error), "type": "invalid_request_error", "param": error.param, "code": None}}
    )

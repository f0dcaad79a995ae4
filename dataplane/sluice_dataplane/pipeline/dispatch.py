"""Try: sends the request to one candidate after the other until one answers, before the client got any byte."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

import msgspec

from sluice_contract.snapshot import RetryCause, Timeouts
from sluice_dataplane.dialects import openai
from sluice_dataplane.errors import (
    GatewayError,
    RateLimitedError,
    UnavailableError,
    UpstreamFailedError,
    UpstreamTimeoutError,
)
from sluice_dataplane.exchange import Ask, Candidate, Exchange, Headers, Plan, UpstreamRequest
from sluice_dataplane.upstream.health import Health
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience, UpstreamAnswer, Upstreams

MAX_ERROR_BYTES: Final = 1024 * 1024
PAUSE_SECONDS: Final = 0.2  # at most, before the same target is tried again; doubled each further time
_JSON: Final = (("content-type", "application/json"),)


class Dispatched(msgspec.Struct, frozen=True):
    """An upstream took the request.  A stream has its first chunk already; ``chunks`` brings the rest."""

    candidate: Candidate
    answer: UpstreamAnswer
    attempts: int
    first_chunk: bytes = b""
    chunks: AsyncIterator[bytes] | None = None  # None: the body is to be read whole


class NotDispatchedError(Exception):
    """Nobody answered.  ``told`` is what the client is told; nothing was billed by anyone we know of."""

    def __init__(self, told: GatewayError, *, attempts: int, candidate: Candidate | None) -> None:
        super().__init__(told.message)
        self.told = told
        self.attempts = attempts
        self.candidate = candidate


class RejectedError(Exception):
    """The upstream says the request itself is wrong (4xx): its own words are passed on, nothing is billed."""

    def __init__(self, status: int, body: bytes, *, attempts: int, candidate: Candidate) -> None:
        super().__init__(f"the upstream refused with status {status}")
        self.status = status
        self.body = body
        self.attempts = attempts
        self.candidate = candidate


class _Failure(msgspec.Struct, frozen=True):
    """One attempt that came to nothing: why, and what the client is told if it was the last."""

    cause: RetryCause | None  # None: another attempt would not help
    told: GatewayError


class Dispatcher:
    """Sends plans upstream.  *monotonic_ms* is the clock of health and deadlines."""

    def __init__(
        self,
        upstreams: Upstreams,
        health: Health,
        *,
        monotonic_ms: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._upstreams = upstreams
        self._health = health
        self._monotonic_ms = monotonic_ms
        self._sleep = sleep
        self._draw = draw

    async def dispatch(self, exchange: Exchange, ask: Ask, plan: Plan, *, ceiling: int | None) -> Dispatched:
        """The first usable answer.  The caller closes ``answer`` and calls :meth:`release` for its candidate.

        Raises:
            NotDispatchedError: no candidate gave an answer within its model's retries and time.
            RejectedError: a candidate refused the request as such.
        """
        retry, timeouts = plan.model.retry, plan.model.timeouts
        failure: _Failure | None = None
        attempts = 0
        last: Candidate | None = None
        for round_, candidate in self._order(plan):
            if attempts > retry.attempts or self._left_ms(exchange, timeouts) <= 0:
                break
            if round_ and not await self._worth_again(candidate, round_):
                continue
            if not self._health.acquire(candidate.model, candidate.target):
                continue
            attempts, last = attempts + 1, candidate
            kept = False
            try:
                tried = await self._attempt(exchange, ask, candidate, attempts, ceiling, timeouts)
                kept = isinstance(tried, Dispatched)
            finally:
                if not kept:
                    self.release(candidate)
            if isinstance(tried, Dispatched):
                return tried
            failure = tried
            if failure.cause is None or failure.cause not in retry.causes:
                break
        told = failure.told if failure is not None else _nobody(plan)
        raise NotDispatchedError(told, attempts=attempts, candidate=last)

    def release(self, candidate: Candidate) -> None:
        """The candidate's answer was read to its end, or given up."""
        self._health.release(candidate.model, candidate.target)

    def finished(self, candidate: Candidate, *, ok: bool) -> None:
        """How an answer ended that was taken: a break, or what is no answer, counts against the target."""
        self._record(candidate, ok=ok)

    def _order(self, plan: Plan) -> Iterator[tuple[int, Candidate]]:
        """Available candidates in the plan's order, round after round; if none is available, all of them."""
        now_ms = int(self._monotonic_ms())
        candidates = plan.candidates
        if len(candidates) > 1:
            available = [c for c in candidates if self._health.is_available(c.model, c.target, now_ms)]
            candidates = tuple(available) or candidates
        for round_ in range(1 + plan.model.retry.attempts):
            for candidate in candidates:
                yield round_, candidate

    async def _worth_again(self, candidate: Candidate, round_: int) -> bool:
        """Whether to try a candidate that failed this very call once more, after a pause; not while it rests."""
        if not self._health.is_available(candidate.model, candidate.target, int(self._monotonic_ms())):
            return False
        await self._sleep(self._draw() * PAUSE_SECONDS * 2 ** (round_ - 1))  # full jitter
        return True

    def _left_ms(self, exchange: Exchange, timeouts: Timeouts) -> int:
        return timeouts.request_ms - int(self._monotonic_ms() - exchange.started_ms)

    async def _attempt(
        self, exchange: Exchange, ask: Ask, candidate: Candidate, number: int, ceiling: int | None, timeouts: Timeouts
    ) -> Dispatched | _Failure:
        upstream = candidate.upstream
        credential = None
        if upstream.credential_id is not None:
            credential = exchange.table.credentials.get(upstream.credential_id)
            if credential is None:
                return _Failure(
                    "ServerError", UnavailableError("The provider's credential is missing.", code="provider_not_ready")
                )
        body = openai.request_body(
            exchange.body,
            ask,
            endpoint=exchange.endpoint,
            model=candidate.upstream_model,
            upstream_type=upstream.type,
            ceiling=ceiling,
        )
        request = UpstreamRequest("POST", openai.PATHS[exchange.endpoint], _JSON, body)
        left_ms = self._left_ms(exchange, timeouts)
        patience = Patience(
            connect_ms=min(timeouts.connect_ms, left_ms),
            first_byte_ms=min(timeouts.first_token_ms, left_ms) if ask.stream else left_ms,
            between_bytes_ms=timeouts.between_tokens_ms,
        )
        try:
            answer = await self._upstreams.send(upstream, request, credential=credential, patience=patience)
        except AttemptFailedError as error:
            self._record(candidate, ok=False)
            return _failed(error)
        kept = False
        try:
            taken = await self._take(answer, ask, candidate, number)
            kept = isinstance(taken, Dispatched)
        except AttemptFailedError as error:
            self._record(candidate, ok=False)
            return _failed(error)
        else:
            return taken
        finally:
            if not kept:
                answer.close()

    async def _take(self, answer: UpstreamAnswer, ask: Ask, candidate: Candidate, number: int) -> Dispatched | _Failure:
        if answer.status >= 300:
            return await self._turned_away(answer, candidate, number)
        if not ask.stream or not _is_event_stream(answer.headers):
            return Dispatched(candidate, answer, number)
        chunks = answer.chunks()
        first = await anext(chunks, b"")
        if not first:
            self._record(candidate, ok=False)
            return _Failure("ServerError", UpstreamFailedError("The upstream ended its stream before it began."))
        return Dispatched(candidate, answer, number, first, chunks)

    async def _turned_away(self, answer: UpstreamAnswer, candidate: Candidate, number: int) -> _Failure:
        status = answer.status
        if status == 429:
            rest_ms = retry_after_ms(answer.headers)
            self._health.rest(candidate.model, candidate.target, int(self._monotonic_ms()) + (rest_ms or 1_000))
            headers = (("retry-after", str(-(-rest_ms // 1000))),) if rest_ms else ()
            return _Failure(
                "RateLimited", RateLimitedError("The upstream's own rate limit is reached.", headers=headers)
            )
        if status >= 500:
            self._record(candidate, ok=False)
            wait_ms = retry_after_ms(answer.headers)
            headers = (("retry-after", str(-(-wait_ms // 1000))),) if wait_ms else ()
            if status in (503, 529):
                return _Failure(
                    "ServerError",
                    UnavailableError("The upstream is overloaded.", code="upstream_unavailable", headers=headers),
                )
            if status in (504, 524):
                return _Failure("ServerError", UpstreamTimeoutError("The upstream timed out."))
            return _Failure("ServerError", UpstreamFailedError(f"The upstream failed with status {status}."))
        self._record(candidate, ok=True)
        if status in (401, 403, 407):
            # Our credential was refused: that is between us and the provider, and no fault of the client's key.
            return _Failure(
                None,
                UpstreamFailedError("The upstream refused the gateway's own credential.", code="upstream_auth_error"),
            )
        if status < 400:
            return _Failure(None, UpstreamFailedError("The upstream answered with a redirect, which is not followed."))
        raise RejectedError(status, await answer.read(MAX_ERROR_BYTES), attempts=number, candidate=candidate)

    def _record(self, candidate: Candidate, *, ok: bool) -> None:
        self._health.record(candidate.model, candidate.target, ok=ok, now_ms=int(self._monotonic_ms()))


def _nobody(plan: Plan) -> GatewayError:
    message = f"Every target of {plan.model.name!r} is busy."
    return UnavailableError(message, code="overloaded", headers=(("retry-after", "1"),))


def _failed(error: AttemptFailedError) -> _Failure:
    match error.cause:
        case "ConnectFailure":
            return _Failure(
                "ConnectFailure", UpstreamFailedError("The upstream cannot be reached.", code="upstream_unreachable")
            )
        case "Timeout":
            return _Failure("Timeout", UpstreamTimeoutError("The upstream did not answer in time."))
        case "Refused":
            return _Failure("ConnectFailure", UpstreamFailedError(f"The gateway may not call this upstream: {error}."))
        case "Protocol":
            return _Failure("ServerError", UpstreamFailedError("The upstream's answer is not a valid answer."))


def _is_event_stream(headers: Headers) -> bool:
    return any(name == "content-type" and value.startswith("text/event-stream") for name, value in headers)


def retry_after_ms(headers: Headers) -> int:
    """The wait that *headers* ask for: ``retry-after-ms`` or ``retry-after`` in seconds; 0 if none is readable."""
    found = dict(headers)
    for name, factor in (("retry-after-ms", 1), ("retry-after", 1000)):
        text = found.get(name, "")
        if text.replace(".", "", 1).isdecimal():
            return min(int(float(text) * factor), 3_600_000)
    return 0

"""Try: sends the request to one candidate after the other until one answers, before the client got any byte."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final, Protocol

import msgspec

from sluice_contract.snapshot import Timeouts
from sluice_dataplane.dialects.gemini.faults import retry_delay_s
from sluice_dataplane.dialects.gemini.wire import GEMINI
from sluice_dataplane.dialects.ways import Ceilings, Way, spoken
from sluice_dataplane.errors import GatewayError, InvalidRequestError, UnavailableError, UpstreamFailedError
from sluice_dataplane.exchange import Ask, Candidate, Exchange, Headers, Plan, UpstreamRequest
from sluice_dataplane.pipeline.beside import beside
from sluice_dataplane.pipeline.failures import Failure, failed, nobody, retry_after_ms, turned_away
from sluice_dataplane.upstream.health import Health
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience, UpstreamAnswer, Upstreams

MAX_ERROR_BYTES: Final = 1024 * 1024
PAUSE_SECONDS: Final = 0.2  # at most, before the same target is tried again; doubled each further time


class Dispatched(msgspec.Struct, frozen=True):
    """An upstream took the request.  A stream has its first chunk already; ``chunks`` brings the rest."""

    candidate: Candidate
    way: Way
    answer: UpstreamAnswer
    attempts: int
    first_chunk: bytes = b""
    chunks: AsyncIterator[bytes] | None = None  # None: the body is to be read whole


class NotDispatchedError(Exception):
    """Nobody answered.  ``told`` is what the client is told."""

    def __init__(self, told: GatewayError, *, attempts: int, candidate: Candidate | None) -> None:
        super().__init__(told.message)
        self.told = told
        self.attempts = attempts
        self.candidate = candidate


class RejectedError(Exception):
    """The upstream says the request itself is wrong (4xx): its own words are passed on, nothing is billed.

    ``told`` is the body that the client gets.
    """

    def __init__(self, status: int, told: bytes, *, attempts: int, candidate: Candidate) -> None:
        super().__init__(f"the upstream refused with status {status}")
        self.status = status
        self.told = told
        self.attempts = attempts
        self.candidate = candidate


class Attempts(Protocol):
    """Who takes what attempts need, and is told what becomes of them.  They count from 1."""

    async def begin(self, candidate: Candidate, number: int) -> GatewayError | None:
        """Take what attempt *number*, at *candidate*, needs; why it may not be made, None where it may."""
        ...

    def sent(self, candidate: Candidate, number: int) -> None:
        """It is sent now: until :meth:`over` the provider may charge for it."""
        ...

    def over(self, told: GatewayError | None, *, billed: bool) -> None:
        """It came to nothing; *billed*: the provider may charge for it all the same."""
        ...


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

    def available(self, plan: Plan) -> Plan:
        """*plan* without the candidates that are set aside now; all of it where that is all of them."""
        candidates = plan.candidates
        if len(candidates) == 1:
            return plan
        now_ms = int(self._monotonic_ms())
        available = tuple([each for each in candidates if self._health.is_available(each.model, each.target, now_ms)])
        return Plan(plan.model, available) if 0 < len(available) < len(candidates) else plan

    async def dispatch(
        self, exchange: Exchange, ask: Ask, plan: Plan, attempts: Attempts, *, ceilings: Ceilings
    ) -> Dispatched:
        """The first usable answer.  The caller closes ``answer`` and calls :meth:`release` for its candidate.

        A candidate whose API cannot say what is asked is passed over.

        Raises:
            NotDispatchedError: no candidate gave an answer within its model's retries and time.
            RejectedError: a candidate refused the request as such.
        """
        retry, timeouts = plan.model.retry, plan.model.timeouts
        failure: Failure | None = None
        number = 0
        last: Candidate | None = None
        for round_, candidate in self._order(plan):
            if number > retry.attempts or self._left_ms(exchange, timeouts) <= 0:
                break
            if round_ and not await self._worth_again(candidate, round_):
                continue
            if not self._health.acquire(candidate.model, candidate.target):
                continue
            kept = False
            try:
                try:
                    way, request = await beside(len(exchange.body), _way, exchange, ask, candidate, ceilings)
                except InvalidRequestError as error:
                    failure = failure or Failure(None, error)
                    continue
                refused = await attempts.begin(candidate, number + 1)
                if refused is not None:
                    failure = failure or Failure(None, refused)
                    continue
                number, last = number + 1, candidate
                tried = await self._attempt(exchange, ask, candidate, number, way, request, timeouts, attempts)
                kept = isinstance(tried, Dispatched)
            finally:
                if not kept:
                    self.release(candidate)
            if isinstance(tried, Dispatched):
                return tried
            attempts.over(tried.told, billed=tried.billed)
            failure = tried
            if failure.cause is None or failure.cause not in retry.causes:
                break
        told = failure.told if failure is not None else nobody(plan)
        raise NotDispatchedError(told, attempts=number, candidate=last)

    def release(self, candidate: Candidate) -> None:
        """The candidate's answer was read to its end, or given up."""
        self._health.release(candidate.model, candidate.target)

    def finished(self, candidate: Candidate, *, ok: bool) -> None:
        """How an answer ended that was taken: a break, or what is no answer, counts against the target."""
        self._record(candidate, ok=ok)

    def _order(self, plan: Plan) -> Iterator[tuple[int, Candidate]]:
        """The candidates in the plan's order, round after round."""
        for round_ in range(1 + plan.model.retry.attempts):
            for candidate in plan.candidates:
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
        self,
        exchange: Exchange,
        ask: Ask,
        candidate: Candidate,
        number: int,
        way: Way,
        request: UpstreamRequest,
        timeouts: Timeouts,
        attempts: Attempts,
    ) -> Dispatched | Failure:
        upstream = candidate.upstream
        credential = None
        if upstream.credential_id is not None:
            credential = exchange.table.credentials.get(upstream.credential_id)
            if credential is None:
                return Failure(
                    "ServerError", UnavailableError("The provider's credential is missing.", code="provider_not_ready")
                )
        left_ms = self._left_ms(exchange, timeouts)
        patience = Patience(
            connect_ms=min(timeouts.connect_ms, left_ms),
            first_byte_ms=min(timeouts.first_token_ms, left_ms) if ask.stream else left_ms,
            between_bytes_ms=timeouts.between_tokens_ms,
        )
        attempts.sent(candidate, number)
        try:
            answer = await self._upstreams.send(upstream, request, credential=credential, patience=patience)
        except AttemptFailedError as error:
            self._record(candidate, ok=False)
            return failed(error)
        kept = False
        try:
            taken = await self._take(answer, ask, way, candidate, number, attempts)
            kept = isinstance(taken, Dispatched)
        except AttemptFailedError as error:
            self._record(candidate, ok=False)
            return failed(error)
        except RejectedError as error:
            if credential:  # some providers repeat what they were sent
                error.told = error.told.replace(credential.encode(), b"***")
            raise
        else:
            return taken
        finally:
            if not kept:
                answer.close()

    async def _take(
        self, answer: UpstreamAnswer, ask: Ask, way: Way, candidate: Candidate, number: int, attempts: Attempts
    ) -> Dispatched | Failure:
        if answer.status >= 300:
            return await self._turned_away(answer, way, candidate, number, attempts)
        if not ask.stream or not media_type(answer).startswith(way.back.stream_type):
            return Dispatched(candidate, way, answer, number)
        chunks = answer.chunks()
        first = await anext(chunks, b"")
        if not first:
            self._record(candidate, ok=False)
            return Failure("ServerError", UpstreamFailedError("The upstream ended its stream before it began."))
        return Dispatched(candidate, way, answer, number, first, chunks)

    async def _turned_away(
        self, answer: UpstreamAnswer, way: Way, candidate: Candidate, number: int, attempts: Attempts
    ) -> Failure:
        status, headers = answer.status, answer.headers
        if status in (429, 503) and way.back is GEMINI and not retry_after_ms(headers):
            headers = (*headers, *_wait_in(await answer.read(MAX_ERROR_BYTES)))
        if status == 429:
            rest_ms = retry_after_ms(headers) or 1_000
            self._health.rest(candidate.model, candidate.target, int(self._monotonic_ms()) + rest_ms)
        else:
            self._record(candidate, ok=status < 500)
        failure = turned_away(status, headers)
        if failure is not None:
            return failure
        attempts.over(None, billed=False)
        told = way.refusal(status, await answer.read(MAX_ERROR_BYTES))
        raise RejectedError(status, told, attempts=number, candidate=candidate)

    def _record(self, candidate: Candidate, *, ok: bool) -> None:
        self._health.record(candidate.model, candidate.target, ok=ok, now_ms=int(self._monotonic_ms()))


def _way(exchange: Exchange, ask: Ask, candidate: Candidate, ceilings: Ceilings) -> tuple[Way, UpstreamRequest]:
    back = spoken(exchange.endpoint, candidate)
    if back is None:
        message = f"The model {ask.model!r} has no target that serves this endpoint."
        raise InvalidRequestError(message, code="endpoint_not_supported", param="model")
    way = Way(exchange, ask, candidate, back)
    return way, way.request(ceilings)


def _wait_in(body: bytes) -> Headers:
    """The wait that an error of Google's asks for, as the header that all others have."""
    delay_s = retry_delay_s(body)
    return () if delay_s is None else (("retry-after-ms", str(int(delay_s * 1000))),)


def media_type(answer: UpstreamAnswer) -> str:
    """What an answer's body is, in lower case; "" where it does not say."""
    return next((value.lower() for name, value in answer.headers if name == "content-type"), "")

"""A request, room by room: authenticate → read → resolve → admit → dispatch → relay → settle.

Each room takes values and returns values and knows no other room; this page is the only one that knows their
order.  ``surface`` calls :meth:`Pipeline.run` and turns what comes back, or is raised, into HTTP.
"""

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sluice_contract.snapshot import Model
from sluice_contract.usage import Outcome, UsageRecord
from sluice_dataplane.config.table import Table
from sluice_dataplane.dialects.gemini.array import CONTENT_TYPE
from sluice_dataplane.dialects.gemini.paths import wants_array
from sluice_dataplane.dialects.ways import Ceilings
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.errors import GatewayError, UpstreamFailedError
from sluice_dataplane.exchange import Answer, Ask, Candidate, Chunks, Exchange, Headers, Plan
from sluice_dataplane.pipeline.admit import Admission, Admitted
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.authenticate import authenticate
from sluice_dataplane.pipeline.beside import beside, is_large
from sluice_dataplane.pipeline.demand import Demands
from sluice_dataplane.pipeline.dispatch import Dispatched, Dispatcher, NotDispatchedError, RejectedError, media_type
from sluice_dataplane.pipeline.keep import keeping, kept_plan, where_kept
from sluice_dataplane.pipeline.read import read
from sluice_dataplane.pipeline.relay import Arrayed, NoAnswerError, Relay, StreamEnd, Watch, whole
from sluice_dataplane.pipeline.resolve import plan_for, resolve
from sluice_dataplane.pipeline.settle import Books, Result, Tab
from sluice_dataplane.pipeline.tries import Tries
from sluice_dataplane.usage.bounds import scan_of
from sluice_dataplane.usage.ledger import Ledger
from sluice_dataplane.usage.meter import Meter

_JSON: Headers = (("content-type", "application/json"),)
_STREAMED: Headers = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))
_OF_FILES: Final = frozenset(("content-disposition", "content-range", "etag", "last-modified"))
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")  # names of a client's own making may hold anything
_ANY_FORM: Final = frozenset(("transcriptions", "translations", "passthrough"))

_LATER: Final = frozenset(("background", "deferred"))  # fields by which an answer is made when the call is over
STALLED_MS: Final = 1_000  # a client that has not read for so long has let an answer pile up

Observe = Callable[[UsageRecord, Exchange, Result, Model], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline is made of; clocks are in milliseconds, *draw* gives numbers in [0, 1)."""

    ledger: Ledger
    dispatcher: Dispatcher
    demands: Demands
    observe: Observe
    clock_ms: Callable[[], int]
    monotonic_ms: Callable[[], float]
    max_answer_bytes: int
    draw: Callable[[], float] = random.random


class Pipeline:
    """Answers exchanges.  Every GatewayError it raises is meant for the client."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._admission = Admission(parts.ledger, parts.demands, draw=parts.draw)
        self._books = Books(parts.ledger.settle, parts.observe, parts.clock_ms, parts.monotonic_ms)

    async def run(self, exchange: Exchange) -> Answer:
        """The answer to *exchange*.  By the time an error is raised, everything that was held is settled."""
        parts = self._parts
        now_ms = exchange.arrived_ms
        principal = authenticate(exchange, now_ms=now_ms)
        size = len(exchange.body)
        ask = await beside(size, read, exchange, principal)
        if exchange.endpoint == "response":
            ask, plan = kept_plan(exchange, principal, ask)
        else:
            ask = keeping(exchange, principal, ask)
            plan = resolve(exchange.table, principal, ask, draw=parts.draw)
            plan = parts.dispatcher.available(where_kept(plan, ask))
        scan = await beside(size, scan_of, exchange.endpoint, exchange.body) if is_large(size) else None
        call = Call(exchange, principal, ask, now_ms, scan)
        admitted = await self._admission.admit(call, plan, self._plan)
        tab = Tab(exchange, admitted.demand, self._books)
        try:
            return await self._serve(call, admitted, tab)
        except NotDispatchedError as error:
            tab.close(_unanswered(error))
            error.told.on_record = True
            raise error.told from None
        except RejectedError as error:
            result = Result(error.status, "failed", error.attempts, error.candidate, code="upstream_rejected")
            tab.close(result)
            return Answer(error.status, _JSON, error.told)
        except GatewayError as error:
            tab.close(Result(error.status, "failed", 0, code=error.code))
            error.on_record = True
            raise
        except asyncio.CancelledError:
            tab.close(Result(499, "aborted", 0, code="client_gone"))  # before anyone answered
            raise
        except Exception:
            tab.close(Result(500, "failed", 0, code="internal_error"))
            raise

    def _plan(self, table: Table, model: Model, name: str) -> Plan | None:
        """The plan for a model that a Budget sends calls to."""
        plan = plan_for(table, model, name, draw=self._parts.draw)
        return None if plan is None else self._parts.dispatcher.available(plan)

    async def _serve(self, call: Call, admitted: Admitted, tab: Tab) -> Answer:
        parts, exchange, ask, demand = self._parts, call.exchange, call.ask, admitted.demand
        tries = Tries(call, admitted, tab, self._admission, parts.ledger)
        ceilings = Ceilings(demand.ceiling, parts.demands.usual_ceiling(demand))
        sent = await parts.dispatcher.dispatch(exchange, ask, demand.plan, tries, ceilings=ceilings)
        most = None if demand.ceiling is None and not ask.output_bound else demand.output
        generates = WIRES[exchange.endpoint].generates
        meter = Meter(generates=generates, input_tokens=demand.bound.likely, most_output_tokens=most)
        if sent.chunks is not None:
            chunks, media = self._relay(exchange, ask, sent, meter, tab)
            headers = (("content-type", media), *_STREAMED, *admitted.headers, *_left_out(sent), *_passed_back(sent))
            return Answer(sent.answer.status, headers, chunks=chunks)
        if ask.stream:  # it is answered in one piece: what came of it before we die says nothing of what it costs
            parts.ledger.saw(tab.hold_id, 0, stalled=True)
        try:
            body = await whole(sent.answer, sent.way.back, meter, limit_bytes=parts.max_answer_bytes)
        except GatewayError as error:
            parts.dispatcher.finished(sent.candidate, ok=False)
            if isinstance(error, NoAnswerError):
                tab.over(billed=False)
            result = Result(error.status, "failed", sent.attempts, sent.candidate, code=error.code)
            if not meter.silent:  # it is of no use, and told what it costs
                result = _answered(error.status, "failed", sent.attempts, sent.candidate, meter)
            tab.close(result)
            raise
        except asyncio.CancelledError:
            # The upstream answers and is paid for; only the client did not wait for it.
            tab.close(Result(499, "aborted", sent.attempts, sent.candidate, code="client_gone"))
            raise
        finally:
            sent.answer.close()
            parts.dispatcher.release(sent.candidate)
        try:
            told = sent.way.answer(body)
        except ValueError:  # it is paid for, and no use
            parts.dispatcher.finished(sent.candidate, ok=False)
            tab.close(_answered(502, "failed", sent.attempts, sent.candidate, meter))
            raise UpstreamFailedError("The upstream's answer is not a valid answer.") from None
        parts.dispatcher.finished(sent.candidate, ok=True)
        tab.close(_answered(200, "ok", sent.attempts, sent.candidate, meter, later=ask.unpriced in _LATER))
        return Answer(sent.answer.status, (*_plain_type(sent), *admitted.headers, *_left_out(sent)), told)

    def _relay(self, exchange: Exchange, ask: Ask, sent: Dispatched, meter: Meter, tab: Tab) -> tuple[Chunks, str]:
        """A streamed answer, and its media type."""
        assert sent.chunks is not None
        stream = _Stream(self._parts, exchange, sent, meter, tab, later=ask.unpriced in _LATER)
        relay = Relay(
            sent.answer,
            sent.chunks,
            sent.way.flow(meter, keep_usage=ask.usage_wanted),
            sent.way.front,
            meter,
            Watch(expired=stream.expired, end=stream.end, closed=stream.closed, saw=stream.saw),
            first_chunk=sent.first_chunk,
            request_id=exchange.id,
        )
        if wants_array(exchange.route):
            return Arrayed(relay), CONTENT_TYPE
        return relay, sent.way.front.stream_type or media_type(sent.answer)


class _Stream:
    """What a relay tells of, and who wants to know."""

    __slots__ = ("_due_ms", "_first_token_ms", "_handed_ms", "_hold_id", "_later", "_meter", "_parts", "_sent", "_tab")

    def __init__(
        self, parts: Parts, exchange: Exchange, sent: Dispatched, meter: Meter, tab: Tab, *, later: bool
    ) -> None:
        self._parts = parts
        self._later = later  # it goes on though the client leaves
        self._sent = sent
        self._meter = meter
        self._tab = tab
        self._hold_id = tab.hold_id
        self._first_token_ms = tab.elapsed_ms()
        self._due_ms = exchange.started_ms + sent.candidate.model.timeouts.request_ms
        self._handed_ms: float | None = None  # when the client got what it has not come back from

    def expired(self) -> bool:
        """Whether the time for the whole request is over."""
        return self._parts.monotonic_ms() > self._due_ms

    def saw(self, tokens: int, stalled: bool) -> None:  # noqa: FBT001  the seam's second word
        """So many tokens came."""
        self._handed_ms = self._parts.monotonic_ms() if stalled else None
        self._parts.ledger.saw(self._hold_id, tokens, stalled=stalled)

    def closed(self) -> None:
        """The upstream was let go."""
        self._parts.dispatcher.release(self._sent.candidate)

    def end(self, how: StreamEnd) -> None:
        """The stream ended."""
        sent, meter = self._sent, self._meter
        if how != "aborted":
            self._parts.dispatcher.finished(sent.candidate, ok=how == "ok")
        if how == "failed":  # it is no answer, though it began like one: nobody charges for it
            self._tab.over(billed=False)
            self._tab.close(Result(200, how, sent.attempts, sent.candidate, code="upstream_error"))
            return
        status = 499 if how == "aborted" else 200
        if meter.reported is None and (self._later or (how == "aborted" and self._stalled())):
            # What the upstream went on to generate lies unread in some buffer, or came nowhere: nobody knows how much.
            self._tab.close(Result(status, how, sent.attempts, sent.candidate, code="client_gone"))
            return
        first_token_ms = self._first_token_ms
        self._tab.close(_answered(status, how, sent.attempts, sent.candidate, meter, first_token_ms=first_token_ms))

    def _stalled(self) -> bool:
        return self._handed_ms is not None and self._parts.monotonic_ms() - self._handed_ms > STALLED_MS


def _answered(
    status: int,
    outcome: Outcome,
    attempts: int,
    candidate: Candidate,
    meter: Meter,
    *,
    first_token_ms: int | None = None,
    later: bool = False,
) -> Result:
    """How an exchange ended that somebody answered, whole or in part; *later*: nobody sees what is still to come."""
    told = meter.reported
    return Result(
        status,
        outcome,
        attempts,
        candidate,
        None if later and told is None else meter.usage(),
        first_token_ms,
        service_tier="" if told is None else told.service_tier,
        provider_cost_nusd=None if told is None else told.provider_cost_nusd,
    )


def _unanswered(error: NotDispatchedError) -> Result:
    return Result(error.told.status, "failed", error.attempts, error.candidate, code=error.told.code)


def _plain_type(sent: Dispatched) -> Headers:
    """The content type of a plain answer: JSON, unless its form can be chosen by the client."""
    return (("content-type", media_type(sent.answer)),) if sent.way.front.name in _ANY_FORM else _JSON


def _left_out(sent: Dispatched) -> Headers:
    """What tells the client which of its fields its answer does without."""
    dropped = sent.way.dropped
    return (("x-sluice-dropped", _UNPRINTABLE.sub("?", ", ".join(dropped)[:1024])),) if dropped else ()


def _passed_back(sent: Dispatched) -> Headers:
    """What a provider says of a file besides its type."""
    if sent.way.front.stream_type:
        return ()
    return tuple([each for each in sent.answer.headers if each[0] in _OF_FILES])

"""A request, room by room: authenticate → read → resolve → admit → dispatch → relay → settle.

Each room takes values and returns values and knows no other room; this page is the only one that knows their
order.  ``surface`` calls :meth:`Pipeline.run` and turns what comes back, or is raised, into HTTP.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from sluice_contract.snapshot import Model
from sluice_contract.usage import Outcome, UsageRecord
from sluice_dataplane.dialects import openai
from sluice_dataplane.errors import GatewayError, InvalidRequestError, StoreError, UnavailableError, error_body
from sluice_dataplane.exchange import Answer, Ask, Exchange, Headers, Principal
from sluice_dataplane.limits.store import Held, Refused
from sluice_dataplane.pipeline.admit import Demand, Demands, granted_headers, refusal
from sluice_dataplane.pipeline.authenticate import authenticate
from sluice_dataplane.pipeline.dispatch import Dispatched, Dispatcher, NotDispatchedError, RejectedError
from sluice_dataplane.pipeline.read import read
from sluice_dataplane.pipeline.relay import Relay, StreamEnd, Watch, whole
from sluice_dataplane.pipeline.resolve import resolve
from sluice_dataplane.pipeline.settle import Books, Result, Tab
from sluice_dataplane.pipeline.settle import Held as Taken
from sluice_dataplane.usage.ledger import Ledger
from sluice_dataplane.usage.meter import Meter

_JSON: Headers = (("content-type", "application/json"),)
_EVENTS: Headers = (("content-type", "text/event-stream"), ("cache-control", "no-cache"), ("x-accel-buffering", "no"))

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
        self._books = Books(parts.ledger.settle, parts.observe, parts.clock_ms, parts.monotonic_ms)

    async def run(self, exchange: Exchange) -> Answer:
        """The answer to *exchange*.  By the time an error is raised, everything that was held is settled."""
        parts = self._parts
        now_ms = exchange.arrived_ms
        principal = authenticate(exchange, now_ms=now_ms)
        ask = read(exchange)
        plan = resolve(exchange.table, principal, ask, draw=parts.draw)
        demand = parts.demands.of(exchange, principal, ask, plan, now_ms=now_ms)
        granted = await self._admit(demand, now_ms)
        tab = self._tab(exchange, principal, ask, demand)
        try:
            return await self._serve(exchange, ask, demand, granted, tab)
        except NotDispatchedError as error:
            tab.close(_unanswered(error))
            error.told.on_record = True
            raise error.told from None
        except RejectedError as error:
            result = Result(error.status, "failed", error.attempts, error.candidate, code="upstream_rejected")
            tab.close(result)
            return Answer(error.status, _JSON, _rejection(error, exchange.id))
        except GatewayError as error:
            error.on_record = True
            raise
        except asyncio.CancelledError:
            tab.close(Result(499, "aborted", 0, code="client_gone"))  # before anyone answered
            raise
        except Exception:
            tab.close(Result(500, "failed", 0, code="internal_error"))
            raise

    async def _admit(self, demand: Demand, now_ms: int) -> Headers:
        try:
            admission: Held | Refused = await self._parts.ledger.open(
                demand.reservation, closed=demand.terms.needs_store
            )
        except StoreError as error:
            message = "The budgets of this key cannot be checked now."
            headers = (("retry-after", "2"),)
            raise UnavailableError(message, code="budget_store_unavailable", headers=headers) from error
        if isinstance(admission, Refused):
            raise refusal(demand, admission, now_ms=now_ms)
        return granted_headers(demand, admission)

    def _tab(self, exchange: Exchange, principal: Principal, ask: Ask, demand: Demand) -> Tab:
        terms = demand.terms
        taken = Taken(demand.reservation, terms.model, terms.budgets, terms.limits)
        return Tab(exchange, principal, ask, taken, self._books)

    async def _serve(self, exchange: Exchange, ask: Ask, demand: Demand, granted: Headers, tab: Tab) -> Answer:
        parts = self._parts
        sent = await parts.dispatcher.dispatch(exchange, ask, demand.plan, ceiling=demand.ceiling)
        most = None if demand.ceiling is None else demand.ceiling * ask.choices
        meter = Meter(exchange.endpoint, request_bytes=len(exchange.body), most_output_tokens=most)
        if sent.chunks is not None:
            return Answer(200, (*_EVENTS, *granted), chunks=self._relay(exchange, ask, sent, meter, tab))
        try:
            body = await whole(sent.answer, meter, limit_bytes=parts.max_answer_bytes)
        except GatewayError as error:
            parts.dispatcher.finished(sent.candidate, ok=False)
            usage = meter.usage() if meter.began else None
            outcome: Outcome = "partial" if meter.began else "failed"
            tab.close(Result(error.status, outcome, sent.attempts, sent.candidate, usage, code=error.code))
            raise
        except asyncio.CancelledError:
            # The upstream answered and was paid for; only the client did not wait for it.
            tab.close(Result(499, "aborted", sent.attempts, sent.candidate, meter.usage(), code="client_gone"))
            raise
        finally:
            sent.answer.close()
            parts.dispatcher.release(sent.candidate)
        parts.dispatcher.finished(sent.candidate, ok=True)
        tab.close(Result(200, "ok", sent.attempts, sent.candidate, meter.usage()))
        return Answer(200, (*_JSON, *granted), body)

    def _relay(self, exchange: Exchange, ask: Ask, sent: Dispatched, meter: Meter, tab: Tab) -> Relay:
        parts, candidate = self._parts, sent.candidate
        first_token_ms = tab.elapsed_ms()
        due_ms = exchange.started_ms + candidate.model.timeouts.request_ms
        assert sent.chunks is not None

        def end(how: StreamEnd) -> None:
            if how != "aborted":
                parts.dispatcher.finished(candidate, ok=how == "ok")
            status = 499 if how == "aborted" else 200
            tab.close(Result(status, how, sent.attempts, candidate, meter.usage(), first_token_ms))

        watch = Watch(
            expired=lambda: parts.monotonic_ms() > due_ms,
            end=end,
            closed=lambda: parts.dispatcher.release(candidate),
        )
        return Relay(
            sent.answer,
            sent.chunks,
            meter,
            watch,
            first_chunk=sent.first_chunk,
            keep_usage=ask.usage_wanted,
            request_id=exchange.id,
        )


def _unanswered(error: NotDispatchedError) -> Result:
    return Result(error.told.status, "failed", error.attempts, error.candidate, code=error.told.code)


def _rejection(error: RejectedError, request_id: str) -> bytes:
    """The upstream's own words where they are an error in OpenAI's form, else ours."""
    if openai.is_error(error.body):
        return error.body
    told = InvalidRequestError(
        f"The upstream refused the request with status {error.status}.", code="upstream_rejected"
    )
    return error_body(told, request_id)

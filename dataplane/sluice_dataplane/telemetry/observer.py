"""Tells log, metrics and traces what became of each exchange: one line, one count, one span."""

from collections.abc import Callable

import msgspec

from sluice_contract.usage import UsageRecord
from sluice_dataplane.telemetry.log import LineWriter
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.telemetry.tracing import Tracer


class Observer:
    """The one place where an exchange's end is told."""

    def __init__(self, metrics: Metrics, tracer: Tracer, lines: LineWriter | None, clock_ms: Callable[[], int]) -> None:
        self._metrics = metrics
        self._tracer = tracer
        self._lines = lines  # None: requests are not logged
        self._clock_ms = clock_ms

    def settled(self, record: UsageRecord, *, model: str, provider: str, traceparent: str, code: str) -> None:
        """An exchange with an open tab ended, or an attempt of it that may be billed beside the last one.

        *model* is the table's name, ``record.model`` the client's.
        """
        self._metrics.settled(record, model)
        started_ms = record.at_ms - record.duration_ms
        if record.attempt >= record.attempts:
            self._tracer.exchange(record, parent=traceparent, started_ms=started_ms, provider=provider, code=code)
        if self._lines is not None:
            self._lines.write(_line(record, code))

    def refused(self, request_id: str, path: str, status: int, code: str, *, key_id: str = "") -> None:
        """A request was turned away before a tab was opened; *path* is one of ours or empty."""
        self._metrics.refused.labels(code).inc()
        if self._lines is not None:
            facts = {"time_ms": self._clock_ms(), "level": "info", "event": "refused", "id": request_id, "path": path}
            self._lines.write({**facts, "status": status, "code": code, "key_id": key_id})


class _Line(msgspec.Struct, frozen=True, gc=False):
    """The allow-list of what a request's log line may hold."""

    time_ms: int
    level: str
    event: str
    id: str
    status: int
    outcome: str
    code: str
    endpoint: str
    stream: bool
    key_id: str
    key: str
    team: str | None
    model: str
    target: str
    attempt: int
    attempts: int
    flags: tuple[str, ...]
    service_tier: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    cost_nusd: int
    provider_cost_nusd: int | None
    duration_ms: int
    first_token_ms: int | None
    revision: str


def _line(record: UsageRecord, code: str) -> _Line:
    usage = record.usage
    return _Line(
        time_ms=record.at_ms,
        level="info",
        event="exchange" if record.attempt >= record.attempts else "attempt",
        id=record.id,
        status=record.status,
        outcome=record.outcome,
        code=code,
        endpoint=record.endpoint,
        stream=record.stream,
        key_id=record.key_id,
        key=record.key,
        team=record.team,
        model=record.model,
        target=record.target,
        attempt=record.attempt,
        attempts=record.attempts,
        flags=record.flags,
        service_tier=record.service_tier,
        input_tokens=usage.input,
        output_tokens=usage.output,
        estimated=usage.estimated,
        cost_nusd=record.cost_nusd,
        provider_cost_nusd=record.provider_cost_nusd,
        duration_ms=record.duration_ms,
        first_token_ms=record.first_token_ms,
        revision=record.revision,
    )

"""One exchange's end is told once to each: a line, a count, a span."""

import json
import os

import msgspec

from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.telemetry.log import LineWriter
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.telemetry.observer import Observer

RECORD = UsageRecord(
    id="req_1", source="s", sequence=1, at_ms=2_000, key_id="vk1", key="team/app", model="echo", target="t",
    upstream_model="m", endpoint="chat", status=200, outcome="ok", attempts=1, usage=TokenUsage(input=3, output=5),
    cost_nusd=7, duration_ms=500, user="canary-user",
)  # fmt: skip


class Spans:
    """A tracer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []

    def exchange(self, record: UsageRecord, *, parent: str, started_ms: int, provider: str, code: str) -> None:
        """Keep one."""
        self.told.append((record.id, started_ms, parent))

    def close(self) -> None:
        """Nothing is left."""


def told(record: UsageRecord) -> tuple[dict[str, object], Metrics, Spans]:
    """What log, metrics and tracer got of one settled exchange."""
    read_fd, write_fd = os.pipe()
    writer, metrics, spans = LineWriter(write_fd), Metrics(), Spans()
    observer = Observer(metrics, spans, writer, lambda: 1)
    observer.settled(record, model="echo", provider="echo", traceparent="00-a-b-01", code="")
    writer.close()
    return json.loads(os.read(read_fd, 100_000)), metrics, spans


def test_an_exchange_is_one_line_with_its_facts() -> None:
    """Who, what, how much, how long: and the end user's name stays out of it."""
    line, _, _ = told(RECORD)

    expected = {"id": "req_1", "status": 200, "key": "team/app", "model": "echo", "output_tokens": 5, "cost_nusd": 7}
    assert expected == {name: line[name] for name in expected}
    assert "canary-user" not in json.dumps(line)


def test_an_exchange_is_counted_and_traced_once() -> None:
    """Metrics count it, and its span begins when it arrived."""
    _, metrics, spans = told(RECORD)

    assert 'status="200",target="t"} 1.0' in metrics.exposition().decode()
    assert spans.told == [("req_1", 1_500, "00-a-b-01")]


def test_a_refusal_is_counted_by_its_code() -> None:
    """A request that was turned away shows in the metrics by why, without any name of the client's."""
    metrics = Metrics()
    Observer(metrics, Spans(), None, lambda: 1).refused("req_1", "", 401, "invalid_api_key")

    assert 'sluice_refused_requests_total{code="invalid_api_key"} 1.0' in metrics.exposition().decode()


def test_an_attempt_that_was_not_the_last_is_a_line_and_no_span() -> None:
    """A call is one span and one line of its own; what else it was billed for can be found by its id."""
    lost = msgspec.structs.replace(RECORD, attempt=1, attempts=2, flags=("unanswered",))
    line, _, spans = told(lost)

    assert (line["event"], line["attempt"], line["flags"], line["id"]) == ("attempt", 1, ["unanswered"], "req_1")
    assert spans.told == []

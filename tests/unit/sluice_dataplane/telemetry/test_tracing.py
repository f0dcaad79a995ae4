"""Traces: GenAI attributes and W3C context over real OTLP, no content, and nothing at all when off."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.telemetry.tracing import NoTracer, tracer_for

RECORD = UsageRecord(
    id="req_1", source="s", sequence=1, at_ms=2_000, key_id="vk1", key="team/app", model="echo", target="t",
    upstream_model="m", endpoint="chat", status=200, outcome="ok", attempts=1, usage=TokenUsage(input=3, output=5),
    cost_nusd=7, stream=True, duration_ms=500, first_token_ms=40, user="canary-user",
)  # fmt: skip


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """An OTLP/HTTP collector on this machine: its URL and the bodies it was sent."""
    bodies: list[bytes] = []

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take one export."""
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = HTTPServer(("127.0.0.1", 0), Collect)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_exchange_becomes_a_server_span_of_the_clients_trace(collector: tuple[str, list[bytes]]) -> None:
    """Name, times, GenAI attributes and the caller's trace id arrive at a real collector; no user, no content."""
    url, bodies = collector
    tracer = tracer_for(url)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    tracer.exchange(RECORD, parent=parent, started_ms=1_500, provider="openai", code="")
    tracer.close()
    request = ExportTraceServiceRequest.FromString(bodies[0])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    attributes = {item.key: item.value for item in span.attributes}

    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("chat echo", parent[3:35], parent[36:52])
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_500_000_000, 2_000_000_000)
    assert attributes["gen_ai.usage.output_tokens"].int_value == 5
    assert attributes["gen_ai.provider.name"].string_value == "openai"
    assert b"canary" not in bodies[0]


def test_tracing_that_is_off_imports_nothing() -> None:
    """Without an endpoint the SDK stays out of the process: neither memory nor threads."""
    code = (
        "import sys; from sluice_dataplane.telemetry.tracing import tracer_for; tracer_for('');"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )

    assert isinstance(tracer_for(""), NoTracer)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

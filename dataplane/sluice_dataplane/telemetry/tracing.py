"""OpenTelemetry traces: one server span an exchange, with GenAI attributes and W3C context, and no content.

Off unless an endpoint is set, and then nothing of OpenTelemetry is even imported.  Attribute names follow the
GenAI semantic conventions (``gen_ai.*``), which are still marked as in development; they stand only here.
"""

from typing import Any, Final, Protocol

from sluice_contract.usage import UsageRecord


class Tracer(Protocol):
    """Takes finished exchanges."""

    def exchange(self, record: UsageRecord, *, parent: str, started_ms: int, provider: str, code: str) -> None:
        """Report one exchange; *parent* is the client's ``traceparent`` header, or empty."""
        ...

    def close(self) -> None:
        """Send what is left, for at most a few seconds."""
        ...


class NoTracer:
    """Tracing turned off."""

    def exchange(self, record: UsageRecord, *, parent: str, started_ms: int, provider: str, code: str) -> None:
        """Nothing is reported."""

    def close(self) -> None:
        """Nothing is left."""


class OtlpTracer:
    """Sends spans in batches over OTLP/HTTP from a thread of the SDK; a full queue drops spans, never calls."""

    def __init__(self, endpoint: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        url = endpoint.rstrip("/")
        url = url if url.endswith("/v1/traces") else f"{url}/v1/traces"
        self._provider = TracerProvider(resource=Resource.create({"service.name": "sluice-dataplane"}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self._tracer = self._provider.get_tracer("sluice_dataplane")

    def exchange(self, record: UsageRecord, *, parent: str, started_ms: int, provider: str, code: str) -> None:
        """Report one exchange as a server span named ``{operation} {model}``."""
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        attributes = _attributes(record, provider)
        context = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
        span = self._tracer.start_span(
            f"{attributes['gen_ai.operation.name']} {record.model}",
            context=context,
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=started_ms * 1_000_000,
        )
        if record.outcome not in ("ok", "aborted"):
            span.set_attribute("error.type", code or str(record.status))
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=(started_ms + record.duration_ms) * 1_000_000)

    def close(self) -> None:
        """Send what is left."""
        self._provider.force_flush(5_000)
        self._provider.shutdown()


# gen_ai.operation.name of an endpoint; of any other, its own name.
_OPERATIONS: Final = {
    "completions": "text_completion",
    "messages": "chat",
    "responses": "chat",
    "gemini": "generate_content",
    "gemini_embeddings": "embeddings",
}


def _attributes(record: UsageRecord, provider: str) -> dict[str, Any]:
    operation = _OPERATIONS.get(record.endpoint, record.endpoint)
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": record.model,
        "gen_ai.response.model": record.upstream_model,
        "gen_ai.request.stream": record.stream,
        "gen_ai.usage.input_tokens": record.usage.input,
        "gen_ai.usage.output_tokens": record.usage.output,
        "gen_ai.usage.cache_read.input_tokens": record.usage.cached_input,
        "gen_ai.usage.reasoning.output_tokens": record.usage.reasoning,
        "http.response.status_code": record.status,
        "sluice.key_id": record.key_id,
        "sluice.target": record.target,
        "sluice.attempts": record.attempts,
        "sluice.cost_nano_usd": record.cost_nusd,
        "sluice.request_id": record.id,
    }
    if record.first_token_ms is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = record.first_token_ms / 1000
    return attributes


def tracer_for(endpoint: str) -> Tracer:
    """The tracer that sends to *endpoint*; one that does nothing when it is empty."""
    return OtlpTracer(endpoint) if endpoint else NoTracer()

"""A collector of OpenTelemetry traces on a loopback port: keeps the spans that come over OTLP/HTTP."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """One span as it came; ids in hex, the resource's attributes among its own."""

    span: Span
    attributes: dict[str, Any]

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return self.span.trace_id.hex()

    @property
    def parent_id(self) -> str:
        """16 hex digits; empty for a root."""
        return self.span.parent_span_id.hex()


class Collector:
    """What came, and where to send it."""

    def __init__(self) -> None:
        self.port = 0
        self.requests = 0
        self.spans: list[SeenSpan] = []
        self.raw = b""

    @property
    def endpoint(self) -> str:
        """What SLUICE_TRACE_ENDPOINT would be."""
        return f"http://127.0.0.1:{self.port}"

    async def take(self, request: web.Request) -> web.Response:
        """``POST /v1/traces``."""
        body = await request.read()
        self.requests += 1
        self.raw += body
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            shared = _plain(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                self.spans += [SeenSpan(span, {**shared, **_plain(span.attributes)}) for span in scope_spans.spans]
        return web.Response(content_type="application/x-protobuf")


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextlib.asynccontextmanager
async def running_collector() -> AsyncIterator[Collector]:
    """A collector for the length of an ``async with``."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        collector.port = runner.addresses[0][1]
        yield collector
    finally:
        await runner.cleanup()

"""The door: paths, methods, size, identity of the exchange.  Everything else is the pipeline's."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

from aiohttp import web

from sluice_dataplane.config.holder import Holder
from sluice_dataplane.dialects import openai
from sluice_dataplane.errors import (
    BodyTooLargeError,
    GatewayError,
    InvalidRequestError,
    MethodNotAllowedError,
    UnavailableError,
    UnknownRouteError,
)
from sluice_dataplane.exchange import Answer, Endpoint, Exchange, Headers
from sluice_dataplane.pipeline import Pipeline
from sluice_dataplane.pipeline.authenticate import authenticate
from sluice_dataplane.surface import listing
from sluice_dataplane.surface.reply import error_response, send
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.telemetry.observer import Observer

log = logging.getLogger("sluice.front")

BODY_IDLE_SECONDS: Final = 30  # a client that sends its body slower than this is cut off
_CALLS: Final[dict[str, Endpoint]] = {
    prefix + path: endpoint for endpoint, path in openai.PATHS.items() for prefix in ("/v1", "")
}
_LISTS: Final = ("/v1/models", "/models")
_KEPT_HEADERS: Final = {
    name.encode(): name
    for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key", "anthropic-version", "traceparent")
}
_JSON: Final = (("content-type", "application/json"),)


class Front:
    """Takes requests from aiohttp's low-level server; one instance a process."""

    def __init__(
        self,
        pipeline: Pipeline,
        holder: Holder,
        observer: Observer,
        metrics: Metrics,
        *,
        clock_ms: Callable[[], int],
        monotonic_ms: Callable[[], float],
        max_inflight: int,
    ) -> None:
        self._pipeline = pipeline
        self._holder = holder
        self._observer = observer
        self._clock_ms = clock_ms
        self._monotonic_ms = monotonic_ms
        self._max_inflight = max_inflight
        self.inflight = 0
        self._idle = asyncio.Event()
        self.closing = False  # set while draining: answers ask the client to close the connection
        metrics.inflight.set_function(lambda: self.inflight)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to *request*; never raises but for cancellation."""
        now_ms = self._clock_ms()
        request_id = f"req_{now_ms:011x}{secrets.token_hex(8)}"
        self.inflight += 1
        try:
            answer = await self._answer(request, request_id, now_ms)
            return await send(request, answer, request_id, closing=self.closing)
        except GatewayError as error:
            self._observer.refused(request_id, _known(request.path), error.status, error.code)
            return error_response(error, request_id, closing=self.closing or error.status == 413)
        except (ConnectionError, web.RequestPayloadError) as error:
            raise asyncio.CancelledError from error  # the client is gone: there is nobody to answer
        except Exception:
            log.exception("front.unexpected", extra={"id": request_id, "path": _known(request.path)})
            self._observer.refused(request_id, _known(request.path), 500, "internal_error")
            return error_response(GatewayError("The gateway failed; this is a bug in it."), request_id)
        finally:
            self.inflight -= 1
            if self.closing and self.inflight == 0:
                self._idle.set()

    async def idle(self) -> None:
        """Wait until no call is being answered; meant for after ``closing`` was set."""
        if self.inflight:
            await self._idle.wait()

    async def _answer(self, request: web.BaseRequest, request_id: str, now_ms: int) -> Answer:
        path, method = request.path, request.method
        endpoint = _CALLS.get(path)
        if endpoint is None:
            return self._other(request, request_id, now_ms)
        if method != "POST":
            raise MethodNotAllowedError(f"{method} is not possible here: use POST.", headers=(("allow", "POST"),))
        if not self._holder.ready:
            raise UnavailableError("No configuration has arrived yet.", headers=(("retry-after", "1"),))
        if self.inflight > self._max_inflight:
            message = "The gateway is answering as many calls as it may."
            raise UnavailableError(message, code="overloaded", headers=(("retry-after", "1"),))
        started_ms = self._monotonic_ms()
        body = await _read_body(request)
        return await self._pipeline.run(self._exchange(request, request_id, now_ms, started_ms, endpoint, body))

    def _exchange(
        self, request: web.BaseRequest, request_id: str, now_ms: int, started_ms: float, endpoint: Endpoint, body: bytes
    ) -> Exchange:
        return Exchange(
            id=request_id,
            endpoint=endpoint,
            table=self._holder.current(),
            arrived_ms=now_ms,
            started_ms=started_ms,
            headers=_headers(request),
            body=body,
            client_address=request.remote or "",
        )

    def _other(self, request: web.BaseRequest, request_id: str, now_ms: int) -> Answer:
        path, method = request.path, request.method
        listed = path in _LISTS or path.startswith(("/v1/models/", "/models/"))
        if path != "/" and not listed:
            raise UnknownRouteError(f"There is nothing at {path!r} here; the API is under /v1.")
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(f"{method} is not possible here: use GET.", headers=(("allow", "GET, HEAD"),))
        if path == "/":
            return Answer(200, _JSON, b'{"name":"sluice","status":"ok"}')
        if not self._holder.ready:
            raise UnavailableError("No configuration has arrived yet.", headers=(("retry-after", "1"),))
        exchange = self._exchange(request, request_id, now_ms, self._monotonic_ms(), "chat", b"")
        key = authenticate(exchange, now_ms=now_ms).key
        anthropic = any(name == "anthropic-version" for name, _ in exchange.headers)
        if path in _LISTS:
            return Answer(200, _JSON, listing.list_models(exchange.table, key, anthropic=anthropic))
        name = path.partition("/models/")[2]
        return Answer(200, _JSON, listing.show_model(exchange.table, key, name, anthropic=anthropic))


def _headers(request: web.BaseRequest) -> Headers:
    kept = []
    for raw_name, raw_value in request.raw_headers:
        name = _KEPT_HEADERS.get(raw_name.lower())
        if name is not None:
            kept.append((name, raw_value.decode("utf-8", "surrogateescape")))
    return tuple(kept)


async def _read_body(request: web.BaseRequest) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise InvalidRequestError("Compressed request bodies are not accepted.", code="unsupported_content_encoding")
    limit = request.client_max_size
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    try:
        if request.content.is_eof():
            return await request.read()
        async with asyncio.timeout(BODY_IDLE_SECONDS * max(1, (request.content_length or 0) // 1_000_000)):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit) from None
    except TimeoutError:
        raise InvalidRequestError("The body did not arrive in time.", code="request_timeout") from None


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The body is over the limit of {limit} bytes.")


def _known(path: str) -> str:
    return path if path in _CALLS or path in _LISTS or path == "/" else ""

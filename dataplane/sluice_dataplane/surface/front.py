"""The front on aiohttp: every path and method, and whatever else HTTP allows.  ``lean`` serves the usual calls."""

import asyncio
from typing import Final

from aiohttp import web

from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.errors import (
    BodyTooLargeError,
    GatewayError,
    InvalidRequestError,
    MethodNotAllowedError,
    UnknownRouteError,
)
from sluice_dataplane.exchange import Answer, Headers
from sluice_dataplane.pipeline.authenticate import authenticate
from sluice_dataplane.surface import listing, routes
from sluice_dataplane.surface.door import BODY_IDLE_SECONDS, KEPT_HEADERS, Arrival, Door
from sluice_dataplane.surface.reply import error_response, send

_JSON: Final = (("content-type", "application/json"),)


class Front:
    """Takes requests from aiohttp's low-level server; one instance a process."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to *request*; never raises but for cancellation."""
        door = self._door
        arrival = door.arrive()

        def body(error: GatewayError) -> bytes:
            return WIRES[routes.told_as(request.path)].error_body(error, arrival.id)

        try:
            answer = await self._answer(request, arrival)
            return await send(request, answer, arrival.id, closing=door.closing)
        except GatewayError as error:
            door.refused(arrival, routes.label(request.path), error)
            return error_response(error, body(error), arrival.id, closing=door.closing or error.status == 413)
        except (ConnectionError, web.RequestPayloadError) as error:
            raise asyncio.CancelledError from error  # the client is gone: there is nobody to answer
        except Exception as error:  # noqa: BLE001  told of by the door
            failure = door.failed(arrival, routes.label(request.path), error)
            return error_response(failure, body(failure), arrival.id, closing=door.closing)
        finally:
            door.leave()

    async def _answer(self, request: web.BaseRequest, arrival: Arrival) -> Answer:
        found = routes.find(
            request.method,
            request.rel_url.raw_path,
            request.rel_url.raw_query_string,
            request.headers.get("content-type", ""),
        )
        if found is None:
            return self._other(request, arrival)
        self._door.check_open()
        body = await _read_body(request)
        exchange = self._door.exchange(
            arrival, found.endpoint, _headers(request), body, request.remote or "", found.route
        )
        return await self._door.answer(exchange)

    def _other(self, request: web.BaseRequest, arrival: Arrival) -> Answer:
        path, method = request.path, request.method
        listed = routes.listed(path)
        if path not in routes.ROOTS and listed is None:
            raise UnknownRouteError(f"There is nothing at {path!r} here; the API is under /v1.")
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(f"{method} is not possible here: use GET.", headers=(("allow", "GET, HEAD"),))
        if listed is None:
            return Answer(200, _JSON, b'{"name":"sluice","status":"ok"}')
        self._door.check_ready()
        exchange = self._door.exchange(arrival, "chat", _headers(request), b"", request.remote or "")
        key = authenticate(exchange, now_ms=arrival.at_ms).key
        shape, name = listed
        if shape == "openai":
            shape = _spoken_by(exchange.headers)
        if not name:
            return Answer(200, _JSON, listing.list_models(exchange.table, key, shape=shape))
        return Answer(200, _JSON, listing.show_model(exchange.table, key, name, shape=shape))


def _spoken_by(headers: Headers) -> listing.Shape:
    """Whose list a client of ``/v1/models`` expects: each family is told by a header that only its clients send."""
    names = {name for name, _ in headers}
    if "anthropic-version" in names:
        return "anthropic"
    return "gemini" if "x-goog-api-key" in names else "openai"


def _headers(request: web.BaseRequest) -> Headers:
    kept = []
    for raw_name, raw_value in request.raw_headers:
        name = KEPT_HEADERS.get(raw_name.lower())
        if name is not None:
            kept.append((name, raw_value.decode("utf-8", "surrogateescape")))
    if routes.told_as(request.path) == "gemini" and "key" in request.rel_url.query:  # Google's own clients do that
        kept.append(("x-goog-api-key", request.rel_url.query["key"]))
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

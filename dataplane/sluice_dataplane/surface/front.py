"""The front on aiohttp: every path and method, and whatever else HTTP allows.  ``lean`` serves the usual calls."""

import asyncio
from typing import Final

from aiohttp import web

from sluice_dataplane.errors import (
    BodyTooLargeError,
    GatewayError,
    InvalidRequestError,
    MethodNotAllowedError,
    UnknownRouteError,
)
from sluice_dataplane.exchange import Answer, Headers
from sluice_dataplane.pipeline.authenticate import authenticate
from sluice_dataplane.surface import listing
from sluice_dataplane.surface.door import BODY_IDLE_SECONDS, CALLS, KEPT_HEADERS, Arrival, Door
from sluice_dataplane.surface.reply import error_response, send

_LISTS: Final = ("/v1/models", "/models")
_JSON: Final = (("content-type", "application/json"),)


class Front:
    """Takes requests from aiohttp's low-level server; one instance a process."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to *request*; never raises but for cancellation."""
        door = self._door
        arrival = door.arrive()
        try:
            answer = await self._answer(request, arrival)
            return await send(request, answer, arrival.id, closing=door.closing)
        except GatewayError as error:
            door.refused(arrival, _known(request.path), error)
            return error_response(error, arrival.id, closing=door.closing or error.status == 413)
        except (ConnectionError, web.RequestPayloadError) as error:
            raise asyncio.CancelledError from error  # the client is gone: there is nobody to answer
        except Exception as error:  # noqa: BLE001  told of by the door
            failure = door.failed(arrival, _known(request.path), error)
            return error_response(failure, arrival.id, closing=door.closing)
        finally:
            door.leave()

    async def _answer(self, request: web.BaseRequest, arrival: Arrival) -> Answer:
        path, method = request.path, request.method
        endpoint = CALLS.get(path)
        if endpoint is None:
            return self._other(request, arrival)
        if method != "POST":
            raise MethodNotAllowedError(f"{method} is not possible here: use POST.", headers=(("allow", "POST"),))
        self._door.check_open()
        body = await _read_body(request)
        exchange = self._door.exchange(arrival, endpoint, _headers(request), body, request.remote or "")
        return await self._door.answer(exchange)

    def _other(self, request: web.BaseRequest, arrival: Arrival) -> Answer:
        path, method = request.path, request.method
        listed = path in _LISTS or path.startswith(("/v1/models/", "/models/"))
        if path != "/" and not listed:
            raise UnknownRouteError(f"There is nothing at {path!r} here; the API is under /v1.")
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(f"{method} is not possible here: use GET.", headers=(("allow", "GET, HEAD"),))
        if path == "/":
            return Answer(200, _JSON, b'{"name":"sluice","status":"ok"}')
        self._door.check_ready()
        exchange = self._door.exchange(arrival, "chat", _headers(request), b"", request.remote or "")
        key = authenticate(exchange, now_ms=arrival.at_ms).key
        anthropic = any(name == "anthropic-version" for name, _ in exchange.headers)
        if path in _LISTS:
            return Answer(200, _JSON, listing.list_models(exchange.table, key, anthropic=anthropic))
        name = path.partition("/models/")[2]
        return Answer(200, _JSON, listing.show_model(exchange.table, key, name, anthropic=anthropic))


def _headers(request: web.BaseRequest) -> Headers:
    kept = []
    for raw_name, raw_value in request.raw_headers:
        name = KEPT_HEADERS.get(raw_name.lower())
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
    return path if path in CALLS or path in _LISTS or path == "/" else ""

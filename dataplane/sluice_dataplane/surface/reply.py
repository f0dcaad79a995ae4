"""Answers and errors as HTTP responses."""

import asyncio
from typing import Final, TypeVar

from aiohttp import web

from sluice_dataplane.errors import GatewayError
from sluice_dataplane.exchange import Answer

LOOK_SECONDS: Final = 1.0  # between looks whether the client is still there while the upstream is silent

R = TypeVar("R", bound=web.StreamResponse)


async def send(request: web.BaseRequest, answer: Answer, request_id: str, *, closing: bool) -> web.StreamResponse:
    """Write *answer*; a client that goes away meanwhile is no error.  The answer's chunks are closed in any case."""
    headers = {**dict(answer.headers), "x-request-id": request_id, "request-id": request_id}
    if answer.chunks is None:
        return _last_if(closing, web.Response(status=answer.status, headers=headers, body=answer.body))
    response = _last_if(closing, web.StreamResponse(status=answer.status, headers=headers))
    looking = _Lookout(request)
    try:
        await response.prepare(request)
        async for chunk in answer.chunks:
            await response.write(chunk)
        await response.write_eof()
    except (ConnectionError, asyncio.CancelledError):
        # Gone, or told to stop: nothing more can be said on this connection.
        response.force_close()
    finally:
        looking.stop()
        await answer.chunks.aclose()
    return response


class _Lookout:
    """Cancels the task that made it once the client of *request* is gone: aiohttp tells only those who write."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self._request.transport is None and self._task is not None:
            self._task.cancel()
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        self._timer.cancel()


def error_response(error: GatewayError, body: bytes, request_id: str, *, closing: bool = False) -> web.Response:
    """*error*, told by *body*."""
    headers = {**dict(error.headers), "x-request-id": request_id, "request-id": request_id}
    return _last_if(
        closing, web.Response(status=error.status, headers=headers, body=body, content_type="application/json")
    )


def _last_if(closing: bool, response: R) -> R:  # noqa: FBT001  it names itself
    """*response*; if *closing* it says that the connection ends, and aiohttp ends it."""
    if closing:
        response.force_close()
    return response

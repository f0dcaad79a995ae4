"""The connections that aiohttp serves, so that they can be let go one by one.

aiohttp itself closes idle connections after a fixed time or all at once, and tells of none how long it has been idle.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiohttp import web

CLOSE_SECONDS: Final = 5.0  # how long calls may take to end once nobody waits for them any more

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Rest:
    """Makes the protocol of each connection that aiohttp is to serve; its requests go to *handle*."""

    def __init__(self, handle: Handler, *, max_body_bytes: int, keepalive_seconds: float) -> None:
        self._handle = handle
        self._busy: set[asyncio.BaseProtocol] = set()  # connections on which a request is being answered
        self._idle_since_s: dict[asyncio.BaseProtocol, float] = {}  # filled only while idle ones are being closed
        loop = asyncio.get_running_loop()
        self._server = web.Server(
            self._answer,
            request_factory=partial(web.BaseRequest, loop=loop, client_max_size=max_body_bytes),
            handler_cancellation=False,  # a call that was sent is paid for: it is metered to its end
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=keepalive_seconds,
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=CLOSE_SECONDS)

    def __call__(self) -> asyncio.Protocol:
        """The protocol of one more connection."""
        return self._server()

    async def open(self) -> None:
        """Get ready; comes before all else."""
        await self._runner.setup()

    async def close(self) -> None:
        """Hang up everywhere; calls that are still being answered are cancelled, and have ended on return."""
        await self._runner.cleanup()

    @property
    def empty(self) -> bool:
        """Whether there is no connection, and no call whose client has gone."""
        return not self._server.connections

    def close_idle(self, now_s: float, idle_seconds: float) -> None:
        """Hang up where nothing has been under way for *idle_seconds*, as far as earlier calls of this have seen."""
        for connection in self._server.connections:
            if connection in self._busy:
                continue
            if now_s >= self._idle_since_s.setdefault(connection, now_s) + idle_seconds:
                connection.force_close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._busy.add(connection)
        try:
            return await self._handle(request)
        finally:
            self._busy.discard(connection)
            self._idle_since_s.pop(connection, None)

"""Both ports: the front for calls, the other one for probes, metrics and the operator."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from sluice_dataplane.app.plane import DataPlane
from sluice_dataplane.surface.admin import Admin, Views

KEEPALIVE_SECONDS: Final = 650  # longer than any load balancer's idle time, so that we are not the one who hangs up
CLOSE_SECONDS: Final = 5.0


@contextlib.asynccontextmanager
async def listening(plane: DataPlane) -> AsyncIterator[web.TCPSite]:
    """Both ports open; the front's site is handed out so that it can stop accepting before the rest ends."""
    settings = plane.settings
    admin = web.AppRunner(
        Admin(plane.holder, plane.metrics, Views(plane.ready, plane.spend, plane.targets)).app(), access_log=None
    )
    server = web.Server(
        plane.front.handle,
        request_factory=partial(
            web.BaseRequest, loop=asyncio.get_running_loop(), client_max_size=settings.max_body_bytes
        ),
        handler_cancellation=False,  # a call that was sent is paid for: it is metered to its end
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=KEEPALIVE_SECONDS,
    )
    front = web.ServerRunner(server, shutdown_timeout=CLOSE_SECONDS)
    await admin.setup()
    await front.setup()
    try:
        await web.TCPSite(admin, settings.admin_host, settings.admin_port).start()
        site = web.TCPSite(front, settings.host, settings.port, backlog=1024)
        await site.start()
        yield site
    finally:
        await front.cleanup()
        await admin.cleanup()

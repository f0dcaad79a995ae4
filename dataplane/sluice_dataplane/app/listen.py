"""Both ports: the front for calls, the other one for probes, metrics and the operator."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from aiohttp import web

from sluice_dataplane.app.plane import DataPlane
from sluice_dataplane.surface.admin import Admin, Views
from sluice_dataplane.surface.front import Front
from sluice_dataplane.surface.host import LeanHost
from sluice_dataplane.surface.lean import KEEPALIVE_SECONDS

CLOSE_SECONDS: Final = 5.0


@contextlib.asynccontextmanager
async def listening(plane: DataPlane) -> AsyncIterator[LeanHost]:
    """Both ports open; the front is handed out so that it can stop accepting before the rest ends."""
    settings = plane.settings
    views = Views(plane.ready, plane.spend, plane.targets)
    admin = web.AppRunner(Admin(plane.holder, plane.metrics, views).app(), access_log=None)
    server = web.Server(
        Front(plane.door).handle,
        request_factory=partial(
            web.BaseRequest, loop=asyncio.get_running_loop(), client_max_size=settings.max_body_bytes
        ),
        handler_cancellation=False,  # a call that was sent is paid for: it is metered to its end
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=KEEPALIVE_SECONDS,
    )
    rest = web.ServerRunner(server, shutdown_timeout=CLOSE_SECONDS)  # of the connections that the lean front gives away
    front = LeanHost(plane.door, server, max_body_bytes=settings.max_body_bytes, lean=settings.lean_front)
    await admin.setup()
    await rest.setup()
    try:
        await web.TCPSite(admin, settings.admin_host, settings.admin_port).start()
        await front.listen(settings.host, settings.port)
        yield front
    finally:
        await front.close()
        await rest.cleanup()
        await admin.cleanup()

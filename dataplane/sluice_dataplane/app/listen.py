"""Both ports: the front for calls, the other one for probes, metrics and the operator."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from sluice_dataplane.app.plane import DataPlane
from sluice_dataplane.surface.admin import Admin, Views
from sluice_dataplane.surface.front import Front
from sluice_dataplane.surface.host import LeanHost
from sluice_dataplane.surface.lean import KEEPALIVE_SECONDS
from sluice_dataplane.surface.rest import Rest


@contextlib.asynccontextmanager
async def listening(plane: DataPlane) -> AsyncIterator[LeanHost]:
    """Both ports open; the front is handed out so that it can be drained before the rest ends."""
    settings = plane.settings
    views = Views(plane.ready, plane.spend, plane.targets)
    admin = web.AppRunner(Admin(plane.holder, plane.metrics, views).app(), access_log=None)
    # What the lean front gives away.
    rest = Rest(Front(plane.door).handle, max_body_bytes=settings.max_body_bytes, keepalive_seconds=KEEPALIVE_SECONDS)
    front = LeanHost(plane.door, rest, max_body_bytes=settings.max_body_bytes, lean=settings.lean_front)
    await admin.setup()
    await rest.open()
    try:
        await web.TCPSite(admin, settings.admin_host, settings.admin_port).start()
        await front.listen(settings.host, settings.port)
        yield front
    finally:
        await front.close()
        await rest.close()
        await admin.cleanup()

"""The other port: probes, metrics, and what the operator asks a replica.  Never exposed by the Service.

``/revision`` and ``/spend`` and ``/targets`` are read by the operator; their shapes are part of the contract
between the two programs.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from sluice_dataplane.config.holder import Holder
from sluice_dataplane.telemetry.metrics import Metrics

MAX_WAIT_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Views:
    """What the admin port shows, as functions that give plain values."""

    ready: Callable[[], bool]
    spend: Callable[[], Mapping[str, Any]]
    targets: Callable[[], Mapping[str, Any]]


class Admin:
    """The admin application."""

    def __init__(self, holder: Holder, metrics: Metrics, views: Views) -> None:
        self._holder = holder
        self._metrics = metrics
        self._views = views
        self._changed = asyncio.Event()
        holder.listen(lambda _: self._wake())

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/livez", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._show_metrics)
        app.router.add_get("/revision", self._revision)
        app.router.add_get("/spend", self._spend)
        app.router.add_get("/targets", self._targets)
        return app

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _live(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        ready = self._views.ready()
        return web.Response(status=200 if ready else 503, text="ok\n" if ready else "not ready\n")

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        body = self._metrics.exposition()
        return web.Response(body=body, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _revision(self, request: web.Request) -> web.Response:
        """``?wait=REVISION&timeout_ms=N``: answers as soon as that revision is served, or when the time is over."""
        wanted = request.query.get("wait", "")
        text = request.query.get("timeout_ms", "10000")
        timeout_ms = min(int(text), MAX_WAIT_MS) if text.isdecimal() else MAX_WAIT_MS
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while wanted and self._holder.current().revision != wanted:
                    await self._changed.wait()
        except TimeoutError:
            pass
        revision, at_ms = self._holder.current().revision, self._holder.applied_at_ms
        return _json({"revision": revision, "applied_at_ms": at_ms})

    async def _spend(self, _request: web.Request) -> web.Response:
        return _json(self._views.spend())

    async def _targets(self, _request: web.Request) -> web.Response:
        return _json(self._views.targets())


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")

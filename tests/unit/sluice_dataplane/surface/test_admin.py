"""The admin port: probes, what the operator asks, and long polls that end when they should."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from sluice_contract import codec
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.holder import Holder
from sluice_dataplane.surface.admin import Admin, Views
from sluice_dataplane.telemetry.metrics import Metrics
from support.builders import model, upstream
from support.plane import free_port

FIRST = codec.encode(Snapshot())
SECOND = codec.encode(Snapshot(models=(model(),), upstreams=(upstream(),)))


class Port:
    """An admin port over a holder that the test feeds."""

    def __init__(self) -> None:
        self.holder = Holder(lambda: 42)
        self.ready = False
        views = Views(ready=lambda: self.ready, spend=lambda: {"accounts": {}, "keys": {}}, targets=lambda: {"u": {}})
        self.admin = Admin(self.holder, Metrics(), views)
        self.number = free_port()
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.number}", timeout=20, trust_env=False)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """GET *path*."""
        return await self.client.get(path, params=query)


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    """A listening admin port."""
    made = Port()
    runner = web.AppRunner(made.admin.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.number).start()
    yield made
    await made.client.aclose()
    await runner.cleanup()


async def test_alive_is_not_ready(port: Port) -> None:
    """Liveness depends on nothing; readiness follows what the app says."""
    assert (await port.get("/livez")).status_code == 200
    assert (await port.get("/readyz")).status_code == 503
    port.ready = True
    assert (await port.get("/readyz")).status_code == 200


async def test_a_poll_for_a_revision_returns_as_soon_as_it_is_served(port: Port) -> None:
    """The operator learns of a change the moment it is in force, and when that was."""
    wanted = codec.revision_of(SECOND[codec.INDEX])
    port.holder.offer(FIRST[codec.INDEX], FIRST)
    poll = asyncio.create_task(port.get("/revision", wait=wanted, timeout_ms=20_000))  # noqa: TID251  # awaited below
    await port.get("/revision")  # the poll has arrived before this one was answered
    port.holder.offer(SECOND[codec.INDEX], SECOND)

    assert (await poll).json() == {"revision": wanted, "applied_at_ms": 42}


async def test_a_poll_that_waits_in_vain_says_what_is_served(port: Port) -> None:
    """When its time is over a poll ends with the revision in force, also for a nonsense time."""
    port.holder.offer(FIRST[codec.INDEX], FIRST)
    served = codec.revision_of(FIRST[codec.INDEX])

    assert (await port.get("/revision", wait="never", timeout_ms=1)).json()["revision"] == served


async def test_spend_and_targets_are_shown_as_they_are(port: Port) -> None:
    """The operator reads plain JSON objects."""
    assert (await port.get("/spend")).json() == {"accounts": {}, "keys": {}}
    assert (await port.get("/targets")).json() == {"u": {}}


async def test_metrics_are_in_prometheus_text(port: Port) -> None:
    """What a scraper expects: its content type, and our series."""
    answer = await port.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE sluice_requests_total counter" in answer.text

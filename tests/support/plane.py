"""A data plane for tests: the real app on free loopback ports, with snapshots pushed by hand.

async with running(snapshot, tmp_path) as plane:
    answer = await plane.post("/v1/chat/completions", {"model": "echo", ...})
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from sluice_contract import codec
from sluice_contract.snapshot import Snapshot
from sluice_dataplane import app
from sluice_dataplane.config.source import Bundle
from sluice_dataplane.settings import Settings
from support.builders import SECRET

START_SECONDS = 20


def free_port() -> int:
    """A loopback port that nobody listens to at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PushedSource:
    """A source whose bundles the test pushes."""

    def __init__(self) -> None:
        self._bundles: asyncio.Queue[Bundle] = asyncio.Queue()

    def push(self, snapshot: Snapshot) -> str:
        """Offer *snapshot*; its revision."""
        parts = codec.encode(snapshot)
        index = parts.pop(codec.INDEX)
        self._bundles.put_nowait(Bundle(index, parts))
        return codec.revision_of(index)

    async def bundles(self) -> AsyncIterator[Bundle]:
        """What was pushed, in order, without an end."""
        while True:
            yield await self._bundles.get()


class RunningPlane:
    """A data plane that listens."""

    def __init__(self, settings: Settings, source: PushedSource) -> None:
        self.settings = settings
        self.source = source
        self.stop = asyncio.Event()
        self.url = f"http://127.0.0.1:{settings.port}"
        self.admin_url = f"http://127.0.0.1:{settings.admin_port}"
        self.client = httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False)
        self.admin = httpx.AsyncClient(base_url=self.admin_url, timeout=30, trust_env=False)

    async def apply(self, snapshot: Snapshot) -> str:
        """Push *snapshot* and wait until it is served; its revision."""
        revision = self.source.push(snapshot)
        answer = await self.admin.get("/revision", params={"wait": revision, "timeout_ms": 20_000})
        assert answer.json()["revision"] == revision
        return revision

    async def post(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """POST *body* (JSON, or bytes as they are) with SECRET unless *headers* say otherwise."""
        sent = headers if headers is not None else {"authorization": f"Bearer {SECRET}"}
        if isinstance(body, bytes):
            return await self.client.post(path, content=body, headers=sent)
        return await self.client.post(path, json=body, headers=sent)

    async def metric(self, line_start: str) -> float:
        """The value of the first metrics line that begins with *line_start*; 0 if there is none."""
        text = (await self.admin.get("/metrics")).text
        return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(line_start)), 0.0)


@contextlib.asynccontextmanager
async def running(snapshot: Snapshot | None, data_dir: Path, **settings: Any) -> AsyncIterator[RunningPlane]:
    """A data plane that serves *snapshot*; stopped the way SIGTERM stops it."""
    base: dict[str, Any] = {
        "host": "127.0.0.1",
        "admin_host": "127.0.0.1",
        "port": free_port(),
        "admin_port": free_port(),
        "data_dir": data_dir,
        "shutdown_grace_seconds": 5,
    }
    plane = RunningPlane(Settings(**{**base, **settings}), PushedSource())
    started = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(app.run(plane.settings, plane.source, stop=plane.stop, started=started.set))
        async with asyncio.timeout(START_SECONDS):
            waiting = tasks.create_task(started.wait())
            await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            if snapshot is not None:
                await plane.apply(snapshot)
            yield plane
        finally:
            plane.stop.set()
            await plane.client.aclose()
            await plane.admin.aclose()
            await serving

"""Data planes as processes of their own, as they run in pods: started, changed, asked, killed; their logs are kept.

::

    async with fleet(tmp_path, snapshot, count=2, redis_url=redis.url) as planes:
        await planes.apply(other_snapshot)  # written as a directory of parts; returns once every replica serves it
        answer = await planes[1].post("/v1/chat/completions", {...})
"""

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sluice_contract import codec
from sluice_contract.snapshot import Snapshot
from support import memory
from support.builders import SECRET
from support.other_time import SHIFT_MS
from support.plane import free_port
from support.waiting import until

TESTS = Path(__file__).parents[1]
START_SECONDS = 30.0
PROCESSES: list["Process"] = []  # of the test that runs now; tests/e2e/dataplane/conftest.py shows their logs


class Process:
    """One process: what it writes to stdout is kept in ``log``, stderr in ``errors``."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], environ: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = folder / f"{name}.log"
        self.errors = folder / f"{name}.err"
        self._command = list(command)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self.environ = {**kept, "HOME": str(folder), **environ}
        self._running: subprocess.Popen[bytes] | None = None
        PROCESSES.append(self)

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._running is not None and self._running.poll() is None

    @property
    def rss_bytes(self) -> int:
        """Its resident memory."""
        assert self._running is not None
        pages = Path(f"/proc/{self._running.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def peak_bytes(self) -> int:
        """The most that its resident memory has ever been."""
        assert self._running is not None
        return memory.peak_bytes(self._running.pid)

    def launch(self) -> None:
        """Start it, again if it ended; what it wrote before is kept."""
        assert not self.alive
        with self.log.open("ab") as out, self.errors.open("ab") as errors:
            self._running = subprocess.Popen(
                self._command, env=self.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=errors
            )

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._running is not None
        self._running.send_signal(number)

    async def ended(self, *, seconds: float = START_SECONDS) -> int:
        """Its exit status, once it has ended."""
        running = self._running
        assert running is not None
        await until(lambda: running.poll() is not None, seconds=seconds, why=f"{self.name} has not ended")
        return int(running.returncode)

    async def kill(self) -> None:
        """End it as a crash would."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """End it as a kubelet would; its exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    def end(self) -> None:
        """Make sure that it is gone."""
        if self._running is not None and self._running.poll() is None:
            self._running.kill()
            self._running.wait()

    def said(self) -> str:
        """All it wrote."""
        return "".join(file.read_text(errors="replace") for file in (self.log, self.errors) if file.exists())

    def lines(self) -> Iterator[dict[str, Any]]:
        """Its log lines, decoded.  Raises msgspec.DecodeError for one that is no JSON object."""
        for line in self.log.read_bytes().splitlines():
            yield msgspec.json.decode(line, type=dict[str, Any])


class PlaneProcess(Process):
    """``python -m sluice_dataplane`` on loopback ports of its own.  *settings* are those of settings.py, by name.

    *shift_ms*: how much later than it is the process believes it is.
    """

    def __init__(self, folder: Path, name: str, *, shift_ms: int = 0, **settings: object) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.data_dir = folder / f"{name}-data"
        chosen: dict[str, object] = {
            "host": "127.0.0.1",
            "admin_host": "127.0.0.1",
            "port": self.port,
            "admin_port": self.admin_port,
            "data_dir": self.data_dir,
            "shutdown_grace_seconds": 10,
            **settings,
        }
        environ = {f"SLUICE_{setting.upper()}": str(value) for setting, value in chosen.items()}
        module = "sluice_dataplane"
        if shift_ms:
            module, environ = "support.other_time", {**environ, SHIFT_MS: str(shift_ms), "PYTHONPATH": str(TESTS)}
        super().__init__(name, folder, [sys.executable, "-m", module], environ)
        self.url, self.admin_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.admin_port}"
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self.client = httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False, limits=limits)
        self.admin = httpx.AsyncClient(base_url=self.admin_url, timeout=60, trust_env=False)

    async def listening(self) -> None:
        """Wait until both ports accept connections."""
        for port in (self.port, self.admin_port):
            accepts = functools.partial(self._accepts, port)
            await until(accepts, seconds=START_SECONDS, why=f"{self.name} does not listen")

    async def _accepts(self, port: int) -> bool:
        assert self.alive, f"{self.name} ended at once: {self.said()[-2000:]}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async def serving(self, revision: str, *, seconds: float = START_SECONDS) -> None:
        """Wait until *revision* is in force here."""
        wait = {"wait": revision, "timeout_ms": str(int(seconds * 1000))}
        told = (await self.admin.get("/revision", params=wait)).json()
        assert told["revision"] == revision, f"{self.name} serves {told['revision']!r}, not {revision!r}"

    async def start(self, revision: str | None = None) -> None:
        """Start it and wait until it listens, and until it serves *revision* if one is named."""
        self.launch()
        await self.listening()
        if revision is not None:
            await self.serving(revision)

    async def close(self) -> None:
        """Make sure that it is gone, and let go of the connections to it."""
        self.end()
        await self.client.aclose()
        await self.admin.aclose()

    async def post(self, path: str, body: Any, *, secret: str = SECRET) -> httpx.Response:
        """POST *body* as JSON with the key *secret*."""
        return await self.client.post(path, json=body, headers={"authorization": f"Bearer {secret}"})

    async def metrics(self) -> dict[str, float]:
        """Every series as it is written in /metrics, labels included, with its value."""
        text = (await self.admin.get("/metrics")).text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {series: float(value) for series, value in pairs}

    async def spend(self) -> dict[str, Any]:
        """What /spend says; accounts are there only without Redis."""
        told: dict[str, Any] = (await self.admin.get("/spend")).json()
        return told


class Fleet:
    """Replicas that follow one directory of parts."""

    def __init__(self, parts: Path, planes: Sequence[PlaneProcess]) -> None:
        self._parts = parts
        self._planes = planes
        self.revision = ""

    def __getitem__(self, number: int) -> PlaneProcess:
        return self._planes[number]

    def __iter__(self) -> Iterator[PlaneProcess]:
        return iter(self._planes)

    def write(self, snapshot: Snapshot) -> str:
        """Put *snapshot* into the directory; its revision.  Nobody has to serve it yet."""
        self.revision = write_parts(self._parts, snapshot)
        return self.revision

    async def apply(self, snapshot: Snapshot) -> str:
        """Put *snapshot* into the directory and wait until every replica that runs serves it; its revision."""
        revision = self.write(snapshot)
        await asyncio.gather(*(plane.serving(revision) for plane in self._planes if plane.alive))
        return revision


@contextlib.asynccontextmanager
async def fleet(
    folder: Path, snapshot: Snapshot, *, count: int = 1, shift_ms: int = 0, **settings: object
) -> AsyncIterator[Fleet]:
    """*count* replicas that serve *snapshot*; gone at the end, at once."""
    parts = folder / "parts"
    planes = [
        PlaneProcess(folder, f"plane-{number}", shift_ms=shift_ms, source="directory", source_dir=parts, **settings)
        for number in range(count)
    ]
    running = Fleet(parts, planes)
    try:
        running.write(snapshot)
        await asyncio.gather(*(plane.start(running.revision) for plane in planes))
        yield running
    finally:
        await asyncio.gather(*(plane.close() for plane in planes))


def write_parts(folder: Path, snapshot: Snapshot) -> str:
    """Put *snapshot* into *folder* as ``sluice compile`` does: each part by rename, the index last; its revision."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = codec.encode(snapshot)
    for name in (*codec.PARTS, codec.INDEX):
        fresh = folder / f".{name}"
        fresh.write_bytes(parts[name])
        fresh.replace(folder / name)
    return codec.revision_of(parts[codec.INDEX])

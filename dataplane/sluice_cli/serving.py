"""``sluice serve DIR``: a data plane in this process, the compiler in a child whenever something changed.

Compiling in a child keeps the compiler's libraries out of the serving process, and never stalls a stream.  What the
child writes is followed as a cluster's objects would be.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from sluice_cli.watching import Fingerprint, changed, fingerprint
from sluice_dataplane import app
from sluice_dataplane.config.directory import DirectorySource
from sluice_dataplane.settings import Settings

COMPILE_SECONDS: Final = 120.0  # a compilation that takes longer is stuck
MAX_REPORT_BYTES: Final = 1024 * 1024


class InUseError(Exception):
    """Another process keeps its counters in this data directory."""


class Summary(msgspec.Struct, frozen=True):
    """What the child says of a compilation besides its report."""

    revision: str | None
    next_change_ms: int | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where a standalone gateway keeps what.  ``data`` holds all the rest."""

    manifests: Path
    data: Path

    @property
    def parts(self) -> Path:
        """The compiled parts."""
        return self.data / "parts"

    @property
    def secrets(self) -> Path:
        """The vault."""
        return self.data / "secrets"

    @property
    def summary(self) -> Path:
        """The child's summary."""
        return self.data / "compiled.json"

    @property
    def watched(self) -> tuple[Path, ...]:
        """What a change of calls for another compilation."""
        return (self.manifests, self.secrets)


def default_data_dir(manifests: Path, environ: Mapping[str, str]) -> Path:
    """Where counters, journal and keys of *manifests* are kept if nobody says where: one place per directory."""
    state = Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    whole = manifests.resolve()
    return state / "sluice" / f"{whole.name}-{hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]}"


def serve(settings: Settings, places: Places) -> None:
    """Serve until told to stop.

    Raises:
        InUseError: another process serves with the same data directory.
        OSError: a port cannot be bound, or the data directory not be written.
    """
    places.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(places.data):
        try:
            uvloop.run(_serve(replace(settings, data_dir=places.data), places))
        except BaseExceptionGroup as group:
            raise _leaf(group) from group


async def _serve(settings: Settings, places: Places) -> None:
    compiler = Compiler(places)
    known = await compiler.compile()
    source = DirectorySource(places.parts, wait=compiler.wait)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host

    def started() -> None:
        _say(f"serving {places.manifests} at http://{host}:{settings.port}/v1 (admin on {settings.admin_port})")

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(compiler.follow(known), name="follow-manifests")
        await app.run(settings, source, started=started)
        following.cancel()


class Compiler:
    """Runs the child; tells on stderr what it said, unless it said the same before."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._said = ""
        self._compiled = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait *seconds*, or until something was compiled."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._compiled.wait()
        self._compiled.clear()

    async def follow(self, known: Fingerprint) -> None:
        """Compile whenever the manifests look otherwise than *known*, or time alone makes a difference; never ends."""
        while True:
            try:
                async with asyncio.timeout(self._seconds_to_next_change()):
                    await changed(self._places.watched, known)
            except TimeoutError:
                pass
            known = await self.compile()

    async def compile(self) -> Fingerprint:
        """Compile once; how the manifests looked before that.  Whatever goes wrong, the last good parts stay."""
        known = await asyncio.to_thread(fingerprint, self._places.watched)
        said = (await self._run_child()).strip()
        if said != self._said:
            self._said = said
            _say(said)
        self._compiled.set()
        return known

    async def _run_child(self) -> str:
        # -P: a file in the folder we were started from must not be taken for a library.
        command = [sys.executable, "-P", "-m", "sluice_cli", "compile", str(self._places.manifests)]
        options = ["--out", str(self._places.parts), "--summary", str(self._places.summary)]
        child = await asyncio.create_subprocess_exec(
            *command, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert child.stdout is not None
        try:
            async with asyncio.timeout(COMPILE_SECONDS):
                said = await child.stdout.read(MAX_REPORT_BYTES)
                await child.wait()
        except TimeoutError:
            return f"error: compiling took longer than {COMPILE_SECONDS:.0f} s and was given up"
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return said.decode(errors="replace")

    def _seconds_to_next_change(self) -> float | None:
        try:
            summary = msgspec.json.decode(self._places.summary.read_bytes(), type=Summary)
        except (OSError, msgspec.MsgspecError):
            return None
        if summary.next_change_ms is None:
            return None
        return max(1.0, (summary.next_change_ms - time.time_ns() // 1_000_000) / 1000)


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold *directory* for this process; the kernel lets go of it however the process ends."""
    with (directory / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"{directory} is in use by another sluice serve: give this one its own with --data"
            raise InUseError(message) from None
        yield


def _leaf(error: BaseException) -> BaseException:
    """The first cause in *error*: task groups wrap each other around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

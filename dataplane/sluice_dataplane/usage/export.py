"""Usage records out of the journal into files of JSON lines: each once, in order, whatever ends this process.

The export follows the journal and never stands in a call's way: what it has not got to is still in the journal, which
forgets nothing before it was exported.  A record is in a file before the mark says so; after a crash the files' last
line counts, not the mark.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from sluice_dataplane.usage import export_read
from sluice_dataplane.usage.export_files import FILE_BYTES, Files
from sluice_dataplane.usage.export_read import Place
from sluice_dataplane.usage.journal import Fsync, Journal

PAUSE_S: Final = 1.0  # when all was exported, or the disk is full
BREATH_S: Final = 0.005  # between blocks, when there is much to do: calls come first
MARK_EVERY_MS: Final = 1_000  # a crash costs reading so much of the journal again
EXPIRE_EVERY_MS: Final = 60_000
MARK_NAME: Final = "exported"  # in the journal's directory: it goes with the journal

_log: Final = logging.getLogger(__name__)


class Mark(msgspec.Struct, frozen=True):
    """How far it got: the last record exported, where in the journal to go on, and the file it was writing."""

    sequence: int
    place: Place
    file: str


class Keep(msgspec.Struct, frozen=True):
    """How long files are kept, and how much of them."""

    age_ms: int
    total_bytes: int


class Exporter:
    """Copies usage records from *journal* into files in *directory*.

    :meth:`open` comes first, after the journal was opened; :meth:`run` belongs into the application's task group;
    :meth:`close` ends it, before the journal is closed.  ``open`` and ``step`` block.
    """

    def __init__(
        self,
        journal: Journal,
        directory: Path,
        *,
        clock_ms: Callable[[], int],
        keep: Keep,
        file_bytes: int = FILE_BYTES,
        fsync: Fsync = "never",
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._clock_ms = clock_ms
        self._keep = keep
        self._file_bytes = file_bytes
        self._fsync = fsync
        self._files: Files | None = None
        self._place: Place | None = None
        self._marked = Place("")
        self._marked_ms = 0
        self._expired_ms = 0
        self._failing = ""
        self._turn = threading.Lock()  # a step that was cancelled goes on in its thread

    @property
    def failing(self) -> str:
        """Why records cannot be written now; "" where they can."""
        return self._failing

    def open(self) -> int:
        """Find where an earlier life left off; the last record it exported.

        A directory that cannot be read is tried again by :meth:`step`; until then the mark is what counts.
        """
        mark = self._read_mark()
        self._journal.exported = 0 if mark is None else mark.sequence
        try:
            self._open(mark)
        except OSError as error:
            self._fails(error)
        return self._journal.exported or 0

    def _open(self, mark: Mark | None) -> None:
        files = Files(self._directory, self._journal.source, file_bytes=self._file_bytes, fsync=self._fsync)
        after = files.open(last_name="" if mark is None else mark.file)
        if after is None:  # what was in files that are gone was exported all the same
            after = 0 if mark is None else mark.sequence
        self._journal.exported = after
        self._place = mark.place if mark is not None and mark.sequence <= after else None
        self._files = files

    def step(self) -> bool:
        """Export one block; whether there may be more already.  What cannot be written now is left for a later step."""
        with self._turn:
            try:
                return self._step()
            except OSError as error:
                self._fails(error)
                return False

    def _step(self) -> bool:
        if self._files is None:
            self._open(self._read_mark())
        assert self._files is not None
        now_ms = self._clock_ms()
        after = self._journal.exported or 0
        block = export_read.read(self._journal.segments(), self._place, after=after)
        if block is None:
            return False
        if block.records:
            self._files.append(b"".join(block.records), now_ms=now_ms)
        self._journal.exported, self._place = block.sequence, block.place
        if block.place != self._marked and (block.ended or now_ms >= self._marked_ms + MARK_EVERY_MS):
            self._write_mark(Mark(block.sequence, block.place, self._files.name))
            self._marked_ms = now_ms
        if now_ms >= self._expired_ms + EXPIRE_EVERY_MS:
            self._expired_ms = now_ms
            self._files.expire(now_ms=now_ms, keep_ms=self._keep.age_ms, keep_bytes=self._keep.total_bytes)
        if self._failing:
            self._failing = ""
            _log.info("export.recovered")
        return not block.ended

    def _read_mark(self) -> Mark | None:
        try:
            return msgspec.json.decode((self._journal.directory / MARK_NAME).read_bytes(), type=Mark)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write_mark(self, mark: Mark) -> None:
        path = self._journal.directory / MARK_NAME
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(mark))
        new.replace(path)
        self._marked = mark.place

    def _fails(self, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        if reason != self._failing:
            _log.error("export.failing", extra={"reason": reason})
        self._failing = reason

    async def run(self) -> None:
        """Export until cancelled."""
        while True:
            more = await asyncio.to_thread(self.step)
            await asyncio.sleep(BREATH_S if more else PAUSE_S)

    async def close(self, deadline_s: float) -> None:
        """Export what is left within *deadline_s*; the next life does the rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while await asyncio.to_thread(self.step):
                    continue
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._turn:
            if self._files is not None:
                self._files.close()

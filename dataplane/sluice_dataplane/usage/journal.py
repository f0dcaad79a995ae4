"""The local journal: an append-only file of holds and settlements, the truth for usage.

What was written survives the death of this process at any instant (it is in the kernel's page cache when a call
returns); whether it survives the machine's is the fsync policy.  Knows bytes and files, not what the lines say.

======================  ==================================================================
``source``              the journal's id, a UUID that lives as long as the directory
``00000001.log`` …      segments, oldest first; each life and each rotation begins a new one
``reserve``             space put aside, so that running calls can be settled on a full disk
``acknowledged``        the settlement up to which a shared store has answered all
``base``                the settlement up to which a store counted that did not keep marks
``progress``            how far running calls are; see :mod:`slots`
``checkpoint``          a copy of a shared store's counters; see :mod:`checkpoints`
``exported``            how far usage records were exported; see :mod:`export`
``quarantine/``         copies of lines that could not be read; see :mod:`quarantine`
======================  ==================================================================
"""

import contextlib
import fcntl
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from sluice_dataplane.errors import JournalError
from sluice_dataplane.usage.replay import forgettable

Fsync = Literal["never", "interval"]
Mark = Literal["acknowledged", "base"]

SEGMENT_BYTES: Final = 64 * 1024 * 1024
RESERVE_BYTES: Final = 4 * 1024 * 1024  # some thousands of settlements
KEEP_MS: Final = 7 * 86_400_000
KEEP_BYTES: Final = 2 * 1024 * 1024 * 1024


_log: Final = logging.getLogger(__name__)


def _new_source() -> str:
    return str(uuid.uuid4())


class Journal:
    """One directory of segments; one process owns it at a time.

    :meth:`open` takes it, :meth:`begin` starts a segment; until then nothing can be appended.
    """

    def __init__(
        self,
        directory: Path,
        *,
        fsync: Fsync = "never",
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
        new_source: Callable[[], str] = _new_source,
    ) -> None:
        self._directory = directory
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._new_source = new_source
        self._lock = self._segment = self._reserve = -1
        self._size = self._reserved = self._unsynced = 0
        self._next = 1
        self._full = self._broken = False
        self.moves = 0  # how often the reserve's lines went into a segment
        self.source = ""
        self.exported: int | None = None  # the usage record up to which all were exported; None: nobody exports

    def open(self) -> None:
        """Take the directory, making it if need be.

        Raises:
            JournalError: another process has it, or it cannot be written; nothing was taken.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.source = self._read_source()
            self._next = max((int(path.stem) for path in self.segments()), default=0) + 1
            self._open_reserve()
        except OSError as error:
            self.close()
            held = isinstance(error, BlockingIOError)
            said = "another process has it" if held else error.strerror
            raise JournalError(f"The journal cannot be opened: {said}.") from error

    def _read_source(self) -> str:
        path = self._directory / "source"
        if path.exists() and (source := path.read_text("ascii").strip()):
            return source
        source = self._new_source()
        self._replace(path, f"{source}\n".encode())
        return source

    def _open_reserve(self) -> None:
        path = self._directory / "reserve"
        self._reserve = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        found = path.read_bytes()
        if left := found.partition(b"\0")[0]:  # the disk was full when the last life ended
            self._replace(self._directory / f"{self._next:08d}.log", left)
            self._next += 1
        if found.strip(b"\0"):
            os.pwrite(self._reserve, bytes(len(found)), 0)
        os.posix_fallocate(self._reserve, 0, self._reserve_bytes)

    @property
    def directory(self) -> Path:
        """Where it is."""
        return self._directory

    def segments(self) -> list[Path]:
        """The segments there are, oldest first; the last one is being written."""
        return sorted(path for path in self._directory.glob("*.log") if path.stem.isdecimal())

    def readable(self) -> list[Path]:
        """All files that lines are in, in the order to read them: segments, and the reserve if it is in use."""
        return [*self.segments(), *([self._directory / "reserve"] if self._reserved else [])]

    def begin(self, first_line: bytes) -> None:
        """Start a new segment with *first_line*; the one before it is finished.

        Raises:
            JournalError: it cannot be written; the one before it stays in use.
        """
        path = self._directory / f"{self._next:08d}.log"
        fd = -1
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if os.write(fd, first_line) != len(first_line):
                raise OSError(28, "no space left")  # noqa: TRY301  one way out for both
            if self._broken:
                os.fdatasync(fd)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
                path.unlink(missing_ok=True)
            raise _unwritten(error) from error
        if not self._broken:
            self.sync()
        if self._segment >= 0:
            os.close(self._segment)
        self._segment, self._size, self._unsynced = fd, len(first_line), len(first_line)
        self._next += 1

    @property
    def full(self) -> bool:
        """Whether the disk is full: no hold can be written, settlements go into the reserve."""
        return self._full

    @property
    def due(self) -> bool:
        """Whether the segment is over its size, and a new one should begin."""
        return self._size >= self._segment_bytes

    def append(self, line: bytes) -> None:
        """Write *line*.

        Raises:
            JournalError: it could not be written, and nothing of it will be read.
        """
        if self._full:
            raise JournalError("The journal's disk is full.")
        try:
            written = os.write(self._segment, line)
        except OSError as error:
            self._full = True
            raise _unwritten(error) from error
        if written != len(line):
            self._full = True
            self._cut(written)
            raise JournalError("The journal's disk is full.")
        self._size += written
        self._unsynced += written

    def _cut(self, written: int) -> None:
        """Take back the first *written* bytes of a line that did not fit."""
        try:
            os.ftruncate(self._segment, self._size)
        except OSError:
            self._size += written  # recover() writes a newline first: a torn line harms no other

    def append_surely(self, line: bytes) -> bool:
        """Write *line* even on a full disk, into the reserve; False where that is spent too."""
        if not self._full:
            try:
                self.append(line)
            except JournalError:
                pass
            else:
                return True
        if self._reserve < 0 or self._reserved + len(line) > self._reserve_bytes:
            return False
        try:
            written = os.pwrite(self._reserve, line, self._reserved)
        except OSError:
            return False
        self._reserved += written
        return written == len(line)

    def recover(self) -> bool:
        """Try a full disk again: move the reserve's lines into the segment.  Whether the journal can be written."""
        if not self._full:
            return True
        kept = b"\n" + os.pread(self._reserve, self._reserved, 0)
        try:
            if self._broken:
                self.begin(kept)  # a disk that failed to take one file may take another: it has to prove it
                self._broken, self._full, self._size = False, False, self._segment_bytes
            else:
                self._full = False
                self.append(kept)
        except JournalError:
            return False
        self.moves += 1
        os.pwrite(self._reserve, bytes(self._reserved), 0)
        self._reserved = 0
        return True

    @property
    def unsynced(self) -> bool:
        """Whether :meth:`sync` has something to do."""
        return self._fsync == "interval" and self._unsynced > 0

    def sync(self) -> None:
        """Bring what was written to the disk itself, if that is the policy.  May take long: not for the event loop."""
        if self.unsynced and self._segment >= 0:
            self._unsynced = 0
            try:
                os.fdatasync(self._segment)
            except OSError:
                self._full = self._broken = True  # what the disk did not take must not be built upon
                _log.exception("journal.not_synced")

    def flush(self) -> bool:
        """Bring everything to the disk itself, whatever the policy; whether it is there.  May take long."""
        try:
            if self._segment >= 0:
                os.fdatasync(self._segment)
        except OSError:
            return False
        return not self._full and not self._broken

    def mark(self, name: Mark) -> int | None:
        """The number of a settlement that was written down under *name*; None where none was."""
        try:
            return int((self._directory / name).read_text("ascii"))
        except (OSError, ValueError):
            return None

    def put_mark(self, name: Mark, n: int) -> None:
        """Write down *n* under *name*; on a full disk the old mark stays."""
        with contextlib.suppress(OSError):
            self._replace(self._directory / name, f"{n}\n".encode())

    def forget(self, *, acknowledged: int, now_ms: int) -> None:
        """Delete segments that are old, or too many, and not needed; see :func:`replay.forgettable`."""
        with contextlib.suppress(OSError):  # a later round tries again
            for path in forgettable(
                self.segments(),
                acknowledged=acknowledged,
                exported=self.exported,
                now_ms=now_ms,
                keep_ms=KEEP_MS,
                keep_bytes=KEEP_BYTES,
            ):
                path.unlink()

    def _replace(self, path: Path, content: bytes) -> None:
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(path)

    def close(self) -> None:
        """Finish the segment and let go of the directory; more than once is harmless."""
        self.sync()
        for fd in (self._segment, self._reserve, self._lock):
            if fd >= 0:
                os.close(fd)
        self._segment = self._reserve = self._lock = -1


def _unwritten(error: OSError) -> JournalError:
    return JournalError(f"The journal cannot be written: {error.strerror}.")

"""Where usage records go: files of JSON lines, one record a line.  Knows bytes and files, and a record's number.

``usage-2026-11-21T10-4f3a9c21-01.jsonl``: the UTC hour in which it was begun, the first eight digits of the journal's
id, and a number for the files of one hour.  In the order of hours and numbers, the records are in theirs.  A file is
finished when there is one after it.
"""

import contextlib
import mmap
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from sluice_dataplane.usage.journal import Fsync

FILE_BYTES: Final = 64 * 1024 * 1024
HOUR_FORMAT: Final = "%Y-%m-%dT%H"

_NAME: Final = re.compile(r"usage-(\d{4}-\d\d-\d\dT\d\d)-([0-9a-f]{8})-(\d{2,9})\.jsonl")

Key = tuple[str, int]  # hour, number: the order of files


class _Numbered(msgspec.Struct):
    sequence: int


def key_of(name: str) -> Key:
    """The place of the file *name* in the order of its source's; before all others where it is no such name."""
    match = _NAME.fullmatch(name)
    return ("", 0) if match is None else (match[1], int(match[3]))


class Files:
    """One source's files in *directory*; one process writes them at a time.

    Args:
        directory: may hold the files of other sources too.
        source: the journal's id.
        file_bytes: a file over this size is followed by another.
        fsync: as the journal's.
    """

    def __init__(self, directory: Path, source: str, *, file_bytes: int = FILE_BYTES, fsync: Fsync = "never") -> None:
        self._directory = directory
        self._short = source[:8]
        self._file_bytes = file_bytes
        self._fsync = fsync
        self._fd = -1
        self._size = 0
        self._key: Key = ("", 0)
        self.name = ""  # of the newest file

    def open(self, *, last_name: str) -> int | None:
        """Take up the newest file, cut to its last whole record: that record's number, 0 where none is left.

        None: there is no file, or only some from before *last_name*, which was written last: somebody took it away.
        No name up to *last_name* is used again.

        Raises:
            OSError: a file cannot be read or cut.
        """
        self.close()
        self._key, self.name = key_of(last_name), last_name
        found = None
        for path in reversed(self._own()):
            newest = key_of(path.name) >= self._key
            if found is None and not newest:
                return None
            found = _mend(path)
            if found:
                if newest:
                    self._take_up(path)
                return found
            path.unlink()
        return found

    def _take_up(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = os.fstat(self._fd).st_size
        self._key, self.name = key_of(path.name), path.name

    def append(self, block: bytes, *, now_ms: int) -> None:
        """Write *block*, whole lines, into the file of this hour.

        Raises:
            OSError: nothing of it stays.
        """
        hour = datetime.fromtimestamp(now_ms / 1000, UTC).strftime(HOUR_FORMAT)
        if self._fd < 0 or hour > self._key[0] or self._size >= self._file_bytes or not os.fstat(self._fd).st_nlink:
            self._begin(hour)
        there = os.fstat(self._fd).st_size
        self._size = min(self._size, there)  # somebody copied it and made it empty
        try:
            if there > self._size:
                os.ftruncate(self._fd, self._size)  # an earlier try could not take back what it wrote
            _write(self._fd, block)
            if self._fsync == "interval":
                os.fdatasync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(block)

    def _begin(self, hour: str) -> None:
        before, number = self._key
        self._key = (hour, 1) if hour > before else (before, number + 1)  # a clock that goes back changes no order
        name = f"usage-{self._key[0]}-{self._short}-{self._key[1]:02d}.jsonl"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.close()
        self._fd, self._size, self.name = fd, 0, name
        if self._fsync == "interval":
            _sync_directory(self._directory)

    def expire(self, *, now_ms: int, keep_ms: int, keep_bytes: int) -> None:
        """Delete finished files that are older than *keep_ms*, and own ones beyond *keep_bytes*, the oldest first.

        Those of other sources go by age alone: nobody may be there any more to do it.

        Raises:
            OSError: a file cannot be deleted.
        """
        total, own = self._size, self._own()
        for path in [*reversed(own), *(set(self._all()) - set(own))]:
            if path.name == self.name:
                continue
            with contextlib.suppress(FileNotFoundError):  # somebody took it away
                stat = path.stat()
                total += stat.st_size if path in own else 0
                too_many = path in own and total > keep_bytes
                if too_many or stat.st_mtime_ns // 1_000_000 < now_ms - keep_ms:
                    path.unlink()

    def _all(self) -> list[Path]:
        return [path for path in self._directory.glob("usage-*.jsonl") if _NAME.fullmatch(path.name)]

    def _own(self) -> list[Path]:
        """The files of one source, oldest first."""
        own = [path for path in self._all() if f"-{self._short}-" in path.name]
        return sorted(own, key=lambda path: key_of(path.name))

    def close(self) -> None:
        """Let go of the file; more than once is harmless."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _mend(path: Path) -> int:
    """Cut *path* after the last line that is a record; its number, 0 where there is none."""
    size = path.stat().st_size
    if not size:
        return 0
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            end, sequence = _last_record(view)
        if end < size:
            file.truncate(end)
    return sequence


def _last_record(view: mmap.mmap) -> tuple[int, int]:
    """Where the last record of *view* ends, and its number; zeros where there is none."""
    end = view.rfind(b"\n") + 1
    while end:
        start = view.rfind(b"\n", 0, end - 1) + 1
        try:
            return end, msgspec.json.decode(view[start:end], type=_Numbered).sequence
        except msgspec.MsgspecError:
            end = start  # a machine that crashed may leave blocks that were never filled
    return 0, 0


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

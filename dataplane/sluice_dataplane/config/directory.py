"""Follows snapshots in a directory: parts written by ``sluice compile``, or compiled objects mounted into a pod.

Both layouts are read: ``<part>`` as a file, and ``<release>-snapshot-<part>/part`` as the kubelet mounts it.
A change is noticed by looking at the index's inode and times; nothing is assumed about the order in which a
kubelet swaps its volumes.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Final

from sluice_contract import codec, names
from sluice_contract.errors import SnapshotInvalidError
from sluice_dataplane.config.source import Bundle, Shelf, StateLog

POLL_SECONDS: Final = 0.1

Fingerprint = tuple[int, int, int, int]


class DirectorySource:
    """Bundles from *directory*.

    *wait* is called with the seconds until the next look; whoever knows of a change may let it return early.
    """

    def __init__(
        self,
        directory: Path,
        *,
        release: str = "sluice",
        poll_seconds: float = POLL_SECONDS,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._directory = directory
        self._release = release
        self._poll_seconds = poll_seconds
        self._wait = wait
        self._shelf = Shelf()
        self._state = StateLog("directory")

    async def bundles(self) -> AsyncGenerator[Bundle, None]:
        """See SnapshotSource."""
        done: Fingerprint | None = None  # of the index that the last bundle was made of
        while True:
            seen = self._fingerprint()
            if seen is None:
                self._state.failing("there is no index")
            elif seen == done:
                self._state.working()
            elif (bundle := await asyncio.to_thread(self._read)) is not None:
                done = seen  # taken before the bytes: an index replaced meanwhile is read again
                yield bundle
            await self._wait(self._poll_seconds)

    def _read(self) -> Bundle | None:
        """The bundle as it lies there now, None while it is not whole."""
        try:
            data = self._content(codec.INDEX)
            index = codec.decode_index(data)
            for name in self._shelf.lacking(index):
                self._shelf.put(name, self._content(name))
        except SnapshotInvalidError as error:
            self._state.failing(str(error))
            return None
        except OSError as error:
            self._state.failing(f"{Path(error.filename or '').name}: {error.strerror}")
            return None
        if lacking := self._shelf.lacking(index):
            self._state.failing(f"not the ones the index names yet: {', '.join(lacking)}")
            return None
        self._state.working()
        return self._shelf.bundle(data, index)

    def _content(self, part: str) -> bytes:
        with self._path(part).open("rb") as file:
            return file.read(codec.MAX_PART_BYTES + 1)  # one byte more cannot have the right digest

    def _path(self, part: str) -> Path:
        flat = self._directory / part
        if flat.is_file():
            return flat
        mounted = self._directory / names.object_name(self._release, part) / names.PART_FIELD
        return mounted if mounted.is_file() else flat

    def _fingerprint(self) -> Fingerprint | None:
        try:
            stat = self._path(codec.INDEX).stat()
        except OSError:
            return None
        return (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)

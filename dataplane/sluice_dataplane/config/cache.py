"""The last good snapshot on disk, for a start while the API server is away.

It holds provider credentials and key digests, as the Secrets do that it came from: mode 0600, and nobody else's folder.
"""

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from sluice_contract import codec
from sluice_contract.errors import SnapshotInvalidError
from sluice_dataplane.config.source import Bundle, Shelf

FILE_NAME: Final = "last-good.snapshot"
MAX_FILE_BYTES: Final = (len(codec.PARTS) + 1) * codec.MAX_PART_BYTES

log = logging.getLogger("sluice.config")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    index: bytes
    parts: dict[str, bytes]


class SnapshotCache:
    """One bundle in *directory*, in one file, so that it is there whole or not at all.  Its methods block."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME

    def load(self) -> Bundle | None:
        """The bundle saved last; None if there is none, or none that is whole (which is logged)."""
        try:
            with self._path.open("rb") as file:
                saved = msgspec.msgpack.decode(file.read(MAX_FILE_BYTES), type=_File)
            index = codec.decode_index(saved.index)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, SnapshotInvalidError) as error:
            log.warning("config.cache_unreadable", extra={"reason": type(error).__name__})
            return None
        shelf = Shelf()
        for name, data in saved.parts.items():
            shelf.put(name, data)
        bundle = shelf.bundle(saved.index, index)
        if bundle is None:
            log.warning("config.cache_unreadable", extra={"reason": "a part is not the one the index names"})
        return bundle

    def save(self, bundle: Bundle) -> None:
        """Replace what is saved by *bundle*.

        Raises:
            OSError: it could not be written; what was saved before is still there.
        """
        content = msgspec.msgpack.encode(_File(bundle.index, dict(bundle.parts)))
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
                os.fchmod(file.fileno(), 0o600)  # a file left over from a crash may be of another mode
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise

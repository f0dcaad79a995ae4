"""Secrets of a standalone gateway, as files: ``<namespace>/<name>/<entry>``, mode 0600, nobody else's folders.

Generated keys are put here once and found again; whoever has a provider's API key may put it here too, so that it
need not stand in a manifest.
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sluice_operator.inventory import ObjectName

PEPPER_BYTES: Final = 32
MAX_ENTRY_BYTES: Final = 1024 * 1024  # as much as a Secret may hold


class VaultError(Exception):
    """A secret cannot be kept or read; the message names the file and nothing that is in it."""


class Vault:
    """The folder *directory*.  *random_bytes* makes keys and the pepper."""

    def __init__(self, directory: Path, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._directory = directory
        self._random_bytes = random_bytes

    def path(self, name: ObjectName, entry: str) -> Path:
        """Where *entry* of the Secret *name* is kept.

        Raises:
            VaultError: a name would lead out of the folder, or be hidden.
        """
        for part in (name.namespace, name.name, entry):
            if not part or part.startswith(".") or "/" in part or "\0" in part:
                message = f"{name}: {part!r} cannot be a file's name"
                raise VaultError(message)
        return self._directory / name.namespace / name.name / entry

    def contents(self) -> dict[ObjectName, dict[str, bytes]]:
        """Every entry of every Secret kept here.

        Raises:
            VaultError: a file cannot be read, or is larger than a Secret may be.
        """
        found: dict[ObjectName, dict[str, bytes]] = {}
        for path in sorted(self._directory.glob("[!.]*/[!.]*/[!.]*")):
            if path.is_file():
                name = ObjectName(path.parts[-3], path.parts[-2])
                found.setdefault(name, {})[path.name] = self._read(path)
        return found

    def keep_new(self, name: ObjectName, entry: str, make: Callable[[bytes], str]) -> Path:
        """Where *entry* is kept now: what *make* made of 32 random bytes, unless something was there already.

        Raises:
            VaultError: it cannot be written.
        """
        path = self.path(name, entry)
        self._write_new(path, make(self._random_bytes(32)).encode())
        return path

    def pepper(self) -> bytes:
        """The bytes by which digests of weak keys are made useless elsewhere; made once, beside the folder.

        Raises:
            VaultError: it cannot be read or written, or is not whole.
        """
        path = self._directory.parent / "pepper"
        self._write_new(path, self._random_bytes(PEPPER_BYTES))
        pepper = self._read(path)
        if len(pepper) != PEPPER_BYTES:
            message = f"{path}: should hold {PEPPER_BYTES} bytes"
            raise VaultError(message)
        return pepper

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_ENTRY_BYTES + 1)
        except OSError as error:
            message = f"{path}: {error.strerror}"
            raise VaultError(message) from error
        if len(data) > MAX_ENTRY_BYTES:
            message = f"{path}: is larger than {MAX_ENTRY_BYTES} bytes"
            raise VaultError(message)
        return data

    def _write_new(self, path: Path, data: bytes) -> None:
        """Write *data* to *path* whole, unless there is such a file."""
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(fresh)
        except OSError as error:
            message = f"{path}: {error.strerror}"
            raise VaultError(message) from error
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink()

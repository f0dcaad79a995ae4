"""Notices that manifests or secrets changed: looks at names, times and sizes, reads nothing.

Imports nothing but the standard library: it runs in the serving process.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

POLL_SECONDS: Final = 0.2
SETTLE_SECONDS: Final = 0.05  # editors write in several steps

Fingerprint = frozenset[tuple[str, int, int, int]]


def fingerprint(trees: Iterable[Path]) -> Fingerprint:
    """What can be seen of every file under *trees* without opening it; hidden files and folders are left out."""
    return frozenset(entry for tree in trees for entry in _entries(tree))


async def changed(trees: tuple[Path, ...], known: Fingerprint) -> Fingerprint:
    """Wait until *trees* look otherwise than *known* and stay so for a moment; how they look then."""
    while True:
        seen = await asyncio.to_thread(fingerprint, trees)
        if seen != known:
            await asyncio.sleep(SETTLE_SECONDS)
            if seen == await asyncio.to_thread(fingerprint, trees):
                return seen
        else:
            await asyncio.sleep(POLL_SECONDS)


def _entries(tree: Path) -> Iterator[tuple[str, int, int, int]]:
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith("."):
                continue
            path = f"{folder}/{name}"
            try:
                stat = os.stat(path)  # noqa: PTH116  # of thousands, five times a second
            except OSError:
                continue  # gone since it was listed
            yield path, stat.st_mtime_ns, stat.st_size, stat.st_ino

"""Copies of lines that could not be read, kept for somebody to look at, within bounds."""

import contextlib
from pathlib import Path
from typing import Final

MAX_FILES: Final = 100
MAX_BYTES: Final = 1024 * 1024  # of each
NAME: Final = "quarantine"  # in the journal's directory


def keep(directory: Path, segment: Path, offset: int, raw: bytes) -> None:
    """Keep a copy of *raw*, which is in *segment* at *offset*; on a full disk, or past the bounds, there is none."""
    folder = directory / NAME
    copy = folder / f"{segment.stem}-{offset}.bad"
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        if not copy.exists() and len(list(folder.iterdir())) < MAX_FILES:
            copy.write_bytes(raw[:MAX_BYTES])

"""What a data plane's journal directory says, read without its code: lines of ``<crc32> <JSON>``.

What no newline ends was never written: its number is given again.
"""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def lines(directory: Path) -> Iterator[dict[str, Any]]:
    """Every line of every segment that can be read, oldest first; those in the reserve last."""
    segments = sorted(path for path in directory.glob("*.log") if path.stem.isdecimal())
    for path in segments:
        for raw in path.read_bytes().split(b"\n")[:-1]:
            if len(raw) > 9 and f"{zlib.crc32(raw[9:]):08x}".encode() == raw[:8]:
                yield json.loads(raw[9:])


def settlements(directory: Path) -> dict[int, dict[str, Any]]:
    """The settle lines, by number."""
    found: dict[int, dict[str, Any]] = {}
    for line in lines(directory):
        if line["kind"] == "settle":
            found.setdefault(line["n"], line)
    return found


def holds(directory: Path) -> dict[str, list[Any]]:
    """The reservations that hold lines, settle lines and snapshots name, by id; as written."""
    found: dict[str, Any] = {}
    for line in lines(directory):
        for reservation in (line.get("reservation"), *line.get("holds", ())):
            if reservation:
                found[reservation["id"]] = reservation
    return found

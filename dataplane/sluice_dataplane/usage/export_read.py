"""Where usage records come from: the journal's segments, block by block.  Reads files and writes none.

Segments only grow, so that a place in one is a name and an offset.  A line without an end is still being written, or
torn: it is read again, until there is a segment after it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from sluice_dataplane.usage import lines, replay

BLOCK_BYTES: Final = 64 * 1024  # of the journal, read in one go: a millisecond that calls may have to wait for

# Every other line is skipped unread: a settlement's kind is the first thing it says after its checksum.
_SETTLE: Final = b'{"kind":"settle"'
_CHECKSUM_BYTES: Final = 9
_NONE: Final = b"null"


class Place(msgspec.Struct, frozen=True):
    """Where to read on: *offset* bytes into the segment of that file name."""

    segment: str
    offset: int = 0


class _Settled(msgspec.Struct):
    """What matters here of a settlement: its record, as it is written."""

    record: msgspec.Raw = msgspec.Raw(_NONE)


class _Numbered(msgspec.Struct):
    sequence: int


_settled: Final = msgspec.json.Decoder(_Settled)
_number: Final = msgspec.json.Decoder(_Numbered)


class Block(msgspec.Struct, frozen=True):
    """Records as lines of JSON, up to the one numbered ``sequence``; ``place`` is where to read on.

    ``ended``: there was nothing after it yet.
    """

    records: tuple[bytes, ...]
    sequence: int
    place: Place
    ended: bool


def place_after(segments: Sequence[Path], sequence: int) -> Place | None:
    """Where to begin to read for every record after *sequence*; None where there are no segments."""
    found = segments[0] if segments else None
    for path in reversed(segments):
        head = replay.head(path)
        if head is not None and head.sequence <= sequence:
            found = path
            break
    return None if found is None else Place(found.name)


def read(segments: Sequence[Path], place: Place | None, *, after: int, block_bytes: int = BLOCK_BYTES) -> Block | None:
    """The next records at *place* that are numbered over *after*; None where there are no segments.

    *segments* were listed before this call, so that one that has a successor has all its lines.

    Raises:
        OSError: a segment cannot be read.
    """
    names = [path.name for path in segments]
    if place is None or place.segment not in names:
        place = place_after(segments, after)
        if place is None:
            return None
    index = names.index(place.segment)
    raws, offset, whole = _lines(segments[index], place.offset, block_bytes)
    records, sequence = _records(raws, after)
    here, last = Place(place.segment, offset), index == len(segments) - 1
    if whole and not last:
        return Block(records, sequence, Place(names[index + 1]), ended=False)
    return Block(records, sequence, here, ended=whole)


def _lines(path: Path, offset: int, block_bytes: int) -> tuple[list[bytes], int, bool]:
    """Settlements from *offset* on, where the last line that was whole ended, and whether that is all there is."""
    found: list[bytes] = []
    until = offset + block_bytes
    with path.open("rb") as file:
        file.seek(offset)
        while offset < until:
            raw = file.readline(replay.MAX_LINE_BYTES)
            if not raw or (raw[-1] != 0x0A and len(raw) < replay.MAX_LINE_BYTES):
                return found, offset, True
            offset += len(raw)
            if raw.startswith(_SETTLE, _CHECKSUM_BYTES):
                found.append(raw)
    return found, offset, False


def _records(raws: Sequence[bytes], after: int) -> tuple[tuple[bytes, ...], int]:
    """The records over *after*: lines that came out of the journal's reserve may be in it twice."""
    found: list[bytes] = []
    for raw in raws:
        record, sequence = _record(raw)
        if sequence > after:
            found.append(record + b"\n")
            after = sequence
    return tuple(found), after


def _record(raw: bytes) -> tuple[bytes, int]:
    """The record in a settlement's line, and its number; 0 where it has none, or none that can be read."""
    body = lines.body_of(raw)
    try:
        record = _NONE if body is None else bytes(_settled.decode(body).record)
        return record, 0 if record == _NONE else _number.decode(record).sequence
    except msgspec.MsgspecError:
        return _NONE, 0

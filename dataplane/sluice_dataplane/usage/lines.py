"""The journal's lines: ``<crc32, 8 hex digits> <JSON>`` and a newline.  Pure; holds no prompt and no secret."""

import zlib
from typing import Final

import msgspec

from sluice_contract.usage import UsageRecord
from sluice_dataplane.limits.store import KeyUsage, Reservation


class HoldLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="hold"):
    """A call was admitted and is about to be sent."""

    at_ms: int
    reservation: Reservation


class SettleLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="settle"):
    """A hold ended.  ``n`` counts settlements of this journal without a gap.

    ``used`` and ``spent`` are in the order of the hold's reservation, which is repeated here only where no hold line
    came before.  ``record`` is None for a call that used nothing, and for one whose end nobody saw (``estimated``).
    """

    n: int
    id: str
    used: tuple[int, ...]
    spent: tuple[int, ...]
    usage: KeyUsage | None = None
    record: UsageRecord | None = None
    reservation: Reservation | None = None
    estimated: bool = False


class SnapshotLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="snapshot"):
    """All that the lines before it come to; the first line of a segment, so that no segment needs an older one.

    ``accounts`` and ``usage`` are empty where a shared store keeps them.
    """

    source: str
    n: int  # the last settlement
    sequence: int  # of the last usage record
    acknowledged: int  # the settlement up to which a shared store has answered all
    accounts: tuple[tuple[str, int, int], ...]  # name, posted, expires at ms
    usage: tuple[KeyUsage, ...]
    holds: tuple[Reservation, ...]  # open at this moment


Line = HoldLine | SettleLine | SnapshotLine

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    """The bytes of *line*, newline included."""
    body = _encoder.encode(line)
    return b"%08x %b\n" % (zlib.crc32(body), body)


def decode(raw: bytes) -> Line | None:
    """The line in *raw*; None where it is torn, damaged or of a kind that is not known here."""
    if len(raw) < 11 or raw[8] != 0x20 or raw[-1] != 0x0A:
        return None
    body = raw[9:-1]
    if b"%08x" % zlib.crc32(body) != raw[:8]:
        return None
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError:
        return None

"""The journal's lines: ``<crc32, 8 hex digits> <JSON>`` and a newline.  Pure; holds no prompt and no secret."""

import zlib
from typing import Final

import msgspec

from sluice_contract.usage import UsageRecord
from sluice_dataplane.limits.store import KeyUsage, Reservation
from sluice_dataplane.usage.draft import Draft


class HoldLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="hold"):
    """A hold that is taken, or about to be; the call is sent only after it.

    ``watched``: the file of progress shows whether it was sent, and what came of it; else nobody knows.
    ``slice`` is a hold in advance, from which calls are admitted while the store is away: nothing is ever spent on it.
    """

    at_ms: int
    reservation: Reservation
    draft: Draft | None = None
    watched: bool = False
    slice: bool = False


class DropLine(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="drop"):
    """A hold was refused: it never was."""

    id: str


class SettleLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="settle"):
    """A hold ended.  ``n`` counts settlements of this journal without a gap.

    ``used`` and ``spent`` are in the order of the hold's reservation, which is repeated here only where no hold line
    came before.  ``record`` is None for a call that used nothing.
    """

    n: int
    id: str
    used: tuple[int, ...]
    spent: tuple[int, ...]
    usage: KeyUsage | None = None
    record: UsageRecord | None = None
    reservation: Reservation | None = None
    estimated: bool = False  # nobody saw how the call ended


class SnapshotLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="snapshot"):
    """All that the lines before it come to; the first line of a segment, so that no segment needs an older one.

    ``accounts``, ``buckets`` and ``usage`` are empty where a shared store keeps them.  ``holds`` is how open holds were
    written before they had drafts.
    """

    source: str
    n: int  # the last settlement
    sequence: int  # of the last usage record
    acknowledged: int  # the settlement up to which a shared store has answered all
    accounts: tuple[tuple[str, int, int], ...]  # name, posted, expires at ms
    usage: tuple[KeyUsage, ...]
    holds: tuple[Reservation, ...] = ()
    open: tuple[HoldLine, ...] = ()  # at this moment
    buckets: tuple[tuple[str, int, int, int], ...] = ()  # of rolling windows: name, bucket, posted, expires at ms


Line = HoldLine | DropLine | SettleLine | SnapshotLine

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)


def frame(body: bytes) -> bytes:
    """*body*, JSON without a line break, as a line that shows whether it is whole."""
    return b"%08x %b\n" % (zlib.crc32(body), body)


def encode(line: Line) -> bytes:
    """The bytes of *line*, newline included."""
    return frame(_encoder.encode(line))


def encode_settled(line: SettleLine, record: bytes) -> bytes:
    """The bytes of *line*, which has no record, with the one whose JSON is *record*."""
    return frame(b'%b,"record":%b}' % (_encoder.encode(line)[:-1], record))


def encode_record(record: UsageRecord) -> bytes:
    """The JSON of *record*.

    Raises:
        ValueError: a text in it is no text (half a surrogate pair).
    """
    return _encoder.encode(record)


def body_of(raw: bytes) -> bytes | None:
    """The JSON in a framed line; None where it is torn or damaged."""
    if len(raw) < 11 or raw[8] != 0x20 or raw[-1] != 0x0A:
        return None
    body = raw[9:-1]
    return body if b"%08x" % zlib.crc32(body) == raw[:8] else None


def decode(raw: bytes) -> Line | None:
    """The line in *raw*; None where it is torn, damaged or of a kind that is not known here."""
    body = body_of(raw)
    try:
        return None if body is None else _decoder.decode(body)
    except msgspec.MsgspecError:
        return None

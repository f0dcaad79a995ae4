"""The journal's lines."""

import zlib

import pytest

from sluice_dataplane.usage import lines
from sluice_dataplane.usage.lines import HoldLine, Line, SettleLine, SnapshotLine
from support.ledgers import record, used
from support.stores import account, charge, rate, slot, take

HOLD = take("h", rate(3), slot(2), charge(100))
SETTLED = SettleLine(7, "h", (3,), (40,), used(HOLD, 40).usage, record("h", team="ä\n"))
SNAPSHOT = SnapshotLine("s", 6, 5, 4, ((account("a"), 9, 10),), (), (HOLD,))
EVERY: tuple[Line, ...] = (
    HoldLine(1, HOLD),
    SETTLED,
    SNAPSHOT,
    SettleLine(8, "v", (0,), (0,), reservation=HOLD, estimated=True),
)


@pytest.mark.parametrize("line", EVERY)
def test_a_line_comes_back_as_it_was(line: Line) -> None:
    """What is written is one line, and reads as what was written."""
    raw = lines.encode(line)

    assert lines.decode(raw) == line
    assert raw.count(b"\n") == 1
    assert raw.endswith(b"\n")


@pytest.mark.parametrize("line", EVERY)
def test_a_torn_line_is_not_read(line: Line) -> None:
    """However short a line was cut, it is not taken for a line."""
    raw = lines.encode(line)

    assert [cut for cut in range(len(raw)) if lines.decode(raw[:cut]) is not None] == []


def test_a_damaged_line_is_not_read() -> None:
    """One bit that is not what was written spoils the line."""
    raw = lines.encode(SETTLED)
    for place in range(len(raw)):
        damaged = bytearray(raw)
        damaged[place] ^= 1

        assert lines.decode(bytes(damaged)) is None


def test_a_line_of_another_kind_is_not_read() -> None:
    """A line whose sum is right and whose kind is unknown here is left out, not guessed at."""
    body = b'{"kind":"lease"}'

    assert lines.decode(b"%08x %b\n" % (zlib.crc32(body), body)) is None

"""The journal's one pen."""

import logging
from pathlib import Path

import pytest

from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Account
from sluice_dataplane.usage import lines, replay
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.lines import HoldLine, SettleLine
from sluice_dataplane.usage.outbox import Outbox
from sluice_dataplane.usage.writer import Writer
from support.ledgers import Clock, far, full_disk, record, used
from support.stores import account, charge, take, void


class Desk:
    """A writer, and what it writes to."""

    def __init__(self, folder: Path, *, local: bool = False, reserve_bytes: int = 4_096) -> None:
        clock = Clock()
        self.journal = Journal(folder, reserve_bytes=reserve_bytes)
        self.journal.open()
        self.local = MemoryStore(clock) if local else None
        self.store = far(clock)
        self.outbox = Outbox(self.journal, self.store)
        self.outbox.begin(acknowledged=0, base=0, n=0)
        self.writer = Writer(self.journal, self.outbox, self.local)
        self.writer.begin_segment(())

    def written(self) -> list[lines.Line]:
        """The lines after the segment's first."""
        return list(replay.read(self.journal.segments()[-1], lambda *_: None))[1:]


def test_settlements_and_records_are_numbered(tmp_path: Path) -> None:
    """Settlements count without a gap; records do too, and are completed in place with their source."""
    desk, first, second = Desk(tmp_path), record("a"), record("b")
    numbers = [
        desk.writer.settle(used(take("a", charge(1)), 1), first),
        desk.writer.void(take("v", charge(1))),
        desk.writer.settle(used(take("b", charge(1)), 1), second),
    ]
    desk.journal.close()

    assert numbers == [1, 2, 3]
    assert [(written.source, written.sequence) for written in (first, second)] == [
        (desk.journal.source, 1),
        (desk.journal.source, 2),
    ]


def test_numbers_that_are_left_out_are_not_given(tmp_path: Path) -> None:
    """What may have been given before goes on after it."""
    desk, written = Desk(tmp_path), record("a")
    desk.writer.skip(10)
    n = desk.writer.settle(used(take("a", charge(1)), 1), written)
    desk.journal.close()

    assert (n, written.sequence) == (11, 11)


def test_the_store_gets_what_the_journal_has(tmp_path: Path) -> None:
    """The record that goes out is, byte for byte, the one in the journal's line."""
    desk = Desk(tmp_path)
    desk.writer.hold(HoldLine(1, take("a", charge(1))))
    desk.writer.settle(used(take("a", charge(1)), 1), record("a", user='"quoted" ä'))
    (entry,) = desk.outbox._waiting
    (again,) = replay.settlements(desk.journal.segments(), after=0, until=1, limit=1)
    desk.journal.close()

    assert entry == again
    assert b'\\"quoted\\"' in entry.record
    assert isinstance(desk.written()[-1], SettleLine)


def test_a_text_that_is_none_costs_no_record(tmp_path: Path) -> None:
    """Half a surrogate pair in a client's name for its user is left out; record and settlement stay."""
    desk = Desk(tmp_path)
    desk.writer.settle(used(take("a", charge(1)), 1), record("a", user="\ud800"))
    (line,) = desk.written()
    desk.journal.close()

    assert isinstance(line, SettleLine)
    assert line.record is not None
    assert line.record.user is None


def test_what_nobody_could_write_is_counted_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With disk and reserve full a settlement is kept in memory until the store has it, and that is said."""
    desk = Desk(tmp_path, reserve_bytes=600)
    desk.writer.hold(HoldLine(1, take("x" * 2_000, charge(1))))
    with full_disk(desk.journal.segments()[0]), caplog.at_level(logging.ERROR):
        for name in "abc":
            desk.writer.settle(void(take(name, charge(1))), None)
            desk.writer.settle(used(take(name, charge(1)), 1), record(name))
        desk.writer.drop("d")
    desk.journal.close()

    assert desk.writer.unjournaled > 0
    assert len(desk.outbox._unjournaled) == desk.writer.unjournaled
    assert desk.outbox.waiting == 6
    assert "ledger.unjournaled" in caplog.text


def test_counters_in_this_process_are_told_at_once(tmp_path: Path) -> None:
    """Nothing waits, and the next segment begins with what they say."""
    desk = Desk(tmp_path, local=True)
    assert desk.local is not None
    call = take("a", charge(10))
    desk.local.reserve_now(call)
    desk.writer.settle(used(call, 4), record("a"))
    desk.writer.begin_segment(())
    head = replay.head(desk.journal.segments()[-1])
    desk.journal.close()

    assert desk.outbox.waiting == 0
    assert desk.local.all_accounts() == {account("a"): Account(4, 0, 0)}
    assert head is not None
    assert [(name, spent) for name, spent, _ in head.accounts] == [(account("a"), 4)]
    assert (head.n, head.acknowledged, head.usage[0].requests) == (1, 1, 1)

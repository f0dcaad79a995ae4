"""What a ledger does about once a second."""

import errno
import os
from pathlib import Path

import pytest

from sluice_dataplane.errors import JournalError
from sluice_dataplane.limits.store import Account, Held, Refused
from sluice_dataplane.usage import journal as journals
from sluice_dataplane.usage import replay, upkeep
from sluice_dataplane.usage.lines import SnapshotLine
from support.ledgers import Clock, Life, draft, far, record, used
from support.stores import charge, slot, take


async def _settled(life: Life, name: str) -> None:
    call = take(name, charge(10, 10**6))
    await life.ledger.open(call, draft=draft(name), away="Lease")
    life.ledger.settle(used(call, 5), record(name))


async def test_a_new_segment_knows_all_that_is_open(tmp_path: Path) -> None:
    """A segment over its size is followed by one whose first line has running calls, with their drafts, and slices."""
    clock = Clock()
    life = await Life.joined(tmp_path, far(clock), clock, segment_bytes=4_000)
    for n in range(5):
        await _settled(life, f"h{n}")
    await life.ledger.open(take("open", charge(10, 10**6)), draft=draft("open"), away="Lease")
    await life.ledger.tick()
    before = len(life.journal.segments())
    for n in range(5):
        await _settled(life, f"i{n}")
    await life.ledger.tick()
    head = replay.head(life.journal.segments()[-1])
    life.crash()

    assert len(life.journal.segments()) > before
    assert isinstance(head, SnapshotLine)
    assert [(hold.reservation.id, hold.slice, hold.draft) for hold in head.open] == [
        ("open", False, draft("open")),
        (life.ledger.slices.reservations()[0].id, True, None),
    ]


async def test_the_journal_forgets_only_what_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However old a segment is, it stays until the store has answered all that is in it."""
    monkeypatch.setattr(journals, "KEEP_MS", 0)
    monkeypatch.setattr(upkeep, "FORGET_EVERY_TICKS", 1)
    clock = Clock()
    store = far(clock)
    life = await Life.joined(tmp_path, store, clock, segment_bytes=100)
    clock.now_ms += 10**9
    kept = []
    for away in (True, False):
        store.away = away
        for n in range(4):
            await life.ledger.open(take(f"{away}{n}", charge(1, 10**6)), away="Open")
            life.ledger.settle(used(take(f"{away}{n}", charge(1, 10**6)), 1), record("r"))
            await life.ledger.tick()
        await life.ledger.rejoin.step()
        if not away:
            await life.drain()
            await life.ledger.tick()
        kept.append(life.journal.segments()[0].stem)
    life.crash()

    assert kept[0] == "00000001"
    assert kept[1] > "00000004"
    assert store.figures().posted == 8


async def test_what_the_store_refused_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A settlement that was refused for good passes when somebody has put right what was wrong."""
    monkeypatch.setattr(upkeep, "RETRY_REFUSED_EVERY_TICKS", 2)
    clock = Clock()
    store = far(clock)
    life = await Life.joined(tmp_path, store, clock)
    store.refused = {"h"}
    await _settled(life, "h")
    await life.ledger.outbox.step()
    waiting = life.ledger.figures().waiting
    store.refused = set()
    for _ in range(2):
        await life.ledger.tick()
    await life.drain()
    life.crash()

    assert waiting == 1
    assert store.figures().posted == 5


async def test_a_long_call_keeps_its_local_slot(tmp_path: Path) -> None:
    """While the store is away, what is counted here is extended here."""
    clock = Clock()
    store = far(clock)
    life = await Life.joined(tmp_path, store, clock)
    store.away = True
    await life.ledger.open(take("h", slot(1), ttl_ms=9_000), away="Open")
    for _ in range(30):
        clock.now_ms += 1_000
        await life.ledger.tick()
    refused = await life.ledger.open(take("i", slot(1), ttl_ms=9_000), away="Open")
    life.crash()

    assert isinstance(refused, Refused)


async def test_no_checkpoint_is_taken_of_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only of one that has everything and admits."""
    monkeypatch.setattr(upkeep, "CHECKPOINT_EVERY_TICKS", 1)
    clock = Clock()
    store = far(clock)
    life = await Life.joined(tmp_path, store, clock)
    store.near.wipe()
    await life.ledger.tick()
    store.away = True
    await life.ledger.tick()
    life.crash()

    assert "checkpoint" not in store.calls
    assert not (tmp_path / "checkpoint").exists()


async def test_a_disk_that_failed_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a sync that failed nobody is admitted; when the disk takes a new file, the ledger goes on in it, whole."""
    life, fails, real = Life(tmp_path, fsync="interval"), [True], os.fdatasync

    def fdatasync(fd: int) -> None:
        if fails[0]:
            raise OSError(errno.EIO, "I/O error")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    running = take("running", charge(100, 10**6))
    await life.ledger.open(running, draft=draft("running"))
    for _ in range(2):
        await life.ledger.tick()
        with pytest.raises(JournalError):
            await life.ledger.open(take("late", charge(1, 10**6)))
    life.ledger.settle(used(running, 30), record("running"))
    fails[0] = False
    await life.ledger.tick()
    held = await life.ledger.open(take("then", charge(1, 10**6)))
    life.crash()
    for segment in life.journal.segments()[:-1]:
        segment.unlink()  # what the disk did not take may not be there
    again = Life(tmp_path)
    again.crash()

    assert isinstance(held, Held)
    assert again.ledger.accounts()[next(iter(again.ledger.accounts()))] == Account(30, 0, 0)
    assert (again.replayed.damaged, again.replayed.missing) == (0, 0)

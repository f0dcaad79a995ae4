"""What the segments of a journal come to."""

import os
from collections.abc import Sequence
from pathlib import Path

from sluice_dataplane.limits.store import KeyUsage
from sluice_dataplane.usage import lines, replay
from sluice_dataplane.usage.lines import DropLine, HoldLine, Line, SettleLine, SnapshotLine
from support.ledgers import record, used
from support.stores import FAR_MS, account, charge, take


def _hold(name: str, amount: int = 100) -> HoldLine:
    return HoldLine(1, take(name, charge(amount)))


def _settle(n: int, name: str, spent: int, sequence: int | None = None) -> SettleLine:
    written = None if sequence is None else record(name, sequence=sequence)
    return SettleLine(n, name, (), (spent,), used(take(name), spent).usage, written)


def _snapshot(n: int, posted: int = 0, holds: Sequence[str] = (), acknowledged: int = 0) -> SnapshotLine:
    accounts = ((account("a"), posted, FAR_MS),)
    return SnapshotLine("s", n, n, acknowledged, accounts, (), open=tuple(_hold(name) for name in holds))


def _segment(folder: Path, number: int, *written: Line | bytes) -> Path:
    path = folder / f"{number:08d}.log"
    path.write_bytes(b"".join(line if isinstance(line, bytes) else lines.encode(line) for line in written))
    return path


def _fold(*paths: Path) -> tuple[replay.State, list[bytes]]:
    damaged: list[bytes] = []
    return replay.fold(paths, lambda _path, _offset, raw: damaged.append(raw)), damaged


def test_settled_holds_are_posted_and_open_ones_stay(tmp_path: Path) -> None:
    """Posted is the sum of what was settled; holds without a settlement are what a crash left behind."""
    state, damaged = _fold(_segment(tmp_path, 1, _snapshot(0), _hold("h"), _hold("i"), _settle(1, "h", 30, sequence=1)))

    assert state.posted == {account("a"): (30, FAR_MS)}
    assert list(state.holds) == ["i"]
    assert (state.n, state.sequence, state.missing, damaged) == (1, 1, 0, [])
    assert state.usage[("vk", "2026-09")].requests == 1


def test_a_settlement_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    """A line copied from the reserve and found there again is the same settlement."""
    state, _ = _fold(_segment(tmp_path, 1, _hold("h"), _settle(1, "h", 30), _settle(1, "h", 30)))

    assert state.posted[account("a")] == (30, FAR_MS)
    assert state.usage[("vk", "2026-09")].requests == 1


def test_a_snapshot_stands_for_all_before_it(tmp_path: Path) -> None:
    """A segment's first line replaces what came before, so that a damaged older segment does no harm."""
    old = _segment(tmp_path, 1, _hold("h"), b"damage\n")
    new = _segment(tmp_path, 2, _snapshot(3, posted=70, holds=["k"]), _settle(4, "k", 5))
    state, damaged = _fold(old, new)

    assert state.posted == {account("a"): (75, FAR_MS)}
    assert state.holds == {}
    assert damaged == [b"damage\n"]


def test_a_hole_in_the_numbers_is_counted(tmp_path: Path) -> None:
    """Settlements that were written and cannot be read are known by their missing numbers."""
    one = _segment(tmp_path, 1, _hold("h"), _settle(1, "h", 30), b"damage\n", _hold("i"), _settle(4, "i", 1))
    two = _segment(tmp_path, 2, _snapshot(9))
    state, _ = _fold(one, two)

    assert state.missing == 2 + 5


def test_reading_begins_at_the_last_good_snapshot(tmp_path: Path) -> None:
    """Neither a segment without a snapshot nor one whose snapshot is damaged is begun with."""
    paths = [
        _segment(tmp_path, 1, _snapshot(0)),
        _segment(tmp_path, 2, _snapshot(5)),
        _segment(tmp_path, 3, b"damage\n", _settle(7, "h", 1)),
        _segment(tmp_path, 4, _settle(8, "i", 1)),
    ]

    assert replay.start_of(paths, None) == paths[1:]
    assert replay.start_of(paths[2:], None) == paths[2:]


def test_reading_for_a_store_begins_before_what_it_has_not_answered(tmp_path: Path) -> None:
    """The segment to begin with is the last whose snapshot is not past the acknowledged settlement."""
    paths = [_segment(tmp_path, number, _snapshot(n)) for number, n in enumerate((0, 5, 9), start=1)]

    assert [replay.start_of(paths, n) for n in (4, 5, 9)] == [paths, paths[1:], paths[2:]]


def test_settlements_are_found_by_their_numbers(tmp_path: Path) -> None:
    """A stretch of settlements is read in order, with the reservations from before it."""
    path = _segment(
        tmp_path, 1, _snapshot(3, holds=["h"]), _hold("i"), *(_settle(n, name, n) for n, name in ((4, "h"), (5, "i")))
    )
    void = SettleLine(6, "v", (), (0,), reservation=take("v", charge(1)))
    more = _segment(tmp_path, 2, _snapshot(5), void, _hold("k"), _settle(7, "k", 7))
    found = replay.settlements([path, more], after=4, until=6, limit=10)
    first = replay.settlements([path, more], after=3, until=7, limit=2)
    some = replay.settlements([path, more], after=3, until=7, limit=9, only={4, 7})

    assert [(entry.n, entry.settlement.reservation.id, entry.settlement.spent) for entry in found] == [
        (5, "i", (5,)),
        (6, "v", (0,)),
    ]
    assert [entry.n for entry in first] == [4, 5]
    assert [entry.n for entry in some] == [4, 7]


def test_records_are_read_with_their_settlements(tmp_path: Path) -> None:
    """What goes into the store's stream is the record as the journal has it."""
    line = _settle(1, "h", 30, sequence=1)
    assert line.record is not None
    path = _segment(tmp_path, 1, _snapshot(0), _hold("h"), _hold("v"), line, _settle(2, "v", 0))
    found = replay.settlements([path], after=0, until=2, limit=10)

    assert [entry.record for entry in found] == [lines.encode_record(line.record), b""]


def test_a_settlement_whose_hold_is_lost_still_counts_for_its_key(tmp_path: Path) -> None:
    """Nobody knows its accounts any more; its key, its usage and its record are known."""
    path = _segment(tmp_path, 1, _snapshot(0), b"damage\n", _settle(1, "h", 30, sequence=1))
    (entry,) = replay.settlements([path], after=0, until=1, limit=10)

    assert entry.settlement.usage is not None
    assert entry.settlement.reservation.charges == ()
    assert entry.record


def test_a_hold_that_was_refused_never_was(tmp_path: Path) -> None:
    """A dropped hold is not open."""
    state, _ = _fold(_segment(tmp_path, 1, _hold("h"), _hold("i"), DropLine("h")))

    assert list(state.holds) == ["i"]


def test_a_settlement_that_is_missing_may_have_been_any_holds(tmp_path: Path) -> None:
    """Where an end of a hold is lost, the progress of those that were open then says nothing: it is of others now."""
    watched = [HoldLine(1, take(name, charge(1)), watched=True) for name in ("a", "b", "c")]
    by_number, _ = _fold(_segment(tmp_path, 1, *watched[:2], _settle(2, "z", 1), watched[2]))
    by_damage, _ = _fold(_segment(tmp_path, 2, *watched[:2], b"damage\n", watched[2]))
    by_tear, _ = _fold(_segment(tmp_path, 3, *watched, b"torn"))

    for state in (by_number, by_damage):
        assert {name: hold.watched for name, hold in state.holds.items()} == {"a": False, "b": False, "c": True}
    assert all(hold.watched for hold in by_tear.holds.values())


def test_buckets_of_rolling_windows_add_up(tmp_path: Path) -> None:
    """What was spent in a rolling window is found again by bucket, in the snapshot and after it."""
    head = SnapshotLine("s", 1, 1, 1, (), (), buckets=((account("a"), 7, 30, FAR_MS),))
    holds = [HoldLine(1, take(name, charge(1, bucket=bucket))) for name, bucket in (("h", 7), ("i", 8))]
    state, _ = _fold(_segment(tmp_path, 1, head, *holds, _settle(2, "h", 5), _settle(3, "i", 6)))

    assert state.buckets == {(account("a"), 7): (35, FAR_MS), (account("a"), 8): (6, FAR_MS)}
    assert state.posted == {}


def test_numbers_that_may_have_been_given_are_counted(tmp_path: Path) -> None:
    """Each damaged line after the last settlement may have been the next one; a torn one was told to nobody."""
    state, _ = _fold(_segment(tmp_path, 1, _hold("h"), b"damage\n", _settle(2, "h", 1), b"damage\n", b"torn"))

    assert (state.n, state.damaged) == (2, 1)


def test_figures_of_a_key_add_up(tmp_path: Path) -> None:
    """A month of a key is the snapshot's figure and the settlements after it."""
    before = KeyUsage("vk", "2026-09", 10, 100, 200, 300, FAR_MS)
    head = SnapshotLine("s", 1, 1, 1, (), (before,), ())
    state, _ = _fold(_segment(tmp_path, 1, head, _hold("h"), _settle(2, "h", 30)))

    assert state.usage == {("vk", "2026-09"): KeyUsage("vk", "2026-09", 11, 110, 220, 330, FAR_MS)}


def _forgettable(paths: list[Path], **options: int) -> list[int]:
    base = {"acknowledged": 100, "now_ms": 10_000_000, "keep_ms": 1_000_000, "keep_bytes": 10**9}
    return [int(path.stem) for path in replay.forgettable(paths, **{**base, **options})]


def _aged(folder: Path) -> list[Path]:
    paths = [_segment(folder, number, _snapshot(number * 10), _hold("h" * 1_000)) for number in range(1, 6)]
    for age, path in enumerate(reversed(paths)):
        at_s = 10_000 - age * 600
        os.utime(path, (at_s, at_s))
    return paths


def test_old_segments_are_forgotten(tmp_path: Path) -> None:
    """Segments past their age may go, oldest first; the last two stay however old they are."""
    paths = _aged(tmp_path)

    assert _forgettable(paths) == [1, 2, 3]
    assert _forgettable(paths, keep_ms=2_000_000) == [1]
    assert _forgettable(paths, keep_ms=0) == [1, 2, 3]


def test_too_many_segments_are_forgotten(tmp_path: Path) -> None:
    """Beyond the bytes to keep, counted from the newest, the oldest go."""
    paths = _aged(tmp_path)
    size = paths[0].stat().st_size

    assert _forgettable(paths, keep_ms=10**12, keep_bytes=4 * size) == [1]


def test_what_the_store_has_not_answered_is_kept(tmp_path: Path) -> None:
    """A segment with a settlement that is not acknowledged stays, and so does every later one."""
    paths = _aged(tmp_path)

    assert _forgettable(paths, acknowledged=29) == [1]
    assert _forgettable(paths, acknowledged=30) == [1, 2]


def test_what_was_not_exported_is_kept(tmp_path: Path) -> None:
    """A segment with a usage record that was not exported stays; where nobody exports, none stays for that."""
    paths = [_segment(tmp_path, n, SnapshotLine("s", n, n * 10, n, (), (), ()), _hold("h")) for n in range(1, 6)]

    assert _forgettable(paths, keep_bytes=0) == [1, 2, 3]
    assert _forgettable(paths, keep_bytes=0, exported=29) == [1]
    assert _forgettable(paths, keep_bytes=0, exported=30) == [1, 2]

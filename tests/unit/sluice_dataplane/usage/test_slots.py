"""Progress that survives this process."""

from pathlib import Path

import pytest

from sluice_dataplane.usage import slots
from sluice_dataplane.usage.slots import Left, Progress, Slots
from support.ledgers import full_disk


def _begun(folder: Path, count: int = 8) -> Slots:
    opened = Slots(count)
    opened.begin(folder / "progress", boot="boot-1")
    return opened


def _read(folder: Path, boot: str = "boot-1") -> Left:
    return slots.read(folder / "progress", boot=boot)


def test_what_was_stored_is_found(tmp_path: Path) -> None:
    """Of each call that was sent the last word is found, though nobody closed or synced the file."""
    opened = _begun(tmp_path)
    first, second, third = opened.take(), opened.take(), opened.take()
    opened.sent(first, "a")
    opened.saw(first, 17, stalled=False, at_ms=1_000)
    opened.sent(second, "b")
    opened.saw(second, 5, stalled=False, at_ms=1_000)
    opened.saw(second, 2**40, stalled=True, at_ms=1_250)
    left = _read(tmp_path)

    assert third
    assert left.calls == {"a": Progress(17, stalled=False), "b": Progress(2**40, stalled=True, ms=250)}
    assert left.of("c") is None


def test_a_call_that_ended_leaves_nothing(tmp_path: Path) -> None:
    """A released slot is free for the next call, which begins at nothing sent."""
    opened = _begun(tmp_path, count=1)
    slot = opened.take()
    opened.sent(slot, "a")
    opened.saw(slot, 17, stalled=True, at_ms=1_000)
    opened.release(slot)
    again = opened.take()
    between = _read(tmp_path)
    opened.sent(again, "b")

    assert again == slot
    assert between.calls == {}
    assert _read(tmp_path).calls == {"b": Progress(0, stalled=False)}


def test_without_a_free_slot_there_is_none(tmp_path: Path) -> None:
    """A call beyond the number of slots gets none, and what is said of it goes nowhere."""
    opened = _begun(tmp_path, count=2)
    taken = [opened.take() for _ in range(3)]
    opened.sent(taken[2], "c")
    opened.saw(taken[2], 1, stalled=False, at_ms=1_000)
    opened.release(taken[2])

    assert taken[2] == 0
    assert len(set(taken)) == 3
    assert _read(tmp_path).calls == {}
    assert opened.take() == 0


def test_long_ids_are_found_too(tmp_path: Path) -> None:
    """An id longer than its room is known by its digest."""
    opened = _begun(tmp_path)
    long_id, longer = "x" * 41, "x" * 42
    opened.sent(opened.take(), long_id)

    assert _read(tmp_path).of(long_id) == Progress(0, stalled=False)
    assert _read(tmp_path).of(longer) is None


def test_another_boot_of_the_machine_is_noticed(tmp_path: Path) -> None:
    """What a machine that died had in its memory is lost: its file, and one that makes no sense, shows nothing."""
    opened = _begun(tmp_path)
    opened.sent(opened.take(), "a")
    other_boot = _read(tmp_path, boot="boot-2")
    (tmp_path / "progress").write_bytes(b"\0" * 999)
    nonsense = _read(tmp_path)

    assert other_boot == nonsense == Left({}, rebooted=True)


def test_after_a_clean_end_the_boot_does_not_matter(tmp_path: Path) -> None:
    """A life that brought everything to its disk before it ended has lost nothing, whatever happens to the machine."""
    opened = _begun(tmp_path)
    opened.sent(opened.take(), "a")
    opened.close(clean=True)

    assert _read(tmp_path, boot="boot-2") == Left({"a": Progress(0, stalled=False)}, rebooted=False)


def test_an_end_that_was_not_clean_is_not_called_so(tmp_path: Path) -> None:
    """Where the journal could not be brought to its disk, another boot is another boot."""
    _begun(tmp_path).close(clean=False)

    assert _read(tmp_path, boot="boot-2").rebooted


def test_a_first_start_has_lost_nothing(tmp_path: Path) -> None:
    """No file is no loss."""
    assert _read(tmp_path) == Left({}, rebooted=False)


def test_without_room_on_the_disk_there_are_no_slots(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No page is mapped that has no room on the disk: touching it would kill the process."""
    _begun(tmp_path).sent(1, "of an earlier life")
    (tmp_path / "small").write_bytes(b"")
    opened = Slots(8)
    with full_disk(tmp_path / "small", room=100):
        opened.begin(tmp_path / "progress", boot="boot-1")

    assert opened.take() == 0
    assert _read(tmp_path).calls == {}
    assert "slots.none" in caplog.text

"""Checkpoints on disk."""

from pathlib import Path

from sluice_dataplane.limits.store import Checkpoint
from sluice_dataplane.usage import checkpoints
from support.ledgers import full_disk

ONE = Checkpoint(7, (("{sluice}:applied", "s", "7"), ("a", "posted", "30", "äöü", "1")))


def test_the_last_one_is_found(tmp_path: Path) -> None:
    """What was saved last is what is loaded."""
    none = checkpoints.load(tmp_path)
    checkpoints.save(tmp_path, Checkpoint(1, ()))
    checkpoints.save(tmp_path, ONE)

    assert none is None
    assert checkpoints.load(tmp_path) == ONE


def test_a_damaged_one_is_none(tmp_path: Path) -> None:
    """Whatever byte is changed or missing: better no checkpoint than a wrong one."""
    checkpoints.save(tmp_path, ONE)
    path = tmp_path / "checkpoint"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        assert checkpoints.load(tmp_path) is None
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert checkpoints.load(tmp_path) is None


def test_without_room_the_one_before_stays(tmp_path: Path) -> None:
    """A checkpoint that cannot be written replaces nothing."""
    checkpoints.save(tmp_path, ONE)
    (tmp_path / "small").write_bytes(b"")
    with full_disk(tmp_path / "small", room=10):
        checkpoints.save(tmp_path, Checkpoint(8, ()))

    assert checkpoints.load(tmp_path) == ONE

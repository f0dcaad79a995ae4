"""The last good snapshot on disk."""

import os
from pathlib import Path

import pytest

from sluice_contract import codec
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.cache import FILE_NAME, SnapshotCache
from sluice_dataplane.config.source import Bundle
from support import builders

PARTS = codec.encode(Snapshot(models=(builders.model(),), keys=(builders.key(),)))
BUNDLE = Bundle(PARTS[codec.INDEX], {name: PARTS[name] for name in codec.PARTS})
OTHER_PARTS = codec.encode(Snapshot())
OTHER = Bundle(OTHER_PARTS[codec.INDEX], {name: OTHER_PARTS[name] for name in codec.PARTS})


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """The bundle saved last comes back, in a new process too: nothing but the file is asked."""
    SnapshotCache(tmp_path / "data").save(OTHER)
    SnapshotCache(tmp_path / "data").save(BUNDLE)

    assert SnapshotCache(tmp_path / "data").load() == BUNDLE


def test_nothing_saved_is_nothing_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A first start has no cache, and that is no trouble worth a line."""
    assert SnapshotCache(tmp_path).load() is None
    assert caplog.records == []


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    """The file holds credentials: mode 0600 whatever the umask, also where a crash left a wider one behind."""
    old = os.umask(0)
    try:
        cache = SnapshotCache(tmp_path / "data")
        cache.save(BUNDLE)
        left_over = (tmp_path / "data" / FILE_NAME).with_suffix(f".{os.getpid()}")
        left_over.touch(mode=0o666)
        cache.save(BUNDLE)
    finally:
        os.umask(old)

    assert (tmp_path / "data" / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_cut_off_file_is_not_loaded(tmp_path: Path, keep: int) -> None:
    """A file that a full disk cut short is told of and passed over."""
    SnapshotCache(tmp_path).save(BUNDLE)
    content = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(content[:keep])

    assert SnapshotCache(tmp_path).load() is None


def test_damaged_part_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One byte changed inside a part is found by its digest: a damaged key list is worse than none."""
    SnapshotCache(tmp_path).save(BUNDLE)
    content = (tmp_path / FILE_NAME).read_bytes()
    part = PARTS[codec.shard_of("vktest")]
    (tmp_path / FILE_NAME).write_bytes(content.replace(part, part[:-1] + bytes([part[-1] ^ 1])))

    assert SnapshotCache(tmp_path).load() is None
    assert [record.message for record in caplog.records] == ["config.cache_unreadable"]


def test_failed_save_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails, the old bundle is still there, and no half file beside it."""
    cache = SnapshotCache(tmp_path)
    cache.save(OTHER)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        cache.save(BUNDLE)

    assert cache.load() == OTHER
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]

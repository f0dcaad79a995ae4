"""The files that usage records go to: names, order, full disks, and what a crash leaves."""

import os
from pathlib import Path

import msgspec
import pytest

from sluice_contract.usage import UsageRecord
from sluice_dataplane.usage.export_files import FILE_BYTES, Files, key_of
from support.ledgers import full_disk
from support.usage_records import AT_MS, HOUR_MS, OTHER, SOURCE, record

FIRST = "usage-2026-11-18T11-4f3a9c21-01.jsonl"


def _line(sequence: int) -> bytes:
    return msgspec.json.encode(record(sequence)) + b"\n"


def _files(folder: Path, *, file_bytes: int = FILE_BYTES) -> Files:
    files = Files(folder, SOURCE, file_bytes=file_bytes)
    files.open(last_name="")
    return files


def _contents(folder: Path) -> dict[str, list[int]]:
    return {
        path.name: [msgspec.json.decode(line, type=UsageRecord).sequence for line in path.read_bytes().splitlines()]
        for path in sorted(folder.glob("*"), key=lambda path: key_of(path.name))
    }


def test_a_new_hour_begins_a_new_file(tmp_path: Path) -> None:
    """Files are named after the UTC hour and the source, and follow each other; an earlier clock changes no order."""
    files = _files(tmp_path)
    for sequence, hours in ((1, 0), (2, 0), (3, 1), (4, 0)):
        files.append(_line(sequence), now_ms=AT_MS + hours * HOUR_MS)
    files.close()

    assert _contents(tmp_path) == {FIRST: [1, 2], "usage-2026-11-18T12-4f3a9c21-01.jsonl": [3, 4]}


def test_a_file_that_is_large_is_followed_by_another(tmp_path: Path) -> None:
    """Within an hour files are numbered, and more than ninety-nine of them stay in order."""
    files = _files(tmp_path, file_bytes=1)
    for sequence in range(1, 102):
        files.append(_line(sequence), now_ms=AT_MS)
    files.close()
    contents = _contents(tmp_path)

    assert next(iter(contents)) == FIRST
    assert list(contents)[-1] == "usage-2026-11-18T11-4f3a9c21-101.jsonl"
    assert [number for numbers in contents.values() for number in numbers] == list(range(1, 102))
    assert Files(tmp_path, SOURCE).open(last_name="") == 101


@pytest.mark.parametrize("tail", [b'{"id":"x","sequence":3', b'{"id":"x"}\n', b"\0" * 5_000, b"\0\n\0\n", b"\n"])
def test_a_torn_end_is_cut(tmp_path: Path, tail: bytes) -> None:
    """Whatever a crash left after the last whole record is taken away, and the next record follows it."""
    path = tmp_path / FIRST
    path.write_bytes(_line(1) + _line(2) + tail)
    files = Files(tmp_path, SOURCE)
    found = files.open(last_name=FIRST)
    files.append(_line(3), now_ms=AT_MS)
    files.close()

    assert found == 2
    assert path.read_bytes() == _line(1) + _line(2) + _line(3)


def test_a_file_with_nothing_whole_in_it_goes(tmp_path: Path) -> None:
    """A crash right after a file was begun leaves none behind; the one before it says how far it got."""
    (tmp_path / FIRST).write_bytes(_line(1))
    second = "usage-2026-11-18T12-4f3a9c21-01.jsonl"
    (tmp_path / second).write_bytes(_line(2)[:-5])

    assert Files(tmp_path, SOURCE).open(last_name=FIRST) == 1
    assert Files(tmp_path, SOURCE).open(last_name=second) is None
    assert [path.name for path in tmp_path.iterdir()] == [FIRST]


def test_a_file_that_lost_everything_tells_to_begin_again(tmp_path: Path) -> None:
    """The file that was written last is there and empty: what was in it is not taken for exported."""
    (tmp_path / FIRST).write_bytes(b"\0" * 100)

    assert Files(tmp_path, SOURCE).open(last_name=FIRST) == 0


def test_files_that_were_taken_away_are_no_loss(tmp_path: Path) -> None:
    """Whoever moves files elsewhere may: that is told apart from a loss, and no name is used again."""
    (tmp_path / FIRST).write_bytes(_line(1))
    files = Files(tmp_path, SOURCE)
    found = files.open(last_name="usage-2026-11-18T11-4f3a9c21-02.jsonl")
    files.append(_line(5), now_ms=AT_MS)
    files.close()

    assert found is None
    assert Files(tmp_path / "none", SOURCE).open(last_name="") is None
    assert _contents(tmp_path) == {FIRST: [1], "usage-2026-11-18T11-4f3a9c21-03.jsonl": [5]}


def test_a_file_that_is_deleted_while_it_is_written_is_followed_by_another(tmp_path: Path) -> None:
    """Nothing is written into a file that nobody can find any more."""
    files = _files(tmp_path)
    files.append(_line(1), now_ms=AT_MS)
    (tmp_path / FIRST).unlink()
    files.append(_line(2), now_ms=AT_MS)
    files.close()

    assert _contents(tmp_path) == {"usage-2026-11-18T11-4f3a9c21-02.jsonl": [2]}


def test_a_file_that_was_copied_and_emptied_goes_on(tmp_path: Path) -> None:
    """A rotation by copying leaves an empty file, which is written from its beginning."""
    files = _files(tmp_path)
    files.append(_line(1), now_ms=AT_MS)
    os.truncate(tmp_path / FIRST, 0)
    files.append(_line(2), now_ms=AT_MS)
    with full_disk(tmp_path / FIRST, room=5), pytest.raises(OSError, match="large"):
        files.append(_line(3), now_ms=AT_MS)
    files.close()

    assert _contents(tmp_path) == {FIRST: [2]}


def test_what_could_not_be_taken_back_is_cut_before_the_next_record(tmp_path: Path) -> None:
    """Bytes after the last whole record go, wherever they are from."""
    files = _files(tmp_path)
    files.append(_line(1), now_ms=AT_MS)
    with (tmp_path / FIRST).open("ab") as file:
        file.write(_line(2)[:20])
    files.append(_line(2), now_ms=AT_MS)
    files.close()

    assert _contents(tmp_path) == {FIRST: [1, 2]}


@pytest.mark.parametrize("room", [0, 1, 100, len(_line(2)) + 10])
def test_a_full_disk_leaves_nothing_of_a_block(tmp_path: Path, room: int) -> None:
    """A block is in the file whole or not at all, and is when there is room again."""
    files = _files(tmp_path)
    files.append(_line(1), now_ms=AT_MS)
    with full_disk(tmp_path / FIRST, room=room), pytest.raises(OSError, match="large"):
        files.append(_line(2) + _line(3), now_ms=AT_MS)
    left = _contents(tmp_path)
    files.append(_line(2) + _line(3), now_ms=AT_MS)
    files.close()

    assert left == {FIRST: [1]}
    assert _contents(tmp_path) == {FIRST: [1, 2, 3]}


def test_other_sources_files_are_left_alone(tmp_path: Path) -> None:
    """Several replicas may write into one folder: each finds its own last record."""
    other = Files(tmp_path, OTHER)
    other.open(last_name="")
    other.append(msgspec.json.encode(record(9, OTHER)) + b"\n", now_ms=AT_MS + HOUR_MS)
    other.close()
    (tmp_path / FIRST).write_bytes(_line(1))

    assert Files(tmp_path, SOURCE).open(last_name=FIRST) == 1


def _aged(folder: Path, name: str, *, hours: int) -> None:
    at_s = AT_MS // 1_000 - hours * 3_600
    (folder / name).write_bytes(b"x" * 100)
    os.utime(folder / name, (at_s, at_s))


def test_old_files_go_whosever_they_are(tmp_path: Path) -> None:
    """Past their age files are deleted, a dead replica's too; the newest, and what is no file of ours, stays."""
    files = _files(tmp_path)
    files.append(_line(1), now_ms=AT_MS)
    for name, hours in (
        ("usage-2026-11-17T09-4f3a9c21-01.jsonl", 26),
        ("usage-2026-11-18T09-4f3a9c21-01.jsonl", 2),
        ("usage-2026-11-17T09-b8d20e77-01.jsonl", 26),
        ("usage-2026-11-18T09-b8d20e77-01.jsonl", 2),
        ("usage-notes.jsonl", 26),
    ):
        _aged(tmp_path, name, hours=hours)
    files.expire(now_ms=AT_MS, keep_ms=24 * HOUR_MS, keep_bytes=10**9)
    files.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "usage-2026-11-18T09-4f3a9c21-01.jsonl",
        "usage-2026-11-18T09-b8d20e77-01.jsonl",
        FIRST,
        "usage-notes.jsonl",
    ]


def test_too_many_bytes_go_oldest_first(tmp_path: Path) -> None:
    """Own files beyond the bytes to keep are deleted, from the oldest on; others' are not counted."""
    files = _files(tmp_path)
    files.append(_line(1), now_ms=AT_MS)
    for hour in ("07", "08", "09", "10"):
        _aged(tmp_path, f"usage-2026-11-18T{hour}-4f3a9c21-01.jsonl", hours=1)
    _aged(tmp_path, "usage-2026-11-18T01-b8d20e77-01.jsonl", hours=1)
    files.expire(now_ms=AT_MS, keep_ms=24 * HOUR_MS, keep_bytes=len(_line(1)) + 200)
    files.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "usage-2026-11-18T01-b8d20e77-01.jsonl",
        "usage-2026-11-18T09-4f3a9c21-01.jsonl",
        "usage-2026-11-18T10-4f3a9c21-01.jsonl",
        FIRST,
    ]


def test_files_are_nobody_elses_to_read(tmp_path: Path) -> None:
    """Who called what is for the gateway's own user."""
    files = _files(tmp_path / "usage")
    files.append(_line(1), now_ms=AT_MS)
    files.close()

    assert (tmp_path / "usage").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "usage" / FIRST).stat().st_mode & 0o777 == 0o600

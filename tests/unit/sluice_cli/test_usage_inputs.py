"""Where usage records are read from, and what is made of what cannot be read."""

import gzip
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from sluice_cli import usage_inputs
from sluice_cli.usage_inputs import NothingThereError
from sluice_contract import codec
from sluice_contract.snapshot import Budget, Snapshot
from sluice_contract.windows import Period
from sluice_dataplane.config.cache import SnapshotCache
from sluice_dataplane.config.source import Bundle
from support.usage_records import Book, record, write


def _read(*paths: Path) -> tuple[list[int], int]:
    """The numbers of the records in *paths*, and how many lines could not be read."""
    unreadable = Counter[str]()
    files: Iterable[Path] = [file for path in paths for file in usage_inputs.files(path)]
    return [each.sequence for each in usage_inputs.records(files, unreadable)], sum(unreadable.values())


def _data_dir(folder: Path) -> Path:
    book = Book(folder / "journal")
    book.calls(2)
    book.turn()
    book.call(recorded=False)
    book.calls(1)
    book.journal.close()
    write(folder / "usage" / "usage-2026-11-18T11-4f3a9c21-01.jsonl", map(record, (1, 2)))
    return folder


def test_a_data_directory_is_its_journal_and_its_files(tmp_path: Path) -> None:
    """What is in both is read twice, and counted once by whoever sums it."""
    assert _read(_data_dir(tmp_path)) == ([1, 2, 3, 1, 2], 0)


def test_each_part_may_be_named_by_itself(tmp_path: Path) -> None:
    """A journal, a folder of files, one segment, one file."""
    _data_dir(tmp_path)
    (file,) = (tmp_path / "usage").iterdir()

    assert _read(tmp_path / "journal") == ([1, 2, 3], 0)
    assert _read(tmp_path / "usage") == ([1, 2], 0)
    assert _read(tmp_path / "journal" / "00000002.log", file) == ([3, 1, 2], 0)


def test_compressed_files_are_read(tmp_path: Path) -> None:
    """Whoever keeps files for years may compress them; one that is cut off gives what is whole, and is told of."""
    content = b"".join(msgspec.json.encode(record(n)) + b"\n" for n in range(1, 200))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content))
    whole = _read(tmp_path)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content)[:-20])
    numbers, unreadable = _read(tmp_path)

    assert whole == (list(range(1, 200)), 0)
    assert (numbers, unreadable) == (list(range(1, len(numbers) + 1)), 1)


def test_standard_input_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` is whatever another program found."""
    content = msgspec.json.encode(record(1)) + b"\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert _read(Path("-")) == ([1], 0)


@pytest.mark.parametrize("line", [b"{\n", b'{"id":"x"}\n', b"\xff\xfe\n", b'{"sequence":1', b"[]\n", b'"x"\n'])
def test_lines_that_are_no_records_are_counted(tmp_path: Path, line: bytes) -> None:
    """They are left out, counted, and harm no other line."""
    path = write(tmp_path / "a.jsonl", [record(1)])
    path.write_bytes(path.read_bytes() + b"\n" + msgspec.json.encode(record(2)) + b"\n" + line)

    assert _read(path) == ([1, 2], 1)


def test_a_damaged_line_of_a_journal_is_counted_and_a_torn_one_is_not(tmp_path: Path) -> None:
    """A torn line is one that is being written, or that a crash ended: then its call was settled again."""
    path = _data_dir(tmp_path) / "journal" / "00000001.log"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"4f3a9c21-1", b"4f3a9c21-X"))
    damaged = _read(path)
    path.write_bytes(whole[:-10])

    assert damaged == ([2], 1)
    assert _read(path) == ([1], 0)


def test_what_a_full_disk_put_into_the_reserve_is_read(tmp_path: Path) -> None:
    """Settlements that found no room are in the journal's reserve until there is some."""
    book = Book(tmp_path / "journal")
    book.calls(1)
    book.journal._full = True
    book.calls(2)
    found = _read(tmp_path)
    book.journal.close()

    assert found == ([1, 2, 3], 0)


def test_a_folder_without_usage_is_no_empty_sum(tmp_path: Path) -> None:
    """A folder that was mistaken for another is an error, not zero."""
    with pytest.raises(NothingThereError, match="holds neither"):
        usage_inputs.files(tmp_path)
    (tmp_path / "journal").mkdir()

    assert usage_inputs.files(tmp_path) == []


def test_names_of_budgets_come_from_the_last_snapshot(tmp_path: Path) -> None:
    """Records know a Budget's id; a data directory knows its name. Elsewhere the id has to do."""
    budget = Budget(id="uid", namespace="team", name="monthly", unit="Cost", amount=1, period=Period(unit="Month"))
    parts = codec.encode(Snapshot(budgets=(budget,)))
    index = parts.pop(codec.INDEX)
    SnapshotCache(tmp_path / "snapshot").save(Bundle(index, parts))

    assert usage_inputs.budget_names([tmp_path / "none", tmp_path]) == {"uid": "team/monthly"}

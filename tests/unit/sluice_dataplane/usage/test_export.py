"""The export of usage records: each once, in order, whatever ends or hinders it."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sluice_contract.usage import UsageRecord
from sluice_dataplane.usage import export
from sluice_dataplane.usage.export import Exporter, Keep, Mark
from sluice_dataplane.usage.export_files import key_of
from support.ledgers import full_disk
from support.usage_records import AT_MS, SOURCE, Book
from support.waiting import until

LIVES = 20
KEEP = Keep(age_ms=10**12, total_bytes=10**12)

CHILD = """
import os, random, sys
from pathlib import Path
from sluice_dataplane.usage import export_read
from sluice_dataplane.usage.export import Exporter, Keep
from sluice_dataplane.usage.journal import Journal

folder, source, seed, now_ms = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
draw = random.Random(seed)
export_read.read.__kwdefaults__["block_bytes"] = 3_000
journal = Journal(folder / "journal")
journal.source = source
keep = Keep(age_ms=10**12, total_bytes=10**12)
exporter = Exporter(journal, folder / "usage", clock_ms=lambda: now_ms, keep=keep, file_bytes=20_000)
exporter.open()
while True:
    exporter.step()
    if draw.random() < 0.1:
        now_ms += draw.choice((0, 60_000, 3_600_000, -60_000))
    os.write(1, b"%d\\n" % journal.exported)
"""


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A journal."""
    book = Book(tmp_path / "journal")
    yield book
    book.journal.close()


def _exporter(book: Book, *, now_ms: int = AT_MS) -> Exporter:
    folder = book.journal.directory.parent / "usage"
    exporter = Exporter(book.journal, folder, clock_ms=lambda: now_ms, keep=KEEP)
    exporter.open()
    return exporter


def _drain(exporter: Exporter) -> None:
    while exporter.step():
        continue


def _exported(book: Book) -> list[int]:
    """The numbers of all records in all files, in the order of the files."""
    folder = book.journal.directory.parent / "usage"
    paths = sorted(folder.glob("usage-*"), key=lambda path: key_of(path.name))
    found = [msgspec.json.decode(line, type=UsageRecord) for path in paths for line in path.read_bytes().splitlines()]
    return [each.sequence for each in found]


def _mark(book: Book) -> Path:
    return book.journal.directory / export.MARK_NAME


def test_every_record_is_exported_once(book: Book) -> None:
    """Records are in the files as soon as a step has passed, across segments, and none again."""
    exporter = _exporter(book)
    book.calls(3)
    _drain(exporter)
    first = _exported(book)
    book.turn()
    book.calls(2)
    _drain(exporter)
    _drain(exporter)

    assert first == [1, 2, 3]
    assert _exported(book) == [1, 2, 3, 4, 5]
    assert book.journal.exported == 5


def test_the_next_life_goes_on_where_the_last_one_ended(book: Book) -> None:
    """A start without a crash exports what is new, and nothing again."""
    book.calls(3)
    _drain(_exporter(book))
    book.calls(2)
    _drain(_exporter(book))

    assert _exported(book) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kept", range(6))
@pytest.mark.parametrize("which", ["early", "late", "torn", "lost"])
def test_what_is_in_the_files_counts_and_not_the_mark(book: Book, kept: int, which: str) -> None:
    """A crash between a block and its mark, or a disk that lost the end of a file: no record twice, none missing."""
    exporter = _exporter(book)
    _drain(exporter)
    marks = {"early": _mark(book).read_bytes(), "torn": b"{", "lost": b""}
    book.calls(5)
    _drain(exporter)
    marks["late"] = _mark(book).read_bytes()
    (path,) = (book.journal.directory.parent / "usage").iterdir()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    _mark(book).write_bytes(marks[which])
    _drain(_exporter(book))

    assert _exported(book) == [1, 2, 3, 4, 5]


def test_files_that_were_taken_away_are_not_written_again(book: Book) -> None:
    """Whoever ships the files and deletes them gets each record once all the same."""
    book.calls(3)
    _drain(_exporter(book))
    for path in (book.journal.directory.parent / "usage").iterdir():
        path.unlink()
    book.calls(2)
    exporter = _exporter(book)
    _drain(exporter)

    assert _exported(book) == [4, 5]


def test_what_is_not_exported_is_not_forgotten(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal keeps the segments of records that are in no file yet, however old or many they are."""
    monkeypatch.setattr("sluice_dataplane.usage.journal.KEEP_BYTES", 0)
    for _ in range(5):
        book.calls(2)
        book.turn()
    exporter = _exporter(book)
    book.journal.forget(acknowledged=100, now_ms=0)
    kept = len(book.journal.segments())
    _drain(exporter)
    book.journal.forget(acknowledged=100, now_ms=0)

    assert kept == 6
    assert len(book.journal.segments()) == 2
    assert _exported(book) == list(range(1, 11))


def test_a_full_disk_delays_and_loses_nothing(book: Book) -> None:
    """While files cannot grow, steps do nothing and say why; afterwards all is there."""
    exporter = _exporter(book)
    book.calls(2)
    _drain(exporter)
    book.calls(3)
    (path,) = (book.journal.directory.parent / "usage").iterdir()
    with full_disk(path, room=50):
        more = [exporter.step() for _ in range(3)]
        failing = exporter.failing
    stuck = _exported(book)
    _drain(exporter)

    assert (more, stuck, failing) == ([False] * 3, [1, 2], "File too large")
    assert _exported(book) == [1, 2, 3, 4, 5]
    assert exporter.failing == ""


def test_a_folder_that_cannot_be_made_is_tried_again(book: Book) -> None:
    """A start does not depend on the export: calls come first, the journal keeps the records."""
    folder = book.journal.directory.parent / "usage"
    folder.write_bytes(b"in the way")
    book.calls(2)
    exporter = _exporter(book)
    before = (exporter.step(), bool(exporter.failing))
    folder.unlink()
    _drain(exporter)

    assert before == (False, True)
    assert _exported(book) == [1, 2]


def test_a_start_tells_how_far_the_last_life_got(book: Book) -> None:
    """The number of the last record exported: a journal that lost its end must not give it to another record."""
    book.calls(3)
    exporter = _exporter(book)
    before = exporter.open()
    _drain(exporter)

    assert (before, _exporter(book).open()) == (0, 3)


def test_an_idle_export_writes_nothing(book: Book) -> None:
    """Where nothing happens, no file changes."""
    book.calls(1)
    exporter = _exporter(book)
    _drain(exporter)
    before = _mark(book).stat().st_mtime_ns, _mark(book).stat().st_ino
    _drain(exporter)

    assert (_mark(book).stat().st_mtime_ns, _mark(book).stat().st_ino) == before
    assert msgspec.json.decode(_mark(book).read_bytes(), type=Mark).sequence == 1


async def test_it_runs_beside_the_calls_and_ends_with_everything_exported(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records appear without being asked for; closing exports those that came last."""
    monkeypatch.setattr(export, "PAUSE_S", 0.01)
    exporter = _exporter(book)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(exporter.run())
        book.calls(3)
        await until(lambda: book.journal.exported == 3)
        running.cancel()
    book.calls(2)
    await exporter.close(10.0)

    assert _exported(book) == [1, 2, 3, 4, 5]


def test_records_come_out_the_same_when_files_are_synced(book: Book) -> None:
    """The policy ``interval`` brings each block to the disk before the mark moves, and changes nothing else."""
    folder = book.journal.directory.parent / "usage"
    exporter = Exporter(book.journal, folder, clock_ms=lambda: AT_MS, keep=KEEP, fsync="interval")
    exporter.open()
    book.calls(3)
    _drain(exporter)

    assert _exported(book) == [1, 2, 3]


def _live_and_die(book: Book, life: int, draw: random.Random) -> None:
    """Export in a process of its own while calls are written down, and be killed at a random moment."""
    folder = book.journal.directory.parent
    command = [sys.executable, "-c", CHILD, str(folder), SOURCE, str(life), str(AT_MS + life * 600_000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path)}) as child:
        assert child.stdout is not None
        for _ in range(draw.randint(0, 40)):
            book.calls(draw.randint(0, 12))
            if draw.random() < 0.1:
                book.turn()
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)


def test_killed_at_any_moment_every_record_is_in_the_files_once(book: Book) -> None:
    """SIGKILL, again and again, while records are written: no gap, nothing twice, no torn line, all in order."""
    draw = random.Random(4)
    for life in range(LIVES):
        _live_and_die(book, life, draw)
    _drain(_exporter(book, now_ms=AT_MS + 10**9))

    assert book.sequence > 500
    assert _exported(book) == list(range(1, book.sequence + 1))
    assert len(os.listdir(book.journal.directory.parent / "usage")) > 5  # noqa: PTH208  # several files were crossed

"""Reading usage records out of a journal that is being written."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sluice_contract.usage import UsageRecord
from sluice_dataplane.usage import export_read, lines
from sluice_dataplane.usage.export_read import Block, Place
from support.usage_records import SOURCE, Book, record


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A journal."""
    book = Book(tmp_path)
    yield book
    book.journal.close()


def _numbers(block: Block | None) -> list[int]:
    assert block is not None
    return [msgspec.json.decode(each, type=UsageRecord).sequence for each in block.records]


def _all(book: Book, place: Place | None = None, *, after: int = 0, block_bytes: int = 200) -> list[int]:
    """The numbers of all records from *place* on, in blocks as small as a line."""
    found: list[int] = []
    while True:
        block = export_read.read(book.journal.segments(), place, after=after, block_bytes=block_bytes)
        assert block is not None
        found += _numbers(block)
        place, after = block.place, block.sequence
        if block.ended:
            return found


def test_records_come_as_they_were_written(book: Book) -> None:
    """A line of the export is the record's JSON, byte for byte as in the journal."""
    book.call(user="zoë")
    block = export_read.read(book.journal.segments(), None, after=0)

    assert block is not None
    assert block.records == (msgspec.json.encode(record(1, SOURCE, user="zoë")) + b"\n",)
    assert block.records[0].strip() in book.journal.segments()[0].read_bytes()


def test_reading_goes_on_across_segments(book: Book) -> None:
    """Every record of every segment comes once, in order; what used nothing has none."""
    book.calls(3)
    book.turn()
    book.call(recorded=False)
    book.turn()
    book.calls(2)

    assert _all(book) == [1, 2, 3, 4, 5]


def test_a_line_that_is_being_written_is_read_when_it_is_whole(book: Book) -> None:
    """Half a line is left for later: nothing of it is lost, and nothing is made of it."""
    book.calls(2)
    path = book.journal.segments()[-1]
    whole = path.read_bytes()
    torn = path.with_name("00000002.log")
    torn.write_bytes(whole[:-10])
    before = export_read.read([torn], None, after=0)
    torn.write_bytes(whole)
    assert before is not None
    after = export_read.read([torn], before.place, after=before.sequence)

    assert (_numbers(before), before.ended) == ([1], True)
    assert _numbers(after) == [2]


def test_a_torn_line_with_a_segment_after_it_is_passed_over(book: Book) -> None:
    """What a crash tore is not waited for."""
    book.calls(2)
    os.truncate(book.journal.segments()[-1], book.journal.segments()[-1].stat().st_size - 10)
    book.turn()
    book.sequence = 1
    book.call()

    assert _all(book) == [1, 2]


def test_damage_harms_no_other_line(book: Book) -> None:
    """A record whose line was damaged is missing; those around it are not."""
    book.calls(3)
    path = book.journal.segments()[0]
    path.write_bytes(path.read_bytes().replace(f"{SOURCE[:8]}-2".encode(), f"{SOURCE[:8]}-X".encode()))

    assert _all(book) == [1, 3]


@pytest.mark.parametrize("record", [b"{}", b'{"sequence":"1"}', b"[]", b"1"])
def test_what_is_whole_and_yet_no_record_is_passed_over(book: Book, record: bytes) -> None:
    """Whatever a line holds, the export goes on: it must not end the process that serves calls."""
    book.journal.append(lines.frame(b'{"kind":"settle","n":1,"id":"h","used":[],"spent":[],"record":%b}' % record))
    book.calls(2)

    assert _all(book) == [1, 2]


def test_what_is_written_twice_is_read_once(book: Book) -> None:
    """A crash while the reserve is copied leaves its lines in the journal twice."""
    book.calls(2)
    book.journal.append(book.journal.segments()[0].read_bytes().splitlines(keepends=True)[-1])
    book.calls(1)

    assert _all(book) == [1, 2, 3]


@pytest.mark.parametrize("after", range(8))
def test_a_lost_place_is_found_again_by_number(book: Book, after: int) -> None:
    """Without a place, or with one in a segment that is gone, reading begins where the number says."""
    for _ in range(3):
        book.calls(2)
        book.turn()
    every = list(range(after + 1, 7))

    assert _all(book, after=after) == every
    assert _all(book, Place("00000099.log", 7), after=after) == every


def test_only_segments_that_may_hold_something_are_read(book: Book) -> None:
    """What a segment's first line says it comes after need not be read again."""
    book.calls(2)
    book.turn()
    book.calls(2)
    segments = book.journal.segments()

    assert [export_read.place_after(segments, n) for n in (0, 1, 2, 9)] == [
        Place("00000001.log"),
        Place("00000001.log"),
        Place("00000002.log"),
        Place("00000002.log"),
    ]
    assert export_read.place_after([], 0) is None


def test_a_journal_that_begins_late_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Segments that were forgotten before anybody exported are no reason to wait."""
    book = Book(tmp_path / "late", sequence=500)
    book.calls(2)
    found = _all(book)
    book.journal.close()

    assert found == [501, 502]


def test_a_block_holds_little_however_long_the_journal(book: Book) -> None:
    """Only so many bytes are read at once, and a line that does not fit whole; what is no settlement is not kept."""
    book.calls(500)
    blocks: list[Block] = []
    place, after = None, 0
    while len(blocks) < 10_000:
        block = export_read.read(book.journal.segments(), place, after=after, block_bytes=4_096)
        assert block is not None
        blocks.append(block)
        if block.ended:
            break
        place, after = block.place, block.sequence

    assert sum(len(block.records) for block in blocks) == 500
    assert max(sum(map(len, block.records)) for block in blocks) <= 4_096


def test_no_segments_are_no_block(tmp_path: Path) -> None:
    """Before the journal has begun there is nothing to read, and that is no error."""
    assert export_read.read([], None, after=0) is None

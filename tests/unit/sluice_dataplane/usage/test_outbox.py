"""Settlements on their way to a shared store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sluice_dataplane.limits.commands import FENCE_MIN_MS
from sluice_dataplane.limits.store import Entry, Settlement
from sluice_dataplane.usage import lines, outbox, replay
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.lines import HoldLine, SettleLine, SnapshotLine
from sluice_dataplane.usage.outbox import Outbox
from support.ledgers import RESERVE_BYTES, Clock, far, full_disk
from support.stores import charge, end, take
from support.waiting import until


class Post:
    """An outbox with its journal, and the number of the last settlement."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = far(self.clock)
        self.journal = Journal(folder, reserve_bytes=RESERVE_BYTES)
        self.journal.open()
        self.journal.begin(lines.encode(SnapshotLine("s", 0, 0, 0, (), (), ())))
        self.outbox = Outbox(self.journal, self.store)
        self.outbox.begin(acknowledged=0, base=0, n=0)
        self.n = 0

    async def greet(self) -> None:
        """Be greeted by the store, and go on where it is."""
        standing = await self.store.near.hello(self.journal.source)
        self.clock.now_ms += FENCE_MIN_MS
        await self.store.near.caught_up(self.journal.source)
        self.outbox.rewind(standing.applied, standing.holes)

    def write(self, count: int) -> list[Settlement]:
        """*count* calls in the journal, each of which spent 1."""
        written = []
        for _ in range(count):
            self.n += 1
            reservation = take(f"h{self.n}", charge(1, 10**9))
            self.journal.append_surely(lines.encode(HoldLine(0, reservation)))
            self.journal.append_surely(lines.encode(SettleLine(self.n, reservation.id, (), (1,))))
            written.append(end(reservation, 1))
        return written

    def put(self, count: int) -> None:
        """*count* calls in the journal and in the outbox."""
        first = self.n + 1
        for n, settlement in enumerate(self.write(count), start=first):
            self.outbox.put(Entry(n, settlement), journaled=True)

    def put_unwritten(self) -> None:
        """One call in the outbox that the journal had no room for."""
        self.n += 1
        self.outbox.put(Entry(self.n, end(take(f"h{self.n}", charge(1, 10**9)), 1)), journaled=False)

    @property
    def posted(self) -> int:
        """What the store has posted."""
        return self.store.figures().posted

    @property
    def sent(self) -> list[str]:
        """The ids of what was sent, in order."""
        return [hold_id for batch in self.store.batches for hold_id in batch]


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    """An outbox that retries at once, and has been greeted."""
    monkeypatch.setattr(outbox, "PAUSE_S", 0.001)
    opened = Post(tmp_path)
    await opened.greet()
    yield opened
    opened.journal.close()


@contextlib.asynccontextmanager
async def sending(post: Post) -> AsyncIterator[None]:
    """The outbox's task, for the length of a ``with``."""
    task = asyncio.get_running_loop().create_task(post.outbox.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _until(post: Post, waiting: int = 0) -> None:
    await until(lambda: post.outbox.waiting <= waiting)


def _names(first: int, last: int) -> list[str]:
    return [f"h{n}" for n in range(first, last + 1)]


async def test_settlements_go_out_in_order_and_in_batches(post: Post) -> None:
    """All that waits is sent in the journal's order, many in one call."""
    post.put(300)
    async with sending(post):
        await _until(post)

    assert post.sent == _names(1, 300)
    assert max(map(len, post.store.batches)) == outbox.BATCH
    assert (post.posted, post.outbox.acknowledged) == (300, 300)


async def test_nothing_is_sent_to_a_store_that_was_not_greeted(tmp_path: Path) -> None:
    """Before the store has said how far it is, and after it said that it must be greeted, nothing goes out."""
    post = Post(tmp_path)
    post.put(10)
    await post.outbox.step()
    before = list(post.store.batches)
    await post.greet()
    post.store.near.wipe()
    answered = await post.outbox.step()
    await post.outbox.step()
    post.journal.close()

    assert (before, answered, len(post.store.batches)) == ([], False, 1)
    assert (post.outbox.greeted, post.outbox.waiting) == (False, 10)


async def test_what_was_not_answered_is_sent_again(post: Post) -> None:
    """A store that is away, or whose answers are lost, gets every settlement once in the end, and none twice."""
    post.store.away = True
    post.put(10)
    async with sending(post):
        await post.store.asked.wait()
        acknowledged_away = post.outbox.acknowledged
        post.store.away, post.store.deaf = False, True
        await until(lambda: post.posted == 10)
        acknowledged_deaf = post.outbox.acknowledged
        post.store.deaf = False
        await _until(post)

    assert (acknowledged_away, acknowledged_deaf) == (0, 0)
    assert set(map(tuple, post.store.batches)) == {tuple(_names(1, 10))}
    assert (post.posted, post.outbox.acknowledged) == (10, 10)


async def test_one_refused_settlement_holds_up_no_other(post: Post) -> None:
    """What the store refuses for good is set aside and not acknowledged; the others go through."""
    post.store.refused = {"h3"}
    post.put(10)
    async with sending(post):
        await _until(post, waiting=1)

    assert (post.posted, post.outbox.acknowledged, post.outbox.waiting) == (9, 2, 1)
    assert post.outbox.told(10)


async def test_a_refused_settlement_is_tried_again_later(post: Post) -> None:
    """What was refused fills its hole when somebody has put right what was wrong."""
    post.store.refused = {"h3"}
    post.put(10)
    await post.outbox.step()
    post.store.refused = set()
    post.outbox.retry_refused()
    await post.outbox.step()
    standing = await post.store.near.hello(post.journal.source)

    assert (post.posted, post.outbox.acknowledged) == (10, 10)
    assert (standing.applied, standing.holes) == (10, ())


async def test_memory_is_bounded_and_the_journal_has_the_rest(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store is away a bounded number waits in memory; the others are read from the journal afterwards."""
    monkeypatch.setattr(outbox, "MAX_WAITING", 50)
    post.store.away = True
    post.put(400)
    in_memory, waiting = len(post.outbox._waiting), post.outbox.waiting
    post.store.away = False
    async with sending(post):
        await _until(post)

    assert (in_memory, waiting) == (50, 400)
    assert (post.sent, post.outbox.acknowledged) == (_names(1, 400), 400)


async def test_new_settlements_while_it_reads_are_not_lost(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that end while the journal is being read are sent too, each once, and in order."""
    monkeypatch.setattr(outbox, "MAX_WAITING", 20)
    post.put(200)
    async with sending(post):
        for _ in range(40):
            post.put(5)
            await asyncio.sleep(0.001)
        await _until(post)

    assert (post.sent, post.outbox.acknowledged) == (_names(1, 400), 400)


async def test_an_earlier_life_is_caught_up_with(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was journaled and not counted before this life is read and sent; until then the mark stays."""
    read, marks = replay.settlements, []

    def watched(segments: Sequence[Path], **options: Any) -> list[Entry]:
        marks.append(post.outbox.acknowledged)
        return read(segments, **options)

    monkeypatch.setattr(replay, "settlements", watched)
    post.write(30)
    post.outbox.begin(acknowledged=0, base=0, n=30)
    post.outbox.rewind(12, ())
    marks.append(post.outbox.acknowledged)
    async with sending(post):
        await _until(post)

    assert marks == [12, 12]
    assert (post.sent, post.outbox.acknowledged) == (_names(13, 30), 30)


async def test_a_store_that_went_back_is_told_again(post: Post) -> None:
    """After a rewind everything past the store's own mark is sent again, and counted once."""
    post.put(20)
    await post.outbox.step()
    image = post.store.near.image()
    post.put(30)
    await post.outbox.step()
    post.store.near.rewind(image)
    post.store.batches.clear()
    await post.greet()
    post.put(1)
    while post.outbox.waiting:
        await post.outbox.step()

    assert (post.sent, post.posted) == (_names(21, 51), 51)


async def test_a_rewind_overtakes_what_is_under_way(post: Post) -> None:
    """When the store is greeted anew while a batch is on its way, what comes of that batch changes nothing."""
    post.put(1_400)
    for _ in range(10):
        await post.outbox.step()
    real, asked, go = post.store.apply, asyncio.Event(), asyncio.Event()

    async def slow(source: str, entries: Sequence[Entry]) -> Any:
        asked.set()
        await go.wait()
        return await real(source, entries)

    post.store.apply = slow  # type: ignore[method-assign]
    step = asyncio.ensure_future(post.outbox.step())
    await asked.wait()
    post.store.near.wipe()
    await post.greet()
    post.store.batches.clear()
    post.store.away = True
    go.set()
    await step
    post.store.away = False
    post.store.apply = real  # type: ignore[method-assign]
    while post.outbox.waiting:
        assert await post.outbox.step()

    assert post.sent[-1_400:] == _names(1, 1_400)
    assert (post.posted, post.outbox.acknowledged) == (1_400, 1_400)


async def test_holes_are_filled_from_the_journal(post: Post) -> None:
    """Numbers that the store says it skipped are sent again by themselves; what cannot be read, as nobody's."""
    post.put(10)
    path = post.journal.segments()[0]
    path.write_bytes(path.read_bytes().replace(b'"n":7,', b'"n":!,'))
    post.store.refused = {"h3", "h7"}
    await post.outbox.step()
    post.store.refused = set()
    standing = await post.store.near.hello(post.journal.source)
    post.store.batches.clear()
    post.outbox.rewind(standing.applied, standing.holes)
    await post.outbox.step()
    after = await post.store.near.hello(post.journal.source)

    assert standing.holes == (3, 7)
    assert (len(post.sent), post.sent[0], post.posted) == (2, "h3", 9)
    assert (after.applied, after.holes) == (10, ())


async def test_numbers_that_were_lost_hold_up_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many numbers nobody can say anything of any more, one entry stands for each row of them."""
    monkeypatch.setattr(outbox, "MAX_WAITING", 7)
    post.write(7)
    post.n += 5_000_000
    post.write(10)
    post.outbox.begin(acknowledged=0, base=0, n=post.n)
    post.outbox.rewind(0, ())
    await post.outbox.step()
    post.store.away = True
    await post.outbox.step()
    between = post.outbox.acknowledged
    post.store.away = False
    post.store.batches.clear()
    while post.outbox.waiting:
        assert await post.outbox.step()
    standing = await post.store.near.hello(post.journal.source)

    assert (between, post.posted) == (7, 17)
    assert (standing.applied, standing.holes) == (post.n, ())


async def test_what_a_store_without_marks_counted_is_not_counted_again(post: Post) -> None:
    """A journal from before there were marks is gone on with where its store had answered."""
    post.write(30)
    post.outbox.begin(acknowledged=12, base=12, n=30)
    post.outbox.rewind(0, ())
    while post.outbox.waiting:
        assert await post.outbox.step()

    assert (post.sent[1:], post.posted) == (_names(13, 30), 18)


async def test_what_the_journal_had_no_room_for_is_not_let_go_of(post: Post) -> None:
    """A settlement that is nowhere but in memory is sent in its turn, however often the store goes back."""
    post.put(3)
    post.put_unwritten()
    post.put(3)
    for _ in range(2):
        post.store.away = True
        await post.outbox.step()
        post.store.away = False
        post.outbox.rewind(0, ())
    post.store.batches.clear()
    while post.outbox.waiting:
        assert await post.outbox.step()

    assert (post.sent, post.posted) == (_names(1, 7), 7)


async def test_lines_in_the_reserve_are_read_too(post: Post) -> None:
    """While the disk is full, what a store has lost is told again from the reserve."""
    post.put(40)
    with full_disk(post.journal.segments()[0]):
        post.put(40)
        post.outbox.rewind(0, ())
        while post.outbox.waiting:
            assert await post.outbox.step()

    assert (post.sent, post.posted) == (_names(1, 80), 80)


async def test_lines_that_move_while_they_are_read_are_read_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went from the reserve into a segment behind a reader's back is not taken for lost."""
    post.put(40)
    with full_disk(post.journal.segments()[0]):
        post.put(40)
    read = replay.settlements
    moved: list[bool] = []

    def overtaken(segments: Sequence[Path], **options: Any) -> list[Entry]:
        found = read(segments[:1] if not moved else segments, **options)  # the segment, before the lines are in it
        if not moved:
            moved.append(post.journal.recover())
        return found

    monkeypatch.setattr(replay, "settlements", overtaken)
    post.outbox.rewind(0, ())
    while post.outbox.waiting:
        await post.outbox.step()

    assert moved == [True]
    assert (post.sent, post.posted) == (_names(1, 80), 80)


async def test_the_mark_moves_only_past_what_was_answered(post: Post) -> None:
    """The mark on disk is behind everything that still waits, and follows when it is answered."""
    post.store.refused = {"h6"}
    post.put(10)
    await post.outbox.step()
    post.outbox.write_mark()
    before = post.journal.mark("acknowledged")
    post.store.refused = set()
    post.outbox.retry_refused()
    await post.outbox.close(30)

    assert (before, post.journal.mark("acknowledged")) == (5, 10)


async def test_being_cancelled_in_the_middle_loses_nothing(post: Post) -> None:
    """What was being sent when the task was cancelled still waits, and closing sends it."""
    post.put(10)
    blocked = asyncio.Event()

    async def never(*_: object) -> tuple[None, ...]:
        blocked.set()
        await asyncio.Event().wait()
        return ()

    real, post.store.apply = post.store.apply, never  # type: ignore[method-assign, assignment]
    async with sending(post):
        await blocked.wait()
    waiting = post.outbox.waiting
    post.store.apply = real  # type: ignore[method-assign]
    await post.outbox.close(30)

    assert (waiting, post.posted, post.outbox.acknowledged) == (10, 10, 10)


async def test_closing_gives_up_at_its_deadline(post: Post) -> None:
    """A store that stays away does not keep the process: the journal has what is left."""
    post.store.away = True
    post.put(10)
    await post.outbox.close(0.02)

    assert (post.outbox.waiting, post.journal.mark("acknowledged")) == (10, None)

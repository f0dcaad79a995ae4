"""Settlements on their way to a shared store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Account, Settlement
from sluice_dataplane.usage import lines, outbox, replay
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.lines import HoldLine, SettleLine, SnapshotLine
from sluice_dataplane.usage.outbox import Outbox
from support.ledgers import RESERVE_BYTES, Faraway
from support.stores import account, charge, end, take
from support.waiting import until


class Post:
    """An outbox with its journal, and the number of the last settlement."""

    def __init__(self, folder: Path) -> None:
        self.store = Faraway(MemoryStore(lambda: 0))
        self.journal = Journal(folder, reserve_bytes=RESERVE_BYTES)
        self.journal.open()
        self.journal.begin(lines.encode(SnapshotLine("s", 0, 0, 0, (), (), ())))
        self.outbox = Outbox(self.journal, self.store)
        self.outbox.begin(acknowledged=0, n=0)
        self.n = 0

    def write(self, count: int) -> list[Settlement]:
        """*count* calls in the journal, each of which spent 1."""
        written = []
        for _ in range(count):
            self.n += 1
            reservation = take(f"h{self.n}", charge(1, 10**9))
            self.journal.append(lines.encode(HoldLine(0, reservation)))
            self.journal.append(lines.encode(SettleLine(self.n, reservation.id, (), (1,))))
            written.append(end(reservation, 1))
        return written

    def put(self, count: int) -> None:
        """*count* calls in the journal and in the outbox."""
        first = self.n + 1
        for n, settlement in enumerate(self.write(count), start=first):
            self.outbox.put(n, settlement, journaled=True)

    @property
    def acknowledged(self) -> int:
        """How far the store has answered."""
        return self.outbox.acknowledged(self.n)

    @property
    def posted(self) -> int:
        """What the store has posted."""
        return self.store.near.all_accounts().get(account("a"), Account(0, 0, 0)).posted


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    """An outbox that retries at once."""
    monkeypatch.setattr(outbox, "PAUSE_S", 0.001)
    opened = Post(tmp_path)
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


async def test_settlements_go_out_in_order_and_in_batches(post: Post) -> None:
    """All that waits is sent in the journal's order, many in one call."""
    post.put(300)
    async with sending(post):
        await _until(post)

    assert [hold_id for batch in post.store.batches for hold_id in batch] == [f"h{n}" for n in range(1, 301)]
    assert max(map(len, post.store.batches)) == outbox.BATCH
    assert (post.posted, post.acknowledged) == (300, 300)


async def test_what_was_not_answered_is_sent_again(post: Post) -> None:
    """A store that is away, or whose answers are lost, gets every settlement once in the end, and none twice."""
    post.store.away = True
    post.put(10)
    async with sending(post):
        await post.store.asked.wait()
        acknowledged_away = post.acknowledged
        post.store.away, post.store.deaf = False, True
        await until(lambda: post.posted == 10)
        acknowledged_deaf = post.acknowledged
        post.store.deaf = False
        await _until(post)

    assert (acknowledged_away, acknowledged_deaf) == (0, 0)
    assert set(map(tuple, post.store.batches)) == {tuple(f"h{n}" for n in range(1, 11))}
    assert (post.posted, post.acknowledged) == (10, 10)


async def test_one_refused_settlement_holds_up_no_other(post: Post) -> None:
    """What the store refuses for good is set aside and not acknowledged; the others go through."""
    post.store.refused = {"h3"}
    post.put(10)
    async with sending(post):
        await _until(post, waiting=1)

    assert (post.posted, post.acknowledged, post.outbox.waiting) == (9, 2, 1)


async def test_a_refused_settlement_is_tried_again_later(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused passes when somebody has put right what was wrong."""
    monkeypatch.setattr(outbox, "REFUSED_AGAIN_S", 0.01)
    post.store.refused = {"h3"}
    post.put(10)
    async with sending(post):
        await _until(post, waiting=1)
        post.store.refused = set()
        await _until(post)

    assert (post.posted, post.acknowledged) == (10, 10)


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
    assert (post.posted, post.acknowledged) == (400, 400)


async def test_new_settlements_while_it_reads_are_not_lost(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that end while the journal is being read are sent too, each once."""
    monkeypatch.setattr(outbox, "MAX_WAITING", 20)
    post.put(200)
    async with sending(post):
        for _ in range(40):
            post.put(5)
            await asyncio.sleep(0.001)
        await _until(post)

    assert (post.posted, post.acknowledged) == (400, 400)


async def test_an_earlier_life_is_caught_up_with(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was journaled and not acknowledged before this life is read and sent; until then the mark stays."""
    read, marks = replay.settlements, []

    def watched(segments: Sequence[Path], *, after: int, until: int) -> list[tuple[int, Settlement]]:
        marks.append(post.acknowledged)
        return read(segments, after=after, until=until)

    monkeypatch.setattr(replay, "settlements", watched)
    post.write(30)
    post.outbox.begin(acknowledged=12, n=30)
    marks.append(post.acknowledged)
    async with sending(post):
        await _until(post)

    assert marks == [12, 12]
    assert post.acknowledged == 30

    assert [hold_id for batch in post.store.batches for hold_id in batch] == [f"h{n}" for n in range(13, 31)]


async def test_the_mark_moves_only_past_what_was_answered(post: Post) -> None:
    """The mark on disk is behind everything that still waits, and follows when it is answered."""
    post.store.refused = {"h6"}
    post.put(10)
    async with sending(post):
        await _until(post, waiting=1)
    post.outbox.checkpoint()
    before = post.journal.acknowledged()
    post.store.refused = set()
    post.outbox._waiting, post.outbox._refused = post.outbox._refused, post.outbox._waiting
    await post.outbox.close(30)

    assert (before, post.journal.acknowledged()) == (5, 10)


async def test_being_cancelled_in_the_middle_loses_nothing(post: Post) -> None:
    """What was being sent when the task was cancelled still waits, and closing sends it."""
    post.put(10)
    blocked = asyncio.Event()

    async def never(_: object) -> tuple[None, ...]:
        blocked.set()
        await asyncio.Event().wait()
        return ()

    real, post.store.settle_all = post.store.settle_all, never  # type: ignore[method-assign, assignment]
    async with sending(post):
        await blocked.wait()
    waiting = post.outbox.waiting
    post.store.settle_all = real  # type: ignore[method-assign]
    await post.outbox.close(30)

    assert (waiting, post.posted, post.acknowledged) == (10, 10, 10)


async def test_closing_gives_up_at_its_deadline(post: Post) -> None:
    """A store that stays away does not keep the process: the journal has what is left."""
    post.store.away = True
    post.put(10)
    await post.outbox.close(0.02)

    assert (post.outbox.waiting, post.journal.acknowledged()) == (10, None)

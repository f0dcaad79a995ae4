"""Many callers, one conversation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import batcher
from sluice_dataplane.limits.batcher import Batcher, Reply
from sluice_dataplane.limits.scripts import Command


class EchoLink:
    """Answers each command with itself, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[Command]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.asked = asyncio.Event()
        self.error: StoreError | None = None
        self.closed = False

    async def exchange(self, commands: Sequence[Command]) -> Sequence[Reply]:
        """As Link."""
        self.batches.append(list(commands))
        self.asked.set()
        await self.free.wait()
        if self.error is not None:
            raise self.error
        return list(commands)

    async def close(self) -> None:
        """As Link."""
        self.closed = True


@contextlib.asynccontextmanager
async def _running(link: EchoLink, *, deadline_s: float = 30.0) -> AsyncIterator[Batcher]:
    carried = Batcher(link, deadline_s=deadline_s)
    task = asyncio.get_running_loop().create_task(carried.run())
    try:
        yield carried
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_calls_of_one_turn_go_out_together() -> None:
    """Fifty callers of one turn of the loop are one exchange, and each gets its own reply."""
    link = EchoLink()
    async with _running(link) as carried:
        replies = await asyncio.gather(*(carried.call_all([("GET", n)]) for n in range(50)))

    assert replies == [[("GET", n)] for n in range(50)]
    assert len(link.batches) == 1


async def test_a_batch_is_bounded() -> None:
    """More callers than a batch holds are carried in several, in order."""
    link = EchoLink()
    async with _running(link) as carried:
        await carried.call_all([("GET", n) for n in range(batcher.MAX_BATCH + 1)])

    assert [len(batch) for batch in link.batches] == [batcher.MAX_BATCH, 1]


async def test_waiting_calls_are_bounded() -> None:
    """A caller that finds the queue full is told at once that nothing was sent."""
    link = EchoLink()
    async with _running(link) as carried:
        replies = await carried.call_all([("GET", n) for n in range(batcher.MAX_WAITING + 1)])

    assert all(isinstance(reply, StoreError) and not reply.maybe_done for reply in replies)
    assert link.batches == []


async def test_a_call_that_was_sent_and_not_answered_may_have_been_done() -> None:
    """At its deadline a caller is told that its call may have been done, if it was sent."""
    link = EchoLink()
    link.free.clear()
    async with _running(link, deadline_s=0.02) as carried:
        (sent,) = await carried.call_all([("GET", 1)])
        (queued,) = await carried.call_all([("GET", 2)])

    assert isinstance(sent, StoreError)
    assert isinstance(queued, StoreError)
    assert (sent.maybe_done, sent.transient) == (True, True)
    assert (queued.maybe_done, queued.transient) == (False, True)


async def test_a_call_that_expired_in_the_queue_is_never_sent() -> None:
    """What its caller gave up on while it waited is not sent later."""
    link = EchoLink()
    link.free.clear()
    async with _running(link, deadline_s=0.02) as carried:
        await carried.call_all([("GET", 1)])
        await carried.call_all([("GET", 2)])
        link.free.set()
        await carried.call_all([("GET", 3)])

    assert link.batches == [[("GET", 1)], [("GET", 3)]]


async def test_a_caller_that_goes_away_disturbs_nobody() -> None:
    """Cancelling one caller in the middle of an exchange leaves the replies of the others in place."""
    link = EchoLink()
    link.free.clear()
    async with _running(link) as carried, asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(carried.call_all([("GET", n)])) for n in range(3)]
        await link.asked.wait()
        calls[1].cancel()
        link.free.set()

    assert [calls[n].result() for n in (0, 2)] == [[("GET", 0)], [("GET", 2)]]


async def test_a_broken_conversation_is_told_to_all_its_callers() -> None:
    """When the link fails, each call of the batch gets that error, and the next batch is tried again."""
    link = EchoLink()
    link.error = StoreError("gone", transient=True)
    async with _running(link) as carried:
        broken = await carried.call_all([("GET", 1), ("GET", 2)])
        link.error = None
        whole = await carried.call_all([("GET", 3)])

    assert [str(reply) for reply in broken] == ["gone", "gone"]
    assert whole == [("GET", 3)]


async def test_ending_answers_everyone_and_hangs_up() -> None:
    """Whoever waits when the store is closed is told so, and the link is closed."""
    link = EchoLink()
    link.free.clear()
    async with asyncio.TaskGroup() as tasks:
        async with _running(link) as carried:
            call = tasks.create_task(carried.call_all([("GET", 1)]))
            await link.asked.wait()
        (reply,) = await call

    with pytest.raises(StoreError, match="closed"):
        raise reply if isinstance(reply, StoreError) else AssertionError(reply)
    assert link.closed

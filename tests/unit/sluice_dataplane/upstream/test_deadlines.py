"""One tick for all deadlines."""

import asyncio

from sluice_dataplane.upstream.deadlines import TICK_S, Deadlines, Ticker


class _Wait:
    def __init__(self, due_s: float) -> None:
        self.due_s = due_s
        self.expired_s: float | None = None
        self.over = asyncio.Event()

    def expire(self) -> None:
        self.expired_s = asyncio.get_running_loop().time()
        self.over.set()


async def test_a_deadline_is_noticed_within_a_tick_or_two() -> None:
    """Not before its time."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    wait = _Wait(loop.time() + 2 * TICK_S)
    deadlines.watch(wait)
    async with asyncio.timeout(5):
        await wait.over.wait()

    assert wait.expired_s is not None
    assert wait.expired_s >= wait.due_s


async def test_what_is_forgotten_does_not_expire() -> None:
    """Nor what was given more time meanwhile."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    forgotten, moved, last = _Wait(loop.time()), _Wait(loop.time()), _Wait(loop.time() + TICK_S)
    for wait in (forgotten, moved, last):
        deadlines.watch(wait)
    deadlines.forget(forgotten)
    moved.due_s += 100
    async with asyncio.timeout(5):
        await last.over.wait()
    deadlines.stop()

    assert (forgotten.expired_s, moved.expired_s) == (None, None)


async def test_a_ticker_rests_when_nothing_is_left_and_wakes_again() -> None:
    """An idle process is not woken twenty times a second."""
    loop = asyncio.get_running_loop()
    left = [3]
    done = asyncio.Event()

    def act() -> bool:
        left[0] -= 1
        if left[0] == 0:
            done.set()
        return left[0] > 0

    ticker = Ticker(loop, 0.001, act)
    ticker.wake()
    ticker.wake()
    async with asyncio.timeout(5):
        await done.wait()
    rested = ticker._handle is None
    left[0], done = 1, asyncio.Event()
    ticker.wake()
    async with asyncio.timeout(5):
        await done.wait()

    assert (rested, ticker._handle is None, left) == (True, True, [0])

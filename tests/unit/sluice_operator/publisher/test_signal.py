"""A moment that several tasks wait for."""

import asyncio

import pytest

from sluice_operator.publisher.signal import Signal


async def test_everyone_who_waits_is_woken() -> None:
    """A firing wakes all that wait then, and nobody who comes later."""
    signal = Signal()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(signal.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        signal.fire()

    assert [task.result() for task in waiting] == [True] * 3
    assert await signal.wait(seconds=0.01) is False


async def test_a_block_is_interrupted_by_the_next_firing() -> None:
    """A block that is to be interrupted ends when it fires, and one that is over is left alone."""
    signal = Signal()
    async with signal.interrupting():
        pass
    signal.fire()

    async def block() -> None:
        async with signal.interrupting():
            signal.fire()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await block()

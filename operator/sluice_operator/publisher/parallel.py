"""Many exchanges at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

_T = TypeVar("_T")


async def each(items: Iterable[_T], act: Callable[[_T], Awaitable[None]], *, at_once: int) -> None:
    """*act* on each of *items*, at most *at_once* at a time.

    Raises:
        Exception: the first that *act* raised; what was running was cancelled, and the rest not begun.
    """
    left = iter(items)

    async def work() -> None:
        for item in left:
            await act(item)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(work())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None

"""Waiting for a state, with a deadline; and not standing in the way of others meanwhile."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

POLL_SECONDS = 0.02

T = TypeVar("T")


async def until(ask: Callable[[], Any], *, seconds: float = 20.0, why: str = "") -> Any:
    """The first answer of *ask*, which may be a coroutine function, that is true.

    Raises:
        AssertionError: none was in time; the message has *why* and the last answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        said = ask()
        answer = await said if inspect.isawaitable(said) else said
        if answer:
            return answer
        assert loop.time() < deadline, f"not within {seconds:g} s: {why or ask}; last seen: {answer!r}"
        await asyncio.sleep(POLL_SECONDS)


@contextlib.asynccontextmanager
async def beside(blocking: contextlib.AbstractContextManager[T]) -> AsyncIterator[T]:
    """*blocking*, entered and left in a thread, so that servers in this event loop go on answering."""
    with contextlib.ExitStack() as stack:
        try:
            yield await asyncio.to_thread(stack.enter_context, blocking)
        finally:
            await asyncio.to_thread(stack.close)

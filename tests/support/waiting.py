"""Waiting for a state, with a deadline."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.02


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

"""Large bodies are worked on beside the event loop."""

import asyncio
import threading

import pytest

from sluice_dataplane.pipeline.beside import LARGE_BYTES, beside


async def test_what_is_small_is_done_at_once() -> None:
    """On the loop's own thread, without giving anybody else a turn."""
    assert await beside(LARGE_BYTES, threading.get_ident) == threading.get_ident()


async def test_others_have_their_turn_while_a_large_one_is_worked_on() -> None:
    """The loop goes on."""
    turned = threading.Event()
    asyncio.get_running_loop().call_soon(turned.set)

    assert await beside(LARGE_BYTES + 1, turned.wait, 10)


async def test_what_is_wrong_with_it_is_told() -> None:
    """As if it had been done at once."""
    for size in (1, LARGE_BYTES + 1):
        with pytest.raises(ValueError, match="invalid literal"):
            await beside(size, int, "x")

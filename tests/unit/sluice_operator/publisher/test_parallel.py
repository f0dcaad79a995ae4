"""Many exchanges at once, but not too many."""

import asyncio

import pytest

from sluice_operator.publisher.parallel import each


async def test_every_item_has_its_turn_and_never_too_many_at_once() -> None:
    """All items are acted on, at most so many at a time."""
    running, most, done = 0, 0, list[int]()

    async def act(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done.append(item)

    await each(range(50), act, at_once=4)

    assert sorted(done) == list(range(50))
    assert most == 4


async def test_the_first_error_ends_all() -> None:
    """An error is raised as it is, not in a group, and what had not begun does not begin."""
    begun = list[int]()

    async def act(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        await each(range(50), act, at_once=2)

    assert begun == [0, 1]

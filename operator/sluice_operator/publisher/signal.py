"""A moment that several tasks wait for, again and again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Signal:
    """``fire`` wakes everyone who waits now; who comes later waits for the next time."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._scopes: set[asyncio.Timeout] = set()

    def fire(self) -> None:
        """Wake everyone who waits, and end every block that is to be interrupted."""
        self._event.set()
        self._event = asyncio.Event()
        for scope in self._scopes:
            scope.reschedule(asyncio.get_running_loop().time())

    async def wait(self, *, seconds: float | None = None) -> bool:
        """Wait for the next firing, at most *seconds*; whether it came."""
        event = self._event
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        return True

    @asynccontextmanager
    async def interrupting(self) -> AsyncIterator[None]:
        """A block that is ended by the next firing.

        Raises:
            TimeoutError: it was.
        """
        async with asyncio.timeout(None) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

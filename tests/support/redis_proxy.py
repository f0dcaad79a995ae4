"""Something between us and Redis that may go wrong without a word: a NAT that forgets, a line that is slow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

DEADLINE_S = 20.0


class Proxy:
    """Forwards connections to a port of this machine.  ``delay_s`` is added to whatever comes back."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay_s = 0.0
        self.accepted = 0
        self.port = 0

    def forget(self) -> None:
        """Carry nothing over the connections that stand now, and end none of them either; new ones are carried."""
        self._forgotten |= self._open

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back, forth = await asyncio.open_connection("127.0.0.1", self._to)
        ends = {writer, forth}
        self._open |= ends
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, ExceptionGroup):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry(reader, forth))
                tasks.create_task(self._carry(back, writer, late=True))
        self._open -= ends
        for end in ends:
            end.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, late: bool = False) -> None:
        while chunk := await source.read(65_536):
            if late and self.delay_s:
                await asyncio.sleep(self.delay_s)
            if target not in self._forgotten:
                target.write(chunk)
                await target.drain()
        target.transport.abort()

    async def end(self) -> None:
        """Hang up everywhere."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def proxy(port: int) -> AsyncIterator[Proxy]:
    """One in front of *port*, for the length of a ``with``."""
    between = Proxy(port)
    server = await asyncio.start_server(between._serve, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        await between.end()
        await server.wait_closed()

"""Deadlines of a process that has more to do than to wait for its store."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence

from sluice_dataplane.limits.batcher import Batcher, Reply
from sluice_dataplane.limits.scripts import Command


class SocketLink:
    """Asks over a socket for one byte a command."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def exchange(self, commands: Sequence[Command]) -> Sequence[Reply]:
        """As Link."""
        return list(await self._reader.readexactly(len(commands)))

    async def close(self) -> None:
        """As Link."""
        self._writer.close()


async def test_a_reply_that_waits_to_be_read_is_not_late() -> None:
    """A loop that was busy for longer than the deadline reads the replies that came meanwhile, and takes them."""
    ours, theirs = socket.socketpair()
    link = SocketLink(*await asyncio.open_connection(sock=ours))
    carried = Batcher(link, deadline_s=0.05)
    task = asyncio.get_running_loop().create_task(carried.run())
    with theirs:
        call = asyncio.get_running_loop().create_task(carried.call_all([("GET", 1)]))
        await asyncio.sleep(0)  # it has asked
        theirs.send(b"\x07")
        busy_until = time.monotonic() + 0.2
        while time.monotonic() < busy_until:
            pass
        replies = await call
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    assert replies == [7]

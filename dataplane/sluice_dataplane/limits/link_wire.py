"""One connection to one Redis: commands out, replies in, in that order.

Knows the wire format (RESP2, by hiredis) and how connections end; no command, no URL and no credential.  Its errors
stay among the ``link`` modules: what callers get is a StoreError.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis

from sluice_dataplane.limits.scripts import Command

CONNECT_S: Final = 1.0
PATIENCE_STEPS: Final = 2  # in which a wait passes: a loop that comes late to the first still reads what has come
KEEPALIVE_IDLE_S: Final = 15  # then a peer that went away without a word is asked three times …
KEEPALIVE_EVERY_S: Final = 5  # … this far apart: what stands between us must not forget an idle connection either

_NOTHING: Final = object()
_pack: Final[Callable[[Command], bytes]] = hiredis.pack_command  # type: ignore[assignment]  # its stub knows one word


class ReplyError(Exception):
    """An error that Redis answered.  Its text may quote a value: only its code may go further."""

    @property
    def code(self) -> str:
        """Its first word: ``MOVED``, ``READONLY``, ``ERR``, …"""
        return str(self).partition(" ")[0]


class LostError(Exception):
    """The connection is gone, or of no use any more; what was asked may have been done."""


class Wire(asyncio.Protocol):
    """A connection that answers one :meth:`ask` at a time."""

    __slots__ = ("_loop", "_reader", "_replies", "_steps_left", "_timer", "_transport", "_waiter", "_wanted", "lost")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reader = hiredis.Reader(protocolError=LostError, replyError=ReplyError, notEnoughData=_NOTHING)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._replies: list[Any] = []
        self._wanted = 0
        self._steps_left = 0
        self._timer: asyncio.TimerHandle | None = None
        self.lost = False  # whether it is of no use any more

    async def ask(self, commands: Sequence[Command], patience_s: float) -> list[Any]:
        """The replies to *commands*, one each and in order; an error among them is a ReplyError.

        Raises:
            LostError: the connection ended before all had come.
            TimeoutError: not all came within *patience_s*.  As after a wait that was cancelled, the connection is
                of no use any more: :meth:`drop` it.
        """
        if self.lost or self._transport is None:
            raise LostError
        if not commands:
            return []
        self._replies = []
        self._wanted = len(commands)
        waiter = self._waiter = self._loop.create_future()
        self._steps_left = PATIENCE_STEPS
        self._wait(patience_s / PATIENCE_STEPS)
        self._transport.write(b"".join([_pack(command) for command in commands]))
        try:
            await waiter
        finally:
            self._waiter = None
            if self._timer is not None:
                self._timer.cancel()
        return self._replies

    def drop(self) -> None:
        """Hang up at once, whatever is on its way."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is a Transport in all but its class
        if self.lost:  # given up while it was being made
            self.drop()
            return
        channel = transport.get_extra_info("socket")
        if channel is not None and channel.family != socket.AF_UNIX:
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_S)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  which one does not matter
        """No more will come."""
        self.lost = True
        self._fail(LostError())

    def data_received(self, data: bytes) -> None:
        """Bytes from Redis."""
        waiter, replies = self._waiter, self._replies
        if waiter is None or waiter.done():
            self.drop()  # nobody asked for these, and whoever asks next must not get them
            return
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _NOTHING:
                replies.append(reply)
        except LostError:  # this is not Redis
            self._break()
            return
        if len(replies) == self._wanted:
            waiter.set_result(None)
        elif len(replies) > self._wanted:
            self._break()

    def _break(self) -> None:
        self._fail(LostError())
        self.drop()

    def _wait(self, step_s: float) -> None:
        self._timer = self._loop.call_later(step_s, self._step, step_s)

    def _step(self, step_s: float) -> None:
        self._steps_left -= 1
        if self._steps_left:
            self._wait(step_s)
        else:
            self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


async def connect(
    host: str, port: int, *, socket_path: str = "", tls: ssl.SSLContext | None = None, patience_s: float = CONNECT_S
) -> Wire:
    """A new connection; to *socket_path* if there is one.

    Raises:
        OSError: nobody is there, or not in time (TimeoutError), or TLS does not hold (ssl.SSLError).
    """
    loop = asyncio.get_running_loop()
    wire = Wire(loop)
    try:
        async with asyncio.timeout(patience_s):
            if socket_path:
                await loop.create_unix_connection(lambda: wire, socket_path)
            else:
                name = host if tls is not None else None
                await loop.create_connection(lambda: wire, host, port, ssl=tls, server_hostname=name)
    except BaseException:
        wire.drop()
        raise
    return wire

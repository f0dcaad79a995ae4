"""The lean front: one connection of plain calls, served without a framework.

Whatever is not a usual call (:func:`head.read_head` says what is) goes to aiohttp with the connection, bytes and all.
One call at a time: what a client sends ahead waits, and is not read from the socket meanwhile.
"""

import asyncio
import math
from typing import Final, Protocol

from sluice_dataplane.errors import GatewayError, InvalidRequestError, error_body
from sluice_dataplane.exchange import Answer, Chunks, Headers
from sluice_dataplane.surface.door import BODY_IDLE_SECONDS, Arrival, Door
from sluice_dataplane.surface.head import Head, ResponseHeads, may_begin, read_head

MAX_HEAD_BYTES: Final = 64 * 1024
KEEPALIVE_SECONDS: Final = 650  # longer than any load balancer's idle time, so that we are not the one who hangs up
HEAD_SECONDS: Final = 10  # from a request's first byte to the end of its head
STALL_SECONDS: Final = 120  # how long a client may take nothing of what it asked for
_JSON: Final[Headers] = (("content-type", "application/json"),)


class Host(Protocol):
    """Whoever keeps the connections."""

    door: Door
    heads: ResponseHeads
    max_body_bytes: int
    idle_seconds: float  # how long a connection may be open without a call

    def joined(self, connection: "LeanConnection") -> None:
        """Keep *connection*: it is open, or answers a call."""
        ...

    def left(self, connection: "LeanConnection") -> None:
        """Forget it."""
        ...

    def take_over(self, transport: asyncio.Transport, data: bytes) -> None:
        """Let aiohttp serve what begins with *data*.  The transport asks for no pause in writing then."""
        ...


class LeanConnection(asyncio.Protocol):
    """One client's connection.  ``due_s`` is when :meth:`expire` must be called, by the loop's clock."""

    # fmt: off
    __slots__ = (
        "_address", "_ahead", "_arrival", "_drained", "_head", "_host", "_loop", "_lost", "_missing_bytes", "_parts",
        "_streaming", "_task", "_told", "_transport", "due_s",
    )
    # fmt: on
    _transport: asyncio.Transport
    _arrival: Arrival

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._address = ""
        self._ahead = b""  # what came and is not served yet: part of a head, or what follows the call being answered
        self._head: Head | None = None  # of a call whose body is still coming
        self._parts: list[bytes] = []
        self._missing_bytes = 0
        self._task: asyncio.Task[None] | None = None  # answers the call
        self._drained: asyncio.Future[None] | None = None  # set while the client takes less than we send
        self._lost = False
        self._streaming = False  # whether the task passes chunks on
        self._told = False  # that we close it after this answer
        self.due_s = math.inf

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is a Transport in all but its class
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else ""
        self.due_s = self._loop.time() + self._host.idle_seconds
        self._host.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio gives it
        """The client has gone.  A call that was sent is paid for, and goes on to its end; a stream stops."""
        self._lost = True
        self.due_s = math.inf
        self.resume_writing()
        self._forget_body()
        if self._task is None:
            self._host.left(self)
        elif self._streaming:
            self._task.cancel()  # the upstream may be silent for long: the client's slot must not wait for it

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._task is not None:
            self._ahead += data
            self._transport.pause_reading()
        elif self._head is not None:
            self._take_body(self._head, data)
        else:
            self._take_head(data)

    def pause_writing(self) -> None:
        """The client takes less than we send."""
        self._drained = self._loop.create_future()
        self.due_s = self._loop.time() + STALL_SECONDS

    def resume_writing(self) -> None:
        """It has caught up, or gone."""
        drained, self._drained = self._drained, None
        if drained is not None:
            if not drained.done():  # cancelled, if time was up
                drained.set_result(None)
            self.due_s = math.inf if self._task is not None else self._loop.time() + self._host.idle_seconds

    # What the host tells.

    def expire(self) -> None:
        """Time is up: for a head, for more of a body, for the client to read, or of an idle connection."""
        if self._head is None:
            self.abort()
            return
        error = InvalidRequestError("The body did not arrive in time.", code="request_timeout")
        self._send(self._refusal(self._head.path, error), keep=False)
        self._forget_body()
        self._transport.close()

    def hurry(self) -> None:
        """The host has less patience now with a connection on which nothing is under way."""
        if self._task is None and self._head is None and not self._ahead and not self._transport.is_closing():
            self.due_s = min(self.due_s, self._loop.time() + self._host.idle_seconds)

    def abort(self) -> asyncio.Task[None] | None:
        """Hang up at once; a call that is being answered is cancelled, and its task returned."""
        if not self._lost:
            self._transport.abort()
        if self._task is not None:
            self._task.cancel()
        return self._task

    def _forget_body(self) -> None:
        if self._head is not None:
            self._head = None
            self._parts.clear()
            self._host.door.leave()

    # From head to answer.

    def _take_head(self, data: bytes) -> None:
        if self._ahead:
            searched = max(len(self._ahead) - 3, 0)
            data, self._ahead = self._ahead + data, b""
        else:
            searched = 0
            self.due_s = self._loop.time() + HEAD_SECONDS
        end = data.find(b"\r\n\r\n", searched) + 4
        if end < 4:
            if len(data) <= MAX_HEAD_BYTES and may_begin(data):
                self._ahead = data
            else:
                self._give_away(data)
            return
        host = self._host
        head = read_head(data[:end]) if end <= MAX_HEAD_BYTES else None
        if head is None or head.length > host.max_body_bytes or not host.door.is_open:
            self._give_away(data)
            return
        self._arrival = host.door.arrive()
        self._missing_bytes = head.length
        self._take_body(head, data[end:])

    def _take_body(self, head: Head, data: bytes) -> None:
        self._missing_bytes -= len(data)
        if self._missing_bytes > 0:
            self._head = head
            self._parts.append(data)
            self.due_s = self._loop.time() + BODY_IDLE_SECONDS
            return
        if self._missing_bytes < 0:
            self._ahead = data[self._missing_bytes :]
            data = data[: self._missing_bytes]
            self._transport.pause_reading()
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts.clear()
        self._head = None
        self.due_s = math.inf
        self._task = self._loop.create_task(self._serve(head, data))

    def _give_away(self, data: bytes) -> None:
        self._host.left(self)
        self._host.take_over(self._transport, data)

    async def _serve(self, head: Head, body: bytes) -> None:
        """Answer one call; never raises but for cancellation."""
        door, arrival = self._host.door, self._arrival
        try:
            exchange = door.exchange(arrival, head.endpoint, head.headers, body, self._address)
            try:
                answer = await door.answer(exchange)
            except GatewayError as error:
                answer = self._refusal(head.path, error)
            if answer.chunks is None:
                self._send(answer, keep=head.keep)
            else:
                await self._stream(head, answer, answer.chunks)
            if self._drained is not None:
                await self._drained
        except Exception as error:  # noqa: BLE001  told of by the door; nothing of an answer was sent yet
            self._send(_error(door.failed(arrival, head.path, error), arrival.id), keep=head.keep)
        finally:
            self._task = None
            door.leave()
            self._go_on()

    async def _stream(self, head: Head, answer: Answer, chunks: Chunks) -> None:
        """Send *chunks* as fast as the client takes them; close them in any case."""
        transport = self._transport
        self._streaming = not self._lost
        try:
            try:
                before = self._head_of(answer, keep=head.keep, end="transfer-encoding: chunked")
                async for chunk in chunks:
                    if transport.is_closing():
                        return
                    transport.write(b"%b%x\r\n%b\r\n" % (before, len(chunk), chunk))
                    before = b""
                    if self._drained is not None:
                        await self._drained
                if not transport.is_closing():
                    transport.write(before + b"0\r\n\r\n")
            finally:
                self._streaming = False
                await chunks.aclose()
        except Exception as error:  # noqa: BLE001  told of by the door
            self._host.door.failed(self._arrival, head.path, error)
            transport.abort()  # the client must not take what it has for the whole

    def _send(self, answer: Answer, *, keep: bool) -> None:
        """Send an answer that is whole, unless nobody is there to get it."""
        if not self._transport.is_closing():
            body = answer.body or b""
            self._transport.write(self._head_of(answer, keep=keep, end=f"content-length: {len(body)}") + body)

    def _head_of(self, answer: Answer, *, keep: bool, end: str) -> bytes:
        host, arrival = self._host, self._arrival
        self._told = told = host.door.closing or not keep
        return host.heads.head(answer.status, answer.headers, arrival.id, at_ms=arrival.at_ms, closing=told, end=end)

    def _refusal(self, path: str, error: GatewayError) -> Answer:
        self._host.door.refused(self._arrival, path, error)
        return _error(error, self._arrival.id)

    def _go_on(self) -> None:
        """The call is answered: on to the next, or the end if that was said.  Else one may be on its way."""
        if self._lost:
            self._host.left(self)
            return
        if self._transport.is_closing():
            return  # connection_lost is on its way
        self.due_s = self._loop.time() + self._host.idle_seconds
        if self._told:
            self.due_s = self._loop.time() + STALL_SECONDS
            self._transport.close()
        elif self._ahead:
            ahead, self._ahead = self._ahead, b""
            self._transport.resume_reading()
            self._take_head(ahead)


def _error(error: GatewayError, request_id: str) -> Answer:
    return Answer(error.status, (*_JSON, *error.headers), error_body(error, request_id))

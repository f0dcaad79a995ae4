"""One connection to an upstream: one exchange at a time, with its waits and its limits.  Knows no pool and no URL."""

import asyncio
from typing import Final, Literal

from sluice_dataplane.upstream.deadlines import Deadlines
from sluice_dataplane.upstream.incoming import Incoming
from sluice_dataplane.upstream.seam import AttemptFailedError, FailureCause

HIGH_WATER_BYTES: Final = 256 * 1024  # unread body above which no more is read from the socket

_Want = Literal["head", "any", "all"]


class Connection(Incoming, asyncio.Protocol):
    """A connection that is idle or serves one exchange, from :meth:`start` to :meth:`end`.

    What has come of the answer is told by :class:`Incoming`; ``failure`` is set once no more can come.
    """

    # fmt: off
    __slots__ = (
        "_between_s", "_deadlines", "_expecting", "_first_due_s", "_limit_bytes", "_loop", "_open", "_paused",
        "_transport", "_waiter", "_want", "address", "answered", "due_s", "failure", "idle_since_s", "lost",
    )
    # fmt: on

    def __init__(
        self, loop: asyncio.AbstractEventLoop, deadlines: Deadlines, open_: "set[Connection]", address: str = ""
    ) -> None:
        super().__init__()
        self.address = address  # that it leads to
        self._loop = loop
        self._deadlines = deadlines
        self._open = open_
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._want: _Want = "head"
        self._limit_bytes = 0
        self._first_due_s = self._between_s = self.due_s = self.idle_since_s = 0.0
        self._expecting = False  # whether bytes from the upstream are part of an answer we wait for
        self._paused = False
        self.answered = False  # whether any byte of an answer has come
        self.failure: AttemptFailedError | None = None
        self.lost = False

    # What client and pool ask.

    def start(self, message: bytes, *, is_head: bool, first_due_s: float, between_s: float) -> None:
        """Send *message* on an idle connection.  The body's first byte is due then, by the loop's clock."""
        self.expect(is_head=is_head)
        self._first_due_s = first_due_s
        self._between_s = between_s
        self.answered = False
        self.failure = None
        if self.lost or self._transport is None:  # between the connection's beginning and now
            self.fail("the upstream closed the connection at once", "ConnectFailure", sent=False)
            return
        self._expecting = True
        self._transport.write(message)

    async def wait(self, want: _Want, limit_bytes: int = 0) -> None:
        """Until the head, any of the body, or all of it (or more than *limit_bytes*) has come, or none will.

        The caller looks at the attributes to see which.  A cancelled wait changes nothing.
        """
        self._want = want
        self._limit_bytes = limit_bytes
        if self.failure is not None or self._has_come():
            return
        if self._paused:
            self._resume()
        self.due_s = self._loop.time() + self._between_s if self.begun else self._first_due_s
        waiter = self._waiter = self._loop.create_future()
        self._deadlines.watch(self)
        try:
            await waiter
        finally:
            self._waiter = None
            self._deadlines.forget(self)

    def take(self) -> bytes:
        """All of the body that has come and was not taken yet; makes room for more."""
        if self._paused:
            self._resume()
        return super().take()

    def end(self) -> bool:
        """The exchange is over; whether the connection may serve another.  If not, it is dropped."""
        if (
            self.complete
            and self.keep
            and self.is_usable
            and self._transport is not None
            and self._transport.get_write_buffer_size() == 0  # an answer may come before the request was sent whole
        ):
            if self._paused:
                self._resume()
            return True
        self.fail("the exchange was given up", "Protocol")
        self.forget()  # whoever remembers the failure remembers us: what nobody took is not kept for them
        return False

    def fail(self, why: str, cause: FailureCause, *, sent: bool = True) -> None:
        """Drop the connection; an answer that has not come whole fails with *why*."""
        if self.failure is None and not self.complete:
            self.failure = AttemptFailedError(why, cause=cause, sent=sent)
        self._drop()
        self._notify()

    def expire(self) -> None:
        """The wait took too long."""
        self.fail("the upstream was silent for too long", "Timeout")

    @property
    def is_usable(self) -> bool:
        """Whether an idle connection still stands, as far as we were told."""
        return not self.lost and self._transport is not None and not self._transport.is_closing()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is a Transport in all but its class
        if self.lost:  # given up while it was being made
            self._drop()
            return
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """No more will come."""
        self.lost = True
        self._open.discard(self)
        if self._expecting:
            if exc is None:
                self.end_of_stream()
            if not self.complete:
                self.fail("the upstream closed the connection before its answer had ended", "Protocol")
        self._notify()

    def data_received(self, data: bytes) -> None:
        """Bytes from the upstream."""
        if not self._expecting:
            self._drop()  # nobody asked for these, and whoever is served next must not get them
            return
        self.answered = True
        before_bytes = self.buffered_bytes
        self.feed(data)
        if self.complete:
            self._expecting = False
        elif self.fault is not None:
            self.fail(self.fault, "Protocol")
            return
        if self._waiter is None:
            if self.buffered_bytes > HIGH_WATER_BYTES and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
        elif self._has_come():
            self._notify()
        elif self.buffered_bytes != before_bytes:
            self.due_s = self._loop.time() + self._between_s

    # Between them.

    def _has_come(self) -> bool:
        want = self._want
        if want == "head":
            return self.head_come
        if self.complete:
            return True
        return self.buffered_bytes > (self._limit_bytes if want == "all" else 0)

    def _resume(self) -> None:
        self._paused = False
        if self.is_usable and self._transport is not None:
            self._transport.resume_reading()

    def _drop(self) -> None:
        self.lost = True
        self._open.discard(self)  # uvloop does not always tell of the end of one given up while it was being made
        self._expecting = self.keep = False
        if self._transport is not None:
            self._transport.abort()

    def _notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

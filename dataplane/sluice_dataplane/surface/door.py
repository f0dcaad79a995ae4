"""The door: who comes in, under which id, and what is told of those turned away.  Both fronts stand on it.

Takes and gives plain values; knows no HTTP library.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

import msgspec

from sluice_dataplane.config.holder import Holder
from sluice_dataplane.dialects.wires import SENT_ON
from sluice_dataplane.errors import GatewayError, UnavailableError
from sluice_dataplane.exchange import PLAIN_ROUTE, Answer, Endpoint, Exchange, Headers, Route
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.telemetry.observer import Observer

log = logging.getLogger("sluice.front")

KEPT_HEADERS: Final = {
    name.encode(): name
    for name in (
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "traceparent",
        *SENT_ON,
    )
}
BODY_IDLE_SECONDS: Final = 30  # a client that sends its body slower than this is cut off
_ID_DIGITS: Final = 16
_IDS_AT_ONCE: Final = 128


class Rooms(Protocol):
    """What is behind the door."""

    def run(self, exchange: Exchange) -> Coroutine[Any, Any, Answer]:
        """The answer to *exchange*; see :class:`Pipeline`."""
        ...


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One request that came in: its id, and when by the wall clock and by the monotonic one, in milliseconds."""

    id: str
    at_ms: int
    started_ms: float


class Door:
    """Counts who is inside; one instance a process.  *draw_hex* gives so many random bytes as hex digits."""

    def __init__(
        self,
        rooms: Rooms,
        holder: Holder,
        observer: Observer,
        metrics: Metrics,
        *,
        clock_ms: Callable[[], int],
        monotonic_ms: Callable[[], float],
        max_inflight: int,
        draw_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._rooms = rooms
        self.holder = holder
        self._observer = observer
        self._clock_ms = clock_ms
        self._monotonic_ms = monotonic_ms
        self._max_inflight = max_inflight
        self._draw_hex = draw_hex
        self._drawn = ""
        self.inflight = 0
        self._idle = asyncio.Event()
        self.closing = False  # set while draining: answers ask the client to close the connection
        metrics.inflight.set_function(lambda: self.inflight)

    def arrive(self) -> Arrival:
        """Count one more request in flight, and name it; :meth:`leave` is called for it once."""
        self.inflight += 1
        drawn = self._drawn
        if not drawn:
            drawn = self._draw_hex(_IDS_AT_ONCE * _ID_DIGITS // 2)
        self._drawn = drawn[_ID_DIGITS:]
        now_ms = self._clock_ms()
        return Arrival(f"req_{now_ms:011x}{drawn[:_ID_DIGITS]}", now_ms, self._monotonic_ms())

    def leave(self) -> None:
        """One request less in flight."""
        self.inflight -= 1
        if self.closing and self.inflight == 0:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until no request is in flight; meant for after ``closing`` was set."""
        while self.inflight:
            self._idle.clear()
            await self._idle.wait()

    @property
    def is_open(self) -> bool:
        """Whether one more call would be let in."""
        return self.inflight < self._max_inflight and self.holder.ready

    def check_ready(self) -> None:
        """Raises UnavailableError while there is no configuration."""
        if not self.holder.ready:
            raise UnavailableError("No configuration has arrived yet.", headers=(("retry-after", "1"),))

    def check_open(self) -> None:
        """Raises UnavailableError where a call that has arrived is one too many, or too early."""
        self.check_ready()
        if self.inflight > self._max_inflight:
            message = "The gateway is answering as many calls as it may."
            raise UnavailableError(message, code="overloaded", headers=(("retry-after", "1"),))

    def exchange(
        self,
        arrival: Arrival,
        endpoint: Endpoint,
        headers: Headers,
        body: bytes,
        address: str,
        route: Route = PLAIN_ROUTE,
    ) -> Exchange:
        """What the rooms get of a request; *headers* are those of KEPT_HEADERS."""
        table = self.holder.current()
        return Exchange(arrival.id, endpoint, table, arrival.at_ms, arrival.started_ms, headers, body, address, route)

    def answer(self, exchange: Exchange) -> Coroutine[Any, Any, Answer]:
        """The answer to a call.  Every GatewayError it raises is meant for the client."""
        return self._rooms.run(exchange)

    def refused(self, arrival: Arrival, path: str, error: GatewayError) -> None:
        """A request was turned away; *path* is one of ours or empty.  What was told of already is not told again."""
        if error.on_record:
            return
        self._observer.refused(arrival.id, path, error.status, error.code)

    def failed(self, arrival: Arrival, path: str, unexpected: Exception) -> GatewayError:
        """Something went wrong that nobody foresaw: tells of it; what the client is told."""
        log.error("front.unexpected", exc_info=unexpected, extra={"id": arrival.id, "path": path})
        error = GatewayError("The gateway failed; this is a bug in it.")
        self.refused(arrival, path, error)
        return error

"""The lean HTTP/1.1 client: sends one request, hands over one answer.  Ignores proxy variables and ``.netrc``.

No client framework, no task and no timer per call: a call on a kept connection costs one lookup, one join, one
write and one future.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Final

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest
from sluice_dataplane.upstream.address import LookupFailedError, MayConnect, Resolver, may_connect
from sluice_dataplane.upstream.connection import Connection
from sluice_dataplane.upstream.deadlines import Deadlines, Ticker
from sluice_dataplane.upstream.head import Heads, Place, place_of, refused
from sluice_dataplane.upstream.incoming import decoded
from sluice_dataplane.upstream.pool import Pool
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience
from sluice_dataplane.upstream.tls import context_for

MAX_ORIGINS: Final = 1024  # upstreams remembered; more than a table is likely to name
PRUNE_S: Final = 5.0
RECHECK_S: Final = 5.0  # how often it is looked whether a name may have to be asked for again, and for how long at most
_GIVEN_BACK: Final = "the answer was given back"


class HttpAnswer:
    """An answer whose head has come.  Iterate it (by ``chunks``) or ``read`` it, then ``close`` it."""

    __slots__ = ("_connection", "_headers", "_pool", "_raw_headers", "status")

    def __init__(self, connection: Connection, pool: Pool) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._raw_headers = connection.raw_headers
        self._headers: Headers | None = None
        self.status = connection.status

    @property
    def headers(self) -> Headers:
        """The answer's headers, decoded when they are first asked for."""
        if self._headers is None:
            self._headers = decoded(self._raw_headers)
        return self._headers

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body; see the seam."""
        connection = self._standing()
        if not connection.complete:
            await connection.wait("all", limit_bytes)
        if connection.failure is not None:
            raise connection.failure
        if connection.buffered_bytes > limit_bytes:
            connection.fail(f"the answer is longer than {limit_bytes} bytes", "Protocol")
            raise AttemptFailedError(f"the answer is longer than {limit_bytes} bytes", cause="Protocol", sent=True)
        return connection.take()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; see the seam.  What came before a failure is handed over before it is raised."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """All that has come since the last call, once there is some."""
        connection = self._standing()
        if not connection.buffered_bytes and not connection.complete:
            await connection.wait("any")
        if connection.buffered_bytes:
            return connection.take()
        if connection.failure is not None:
            raise connection.failure
        raise StopAsyncIteration

    def close(self) -> None:
        """Give the connection back, or drop it; see the seam.  A second call does nothing."""
        connection = self._connection
        if connection is not None:
            self._connection = None
            self._pool.end(connection)

    def _standing(self) -> Connection:
        if self._connection is None:
            raise AttemptFailedError(_GIVEN_BACK, cause="Protocol", sent=True)
        return self._connection


class _Origin:
    """All that is kept for one upstream as one table describes it."""

    __slots__ = ("context", "heads", "place", "pool", "upstream")

    def __init__(self, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self.upstream = upstream
        self.place = place_of(upstream)
        try:
            self.context = context_for(upstream.ca_pem) if self.place.secure else None
        except (ssl.SSLError, ValueError):
            raise refused(upstream.id, "its certificate authority is no certificate") from None
        self.heads = Heads(upstream, self.place)
        self.pool = Pool(loop)


class HttpUpstreams:
    """Upstreams over HTTP/1.1, at addresses that *may* allows.  Belongs to the event loop that first sends with it."""

    def __init__(self, resolver: Resolver | None = None, *, may: MayConnect = may_connect) -> None:
        self._resolver = resolver
        self._may = may
        self._origins: dict[str, _Origin] = {}
        self._open: set[Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deadlines: Deadlines
        self._pruning: Ticker

    async def send(
        self, upstream: Upstream, request: UpstreamRequest, *, credential: str | None, patience: Patience
    ) -> HttpAnswer:
        """The answer's head; see the seam.

        A kept connection that turns out to be closed before any byte of an answer is replaced once by a new one.
        """
        loop = self._loop or self._begin()
        origin = self._origins.get(upstream.id)
        if origin is None or origin.upstream is not upstream:
            origin = self._origin(upstream)
        head = origin.heads.head(request, credential)
        body = request.body
        message = b"".join((head, b"%d\r\n\r\n" % len(body), body))
        reused = connection = origin.pool.take()
        while True:
            if connection is None:
                connection = await self._connect(origin, patience.connect_ms)
            try:
                connection.start(
                    message,
                    is_head=request.method == "HEAD",
                    first_due_s=loop.time() + patience.first_byte_ms / 1000,
                    between_s=patience.between_bytes_ms / 1000,
                )
                await connection.wait("head")
            except BaseException:  # cancelled: nobody will read this answer, which may have come all the same
                origin.pool.end(connection)
                raise
            failure = connection.failure
            if failure is None:
                return HttpAnswer(connection, origin.pool)
            if connection is not reused or connection.answered or failure.cause == "Timeout":
                raise failure
            connection = None

    async def run(self) -> None:
        """Look again where names lead, until cancelled.

        A kept connection to an address that is no longer its name's is not used again once that was seen, which is
        KEEP_S + RECHECK_S after the change at the latest.  While names cannot be looked up, nothing changes.
        """
        while True:
            await asyncio.sleep(RECHECK_S)
            for origin in list(self._origins.values()):
                await self._recheck(origin)

    async def close(self) -> None:
        """Drop every connection; exchanges on them fail.  The object may be used again."""
        for origin in self._origins.values():
            origin.pool.retire()
        self._origins.clear()
        for connection in list(self._open):
            connection.fail("the gateway closed its connections", "Protocol")
        if self._loop is not None:
            self._deadlines.stop()
            self._pruning.stop()

    def _begin(self) -> asyncio.AbstractEventLoop:
        loop = self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines(loop)
        self._pruning = Ticker(loop, PRUNE_S, self._prune)
        if self._resolver is None:
            self._resolver = Resolver(clock_s=loop.time)
        return loop

    def _origin(self, upstream: Upstream) -> _Origin:
        """What is kept for *upstream*; anew when a reload changed it: old connections may lead elsewhere."""
        origin = self._origins.pop(upstream.id, None)
        if origin is None or origin.upstream != upstream:
            if origin is not None:
                origin.pool.retire()
            origin = _Origin(upstream, asyncio.get_running_loop())
            if len(self._origins) >= MAX_ORIGINS:
                self._origins.pop(next(iter(self._origins))).pool.retire()
        origin.upstream = upstream  # an equal one of the newer table: found by identity from now on
        self._origins[upstream.id] = origin
        self._pruning.wake()
        return origin

    def _prune(self) -> bool:
        for origin in self._origins.values():
            origin.pool.prune()
        return bool(self._origins)

    async def _recheck(self, origin: _Origin) -> None:
        if not origin.pool.in_use() or origin.place.is_address or self._resolver is None:
            return
        with contextlib.suppress(LookupFailedError, TimeoutError):
            async with asyncio.timeout(RECHECK_S):
                found = await self._resolver.addresses(origin.place.host)
            origin.pool.lead_to(found)

    async def _connect(self, origin: _Origin, connect_ms: int) -> Connection:
        """A new connection: each allowed address in turn, each with its share of the time that is left.

        Raises:
            AttemptFailedError: none could be made; nothing was sent.
        """
        loop = asyncio.get_running_loop()
        upstream, place = origin.upstream, origin.place
        deadline_s = loop.time() + connect_ms / 1000
        why = "no time to connect"
        try:
            async with asyncio.timeout_at(deadline_s):
                addresses = await self._allowed(upstream, place)
        except TimeoutError:
            raise _unreachable(upstream, "its name was not resolved in time") from None
        origin.pool.lead_to(addresses)
        for tried, address in enumerate(addresses):
            now_s = loop.time()
            share_s = (deadline_s - now_s) / (len(addresses) - tried)
            try:
                async with asyncio.timeout_at(now_s + share_s):
                    return await self._dial(address, origin)
            except TimeoutError:
                why = "it did not accept a connection in time"
            except ssl.SSLCertVerificationError as error:
                why = f"its certificate is not trusted: {error.verify_message}"
            except ssl.SSLError as error:
                why = f"TLS failed: {error.reason or 'the handshake was broken off'}"
            except OSError as error:
                why = f"it refused the connection: {error.strerror or type(error).__name__}"
        raise _unreachable(upstream, why)

    async def _allowed(self, upstream: Upstream, place: Place) -> tuple[str, ...]:
        assert self._resolver is not None
        try:
            found = (place.host,) if place.is_address else await self._resolver.addresses(place.host)
        except LookupFailedError as error:
            raise _unreachable(upstream, str(error)) from None
        allowed = tuple(ip for ip in found if self._may(ip, private_allowed=upstream.allow_private_network))
        if not allowed:
            raise refused(upstream.id, f"{place.host} has no address that may be called")
        return allowed

    async def _dial(self, address: str, origin: _Origin) -> Connection:
        connection = Connection(asyncio.get_running_loop(), self._deadlines, self._open, address)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                address,
                origin.place.port,
                ssl=origin.context,
                server_hostname=None if origin.context is None else origin.place.host,
            )
        except BaseException:
            connection.fail("the connection was given up", "ConnectFailure")
            raise
        return connection


def _unreachable(upstream: Upstream, why: str) -> AttemptFailedError:
    return AttemptFailedError(f"upstream {upstream.id}: {why}", cause="ConnectFailure", sent=False)

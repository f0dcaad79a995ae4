"""The seam to the providers: send one request, read one answer.  ``client`` and ``echo`` implement it."""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

import msgspec

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest

FailureCause = Literal["ConnectFailure", "Timeout", "Protocol", "Refused"]


class AttemptFailedError(Exception):
    """An attempt ended without a usable answer.

    ``cause`` ConnectFailure: nothing was sent, surely.  Timeout and Protocol: the upstream may have worked on it.
    Refused: we would not connect (address not allowed, no credential).  The message names no secret and no body.
    """

    def __init__(self, message: str, *, cause: FailureCause, sent: bool) -> None:
        super().__init__(message)
        self.cause = cause
        self.sent = sent  # whether any byte of the request may have reached the upstream


class Patience(msgspec.Struct, frozen=True, gc=False):
    """How long to wait, in milliseconds: for a connection, for the first byte of the body, between bytes."""

    connect_ms: int
    first_byte_ms: int
    between_bytes_ms: int


class UpstreamAnswer(Protocol):
    """Status and headers have come; the body is read once, by either method.  ``close`` is always called, once."""

    status: int

    @property
    def headers(self) -> Headers:
        """The answer's headers: names in lower case, in the order received."""
        ...

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body.  Raises AttemptFailedError (also when it is over *limit_bytes*)."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, at most 256 KiB buffered.  Raises AttemptFailedError when it breaks off."""
        ...

    def close(self) -> None:
        """Give the connection back if the body was read to its end, drop it otherwise.  Never raises."""
        ...


class Upstreams(Protocol):
    """Sends requests.  Redirects are answers like any other: they are never followed."""

    async def send(
        self, upstream: Upstream, request: UpstreamRequest, *, credential: str | None, patience: Patience
    ) -> UpstreamAnswer:
        """The answer's head.  ``credential`` is put into ``upstream.auth_header`` after ``auth_prefix``.

        Raises:
            AttemptFailedError: no answer's head came.
        """
        ...

    async def close(self) -> None:
        """Drop every connection."""
        ...

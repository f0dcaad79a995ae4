"""An answer as it comes in: bytes to status, headers and body, by llhttp.  No I/O; knows no connection.

llhttp (strict, through httptools) refuses what could be read in two ways: two lengths, a length beside chunks,
folded headers, bare line feeds.  What it leaves open is decided here: interim answers, bodies that end with the
connection, compression, sizes, and bytes that follow the end of an answer.
"""

from typing import Final

import httptools

from sluice_dataplane.exchange import Headers

MAX_HEAD_BYTES: Final = 64 * 1024  # status line and headers; also trailers and whatever else is no body
MAX_INTERIM: Final = 8  # 1xx answers before the real one


class _UnacceptableError(Exception):
    """Raised through llhttp, to stop it: what came may not become an answer."""


class Incoming:
    """One answer after the other over one stream of bytes; :meth:`expect` begins each.

    ``status`` and ``raw_headers`` hold once ``head_come`` is set.  ``complete``: the body has come to its end.
    ``fault``: why no more can be read, None while all is well; what came before it still holds.
    """

    # fmt: off
    __slots__ = (
        "_body", "_feed", "_head_bytes", "_interim", "_is_head", "_parser", "_unwanted_bytes",
        "begun", "buffered_bytes", "complete", "fault", "head_come", "keep", "raw_headers", "status",
    )
    # fmt: on

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._feed = self._parser.feed_data
        self._body: list[bytes] = []
        self.expect(is_head=False)

    def expect(self, *, is_head: bool) -> None:
        """The next bytes begin an answer; *is_head*: to a HEAD request."""
        self._is_head = is_head
        self.status = 0
        self.head_come = False
        self.begun = False  # whether any byte of the body has come
        self.buffered_bytes = 0  # of the body, not taken yet
        self.complete = False
        self.keep = False  # whether another answer may follow on the same connection
        self.fault: str | None = None
        self._head_bytes = self._unwanted_bytes = self._interim = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []  # a new list: an answer keeps its own when the next begins
        self._body.clear()

    def feed(self, data: bytes) -> None:
        """Read *data*, which must be for an answer that is neither complete nor at fault."""
        had_head, before_bytes = self.head_come, self.buffered_bytes
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self.keep = False
            if not self.complete:
                self.fault = f"the answer is not valid HTTP: {error.__context__ or error}"
        if not had_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._check_head()
        elif self.buffered_bytes != before_bytes:
            self._unwanted_bytes = 0
        elif not self.complete:
            self._unwanted_bytes += len(data)
            if self._unwanted_bytes > MAX_HEAD_BYTES:
                self._too_long("trailers")

    def end_of_stream(self) -> None:
        """The connection has ended: so has a body without a length; any other answer was broken off."""
        names = {name.lower() for name, _ in self.raw_headers}
        if self.head_come and b"content-length" not in names and b"transfer-encoding" not in names:
            self.complete = True
        else:
            self.fault = "the upstream closed the connection inside its answer"

    def take(self) -> bytes:
        """All of the body that has come and was not taken yet."""
        body = self._body
        data = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        self.buffered_bytes = 0
        return data

    def forget(self) -> None:
        """Let go of what has come and nobody took."""
        self._body.clear()
        self.buffered_bytes = 0

    # What llhttp tells.

    def on_message_begin(self) -> None:
        """Another message begins: allowed after an interim answer only."""
        if self.complete:
            raise _UnacceptableError("more bytes follow the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; after the body, a trailer, which nobody wants."""
        if not self.head_come:
            self.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head has come: of an interim answer, which is skipped, or of the answer."""
        status = self._parser.get_status_code()
        if status < 200:
            self._interim += 1
            if status == 101 or self._interim > MAX_INTERIM:
                raise _UnacceptableError("another protocol is asked for, or too many interim answers come")
            self.raw_headers.clear()
            return
        for name, value in self.raw_headers:
            if len(name) in (16, 17) and _is_compression(name.lower(), value.strip().lower()):
                raise _UnacceptableError("it is compressed although that was not asked for")
        self.status = status
        self.head_come = True
        if self._is_head:
            self.complete = True
            raise _UnacceptableError("an answer to HEAD has no body")  # llhttp would wait for one

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self.begun = True
        self._body.append(data)
        self.buffered_bytes += len(data)

    def on_message_complete(self) -> None:
        """The answer, or an interim one, has come to its end."""
        if self.head_come:
            self.complete = True
            self.keep = self._parser.should_keep_alive()

    def _check_head(self) -> None:
        """More has come than a head may hold: was it the head, or the body behind it?"""
        if not self.head_come or sum(len(name) + len(value) + 4 for name, value in self.raw_headers) > MAX_HEAD_BYTES:
            self._too_long("headers")

    def _too_long(self, what: str) -> None:
        self.complete = self.keep = False
        if self.fault is None:
            self.fault = f"the answer's {what} are too long"


def decoded(raw_headers: list[tuple[bytes, bytes]]) -> Headers:
    """Names in lower case, values as ISO 8859-1 reads them, in the order received."""
    return tuple([(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw_headers])


def _is_compression(name: bytes, value: bytes) -> bool:
    return (name == b"content-encoding" and value not in (b"", b"identity")) or (
        name == b"transfer-encoding" and value != b"chunked"
    )

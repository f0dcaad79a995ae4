"""Heads of HTTP/1.1 messages as bytes: of the requests the lean front serves, and of its responses.  Pure.

llhttp (strict, through httptools) judges a request's head: bare line feeds, folded headers, control characters and
doubtful lengths are refused by it.  What is legal but not usual is left to aiohttp: :func:`read_head` gives None.
"""

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import httptools
import msgspec

from sluice_dataplane.exchange import Endpoint, Headers
from sluice_dataplane.surface.door import KEPT_HEADERS
from sluice_dataplane.surface.routes import PLAIN_CALLS

_LINES: Final[dict[bytes, tuple[str, Endpoint]]] = {
    f"POST {path}{query} HTTP/1.1".encode(): (path, endpoint)
    for path, endpoint in PLAIN_CALLS.items()
    for query in ("", "?beta=true")  # Anthropic's clients say so where they send betas; the headers tell which
}
_LENGTH: Final = "content-length"
_HOST: Final = "host"
_UNUSUAL: Final = ""
_NAMES: Final = {
    **KEPT_HEADERS,
    b"content-length": _LENGTH,
    b"host": _HOST,
    **dict.fromkeys((b"content-encoding", b"expect", b"transfer-encoding", b"upgrade"), _UNUSUAL),
}
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus if status.value >= 200
}


class Head(msgspec.Struct, frozen=True, gc=False):
    """The head of a call: whose body has *length* bytes, and after which the connection may be kept or not."""

    path: str
    endpoint: Endpoint
    headers: Headers  # those of KEPT_HEADERS
    length: int
    keep: bool


class _Collector:
    """What llhttp tells of one head."""

    __slots__ = ("hosts", "kept", "lengths", "unusual")

    def __init__(self) -> None:
        self.kept: list[tuple[str, str]] = []
        self.lengths: list[bytes] = []
        self.hosts = 0
        self.unusual = False

    def on_header(self, name: bytes, value: bytes) -> None:
        known = _NAMES.get(name.lower())
        if known is None:
            return
        if known is _LENGTH:
            self.lengths.append(value)
        elif known is _HOST:
            self.hosts += 1
        elif known is _UNUSUAL:
            self.unusual = True
        else:
            self.kept.append((known, value.decode("utf-8", "surrogateescape")))


def may_begin(data: bytes) -> bool:
    """Whether *data* may be the beginning of a request, as far as its first byte and the end of its first line tell."""
    line_end = data.find(b"\n")
    return (data[:1].isalpha() or data[:1] in (b"\r", b"\n")) and (line_end <= 0 or data[line_end - 1] == 0x0D)


def read_head(block: bytes) -> Head | None:
    """The call that *block*, which ends with an empty line, is the head of; None if it is anything else.

    A Head means: one of our calls, valid HTTP/1.1, one Host, one Content-Length, no transfer coding, and nothing
    that asks for more than an answer.
    """
    line = _LINES.get(block[: block.find(b"\r\n")])
    if line is None:
        return None
    found = _Collector()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(block)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if found.unusual or found.hosts != 1 or len(found.lengths) != 1 or not found.lengths[0].isdigit():
        return None
    return Head(*line, tuple(found.kept), int(found.lengths[0]), parser.should_keep_alive())


class ResponseHeads:
    """Writes heads; remembers the Date line of the second it was asked for last."""

    def __init__(self) -> None:
        self._date_s = -1
        self._date = ""

    def head(self, status: int, headers: Headers, request_id: str, *, at_ms: int, closing: bool, end: str) -> bytes:
        """The bytes up to the body; *end* is the header line that says how the body is framed.

        Raises:
            ValueError: a header holds a line break.
        """
        at_s = at_ms // 1000
        if at_s != self._date_s:
            self._date_s, self._date = at_s, f"date: {formatdate(at_s, usegmt=True)}\r\n"
        named = dict(headers)  # of two with one name the last counts
        lines = "".join([f"{name}: {value}\r\n" for name, value in named.items()])
        if lines.count("\n") != len(named) or lines.count("\r") != len(named):
            raise ValueError("a header of the answer holds a line break")
        first = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
        close = "connection: close\r\n" if closing else ""
        ids = f"x-request-id: {request_id}\r\nrequest-id: {request_id}\r\n"
        return f"{first}{lines}{ids}{self._date}{close}{end}\r\n\r\n".encode()

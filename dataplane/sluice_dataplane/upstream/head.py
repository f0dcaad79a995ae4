"""What of a request does not change from call to call: where it goes, and the bytes before its length.  Pure.

A request's head is made once per (method, path, headers, credential) and remembered; for a known one, sending
costs one join.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.seam import AttemptFailedError

MAX_HEADS: Final = 128  # remembered per upstream; headers that differ with each call must not eat our memory
USER_AGENT: Final = "sluice"

_METHOD: Final = re.compile(r"[A-Z]{1,16}")
_PATH: Final = re.compile(r"(?:/[\x21-\x7e]*)?")
_BLANK: Final = re.compile(r"[\x00-\x20\x7f]")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HOST_NAME: Final = re.compile(r"[0-9A-Za-z_](?:[0-9A-Za-z._-]{0,253})")
# How the message is framed and the connection kept is ours to say; anything else would open a way to smuggle.
_OURS: Final = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an upstream is.  ``authority`` is host and port as the Host header has them."""

    secure: bool
    host: str  # a name in ASCII, or an address without brackets
    port: int
    authority: str
    prefix: str  # of every path; no slash at its end

    @property
    def is_address(self) -> bool:
        """Whether ``host`` is an IP address, so that there is nothing to look up."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def refused(upstream_id: str, why: str) -> AttemptFailedError:
    """The error for a call we would not make."""
    return AttemptFailedError(f"upstream {upstream_id}: {why}", cause="Refused", sent=False)


def place_of(upstream: Upstream) -> Place:
    """Where *upstream*'s base URL points.

    Raises:
        AttemptFailedError: it is no http(s) URL of scheme, host, port and path alone.
    """
    if _BLANK.search(upstream.base_url):  # urlsplit would drop some of these without a word
        raise refused(upstream.id, "its base URL holds a blank or a control character")
    try:
        url = urlsplit(upstream.base_url)
        host, port = url.hostname or "", url.port
        if not host.isascii():
            host = host.encode("idna").decode()
    except ValueError:  # the port is no number, a bracket is missing, the name is too long
        raise refused(upstream.id, "its base URL cannot be read") from None
    if url.scheme not in ("http", "https") or not (_HOST_NAME.fullmatch(host) or ":" in host):
        raise refused(upstream.id, "its base URL needs http:// or https:// and a host")
    if "@" in url.netloc or url.query or url.fragment or "?" in upstream.base_url or "#" in upstream.base_url:
        raise refused(upstream.id, "its base URL may not hold credentials, a query or a fragment")
    prefix = url.path.rstrip("/")
    if not _PATH.fullmatch(prefix):
        raise refused(upstream.id, "its base URL's path holds a character that must be percent-encoded")
    secure = url.scheme == "https"
    usual = 443 if secure else 80
    bracketed = f"[{host}]" if ":" in host else host
    port = usual if port is None else port
    authority = bracketed if port == usual else f"{bracketed}:{port}"
    return Place(secure, host, port, authority, prefix)


class Heads:
    """The heads of one upstream's requests."""

    def __init__(self, upstream: Upstream, place: Place) -> None:
        self._upstream = upstream
        self._place = place
        # A signature is another with each call: remembering it would only keep it.
        self._differ = upstream.identity is not None and upstream.identity.kind == "AWS"
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...], str | None], bytes] = {}

    def head(self, request: UpstreamRequest, credential: str | None) -> bytes:
        """The bytes of *request* up to the value of ``content-length``.

        Raises:
            AttemptFailedError: a part of it may not be sent as it is; the message says which, never its value.
        """
        key = (request.method, request.path, request.headers, credential)
        try:
            return self._heads[key]
        except KeyError:
            pass
        made = self._make(request, credential)
        if self._differ:
            return made
        if len(self._heads) >= MAX_HEADS:
            del self._heads[next(iter(self._heads))]
        self._heads[key] = made
        return made

    def _make(self, request: UpstreamRequest, credential: str | None) -> bytes:
        target = self._place.prefix + request.path
        if not _METHOD.fullmatch(request.method) or not target or not _PATH.fullmatch(target):
            raise refused(self._upstream.id, "the method or path cannot be sent")
        headers = {"host": self._place.authority, "accept-encoding": "identity", **self._fixed(credential)}
        for name, value in request.headers:
            self._check(name, value)
            headers.setdefault(name.lower(), value)
        headers.setdefault("user-agent", USER_AGENT)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{request.method} {target} HTTP/1.1\r\n{lines}content-length: ".encode("latin-1")

    def _fixed(self, credential: str | None) -> dict[str, str]:
        """The upstream's own headers; a request's headers of the same names give way to them."""
        upstream = self._upstream
        fixed: dict[str, str] = {}
        for name, value in upstream.headers.items():
            self._check(name, value)
            fixed[name.lower()] = value
        if upstream.auth_header is not None:
            if not credential:
                raise refused(upstream.id, "it needs a credential and there is none")
            value = upstream.auth_prefix + credential
            self._check(upstream.auth_header, value)
            fixed[upstream.auth_header.lower()] = value
        return fixed

    def _check(self, name: str, value: str) -> None:
        if not _NAME.fullmatch(name):
            raise refused(self._upstream.id, "a header's name is not allowed")
        if name.lower() in _OURS:
            raise refused(self._upstream.id, f"the header {name.lower()} is the gateway's own")
        if not _VALUE.fullmatch(value):
            raise refused(self._upstream.id, f"the value of the header {name.lower()} holds a forbidden character")

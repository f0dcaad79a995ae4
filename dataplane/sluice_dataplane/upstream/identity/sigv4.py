"""AWS's signature of a request, version 4.  Pure: the time is given; knows no service but by its name.

Sources: AWS's "Create a signed AWS API request", and its test suite for the signature.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from posixpath import normpath
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from sluice_dataplane.exchange import Headers
from sluice_dataplane.upstream.identity.grants import SigningKeys

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-._~"
# Besides Amazon's own.  What else is sent may be changed on its way, and is not signed.
_SIGNED: Final = ("content-type", "host")


class Scope(msgspec.Struct, frozen=True):
    """What a signature is good for: a service in a region, as in ``bedrock`` in ``us-east-1``."""

    region: str
    service: str


class Call(msgspec.Struct, frozen=True):
    """A request as it is sent: ``target`` is its path and query, percent-encoded once; ``host`` has no usual port.

    ``headers`` have names in lower case; a ``host`` or a signature among them is not looked at.
    """

    method: str
    host: str
    target: str
    headers: Headers
    body: bytes


def sign(call: Call, keys: SigningKeys, scope: Scope, *, at_ms: int) -> Headers:
    """The headers that *call* needs besides its own to be *keys*' at *at_ms*, milliseconds since 1970.

    They hold for a quarter of an hour, for these bytes only.
    """
    time = datetime.fromtimestamp(at_ms // 1000, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    added: Headers = (("x-amz-date", time),)
    if keys.session_token:
        added = (*added, ("x-amz-security-token", keys.session_token))
    headers = _signed_headers(call, added)
    names = ";".join(headers)
    request = "\n".join(
        (
            call.method,
            canonical_path(call.target.partition("?")[0]),
            canonical_query(call.target.partition("?")[2]),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            names,
            hashlib.sha256(call.body).hexdigest(),
        )
    )
    day = f"{time[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = f"{_ALGORITHM}\n{time}\n{day}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = _hmac(_day_key(keys, scope, time[:8]), text).hex()
    credential = f"{_ALGORITHM} Credential={keys.access_key_id}/{day}, SignedHeaders={names}, Signature={signature}"
    return (*added, ("authorization", credential))


def canonical_path(path: str) -> str:
    """*path* as every service but S3 signs it: dots and double slashes resolved, percent-encoded once more."""
    resolved = normpath("/" + path.lstrip("/"))
    if path.endswith("/") and resolved != "/":
        resolved += "/"
    return quote(resolved, safe="/" + _UNRESERVED)


def canonical_query(query: str) -> str:
    """*query*, without its question mark, as it is signed: sorted, every name with a value, all of it encoded once."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote(text, errors="surrogateescape"), safe=_UNRESERVED, errors="surrogateescape")


def _signed_headers(call: Call, added: Headers) -> dict[str, str]:
    """By name, in order; a header that comes several times has its values joined."""
    own = ("host", *(name for name, _ in added))
    values: dict[str, list[str]] = {"host": [call.host]}
    for name, value in (*(header for header in call.headers if header[0] not in own), *added):
        if name in _SIGNED or name.startswith("x-amz-"):
            values.setdefault(name, []).append(" ".join(value.split()))
    return {name: ",".join(values[name]) for name in sorted(values)}


def _day_key(keys: SigningKeys, scope: Scope, day: str) -> bytes:
    key = ("AWS4" + keys.secret_access_key).encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")

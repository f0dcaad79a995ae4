"""Where an account may point, where not without a word, and which headers it may fix."""

from typing import Annotated, Final

from pydantic import Field

from sluice_operator.resources.base import Rule

# What we set ourselves, what belongs to one connection, and what carries a credential (those live in Secrets).
RESERVED_HEADERS: Final = (
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-auth-token",
    "x-goog-api-key",
)
# Hosts that name this machine, this network or a cloud's metadata; anything that is no plain address but that some
# resolver reads as one (127.1, 2130706433, 0x7f000001); IPv6 outside the public 2000::/3.  Names that merely resolve
# to such an address are refused by the data plane when it connects.
INWARD_URL: Final = (
    r"(?i)^https://("
    r"([^/:]*\.)?localhost|metadata|metadata\.google\.internal"
    r"|[0-9]+|([0-9]+\.){1,2}[0-9]+|([^/:]*\.)?0x[0-9a-f]*"
    r"|(0|10|127)\.[0-9.]+|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.[0-9.]+|169\.254\.[0-9.]+"
    r"|172\.(1[6-9]|2[0-9]|3[01])\.[0-9.]+|192\.168\.[0-9.]+"
    r"|\[([^23][^/]*|[23][0-9a-f]{0,2}:[^/]*|2002:[^/]*)\]"
    r")\.?(:[0-9]+)?(/|$)"
)

_URL: Final = (
    r"^https?://([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?"
    r"(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?$"
)
WebURL = Annotated[str, Field(pattern=_URL, max_length=512)]
HeaderValue = Annotated[str, Field(pattern="^[ -~]+$", max_length=1024)]
Headers = Annotated[
    dict[str, HeaderValue],
    Field(max_length=16),
    Rule(
        cel="self.all(k, size(k) <= 128 && k.matches('^[A-Za-z0-9-]+$'))",
        message="a header's name is made of letters, digits and -",
        holds=lambda headers: all(len(k) <= 128 and k.replace("-", "a").isalnum() and k.isascii() for k in headers),
    ),
    Rule(
        cel=f"self.all(k, !(k.lowerAscii() in {list(RESERVED_HEADERS)}))",
        message="a header that carries a credential or that the gateway sets itself cannot be fixed here",
        holds=lambda headers: not any(k.lower() in RESERVED_HEADERS for k in headers),
    ),
]

"""Anthropic's wire: errors, ours as its clients read them and its own as they come.

Source: the page on errors (types by status; ``event: error`` in a stream).
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.values import UNREADABLE, members, said
from sluice_dataplane.errors import GatewayError
from sluice_dataplane.errors import error_body as common_body

TYPES: Final = frozenset(
    (
        *("invalid_request_error", "authentication_error", "permission_error", "not_found_error", "rate_limit_error"),
        *("request_too_large", "timeout_error", "overloaded_error", "api_error", "billing_error"),
    )
)
_BY_STATUS: Final = {413: "request_too_large", 429: "rate_limit_error", 503: "overloaded_error", 504: "timeout_error"}


class _Fields(msgspec.Struct, gc=False):
    message: Any = None
    type: Any = None
    code: Any = None


class _Error(msgspec.Struct, gc=False):
    error: _Fields | str | None = None
    message: Any = None


_error: Final = msgspec.json.Decoder(_Error | list[_Error])


def error_body(error: GatewayError, request_id: str) -> bytes:
    """The form that OpenAI's and Anthropic's SDKs both read, with one of Anthropic's types."""
    kind = _BY_STATUS.get(error.status, error.type)
    if kind == error.type:
        return common_body(error, request_id)
    shown = GatewayError(error.message, code=error.code, param=error.param)
    shown.type = kind
    return common_body(shown, request_id)


def error_event(body: bytes) -> bytes:
    """The event that ends a stream which broke; *body* is an error."""
    return b"event: error\ndata: " + body + b"\n\n"


def is_error(body: bytes) -> bool:
    """Whether *body* is a JSON object with an ``error`` that says something."""
    try:
        return said(members.decode(body).get("error"))
    except UNREADABLE:
        return False


def read_error(body: bytes) -> str:
    """What an error says to people; "" where *body* is none.  Bedrock says it without ``error``, Vertex in a list."""
    try:
        found = _error.decode(body)
    except UNREADABLE:
        return ""
    if isinstance(found, list):
        if not found:
            return ""
        found = found[0]
    words: object
    if found.error is None:
        words = found.message
    else:
        words = found.error if isinstance(found.error, str) else found.error.message
    return words if isinstance(words, str) else ""

"""Gemini's wire: errors, as Google's clients read them and its servers write them.

Source: Google's API design guide (``google.rpc.Status`` with ``ErrorInfo`` and ``RetryInfo``).  A stream that is an
array has its error in a list of one; so has, now and then, what is no stream.
"""

import re
from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.values import UNREADABLE
from sluice_dataplane.errors import GatewayError

_TYPE: Final = "type.googleapis.com/google.rpc."
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# What an error in mid-stream is, which is known by its type alone: see :class:`..events.Failed`.
_OF_TYPES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 503,
    "timeout_error": 504,
}
_TYPES: Final = {code: name for name, code in _OF_TYPES.items()}
_SECONDS: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


class _Envelope(msgspec.Struct, gc=False):
    error: Any = None


_envelope: Final = msgspec.json.Decoder(_Envelope | list[_Envelope])


def error_body(error: GatewayError, request_id: str) -> bytes:
    """*error* as Google's clients read it; ``reason`` is our code, a wait is told in ``RetryInfo``."""
    metadata = {"requestId": request_id} | ({"param": error.param} if error.param else {})
    info = {"@type": f"{_TYPE}ErrorInfo", "reason": error.code, "domain": "sluice.dev", "metadata": metadata}
    details: list[dict[str, Any]] = [info]
    wait = dict(error.headers).get("retry-after", "")
    if wait.isdecimal():
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{wait}s"})
    fields = {"code": error.status, "message": error.message, "status": _status(error.status), "details": details}
    return msgspec.json.encode({"error": fields})


def failure_body(message: str, kind: str, code: str) -> bytes:
    """A failure in mid-stream of another wire's provider, whose *kind* is one of the types of errors."""
    number = _OF_TYPES.get(kind, 500)
    info = {"@type": f"{_TYPE}ErrorInfo", "reason": code or kind, "domain": "sluice.dev"}
    return msgspec.json.encode(
        {"error": {"code": number, "message": message, "status": _status(number), "details": [info]}}
    )


def fault_of(body: bytes) -> dict[str, Any] | None:
    """The error's own fields; None where *body* is no error of this wire."""
    try:
        found = _envelope.decode(body)
    except UNREADABLE:
        return None
    one = found[0] if isinstance(found, list) and found else found
    return one.error if isinstance(one, _Envelope) and isinstance(one.error, dict) and one.error else None


def is_error(body: bytes) -> bool:
    """Whether *body* is an error in this wire's form."""
    return fault_of(body) is not None


def message_of(fault: dict[str, Any]) -> str:
    """What it says to people."""
    message = fault.get("message")
    return message if isinstance(message, str) else ""


def type_of(fault: dict[str, Any]) -> str:
    """Its type in the words that all wires share."""
    code = fault.get("code")
    return _TYPES.get(code, "api_error") if isinstance(code, int) else "api_error"


def retry_delay_s(body: bytes) -> float | None:
    """How many seconds to wait before another try, where the error says so: Google has no header for it."""
    details = (fault_of(body) or {}).get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        found = _SECONDS.fullmatch(delay) if isinstance(delay, str) else None
        if found is not None:
            return float(found[1])
    return None


def _status(code: int) -> str:
    return _STATUSES.get(code, "INTERNAL" if code >= 500 else "FAILED_PRECONDITION")

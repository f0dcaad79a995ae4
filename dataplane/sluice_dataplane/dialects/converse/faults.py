"""Converse: what a failure says, as the body of an answer or as an event of a stream.  Pure.

Source: the API reference (errors of ``Converse`` and ``ConverseStream``); AWS's page on troubleshooting signatures.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.events import Failed

# AWS repeats what was signed where a signature is wrong, a session's token included.
_CONFIDENTIAL: Final = ("canonical string", "string-to-sign")
_TYPES: Final = {
    "throttlingexception": "rate_limit_error",
    "modelnotreadyexception": "overloaded_error",
    "serviceunavailableexception": "overloaded_error",
    "validationexception": "invalid_request_error",
    "accessdeniedexception": "permission_error",
    "resourcenotfoundexception": "not_found_error",
    "modeltimeoutexception": "timeout_error",
}
_UNSAID: Final = "The provider broke off its answer."


class _Body(msgspec.Struct, gc=False):
    message: str | None = None
    Message: str | None = None
    output: msgspec.Raw | None = None


_body: Final = msgspec.json.Decoder(_Body)


def read_error(body: bytes) -> str:
    """What a provider's error says to people; "" where *body* is none.  It never quotes a signature."""
    try:
        read = _body.decode(body)
    except (ValueError, RecursionError):
        return ""
    if read.output is not None:
        return ""
    message = read.message or read.Message or ""
    if any(word in message.lower() for word in _CONFIDENTIAL):
        return message.partition("\n")[0] if "\n" in message else "The signature of the request is wrong."
    return message


def read_failure(event: str, data: bytes | None) -> Failed | None:
    """The failure that a frame called *event* tells of; None where it tells of none."""
    kind, _, name = event.partition(":")
    if kind not in ("exception", "error"):
        return None
    message = read_error(data or b"") or _UNSAID
    return Failed(message=message, type=_TYPES.get(name.lower(), "api_error"), code=name)

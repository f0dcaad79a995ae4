"""Chat completions of a client: what is passed on unread, and what no other API has."""

import msgspec

from sluice_dataplane.dialects.edge import invalid
from sluice_dataplane.dialects.values import said, starts
from sluice_dataplane.errors import InvalidRequestError


def unread_object(value: msgspec.Raw, at: str) -> msgspec.Raw | None:
    """The object *value*, at *at*, that is passed on unread; None where it is not said.

    Raises:
        InvalidRequestError: it is something else, or not in UTF-8, which nobody has checked so far.
    """
    if not said(value):
        return None
    try:
        bytes(value).decode()
    except UnicodeDecodeError:
        raise invalid(at, "is not valid JSON", code="invalid_json") from None
    if not starts(value, b"{"):
        raise invalid(at, "must be an object")
    return value


def beyond_translation(field: str, what: str) -> InvalidRequestError:
    """The error that *what*, at *field*, has no like in any other API: without it the request would be another."""
    message = f"{field}: {what} cannot be translated for the provider of this model."
    return InvalidRequestError(message, code="unsupported_field", param=field)

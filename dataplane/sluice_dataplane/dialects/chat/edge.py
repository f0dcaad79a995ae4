"""A client's JSON as typed values: whatever is wrong with it is told by the field's name, never by another error."""

from typing import TypeVar

import msgspec

from sluice_dataplane.dialects.values import said, starts
from sluice_dataplane.errors import InvalidRequestError

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], value: msgspec.Raw | bytes, at: str) -> T:
    """*value*, which stands at *at* in the body ("": it is the body).

    Raises:
        InvalidRequestError: it is not of the decoder's type; names the field.
    """
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        place = at + path.rstrip("`")
        raise invalid(place.removeprefix(".") or "the body", reason) from None
    except (ValueError, RecursionError):
        raise invalid(at or "the body", "is not valid JSON", code="invalid_json") from None


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


def invalid(field: str, why: str, code: str = "invalid_request") -> InvalidRequestError:
    """The error that *field* is wrong."""
    return InvalidRequestError(f"{field}: {why}.", code=code, param=field)


def beyond_translation(field: str, what: str) -> InvalidRequestError:
    """The error that *what*, at *field*, has no like in any other API: without it the request would be another."""
    message = f"{field}: {what} cannot be translated for the provider of this model."
    return InvalidRequestError(message, code="unsupported_field", param=field)

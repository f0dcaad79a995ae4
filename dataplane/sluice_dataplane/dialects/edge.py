"""A client's JSON as typed values: whatever is wrong with it is told by the field's name, never by another error."""

from typing import TypeVar

import msgspec

from sluice_dataplane.dialects.values import UNREADABLE
from sluice_dataplane.errors import InvalidRequestError

T = TypeVar("T")


def read_fields(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The fields of a whole *body* that the gateway owns.

    Raises:
        InvalidRequestError: it is no JSON object, or one of them is of another type; names the field.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise wrong_type(error) from None
    except UNREADABLE:
        raise no_json() from None


def decode(decoder: msgspec.json.Decoder[T], value: msgspec.Raw | bytes, at: str) -> T:
    """*value*, which stands at *at* in the body ("": it is the body).

    Raises:
        InvalidRequestError: it is not of the decoder's type; names the field.
    """
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        reason, path = _told(error)
        raise invalid((at + path).removeprefix(".") or "the body", reason) from None
    except UNREADABLE:
        raise invalid(at or "the body", "is not valid JSON", code="invalid_json") from None


def wrong_type(error: msgspec.ValidationError, within: str = "") -> InvalidRequestError:
    """What *error*, found in the member called *within* ("": in the body), says to a client."""
    reason, path = _told(error)
    param = (within + path).lstrip(".") or None
    return InvalidRequestError(f"{param or 'the body'}: {reason}", param=param)


def no_json() -> InvalidRequestError:
    """The error that a body cannot be read at all."""
    return InvalidRequestError("The body is not valid JSON.", code="invalid_json")


def no_model() -> InvalidRequestError:
    """The error that a body does not say which model is asked."""
    return InvalidRequestError("model: name the model to use.", code="missing_model", param="model")


def invalid(field: str, why: str, code: str = "invalid_request") -> InvalidRequestError:
    """The error that *field* is wrong."""
    return InvalidRequestError(f"{field}: {why}.", code=code, param=field)


def _told(error: msgspec.ValidationError) -> tuple[str, str]:
    """What is wrong, and where: as ``.tools[0].name``, "" for all of it."""
    reason, _, path = str(error).partition(" - at `$")
    return reason, path.rstrip("`")

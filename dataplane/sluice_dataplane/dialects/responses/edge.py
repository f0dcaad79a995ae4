"""A client's JSON as typed values: whatever is wrong with it is told by the field's name, never by another error."""

from typing import TypeVar

import msgspec

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
        raise invalid((at + path.rstrip("`")).removeprefix(".") or "the body", reason) from None
    except (ValueError, RecursionError):
        raise InvalidRequestError(f"{at or 'the body'}: is not valid JSON.", code="invalid_json", param=at) from None


def invalid(field: str, why: str) -> InvalidRequestError:
    """The error that *field* is wrong."""
    return InvalidRequestError(f"{field}: {why}.", param=field)


def untranslatable(field: str, what: str) -> InvalidRequestError:
    """The error that *what*, at *field*, has no like in any other API: without it the request would be another."""
    message = f"{field}: {what}; the provider of this model speaks another API and cannot have it."
    return InvalidRequestError(message, code="unsupported_field", param=field)

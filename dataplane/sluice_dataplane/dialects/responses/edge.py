"""Requests of a Responses client: what no other API has."""

from sluice_dataplane.errors import InvalidRequestError


def untranslatable(field: str, what: str) -> InvalidRequestError:
    """The error that *what*, at *field*, has no like in any other API: without it the request would be another."""
    message = f"{field}: {what}; the provider of this model speaks another API and cannot have it."
    return InvalidRequestError(message, code="unsupported_field", param=field)

"""Anthropic's wire: errors."""

import json

import pytest

from sluice_dataplane.dialects.messages.errors import TYPES, error_body, error_event, is_error, read_error
from sluice_dataplane.errors import (
    BodyTooLargeError,
    BudgetExhaustedError,
    GatewayError,
    InvalidKeyError,
    InvalidRequestError,
    RateLimitedError,
    UnavailableError,
    UnknownModelError,
    UpstreamFailedError,
    UpstreamTimeoutError,
)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequestError("x"), "invalid_request_error"),
        (InvalidKeyError("x"), "authentication_error"),
        (UnknownModelError("x"), "not_found_error"),
        (BodyTooLargeError("x"), "request_too_large"),
        (RateLimitedError("x"), "rate_limit_error"),
        (BudgetExhaustedError("x"), "rate_limit_error"),
        (UpstreamFailedError("x"), "api_error"),
        (UnavailableError("x"), "overloaded_error"),
        (UpstreamTimeoutError("x"), "timeout_error"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_error_has_one_of_anthropic_s_types(error: GatewayError, kind: str) -> None:
    """Its own code stays beside it."""
    told = json.loads(error_body(error, "req_1"))

    assert kind in TYPES
    assert (told["type"], told["error"]["type"], told["error"]["code"]) == ("error", kind, error.code)
    assert told["request_id"] == "req_1"


def test_the_event_of_an_error_has_its_name() -> None:
    """Anthropic's SDKs drop what has no ``event:`` line."""
    assert error_event(b"{}") == b"event: error\ndata: {}\n\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', "busy"),
        (b'[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]', "bad"),
        (b'{"message":"too many"}', "too many"),
        (b'{"error":"plain"}', "plain"),
        (b'{"error":{"message":7}}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b'{"error":' + b"[" * 100_000, ""),
    ],
    ids=range(8),
)
def test_what_an_error_says_to_people(body: bytes, words: str) -> None:
    """In the forms of Anthropic, Vertex AI and Bedrock; nothing of what is none of them."""
    assert read_error(body) == words


def test_only_an_object_with_an_error_is_passed_on_as_one() -> None:
    """HTML and answers are not."""
    assert is_error(b'{"type":"error","error":{"type":"x","message":"y"}}')
    assert not any(map(is_error, (b"<html>", b"{}", b'{"error":null}', b"[]", b"[" * 100_000)))

"""Converse: what a failure says to people, and what it never says."""

import pytest

from sluice_dataplane.dialects.converse.faults import read_error, read_failure
from sluice_dataplane.dialects.events import Failed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message":"The model is gone."}', "The model is gone."),
        (b'{"Message":"User is not authorized."}', "User is not authorized."),
        (b'{"message":null}', ""),
        (b'{"message":5}', ""),
        (b'{"message":"x","output":{}}', ""),
        (b"<html>", ""),
        (b"", ""),
        (b"[]", ""),
    ],
)
def test_an_error_says_its_message(body: bytes, expected: str) -> None:
    """AWS spells the member both ways; what is no error says nothing."""
    assert read_error(body) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It does not match.\\n\\nThe Canonical String for this request should have been\\n'POST\\ntoken:SECRET'",
        "The String-to-Sign should have been 'SECRET'",
    ],
)
def test_what_was_signed_is_never_repeated(text: str) -> None:
    """AWS explains a wrong signature with all that was signed, a session's token included."""
    said = read_error(f'{{"message":"{text}"}}'.encode())

    assert said
    assert "SECRET" not in said


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("exception:throttlingException", "rate_limit_error"),
        ("exception:ThrottlingException", "rate_limit_error"),
        ("exception:serviceUnavailableException", "overloaded_error"),
        ("exception:validationException", "invalid_request_error"),
        ("exception:modelTimeoutException", "timeout_error"),
        ("exception:modelStreamErrorException", "api_error"),
        ("exception:internalServerException", "api_error"),
        ("error:anything", "api_error"),
    ],
)
def test_exceptions_of_a_stream_are_failures(event: str, kind: str) -> None:
    """Each by its kind, with the provider's words and its name for it."""
    name = event.partition(":")[2]

    assert read_failure(event, b'{"message":"no"}') == Failed(message="no", type=kind, code=name)


def test_a_failure_always_says_something() -> None:
    """Also where the provider does not."""
    failed = read_failure("exception:x", None)

    assert failed is not None
    assert failed.message


@pytest.mark.parametrize("event", ["", "messageStop", "contentBlockDelta"])
def test_other_events_are_no_failures(event: str) -> None:
    """What is said in an answer is no failure, even if it looks like one."""
    assert read_failure(event, b'{"message":"no"}') is None

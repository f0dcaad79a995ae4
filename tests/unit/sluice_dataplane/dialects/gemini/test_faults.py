"""Gemini's errors: as Google's clients read them, and its servers write them."""

import json

import pytest

from sluice_dataplane.dialects.gemini import faults
from sluice_dataplane.dialects.gemini.wire import GEMINI
from sluice_dataplane.errors import InvalidRequestError, RateLimitedError, UpstreamFailedError


def test_an_error_has_googles_form() -> None:
    """With our own code as its reason, and the field it is about."""
    error = json.loads(GEMINI.error_body(InvalidRequestError("No.", code="odd", param="contents"), "req_1"))["error"]

    assert (error["code"], error["status"], error["message"]) == (400, "INVALID_ARGUMENT", "No.")
    assert error["details"][0]["reason"] == "odd"
    assert error["details"][0]["metadata"] == {"requestId": "req_1", "param": "contents"}


def test_a_wait_is_told_in_the_body_too() -> None:
    """Google's clients look for it there; so do we."""
    body = GEMINI.error_body(RateLimitedError("Wait.", headers=(("retry-after", "12"),)), "r")

    assert faults.retry_delay_s(body) == 12
    assert json.loads(body)["error"]["status"] == "RESOURCE_EXHAUSTED"


def test_a_stream_that_breaks_ends_with_an_error() -> None:
    """As an event of its own, which no client takes for an answer."""
    event = GEMINI.error_event(GEMINI.error_body(UpstreamFailedError("Broken."), "r"))

    assert event.startswith(b'data: {"error":{"code":502')
    assert event.endswith(b"}\n\n")


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"code":429,"message":"m","details":[{"retryDelay":"1.5s"}]}}',
        b'[{"error":{"code":429,"message":"m","details":[1,{"retryDelay":"1.5s"}]}}]',
    ],
)
def test_googles_errors_are_known_also_in_a_list(body: bytes) -> None:
    """It sends both."""
    fault = faults.fault_of(body)

    assert GEMINI.is_error(body)
    assert fault is not None
    assert (faults.message_of(fault), faults.type_of(fault)) == ("m", "rate_limit_error")
    assert faults.retry_delay_s(body) == 1.5


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b'{"error":null}', b'{"error":"x"}', b"[1]", b"[" * 100_000])
def test_other_bodies_are_no_errors(body: bytes) -> None:
    """Nor do they say how long to wait."""
    assert not GEMINI.is_error(body)
    assert faults.retry_delay_s(body) is None


def test_a_failure_of_another_wire_has_a_code_of_google() -> None:
    """By the type that all wires share."""
    error = json.loads(faults.failure_body("Full.", "overloaded_error", ""))["error"]

    assert (error["code"], error["status"]) == (503, "UNAVAILABLE")
    assert json.loads(faults.failure_body("?", "new", "c"))["error"]["status"] == "INTERNAL"

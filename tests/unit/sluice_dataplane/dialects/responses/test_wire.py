"""The Responses API, passed on: headers, plain answers, errors."""

import json

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.responses.wire import RESPONSES
from sluice_dataplane.errors import UpstreamFailedError
from sluice_dataplane.exchange import Reported


def test_a_plain_answer_reports_its_usage() -> None:
    """With the tier that served it."""
    body = b'{"error":null,"output":[],"service_tier":"flex","usage":{"input_tokens":3,"output_tokens":4}}'

    assert RESPONSES.read_usage(body) == Reported(TokenUsage(input=3, output=4), "flex")


def test_a_plain_answer_without_usage_is_an_answer() -> None:
    """Its use is estimated."""
    assert RESPONSES.read_usage(b'{"object":"response","status":"queued","usage":null}') is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"error":{"message":"no"}}',
        b'{"x":' + b"[" * 100_000,
        b'{"service_tier":"\xff"}',
    ],
)
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    """An error with a status of success, or no JSON object at all: nobody is charged for it."""
    with pytest.raises(ValueError):
        RESPONSES.read_usage(body)


def test_what_failed_after_it_was_used_is_charged() -> None:
    """The provider bills a response that failed half-way."""
    body = b'{"status":"failed","error":{"code":"server_error","message":"m"},"usage":{"input_tokens":3}}'

    assert RESPONSES.read_usage(body) == Reported(TokenUsage(input=3))


def test_half_an_answer_is_the_beginning_of_one() -> None:
    """Then the provider has done its work, and charges."""
    assert RESPONSES.begins_answer(b'{"id":"resp_1","output":[{"typ')
    assert not RESPONSES.begins_answer(b"<html>")


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'{"error":{"message":"m"}}', True), (b'{"error":null}', False), (b"no", False), (b"[" * 100_000, False)],
)
def test_an_error_in_this_form_is_known(body: bytes, expected: bool) -> None:
    """It can be passed on as it is."""
    assert RESPONSES.is_error(body) is expected


def test_headers_that_name_an_account_do_not_pass() -> None:
    """Which account pays is the gateway's to say; what names a conversation or a beta is the client's."""
    client = (
        ("authorization", "Bearer sk-x"),
        ("openai-organization", "org"),
        ("openai-beta", "responses=v2"),
        ("session-id", "s"),
        ("x-codex-turn-state", "t"),
        ("cookie", "c"),
    )

    assert RESPONSES.request_headers(client, ()) == (
        ("content-type", "application/json"),
        ("openai-beta", "responses=v2"),
        ("session-id", "s"),
        ("x-codex-turn-state", "t"),
    )


def test_the_error_event_has_the_form_of_the_api() -> None:
    """Flat fields, as the reference has them, and ``error``, which makes SDKs raise."""
    event = RESPONSES.error_event(RESPONSES.error_body(UpstreamFailedError("It broke."), "req_1"))

    first, second, *rest = event.split(b"\n")
    assert (first, rest) == (b"event: error", [b"", b""])
    fields = json.loads(second.removeprefix(b"data: "))
    assert fields == {
        "type": "error",
        "sequence_number": 0,
        "code": "upstream_error",
        "message": "It broke.",
        "param": None,
        "error": {"type": "api_error", "code": "upstream_error", "message": "It broke.", "param": None},
    }


def test_event_lines_stay_in_a_stream() -> None:
    """Clients that go by the event's name find it."""
    stream = b'event: response.created\ndata: {"type":"response.created"}\n\n'

    assert [frame.raw for frame in RESPONSES.framer().feed(stream)] == [stream]

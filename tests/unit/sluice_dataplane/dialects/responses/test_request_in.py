"""The Responses API: a request, read."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Reasoning, Request
from sluice_dataplane.dialects.responses.fields import read_ask
from sluice_dataplane.dialects.responses.request_in import read_request
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask


def request_of(**fields: Any) -> Request:
    """The request that a body with *fields* is."""
    body = json.dumps({"model": "m", "input": "a", **fields}).encode()
    return read_request(body, read_ask(body))


def test_what_is_repeated_has_no_white_space_of_the_client_s() -> None:
    """A line end in it would break the events of the stream that repeats it; the rest stays as it was spelt."""
    body = (
        b'{"model":"m","input":"a","metadata":{\n  "k": "v"\n },"temperature": 1.0e0,\n'
        b'"tools":[ {"type":"web_search"} ]}'
    )

    echo = read_request(body, read_ask(body)).echo

    assert {name: bytes(value) for name, value in echo.items()} == {
        "metadata": b'{"k":"v"}',
        "temperature": b"1.0e0",
        "tools": b'[{"type":"web_search"}]',
    }


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_what_the_provider_keeps_is_never_dropped(name: str) -> None:
    """Without it the request would be another; also where fields may be dropped."""
    with pytest.raises(InvalidRequestError) as refused:
        request_of(**{name: "x"})

    assert (refused.value.code, refused.value.param) == ("unsupported_field", name)
    assert request_of(**{name: None}).beyond == ()


def test_fields_nobody_else_has_are_named() -> None:
    """So that they are refused, or dropped by who may; those that change nothing are not."""
    found = request_of(
        access_programs={"cyber": "standard"},
        client_metadata={"a": "b"},
        store=True,
        truncation="auto",
        x_vendor=1,
        x_nothing=None,
    )

    assert found.beyond == ("access_programs", "x_vendor", "truncation")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, None),
        ({}, None),
        ({"effort": None, "summary": None}, None),
        ({"effort": "xhigh"}, Reasoning(effort="xhigh")),
        ({"effort": "none"}, Reasoning(enabled=False, effort="none")),
        ({"generate_summary": "concise"}, Reasoning(shown=True, summary="concise")),
        ({"effort": "low", "summary": "none"}, Reasoning(effort="low")),
    ],
)
def test_how_much_is_to_be_thought(asked: object, expected: Reasoning | None) -> None:
    """Efforts and summaries in every spelling that clients have."""
    assert request_of(reasoning=asked).reasoning == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": 7}, "text"),
        ({"reasoning": {"effort": 7}}, "reasoning.effort"),
        ({"temperature": "hot"}, "temperature"),
        ({"metadata": {"a": 1}}, "metadata[...]"),
        ({"include": "all"}, "include"),
        ({"instructions": ["a"]}, "instructions"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    """By its place in the body."""
    with pytest.raises(InvalidRequestError) as refused:
        request_of(**fields)

    assert refused.value.param == param


def test_a_body_that_is_no_text_is_refused() -> None:
    """Also where nobody reads the place: it would be repeated, and written into another body."""
    with pytest.raises(InvalidRequestError) as refused:
        read_request(b'{"model":"m","input":"a","tools":[{"type":"custom","name":"a","x":"\xff"}]}', Ask("m"))

    assert refused.value.code == "invalid_json"


def test_chances_of_tokens_are_asked_for_in_two_ways() -> None:
    """By ``include``, and by how many are wanted."""
    assert request_of(include=["message.output_text.logprobs"]).logprobs
    assert request_of(top_logprobs=2).logprobs
    assert not request_of(top_logprobs=0).logprobs

"""A client's whole request: names, what is passed over, and what nothing can hold."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.chat.request_in import read_request
from sluice_dataplane.dialects.conversation import Reasoning, Request
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask


def read(ask: Ask = Ask(model="m"), **fields: Any) -> Request:  # noqa: B008 - frozen
    """The request of one short message and *fields*."""
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], **fields}
    return read_request(json.dumps(body).encode(), ask)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_ceiling_has_the_name_the_client_gave_it(name: str) -> None:
    """Errors about the ceiling speak of the field that is in the body."""
    request = read(Ask(model="m", max_output_tokens=5), **{name: 5})

    assert (request.ceiling, request.names["ceiling"]) == (5, name)


def test_usage_is_wanted_by_who_does_not_stream() -> None:
    """A plain answer has its usage; a stream only for who asked."""
    assert read().usage_wanted
    assert not read(Ask(model="m", stream=True)).usage_wanted
    assert read(Ask(model="m", stream=True, usage_wanted=True)).usage_wanted


@pytest.mark.parametrize(
    ("fields", "reasoning", "name"),
    [
        ({"reasoning_effort": "none"}, Reasoning(enabled=False, effort="none"), "reasoning_effort"),
        ({"reasoning_effort": "high"}, Reasoning(effort="high"), "reasoning_effort"),
        ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False), "thinking"),
        ({"thinking": {"type": "adaptive"}}, Reasoning(adaptive=True), "thinking"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(budget=2000), "thinking"),
        ({"reasoning": {"enabled": False}}, Reasoning(enabled=False), "reasoning"),
        ({"reasoning": {"max_tokens": 9, "exclude": False}}, Reasoning(budget=9, shown=True), "reasoning"),
    ],
)
def test_reasoning_in_each_vendors_words(fields: dict[str, Any], reasoning: Reasoning, name: str) -> None:
    """How much to think is understood in each of the fields that say it, and named by it."""
    request = read(**fields)

    assert request.reasoning == reasoning
    assert request.names.get("reasoning", "reasoning") == name
    assert request.beyond == ()


def test_old_names() -> None:
    """A client of functions is told of functions."""
    request = read(functions=[{"name": "f"}], function_call="auto")

    assert (request.names["tools"], request.names["tool_choice"]) == ("functions", "function_call")


@pytest.mark.parametrize("value", [None, False, [], {}, ""])
def test_unknown_fields_that_say_nothing_are_passed_over(value: Any) -> None:
    """A field that asks for nothing is no reason to refuse."""
    assert read(plugins=value).beyond == ()


def test_unknown_fields_are_named() -> None:
    """What might change the answer, and nothing can hold, is named for the one who decides."""
    assert read(min_p=0.1, best_of=2, store=True).beyond == ("min_p", "best_of")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"[]", "the body"),
        (b"{", "the body"),
        (b'{"model":"m"}', "the body"),
        (b'{"messages":[]}', "messages"),
        (b'{"messages":[{"role":"user","content":"a"}],"n":"x"}', "n"),
        (b'{"messages":[{"role":"user","content":"a"}],"reasoning_effort":"huge"}', "reasoning_effort"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, param: str) -> None:
    """An error says which field it is about."""
    with pytest.raises(InvalidRequestError) as caught:
        read_request(body, Ask(model="m"))
    assert caught.value.param == param

"""The Responses API: an answer, as its clients see it."""

import json
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Answer, Choice, Citation, Part, Request, Text, Tool, ToolCall
from sluice_dataplane.dialects.responses.answer_out import annotation, free_input, usage_out, write_answer
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import raw

SHOWN = Shown(id="0a", model="public", created_s=5)

# What the SDKs' type of a response must have, and what they take when it is not said.
USUAL = {
    "object": "response",
    "background": False,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
}


def written(*parts: Part, request: Request | None = None, **fields: Any) -> dict[str, Any]:
    """The response that has *parts*."""
    answer = Answer(id="x", model="", choices=(Choice(parts=parts),), **fields)
    shown: dict[str, Any] = json.loads(write_answer(answer, request or Request(), SHOWN))
    return shown


def test_what_the_client_left_open_is_the_usual() -> None:
    """Every field that the API's answers have is there."""
    response = written(Text(text="a"))

    assert {name: response[name] for name in USUAL} == USUAL
    assert (response["id"], response["model"], response["created_at"]) == ("resp_0a", "public", 5)


def test_what_the_client_asked_for_is_repeated() -> None:
    """As it was spelt; of ``text`` and ``reasoning`` what was left open is the usual."""
    asked: dict[str, Any] = {
        "instructions": "I",
        "tools": [{"type": "function", "name": "f", "x_vendor": 1}],
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "high"},
        "metadata": {"a": "b"},
        "temperature": 0.5,
    }
    response = written(request=Request(echo={name: raw(value) for name, value in asked.items()}))

    assert {name: response[name] for name in ("instructions", "tools", "metadata", "temperature")} == {
        name: asked[name] for name in ("instructions", "tools", "metadata", "temperature")
    }
    assert response["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert response["reasoning"] == {"effort": "high", "summary": None}


def test_usage_adds_up_as_this_api_counts() -> None:
    """Caches and thoughts are parts of the totals."""
    usage = TokenUsage(input=10, output=5, cached_input=4, cache_write=3, reasoning=2)

    assert usage_out(usage) == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }


def test_ids_differ_and_are_the_same_each_time() -> None:
    """No chance in them: they come from the call's id and the place."""
    parts = (Text(text="a"), ToolCall(id="", name="f"), ToolCall(id="", name="f"))
    first, again = written(*parts), written(*parts)

    ids = [item["id"] for item in first["output"]] + [item["call_id"] for item in first["output"][1:]]
    assert len(set(ids)) == 5
    assert first == again


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input":"a\\nb"}', "a\nb"),
        ('{"patch":"a"}', "a"),
        ('{"a":"b","c":"d"}', '{"a":"b","c":"d"}'),
        ('{"a":1}', '{"a":1}'),
        ("*** Begin", "*** Begin"),
        ("", ""),
    ],
)
def test_plain_text_is_taken_out_of_what_it_was_wrapped_in(arguments: str, expected: str) -> None:
    """Other APIs know no tools of plain text; what is no wrapping is left as it is."""
    assert free_input(arguments) == expected
    (item,) = written(
        ToolCall(id="c", name="p", arguments=arguments), request=Request(tools=(Tool(name="p", free=True),))
    )["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", expected)


def test_what_a_text_rests_on_has_a_place_in_it() -> None:
    """All of it, where the provider does not say."""
    assert annotation(Citation(url="u", start=2, end=4), 9)["start_index"] == 2
    assert annotation(Citation(url="u"), 9)["end_index"] == 9
    assert annotation(Citation(document=3, title="t"), 9) == {
        "type": "file_citation",
        "file_id": "document_3",
        "filename": "t",
        "index": 3,
    }

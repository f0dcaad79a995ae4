"""The Responses API: items of the input, as turns."""

import json
from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.conversation import Refusal, Role, Text, Thinking, ToolCall, ToolResult
from sluice_dataplane.dialects.responses.items_in import Reading
from sluice_dataplane.errors import InvalidRequestError

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "r"}


def reading_of(*items: Any) -> tuple[list[tuple[Role, list[type]]], Reading]:
    """The turns of *items*, by the types of their parts, and the reading."""
    reading = Reading()
    turns = reading.read(msgspec.Raw(json.dumps(items).encode()))
    return [(turn.role, [type(part) for part in turn.parts]) for turn in turns], reading


def test_what_the_assistant_did_in_a_row_is_one_turn() -> None:
    """Thoughts, words and calls; also what came as several messages."""
    turns, _ = reading_of(
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs", "summary": []},
        {"role": "assistant", "content": "b"},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "c"}]},
        CALL,
        CALL,
    )

    assert turns == [("user", [Text]), ("assistant", [Thinking, Text, Refusal, ToolCall, ToolCall])]


def test_results_in_a_row_are_one_turn_of_the_user_s() -> None:
    """Words that follow are another; so is a result that comes after them."""
    turns, _ = reading_of(CALL, RESULT, RESULT, {"role": "user", "content": "a"}, RESULT)

    assert turns == [
        ("assistant", [ToolCall]),
        ("user", [ToolResult, ToolResult]),
        ("user", [Text]),
        ("user", [ToolResult]),
    ]


def test_messages_of_the_user_s_and_of_the_system_s_stay_apart() -> None:
    """Nobody's words are put into another's mouth."""
    turns, _ = reading_of(
        {"role": "developer", "content": "a"}, {"role": "system", "content": "b"}, {"role": "user", "content": "c"}
    )

    assert [role for role, _ in turns] == ["developer", "system", "user"]


def test_items_that_mean_nothing_elsewhere_are_named() -> None:
    """Calls that the provider ran, shells, and what comes next year."""
    turns, reading = reading_of({"type": "mcp_call", "id": "m"}, {"role": "user", "content": "a"}, {"type": "new"})

    assert turns == [("user", [Text])]
    assert reading.beyond == ["input[0]", "input[2]"]


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"id": "msg_1"}, "input[0]"),
        ({"type": "item_reference", "id": "msg_1"}, "input[0]"),
        ({"role": "tool", "content": "a"}, "input[0].role"),
        ({"type": "function_call", "call_id": "c", "name": ""}, "input[0].name"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}, "input[0].arguments"),
        ({"type": "function_call_output", "output": "r"}, "input[0].call_id"),
        ({"type": "function_call_output", "call_id": "c", "output": 7}, "input[0].output"),
        (
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "refusal", "refusal": "a"}]},
            "input[0].output[0]",
        ),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_text", "text": 1}]}, "input[0].content[0].text"),
    ],
)
def test_an_item_that_cannot_be_understood_is_named(item: object, param: str) -> None:
    """By its place in the body."""
    with pytest.raises(InvalidRequestError) as refused:
        reading_of(item)

    assert refused.value.param == param

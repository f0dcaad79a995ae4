"""Messages as turns: who speaks, what belongs to which call, and what is refused."""

from typing import Any

import pytest

from sluice_dataplane.dialects.chat.turns_in import Turns
from sluice_dataplane.dialects.conversation import Cache, Part, Text, Thinking, ToolCall, ToolResult, Turn
from sluice_dataplane.dialects.values import raw
from sluice_dataplane.errors import InvalidRequestError


def read(*messages: dict[str, Any]) -> list[Turn]:
    """The turns of *messages*."""
    turns = Turns()
    for number, message in enumerate(messages):
        turns.read(raw(message), f"messages[{number}]")
    return turns.turns


def parts(*messages: dict[str, Any]) -> list[Part]:
    """All parts of *messages*."""
    return [part for turn in read(*messages) for part in turn.parts]


def test_empty_words_of_an_assistant_say_nothing() -> None:
    """An assistant's ``""`` beside calls, and a message of nothing, are no part: other wires refuse empty text."""
    called = {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}

    assert parts(called) == [ToolCall(id="a", name="f", at="messages[0].tool_calls[0]")]
    assert read({"role": "assistant", "content": None}) == []


def test_result_knows_its_call() -> None:
    """A result has the name of its tool, for wires that must say it, and whether its call was of plain text."""
    call = {"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    _, result = parts(
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": "x"}
    )

    assert isinstance(result, ToolResult)
    assert (result.name, result.free) == ("sh", True)


def test_ids_that_are_missing_are_made_and_free() -> None:
    """A call without an id gets one that no other has, the same each time."""
    calls = [{"id": "call_0", "function": {"name": "f"}}, {"function": {"name": "g"}}, {"function": {"name": "h"}}]
    made = [part.id for part in parts({"role": "assistant", "tool_calls": calls}) if isinstance(part, ToolCall)]

    assert made == ["call_0", "call_1", "call_2"]


def test_mark_of_a_message_is_on_its_last_part() -> None:
    """LiteLLM's clients mark the message; the cache ends at its last part."""
    message = {"role": "user", "content": ["a", "b"], "cache_control": {"type": "ephemeral", "ttl": "5m"}}

    assert [part.cache for part in parts(message) if isinstance(part, Text)] == [None, Cache(ttl="5m")]


def test_secret_thought_beside_words() -> None:
    """Where entries have no words, the words stand beside them."""
    details = [{"type": "reasoning.encrypted", "data": "d", "format": "anthropic-claude-v1"}]
    message = {"role": "assistant", "content": "a", "reasoning_content": "Hm.", "reasoning_details": details}
    at = "messages[0]"

    assert parts(message)[:2] == [
        Thinking(text="Hm.", origin="chat", at=f"{at}.reasoning_content"),
        Thinking(redacted="d", origin="messages", at=f"{at}.reasoning_details"),
    ]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "boss", "content": "a"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "system", "content": []}, "messages[0].content"),
        ({"role": "tool", "content": "a"}, "messages[0].tool_call_id"),
        (
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "refusal", "refusal": "x"}]},
            "messages[0].content[0]",
        ),
        ({"role": "assistant", "audio": {"id": "x"}}, "messages[0].audio"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages[0].tool_calls[0].function.name"),
        ({"role": "assistant", "tool_calls": [{"custom": {}}]}, "messages[0].tool_calls[0].custom.name"),
        ({"role": "assistant", "content": 7}, "messages[0].content"),
    ],
)
def test_what_is_wrong_is_named(message: dict[str, Any], param: str) -> None:
    """An error says where in the body it is."""
    with pytest.raises(InvalidRequestError) as caught:
        read(message)
    assert caught.value.param == param

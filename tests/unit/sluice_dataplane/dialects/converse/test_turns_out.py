"""Converse: turns as ``system`` and ``messages``: who speaks, what is given back, what is refused."""

import re
from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.conversation import (
    Audio,
    Cache,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.converse.families import Family
from sluice_dataplane.dialects.converse.turns_out import tool_id, tool_use, write_turns
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError


def _to() -> To:
    return To(model="m", losses=Losses(allowed=True, names={"turns": "messages"}), usual_ceiling=1)


def _user(*parts: Part) -> Turn:
    return Turn(role="user", parts=parts)


def _assistant(*parts: Part) -> Turn:
    return Turn(role="assistant", parts=parts)


def _messages(*turns: Turn, family: Family = "claude") -> Any:
    return write_turns(turns, _to(), family)[1]


HI = _user(Text(text="Hi"))


def test_consecutive_turns_of_one_side_are_one_message() -> None:
    """The API wants sides to alternate; a turn with nothing to say is none."""
    messages = _messages(HI, _assistant(Text(text=" ")), _user(Text(text="there")), _assistant(Text(text="Yes")))

    assert messages == [
        {"role": "user", "content": [{"text": "Hi"}, {"text": "there"}]},
        {"role": "assistant", "content": [{"text": "Yes"}]},
    ]


def test_the_assistant_cannot_speak_first() -> None:
    """A conversation that begins with an answer is refused by the client's name for it."""
    with pytest.raises(InvalidRequestError) as caught:
        _messages(_assistant(Text(text="Yes")), HI)

    assert caught.value.param == "messages"


@pytest.mark.parametrize("turns", [(), (_user(Text(text="")),)])
def test_there_must_be_something_to_answer(turns: tuple[Turn, ...]) -> None:
    """Nothing at all is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        _messages(*turns)

    assert caught.value.param == "messages"


def test_the_system_says_words_only() -> None:
    """A picture in the system's words is refused where it stands."""
    with pytest.raises(InvalidRequestError) as caught:
        _messages(Turn(role="system", parts=(Image(data="AA==", media_type="image/png", at="messages[0].content[1]"),)))

    assert caught.value.param == "messages[0].content[1]"


@pytest.mark.parametrize(
    "part",
    [Image(data="AA==", media_type="image/png", at="p"), Document(text="t", at="p"), Audio(data="", format="", at="p")],
)
def test_answers_hold_words_only(part: Part) -> None:
    """Media in an earlier answer are refused where they stand."""
    with pytest.raises(InvalidRequestError) as caught:
        _messages(HI, _assistant(part))

    assert caught.value.param == "p"


def test_thoughts_of_others_are_not_given_back() -> None:
    """Only what this API's model has signed is sent: not another's thought, not one without its proof."""
    thoughts = (
        Thinking(text="own", signature="s", origin="converse"),
        Thinking(redacted="r", origin="converse"),
        Thinking(text="unsigned", origin="converse"),
        Thinking(text="other", signature="s", origin="messages"),
        Thinking(redacted="r", origin="gemini"),
    )

    assert _messages(HI, _assistant(*thoughts))[1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "own", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "r"}},
    ]


@pytest.mark.parametrize(
    ("family", "point"),
    [
        ("claude", [{"cachePoint": {"type": "default", "ttl": "1h"}}]),
        ("nova", [{"cachePoint": {"type": "default"}}]),
        ("other", []),
    ],
)
def test_caches_are_marked_where_the_model_knows_them(family: Family, point: list[object]) -> None:
    """A model without a cache would refuse the mark; how long is Claude's to know."""
    messages = _messages(_user(Text(text="Hi", cache=Cache(ttl="1h"))), family=family)

    assert messages[0]["content"] == [{"text": "Hi"}, *point]


def test_a_ttl_that_the_api_does_not_know_is_left_to_it() -> None:
    """A mark with another time to live is a mark."""
    messages = _messages(_user(Text(text="Hi", cache=Cache(ttl="7d"))))

    assert messages[0]["content"][1] == {"cachePoint": {"type": "default"}}


def test_a_mark_inside_a_result_stands_after_it() -> None:
    """A result cannot hold a mark."""
    result = ToolResult(call_id="a", parts=(Text(text="x", cache=Cache()),))

    assert _messages(HI, _assistant(ToolCall(id="a", name="t")), _user(result))[2]["content"] == [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "x"}]}},
        {"cachePoint": {"type": "default"}},
    ]


def test_models_that_know_no_status_are_told_none() -> None:
    """That a tool failed is said to Claude and Nova only."""
    result = _user(ToolResult(call_id="a", is_error=True))

    assert _messages(result)[0]["content"][0]["toolResult"]["status"] == "error"
    assert "status" not in _messages(result, family="other")[0]["content"][0]["toolResult"]


def test_a_file_is_never_without_words() -> None:
    """The API refuses a file beside which nothing is said."""
    file = Document(text="t")

    assert {"text": "."} in _messages(_user(file))[0]["content"]
    assert {"text": "."} not in _messages(_user(file, Text(text="Read.")))[0]["content"]


@pytest.mark.parametrize("text", ["tooluse_1", "a.b:c-D", "x" * 64])
def test_ids_that_fit_stay(text: str) -> None:
    """What the API takes is not changed."""
    assert tool_id(text) == text


@pytest.mark.parametrize("text", ["a b", "", "x" * 65, "é" * 100, "a\n"])
def test_ids_that_do_not_fit_become_one_that_does(text: str) -> None:
    """The same for the call and its result, whatever it was."""
    assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", tool_id(text))
    assert tool_id(text) == tool_id(text)


def test_ids_stay_different() -> None:
    """Two ids that differ only in what is replaced do not become one."""
    assert tool_id("a b") != tool_id("a/b")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (ToolCall(id="a", name="t", arguments='{"b": 1.50}'), b'{"b": 1.50}'),
        (ToolCall(id="a", name="t", arguments=" "), b"{}"),
        (ToolCall(id="a", name="t", arguments="[1]"), b'{"input":"[1]"}'),
        (ToolCall(id="a", name="t", arguments='{"b":'), b'{"input":"{\\"b\\":"}'),
        (ToolCall(id="a", name="t", arguments="{}", free=True), b'{"input":"{}"}'),
    ],
)
def test_arguments_are_always_an_object(call: ToolCall, expected: bytes) -> None:
    """An object passes byte for byte; what a model wrote that is none is kept inside one."""
    block: Any = tool_use(call)

    assert msgspec.json.encode(block["toolUse"]["input"]) == expected

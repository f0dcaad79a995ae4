"""Turns as messages that many servers take."""

from typing import Any

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.chat.turns_out import write_turns
from sluice_dataplane.dialects.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError


def turn(role: Role, *parts: Part | str, name: str = "") -> Turn:
    """A turn; a string is text."""
    read = tuple(Text(text=part) if isinstance(part, str) else part for part in parts)
    return Turn(role=role, parts=read, name=name)


def write(*turns: Turn, drop: bool = True, **capabilities: Any) -> list[Any]:
    """The messages."""
    to = To(model="m", losses=Losses(allowed=drop), usual_ceiling=1, capabilities=Capabilities(**capabilities))
    return write_turns(turns, to)


def test_leading_instructions_are_one_system_message() -> None:
    """Templates of open models take one, at the beginning; later ones keep their place."""
    messages = write(turn("system", "a", "b"), turn("developer", "c"), turn("user", "d"), turn("developer", "e"))

    assert messages == [
        {"role": "system", "content": "a\n\nb\n\nc"},
        {"role": "user", "content": "d"},
        {"role": "system", "content": "e"},
    ]


def test_calls_in_a_row_are_one_message() -> None:
    """Each call's result must follow the message of all calls."""
    messages = write(
        turn("assistant", "go"),
        turn("assistant", ToolCall(id="a", name="f")),
        turn("assistant", ToolCall(id="b", name="f")),
        turn("user", ToolResult(call_id="a"), "and"),
        turn("user", ToolResult(call_id="b", parts=(Text(text="1"), Text(text="2")))),
    )

    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user"]
    assert [call["id"] for call in messages[0]["tool_calls"]] == ["a", "b"]
    assert messages[0]["content"] == "go"
    assert messages[2]["content"] == "1\n2"
    assert messages[3]["content"] == "and"


def test_speakers_with_names_are_not_joined() -> None:
    """Who says what is not lost."""
    assert len(write(turn("user", "a", name="ann"), turn("user", "b", name="bob"))) == 2


def test_pictures_of_a_tool_follow_in_a_users_message() -> None:
    """A tool's message holds text only; the picture stays tied to its call."""
    image = Image(data="AA==", media_type="image/png")
    tool, user = write(turn("user", ToolResult(call_id="a", parts=(image,)), "see"))

    assert tool == {"role": "tool", "tool_call_id": "a", "content": "(what it gave follows)"}
    assert [part.get("text", part["type"]) for part in user["content"]] == [
        '<tool_result id="a">',
        "image_url",
        "</tool_result>",
        "see",
    ]


def test_errors_of_tools_are_told() -> None:
    """A model learns that its call failed."""
    message = write(turn("user", ToolResult(call_id="a", parts=(Text(text="no"),), is_error=True)))[0]

    assert message["content"] == "<tool_error>no</tool_error>"


def test_assistant_that_only_thought_says_nothing() -> None:
    """A message without content is none."""
    assert write(turn("assistant", Thinking(text="hm", origin="messages"))) == []


def test_document_of_text_is_text() -> None:
    """Words need no file."""
    message = write(turn("user", Document(text="a", title="T", context="C")))[0]

    assert message["content"] == "<document>\n<title>T</title>\n<context>C</context>\na\n</document>"


def test_file_has_a_name() -> None:
    """OpenAI takes no file without a name."""
    message = write(turn("user", Document(data="AA==", media_type="text/csv")))[0]

    assert message["content"][0]["file"] == {"filename": "document.csv", "file_data": "data:text/csv;base64,AA=="}


@pytest.mark.parametrize(
    ("role", "part", "capabilities"),
    [
        ("user", Image(url="https://e/x.png", at="p"), {"vision": False}),
        ("user", Image(file_id="f", at="p"), {}),
        ("user", Document(data="AA==", at="p"), {"documents": False}),
        ("user", Document(url="https://e/x.pdf", at="p"), {}),
        ("system", Image(url="https://e/x.png", at="p"), {}),
        ("assistant", Image(url="https://e/x.png", at="p"), {}),
        ("assistant", Audio(data="", format="wav", at="p"), {}),
        ("user", ToolCall(id="a", name="f", at="p"), {}),
    ],
)
def test_parts_that_cannot_be_sent_are_refused(role: Role, part: Part, capabilities: dict[str, bool]) -> None:
    """A part of the prompt is never left out, not even where fields may be."""
    with pytest.raises(InvalidRequestError) as caught:
        write(turn(role, part), **capabilities)
    assert caught.value.param == "p"


def test_part_without_a_place_is_named_by_the_clients_turns() -> None:
    """A wire that has no places in its body has its own name for turns."""
    to = To(model="m", losses=Losses(allowed=True, names={"turns": "contents"}), usual_ceiling=1)

    with pytest.raises(InvalidRequestError) as caught:
        write_turns([turn("assistant", Image(url="https://e/x.png"))], to)
    assert caught.value.param == "contents"


def test_citations_that_are_asked_for_are_a_loss() -> None:
    """A document that is to be cited is sent only where losing that is allowed."""
    cited = turn("user", Document(text="a", citations=True, at="p"))

    assert write(cited)
    with pytest.raises(InvalidRequestError) as caught:
        write(cited, drop=False)
    assert caught.value.param == "p.citations"


def test_refusals_are_given_back() -> None:
    """A refusal stays one in the assistant's turn and is words in a user's."""
    assert write(turn("assistant", Refusal(text="no"))) == [{"role": "assistant", "content": None, "refusal": "no"}]
    assert write(turn("user", Refusal(text="no"))) == [{"role": "user", "content": "no"}]

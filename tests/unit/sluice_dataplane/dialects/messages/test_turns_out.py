"""Anthropic's wire: turns for a provider, where they are not as the goldens have them."""

import pytest

from sluice_dataplane.dialects.conversation import (
    Audio,
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
from sluice_dataplane.dialects.messages.turns_out import Prompt
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

TO = To(model="m", losses=Losses(allowed=True), usual_ceiling=99)
CALL = ToolCall(id="t", name="n")
RESULT = ToolResult(call_id="t")


def turn(role: Role, *parts: Part | str) -> Turn:
    """What *role* says."""
    return Turn(role=role, parts=tuple([Text(text=part) if isinstance(part, str) else part for part in parts]))


def prompt(*turns: Turn) -> Prompt:
    """What they come to."""
    return Prompt(turns, TO)


def test_blank_words_are_none() -> None:
    """The provider refuses them; what was only blank is no turn."""
    fields = prompt(turn("system", " "), turn("user", "a", "\n"), turn("assistant", ""), turn("user", "b")).fields()

    assert fields == {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    }


def test_what_is_to_be_continued_does_not_end_in_white_space() -> None:
    """Only there the provider minds."""
    fields = prompt(turn("user", "a "), turn("assistant", "It is: \n")).fields()

    assert [message["content"] for message in fields["messages"]] == ["a ", "It is:"]


def test_a_refusal_was_said() -> None:
    """As words."""
    assert prompt(turn("user", "a"), turn("assistant", Refusal(text="No."))).fields()["messages"][1]["content"] == "No."


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", Audio(data="", format="wav", at="here")),
        ("user", ToolCall(id="t", name="n", at="here")),
        ("assistant", Image(url="https://x.example", at="here")),
        ("assistant", ToolResult(call_id="t", at="here")),
        ("system", Image(url="https://x.example", at="here")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_change_what_is_asked_is_never_dropped(role: Role, part: Part) -> None:
    """Though other things may be."""
    with pytest.raises(InvalidRequestError) as caught:
        prompt(turn("user", "a"), turn(role, part))

    assert caught.value.param == "here"


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ((CALL,), True),
        ((Thinking(text="t", signature="s", origin="chat"), CALL), True),
        ((Thinking(text="t", signature="s", origin="messages"), CALL), False),
        ((Thinking(redacted="d", origin="messages"), CALL), False),
    ],
)
def test_a_loop_of_tools_must_begin_with_its_thought(said: tuple[Part, ...], missing: bool) -> None:
    """Where the model is to think on: the provider refuses one that does not."""
    assert (
        prompt(turn("user", "a"), turn("assistant", *said), turn("user", RESULT)).in_loop_without_thought() == missing
    )


def test_outside_of_a_loop_no_thought_is_missed() -> None:
    """The user has spoken since."""
    spoken = (turn("user", "a"), turn("assistant", "b"), turn("user", "c"))

    assert not prompt(*spoken).in_loop_without_thought()
    assert not prompt(turn("user", RESULT)).in_loop_without_thought()

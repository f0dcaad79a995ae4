"""Turns as Gemini's contents; the goldens hold the usual ones."""

import json
from typing import Any

import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import (
    Part,
    Refusal,
    Request,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.gemini.contents_out import write_turns
from sluice_dataplane.dialects.gemini.thoughts import NOBODYS
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import encoder
from sluice_dataplane.errors import InvalidRequestError


def turn(role: Role, *parts: Part | str) -> Turn:
    """A turn; words are texts."""
    return Turn(role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def written(*turns: Turn, capabilities: Capabilities | None = None) -> Any:
    """What the provider gets of *turns*."""
    to = To(model="m", losses=Losses(allowed=False), usual_ceiling=9, capabilities=capabilities or Capabilities())
    return json.loads(encoder.encode(write_turns(Request(turns=turns), to)))


CALL = ToolCall(id="c1", name="f", arguments='{"a": 1}')


def test_what_the_system_says_later_stands_in_the_users_turns() -> None:
    """In tags, and in its place; what it says first is the instruction."""
    found = written(turn("system", "a"), turn("developer", "b"), turn("user", "c"), turn("developer", "d"))

    assert found["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert found["contents"] == [{"role": "user", "parts": [{"text": "c"}, {"text": "<system>d</system>"}]}]


def test_somebody_must_have_said_something() -> None:
    """Where only the system speaks, its words are the user's: Google refuses empty contents."""
    assert written(turn("system", "a")) == {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}


def test_turns_of_one_role_are_joined_and_empty_ones_left_out() -> None:
    """Roles alternate."""
    found = written(turn("user", "a"), turn("assistant", ""), turn("user", "b"), turn("assistant", Refusal(text="no")))

    assert [(each["role"], len(each["parts"])) for each in found["contents"]] == [("user", 2), ("model", 1)]


def test_results_come_first_and_know_their_functions_name() -> None:
    """It is looked up in the calls before; Google wants results right behind them."""
    found = written(
        turn("assistant", CALL), turn("user", "and?", ToolResult(call_id="c1", parts=(Text(text='{"b": 2}'),)))
    )

    assert found["contents"][1]["parts"] == [
        {"functionResponse": {"id": "c1", "name": "f", "response": {"output": {"b": 2}}}},
        {"text": "and?"},
    ]


def test_a_result_of_no_call_is_refused() -> None:
    """Nobody knows its function."""
    with pytest.raises(InvalidRequestError) as caught:
        written(turn("user", ToolResult(call_id="c9", at="messages[3]")))

    assert caught.value.param == "messages[3]"


@pytest.mark.parametrize(("reasoning", "signed"), [("effort", True), (None, True), ("budget", False), ("none", False)])
def test_the_first_call_of_a_step_is_signed_where_gemini_3_may_read_it(reasoning: Any, *, signed: bool) -> None:
    """It refuses unsigned ones, and takes Google's own word for those it did not make; a real one stays."""
    capabilities = Capabilities(reasoning=reasoning)
    (foreign,) = written(turn("assistant", CALL, CALL), capabilities=capabilities)["contents"]
    (own,) = written(turn("assistant", ToolCall(id="c", name="f", signature="c2ln")))["contents"]

    assert [part.get("thoughtSignature") for part in foreign["parts"]] == [NOBODYS if signed else None, None]
    assert own["parts"][0]["thoughtSignature"] == "c2ln"


@pytest.mark.parametrize(
    ("arguments", "free", "args"),
    [
        ("", False, {}),
        ('{"a": 1}', False, {"a": 1}),
        ('{"a": ', False, {"arguments": '{"a": '}),
        ("[1]", False, {"arguments": "[1]"}),
        ("ls", True, {"input": "ls"}),
    ],
)
def test_arguments_are_an_object_in_any_case(arguments: str, args: Any, *, free: bool) -> None:
    """Also those that a model got wrong, or that are plain text."""
    found = written(turn("assistant", ToolCall(id="c", name="f", arguments=arguments, free=free)))

    assert found["contents"][0]["parts"][0]["functionCall"]["args"] == args


def test_thoughts_of_others_stay_behind() -> None:
    """They are no words of the prompt, and nobody here can read their signatures."""
    foreign = Thinking(text="hm", signature="s", origin="messages")

    assert written(turn("assistant", foreign, "a"))["contents"][0]["parts"] == [{"text": "a"}]

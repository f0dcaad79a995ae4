"""Anthropic's wire: an answer for a client, where it is not as the goldens have it."""

import json
from typing import Any, get_args

import pytest

from sluice_dataplane.dialects.conversation import Answer, Audio, Choice, Finish, Part, Refusal, Request, Text, ToolCall
from sluice_dataplane.dialects.messages.answers_out import write_answer
from sluice_dataplane.dialects.seam import Shown

SHOWN = Shown(id="0123abcd", model="claude", created_s=1)
# What Anthropic's SDKs call a stop reason.
REASONS = {
    *("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"),
}


def written(*parts: Part, finish: Finish = "stop", identity: str = "msg_1") -> Any:
    """An answer of *parts*."""
    answer = Answer(id=identity, model="m", choices=(Choice(parts=parts, finish=finish),))
    return json.loads(write_answer(answer, Request(), SHOWN))


@pytest.mark.parametrize("finish", get_args(Finish))
def test_every_end_has_a_reason_that_clients_know(finish: Finish) -> None:
    """There is no other than the SDKs' own."""
    assert written(Text(text="t"), finish=finish)["stop_reason"] in REASONS


def test_an_answer_has_all_that_an_sdk_requires() -> None:
    """Said by the provider or not."""
    found = written(identity="chatcmpl-1")

    assert (found["id"], found["type"], found["role"], found["model"]) == ("msg_0123abcd", "message", "assistant", "m")
    assert found["stop_sequence"] is None
    assert {"input_tokens", "output_tokens"} <= found["usage"].keys()


@pytest.mark.parametrize(
    ("part", "reason"), [(ToolCall(id="t", name="n"), "tool_use"), (Refusal(text="No."), "refusal")]
)
def test_an_answer_that_calls_or_refuses_ended_for_that(part: Part, reason: str) -> None:
    """Some providers call it an ordinary end; one that was cut off was cut off."""
    assert written(Text(text="t"), part)["stop_reason"] == reason
    assert written(part, finish="length")["stop_reason"] == "max_tokens"


def test_sound_is_left_out() -> None:
    """There is no block for it."""
    assert written(Audio(data="", format="wav"), Text(text="t"))["content"] == [{"type": "text", "text": "t"}]


def test_calls_without_an_id_have_different_ones() -> None:
    """Their results must find them."""
    first, second = written(ToolCall(id="", name="n"), ToolCall(id="", name="n"))["content"]

    assert first["id"] != second["id"]

"""Anthropic's wire: a provider's answer, where it is not as the goldens have it."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Choice, Finish, Refusal, Text, Thinking
from sluice_dataplane.dialects.messages.answers_in import read_answer


def choice(*content: Any, **fields: Any) -> Choice:
    """The one choice of an answer."""
    return read_answer(json.dumps({"type": "message", "content": content, **fields}).encode()).choices[0]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tools"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context"),
        ("next_year", "stop"),
        (None, "stop"),
    ],
)
def test_why_it_ended(reason: str | None, finish: Finish) -> None:
    """In each of the API's words; what is not known ended as usual."""
    assert choice(stop_reason=reason).finish == finish


def test_a_refusal_has_its_words() -> None:
    """After what was said before it."""
    found = choice({"type": "text", "text": "I"}, stop_details={"type": "refusal", "explanation": "It harms."})

    assert found.parts == (Text(text="I"), Refusal(text="It harms."))


def test_a_provider_s_signature_is_its_own() -> None:
    """Whatever it looks like: only clients carry those of others."""
    found = choice({"type": "thinking", "thinking": "t", "signature": "sluice:chat::x"})

    assert found.parts == (Thinking(text="t", signature="sluice:chat::x", origin="messages"),)


@pytest.mark.parametrize("content", [[3], [{"type": 3}], [{"type": "text", "text": {}}], "x", {}])
def test_content_of_the_wrong_form_is_no_answer(content: Any) -> None:
    """It is told by the one error that callers know."""
    with pytest.raises(ValueError):
        read_answer(json.dumps({"type": "message", "content": content}).encode())

"""Gemini's answers, read; the goldens hold the usual ones."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Choice, ToolCall
from sluice_dataplane.dialects.gemini.answer_in import read_answer


def choice(*parts: Any, reason: str = "STOP") -> Choice:
    """The only choice of an answer of *parts*."""
    body = {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}], "responseId": "r"}
    return read_answer(json.dumps(body).encode()).choices[0]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "filter"),
        ("RECITATION", "filter"),
        ("BLOCKLIST", "filter"),
        ("PROHIBITED_CONTENT", "filter"),
        ("SPII", "filter"),
        ("IMAGE_SAFETY", "filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_each_reason_to_end_has_one_of_the_words_that_all_wires_share(reason: str, finish: str) -> None:
    """What is not known is only an end."""
    assert choice({"text": "x"}, reason=reason).finish == finish


def test_calls_end_an_answer_unless_it_was_cut() -> None:
    """Google says STOP for both."""
    call = {"functionCall": {"name": "f"}}

    assert (choice(call).finish, choice(call, reason="MAX_TOKENS").finish) == ("tools", "length")


def test_calls_without_ids_get_some_of_the_answers_own() -> None:
    """They differ within an answer and between answers."""
    parts = choice({"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}).parts

    assert [part.id for part in parts if isinstance(part, ToolCall)] == ["call_r_0", "call_r_1"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"x", b'{"error":{"code":500}}', b'{"candidates":1}'])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    """Nobody gets it as one."""
    with pytest.raises(ValueError):
        read_answer(body)


def test_parts_of_no_known_kind_say_nothing() -> None:
    """Others stay."""
    assert len(choice({"toolResponse": {}}, {"text": "x"}, {"inlineData": {"mimeType": "video/mp4"}}).parts) == 1

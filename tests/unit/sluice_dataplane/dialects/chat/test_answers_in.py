"""A provider's whole answer: what is taken for one, and what its errors say."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.chat.answers_in import read_answer, read_error
from sluice_dataplane.dialects.conversation import Answer, Part, Text, Thinking, ToolCall


def read(message: dict[str, Any], **around: Any) -> Answer:
    """The answer of one choice that says *message*."""
    return read_answer(json.dumps({"choices": [{"message": message}], **around}).encode())


def parts(message: dict[str, Any]) -> tuple[Part, ...]:
    """Its parts."""
    return read(message).choices[0].parts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":null}',
        b'{"choices":7}',
        b'{"choices":[{"message":{"content":7}}]}',
        b'{"choices":[{"message":{},"finish_reason":"error"}]}',
        b'{"error":{"message":"no"}}',
    ],
)
def test_what_is_no_answer_is_a_value_error(body: bytes) -> None:
    """Nothing that a client could take for words is made of what is none."""
    with pytest.raises(ValueError):
        read_answer(body)


def test_oddities_around_the_choices_are_passed_over() -> None:
    """What a provider says of the answer's id, time or tier does not make it unreadable."""
    answer = read({"content": "a"}, id=7, created=1.5, model=None, service_tier=[], usage="x")

    assert answer.choices[0].parts == (Text(text="a"),)
    assert (answer.id, answer.model, answer.created_s, answer.service_tier, answer.usage) == ("", "", None, "", None)


def test_logprobs_that_are_not_understood_are_left_out() -> None:
    """The answer's words count more than their chances."""
    body = {"choices": [{"message": {"content": "a"}, "logprobs": {"content": "none"}}]}

    assert read_answer(json.dumps(body).encode()).choices[0].logprobs is None


def test_ids_that_are_missing_are_made() -> None:
    """A call without an id gets one that no other has."""
    calls = [{"function": {"name": "f"}}, {"id": "call_0", "function": {"name": "g"}}]

    assert [part.id for part in parts({"tool_calls": calls}) if isinstance(part, ToolCall)] == ["call_1", "call_0"]


def test_words_of_a_thought_are_told_once() -> None:
    """Who says the same in three fields has thought it once."""
    block = {"type": "thinking", "thinking": "Hm."}
    message = {"reasoning": "Hm.", "reasoning_content": "Hm.", "thinking_blocks": [block]}

    assert parts(message) == (Thinking(text="Hm.", origin="chat"),)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"message":"no","type":"x"}}', "no"),
        (b'{"error":"no"}', "no"),
        (b'{"object":"error","message":"no"}', "no"),
        (b'{"detail":"no"}', "no"),
        (b'[{"error":{"code":400,"message":"no"}}]', "no"),
        (b'{"detail":[{"loc":["body"],"msg":"no"}]}', "no"),
        (b'{"error":{"code":1}}', ""),
        (b'{"choices":[]}', ""),
        (b"<html>", ""),
        (b"", ""),
        (b"[]", ""),
    ],
)
def test_words_of_an_error(body: bytes, words: str) -> None:
    """Each server's error is read for what it says to people."""
    assert read_error(body) == words

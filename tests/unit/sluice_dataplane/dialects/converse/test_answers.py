"""Converse: whole answers: why they ended, and what is no answer.  What they say is in the goldens."""

import msgspec
import pytest

from sluice_dataplane.dialects.conversation import Text, ToolCall
from sluice_dataplane.dialects.converse.answers import read_answer


def _body(*blocks: object, reason: object = "end_turn") -> bytes:
    return msgspec.json.encode({"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": reason})


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("tool_use", "tools"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("guardrail_intervened", "filter"),
        ("content_filtered", "filter"),
        ("model_context_window_exceeded", "context"),
        ("malformed_model_output", "stop"),
        ("malformed_tool_use", "stop"),
        ("refusal", "refusal"),
        ("something_new", "stop"),
        (None, "stop"),
    ],
)
def test_why_an_answer_ended_is_told(reason: str | None, finish: str) -> None:
    """Every reason of the API has its like; one that is not known is an end."""
    assert read_answer(_body(reason=reason)).choices[0].finish == finish


def test_an_answer_without_usage_has_none() -> None:
    """What is not reported is not made up."""
    assert read_answer(_body({"text": "a"})).usage is None


def test_blocks_that_are_not_known_are_left_out() -> None:
    """What a later version of the API adds does not break an answer."""
    answer = read_answer(_body({"new": {"x": 1}}, {"text": "a"}, {"image": {"format": "png"}}))

    assert answer.choices[0].parts == (Text(text="a"),)


def test_arguments_pass_as_they_came() -> None:
    """A call's arguments are the provider's bytes, numbers and order included."""
    call = b'{"toolUse":{"toolUseId":"1","name":"t","input":{"b":1.50,"a":"\\u00e9"}}}'
    body = b'{"output":{"message":{"content":[' + call + b"]}}}"

    assert read_answer(body).choices[0].parts == (ToolCall(id="1", name="t", arguments='{"b":1.50,"a":"\\u00e9"}'),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"output":{}}',
        b'{"output":{"message":{}}}',
        b'{"output":{"message":{"content":"text"}}}',
        b'{"output":{"message":{"content":[{"toolUse":{"name":"t"}}]}}}',
        b'{"output":{"message":{"content":[{"text":5}]}}}',
        b'{"message":"no"}',
    ],
)
def test_what_is_no_answer_is_a_value_error(body: bytes) -> None:
    """Half an answer, an error, a type that cannot be."""
    with pytest.raises(ValueError, match=r".*"):
        read_answer(body)

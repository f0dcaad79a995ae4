"""What passed calls used: tokens, seconds, or nothing that is told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.passed.usage import answer_usage, event_usage


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (
            {
                "usage": {
                    "input_tokens": 50,
                    "output_tokens": 4160,
                    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
                }
            },
            TokenUsage(input=50, output=4160, image_input=40),
        ),
        (
            {"usage": {"type": "tokens", "input_tokens": 14, "input_token_details": {"audio_tokens": 14}}},
            TokenUsage(input=14, audio_input=14),
        ),
        ({"usage": {"type": "duration", "seconds": 12.05}}, TokenUsage(input=121, audio_input=121)),
        ({"text": "hi", "duration": "1.5"}, TokenUsage(input=15, audio_input=15)),
        ({"usage": {"total_tokens": 9}}, TokenUsage(input=9)),
        ({"usage": {"prompt_tokens": 9, "completion_tokens": 1}}, TokenUsage(input=9, output=1)),
        ({"meta": {"tokens": {"input_tokens": 7}, "billed_units": {"search_units": 1}}}, TokenUsage(input=7)),
        ({"meta": {"tokens": {"input_tokens": 7}, "billed_units": {"input_tokens": 6.0}}}, TokenUsage(input=6)),
    ],
)
def test_figures_are_read_whoever_tells_them(body: dict[str, Any], usage: TokenUsage) -> None:
    """Images, transcriptions by token and by second, rankings of Cohere, Jina and vLLM."""
    reported = answer_usage(json.dumps(body).encode())

    assert reported is not None
    assert reported.usage == usage


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"usage": None},
        {"usage": {"input_tokens": -1}},
        {"usage": {"input_tokens": "many"}},
        {"meta": {"x": 1}},
        {"duration": "long"},
        {"duration": 1e300},
        {"usage": {"type": "duration", "seconds": -1}},
    ],
)
def test_figures_that_make_no_sense_are_none(body: dict[str, Any]) -> None:
    """Then the call is billed by an estimate, never as nothing."""
    assert answer_usage(json.dumps(body).encode()) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b'{"error":{"message":"no"}}'])
def test_what_is_no_answer_is_told_apart(body: bytes) -> None:
    """Nobody is billed for what is no answer."""
    with pytest.raises(ValueError, match=r"."):
        answer_usage(body)


def test_an_event_tells_its_type_and_usage() -> None:
    """As the last event of a stream of an image or a transcript does."""
    kind, reported = event_usage(b'{"type":"transcript.text.done","usage":{"input_tokens":3,"output_tokens":4}}')

    assert kind == "transcript.text.done"
    assert reported is not None
    assert reported.usage == TokenUsage(input=3, output=4)
    assert event_usage(b"[DONE]") == ("", None)


def test_figures_that_make_no_sense_do_not_hide_what_an_event_is() -> None:
    """The answer is whole all the same."""
    assert event_usage(b'{"type":"transcript.text.done","usage":{"input_tokens":"3"}}') == (
        "transcript.text.done",
        None,
    )
    assert event_usage(b'{"type":"transcript.text.done","usage":null}') == ("transcript.text.done", None)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["usage", "meta", "duration", "error", "x"]), _json))
def test_any_answer_is_read_or_refused(body: dict[str, Any]) -> None:
    """No figures make the reader fail in another way, and none comes out negative."""
    try:
        reported = answer_usage(json.dumps(body).encode())
    except ValueError:
        return
    assert reported is None or (reported.usage.input >= 0 and reported.usage.output >= 0)

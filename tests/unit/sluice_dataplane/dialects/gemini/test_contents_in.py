"""Gemini's contents as turns; the goldens hold the usual ones."""

import json
import time
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Text, Thinking, ToolCall, ToolResult, Turn
from sluice_dataplane.dialects.gemini.contents_in import read_contents, read_system
from sluice_dataplane.dialects.gemini.fields import FieldError, Fields
from sluice_dataplane.errors import InvalidRequestError

MANY = 40_000
SECONDS = 5  # of a processor; what took time in proportion to the square of its size took many times that


def turns(*contents: Any) -> tuple[Turn, ...]:
    """The turns of *contents*."""
    return read_contents(Fields(json.dumps({"contents": list(contents)}).encode()))


def said(*parts: Any) -> Turn:
    """The turn of a model that says *parts*."""
    (turn,) = turns({"role": "model", "parts": list(parts)})
    return turn


def test_a_result_without_an_id_belongs_to_the_first_call_that_waits() -> None:
    """By the function's name: calls and results of Gemini need no ids."""
    call = {"functionCall": {"name": "f"}}
    named = {"functionCall": {"name": "f", "id": "own"}}
    result = {"functionResponse": {"name": "f", "response": {}}}
    answered = {"functionResponse": {"name": "f", "id": "own", "response": {}}}
    found = turns({"role": "model", "parts": [call, named, call]}, {"parts": [answered, result, result, result]})

    assert [part.id for part in found[0].parts if isinstance(part, ToolCall)] == ["call_0", "own", "call_2"]
    results = [part.call_id for part in found[1].parts if isinstance(part, ToolResult)]
    assert results == ["own", "call_0", "call_2", "call_f"]


def test_arguments_are_kept_as_they_were_written() -> None:
    """Their JSON is nobody's to change."""
    body = b'{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"b": 1,"a":1.0}}}]}]}'
    (turn,) = read_contents(Fields(body))

    assert isinstance(turn.parts[0], ToolCall)
    assert turn.parts[0].arguments == '{"b": 1,"a":1.0}'


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "x"}, "x", False),
        ({"output": [1]}, "[1]", False),
        ({"error": "no"}, "no", True),
        ({"output": "x", "more": 1}, '{"output": "x", "more": 1}', False),
        ({}, "{}", False),
    ],
)
def test_what_a_function_gave_is_read_by_googles_names(response: Any, text: str, *, is_error: bool) -> None:
    """``output`` and ``error``; an object of other members is what it gave."""
    (turn,) = turns({"parts": [{"functionResponse": {"name": "f", "response": response}}]})
    (result,) = turn.parts

    assert isinstance(result, ToolResult)
    assert (result.parts, result.is_error) == ((Text(text=text),), is_error)


def test_pieces_of_a_thought_are_one_until_it_is_signed() -> None:
    """As a client gives back what it was streamed; a signature proves all of them."""
    turn = said(
        {"text": "a", "thought": True},
        {"text": "b", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "c", "thought": True},
    )

    assert [(part.text, part.signature) for part in turn.parts if isinstance(part, Thinking)] == [
        ("ab", "c2ln"),
        ("c", ""),
    ]


def test_many_pieces_of_a_thought_are_joined_at_once() -> None:
    """Not one by one to all that went before."""
    piece = {"text": "x" * 150, "thought": True}
    began = time.process_time()
    (thought,) = said(*[piece] * MANY * 2).parts

    assert isinstance(thought, Thinking)
    assert len(thought.text) == 150 * MANY * 2
    assert time.process_time() - began < SECONDS


def test_many_results_find_their_calls_in_any_order() -> None:
    """The one that is answered last is not searched for among all the others."""
    ids = [f"c{number}" for number in range(MANY)]
    calls = [{"functionCall": {"id": each, "name": "f"}} for each in ids]
    results = [{"functionResponse": {"id": each, "name": "f"}} for each in reversed(ids)]
    began = time.process_time()
    _, answered = turns({"role": "model", "parts": calls}, {"parts": results})

    assert [part.call_id for part in answered.parts if isinstance(part, ToolResult)] == ids[::-1]
    assert time.process_time() - began < SECONDS


def test_a_part_with_nothing_in_it_is_nothing() -> None:
    """A turn of such parts is no turn; a lone signature is."""
    assert turns({"parts": [{}, {"text": ""}]}) == ()
    assert said({"thoughtSignature": "c2ln"}).parts == (
        Thinking(signature="c2ln", origin="gemini", at="contents[0].parts[0]"),
    )


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"toolCall": {}}, "contents[0].parts[0].toolCall"),
        ({"inlineData": {"mimeType": "video/mp4", "data": "AA=="}}, "contents[0].parts[0]"),
        ({"fileData": {"fileUri": "https://youtube.example/x"}}, "contents[0].parts[0]"),
        (
            {"functionResponse": {"name": "f", "parts": [{"inlineData": {"mimeType": "audio/wav"}}]}},
            "contents[0].parts[0].functionResponse.parts[0].inlineData",
        ),
    ],
)
def test_what_only_gemini_understands_is_refused_by_its_place(part: Any, param: str) -> None:
    """Without it, the request would be another."""
    with pytest.raises(InvalidRequestError) as caught:
        turns({"parts": [part]})

    assert (caught.value.param, caught.value.code) == (param, "unsupported_field")


def test_a_role_is_users_or_models() -> None:
    """Others are refused."""
    with pytest.raises(FieldError, match=r"contents\[0\]\.role"):
        turns({"role": "system", "parts": []})


def test_the_system_says_words_only() -> None:
    """A picture there is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        read_system(Fields(b'{"systemInstruction":{"parts":[{"inlineData":{}}]}}'))

    assert caught.value.param == "systemInstruction[0].parts[0].inlineData"

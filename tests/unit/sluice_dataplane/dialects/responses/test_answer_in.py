"""The Responses API: a provider's answer, read."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Answer, Finish
from sluice_dataplane.dialects.responses.answer_in import read_answer, read_error

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
TEXT = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
REFUSAL = {"type": "message", "content": [{"type": "refusal", "refusal": "a"}]}


def answer_of(*items: object, **fields: Any) -> Answer:
    """What a response with *items* answers."""
    return read_answer(json.dumps({"object": "response", "status": "completed", "output": items, **fields}).encode())


@pytest.mark.parametrize(
    ("items", "status", "reason", "finish"),
    [
        ([TEXT], "completed", None, "stop"),
        ([TEXT, CALL], "completed", None, "tools"),
        ([REFUSAL], "completed", None, "refusal"),
        ([TEXT, CALL], "incomplete", "max_output_tokens", "length"),
        ([TEXT], "incomplete", "content_filter", "filter"),
        ([TEXT], "incomplete", "brand_new", "length"),
        ([TEXT], "incomplete", None, "length"),
        ([TEXT], None, None, "stop"),
    ],
)
def test_why_it_ended_follows_from_status_and_content(
    items: list[object], status: str | None, reason: str | None, finish: Finish
) -> None:
    """The API says it in no single place."""
    answer = answer_of(*items, status=status, incomplete_details={"reason": reason} if reason else None)

    assert answer.choices[0].finish == finish


@pytest.mark.parametrize("status", ["failed", "queued", "in_progress", "cancelled"])
def test_what_is_not_done_is_no_answer(status: str) -> None:
    """Nobody's client could do anything with it."""
    with pytest.raises(ValueError):
        answer_of(TEXT, status=status)


def test_items_of_an_odd_form_are_left_out() -> None:
    """What comes next year, or is not as documented, does not hide the rest."""
    answer = answer_of({"type": "message", "content": "odd"}, 7, {"type": "new"}, TEXT)

    assert [type(part).__name__ for part in answer.choices[0].parts] == ["Text"]


@pytest.mark.parametrize(("created", "expected"), [(1.9, 1), (7, 7), ("7", None), (-1, None), (1e300, None)])
def test_when_it_was_made_is_a_whole_second(created: object, expected: int | None) -> None:
    """Whatever kind of number it is."""
    assert answer_of(TEXT, created_at=created).created_s == expected


def test_a_thought_s_own_words_are_read_where_it_has_no_summary() -> None:
    """As open models give them."""
    item = {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    (part,) = answer_of(item).choices[0].parts

    assert getattr(part, "text", None) == "hm"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":{"message":"No such model.","code":404}}', "No such model."),
        (b'{"error":"No."}', "No."),
        (b'{"error":{"code":"x"}}', ""),
        (b'{"error":null}', ""),
        (b"<html>", ""),
        (b'{"error":{"message":7}}', ""),
    ],
)
def test_what_an_error_says_to_people_is_read(body: bytes, expected: str) -> None:
    """In the forms that servers of this API have."""
    assert read_error(body) == expected

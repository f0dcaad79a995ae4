"""The Responses API: what holds of every stream that is read.  What single streams say is in the goldens."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.events import (
    Began,
    ChoiceEnded,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    PartBegan,
    PartEnded,
    Signed,
)
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.responses.reader import MAX_PARTS, StreamReader

CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
TEXT = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "ab"}]}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"text": "hm"}], "encrypted_content": "s"}
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "resp_1", "model": "m"}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**CALL, "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": "{}"},
    {"type": "response.function_call_arguments.done", "output_index": 0, "item_id": "fc_1", "arguments": "{}"},
    {"type": "response.output_item.done", "output_index": 0, "item": CALL},
    {"type": "response.output_text.delta", "output_index": 1, "item_id": "msg_1", "delta": "ab"},
    {"type": "response.refusal.delta", "output_index": 1, "content_index": 1, "item_id": "msg_1", "delta": "no"},
    {"type": "response.content_part.done", "output_index": 1, "item_id": "msg_1", "part": TEXT["content"][0]},
    {"type": "response.output_item.done", "output_index": 1, "item": TEXT},
    {"type": "response.reasoning_summary_text.delta", "output_index": 2, "item_id": "rs_1", "delta": "hm"},
    {"type": "response.output_item.done", "output_index": 2, "item": THOUGHT},
    {"type": "response.completed", "response": {"id": "resp_1", "output": [CALL, TEXT, THOUGHT]}},
    {"type": "response.failed", "response": {"error": {"message": "m"}}},
]


def read(*events: dict[str, Any]) -> list[Event]:
    """What is read of *events*."""
    reader = StreamReader()
    found: list[Event] = []
    for event in events:
        found += reader.feed(Frame(b"", json.dumps(event).encode()))
    return found + reader.finish()


def told_of(events: list[Event]) -> list[str]:
    """The words of each part."""
    words: dict[int, str] = {}
    for event in events:
        if isinstance(event, PartBegan):
            words[event.index] = ""
        elif isinstance(event, Delta):
            words[event.index] += event.text
    return list(words.values())


@given(st.lists(st.sampled_from(EVENTS), max_size=16))
def test_events_come_in_their_grammar_whatever_the_order(events: list[dict[str, Any]]) -> None:
    """Began first; parts in their order; deltas to open parts; nothing after the end, before which all have ended."""
    found = read(*events)
    if not found:
        return
    assert isinstance(found[0], Began)
    begun = 0
    still: set[int] = set()
    for number, event in enumerate(found):
        assert not isinstance(event, Began) or number == 0
        if isinstance(event, PartBegan):
            assert event.index == begun
            begun += 1
            still.add(event.index)
        elif isinstance(event, Delta | Signed | Cited):
            assert event.index in still
        elif isinstance(event, PartEnded):
            still.remove(event.index)
        elif isinstance(event, ChoiceEnded):
            assert not still
        elif isinstance(event, Ended | Failed):
            assert number == len(found) - 1


@given(st.sets(st.integers(1, 10)))
def test_whatever_is_left_out_is_told_once_all_the_same(left_out: set[int]) -> None:
    """As long as the end has it all; the end alone is enough."""
    found = read(*[event for number, event in enumerate(EVENTS[:12]) if number not in left_out and number != 6])

    assert sorted(told_of(found)) == ["ab", "hm", "{}"]
    assert isinstance(found[-1], Ended)


def test_a_stream_that_is_cut_has_no_end() -> None:
    """Nobody may take it for whole; its parts end."""
    found = read(*EVENTS[:3])

    assert isinstance(found[-1], PartEnded)


def test_a_call_without_a_name_waits_for_it() -> None:
    """Arguments alone are nobody's; they come whole with their item."""
    found = read(EVENTS[0], EVENTS[2], EVENTS[4])

    assert [event.part.name for event in found if isinstance(event, PartBegan)] == ["f"]  # type: ignore[union-attr]
    assert told_of(found) == ["{}"]


def one_of_each(event: dict[str, Any], places: int) -> None:
    """Read *event* at so many places of the output."""
    reader = StreamReader()
    for number in range(places):
        reader.feed(Frame(b"", json.dumps({**event, "output_index": number}).encode()))


def test_an_answer_with_more_parts_than_any_has_goes_no_further() -> None:
    """Each of them has to be remembered, and memory is not the provider's."""
    event = {"type": "response.output_text.delta", "delta": "a"}
    one_of_each(event, MAX_PARTS)
    with pytest.raises(FramingError):
        one_of_each(event, MAX_PARTS + 1)

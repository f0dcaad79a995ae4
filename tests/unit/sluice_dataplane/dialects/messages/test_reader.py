"""Anthropic's wire: a provider's stream as events, where it is not as the goldens have it."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Text, ToolCall
from sluice_dataplane.dialects.events import Began, ChoiceEnded, Delta, Ended, Event, Failed, PartBegan, PartEnded
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.messages.reader import Reader

START = {"type": "message_start", "message": {"id": "msg_1", "model": "m"}}
STOP = {"type": "message_stop"}


def begin(index: int, **block: Any) -> dict[str, Any]:
    """A block begins."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index: int, **delta: Any) -> dict[str, Any]:
    """More of a block."""
    return {"type": "content_block_delta", "index": index, "delta": delta}


def said(*events: dict[str, Any], finish: bool = False) -> list[Event]:
    """What they say."""
    reader = Reader()
    found = [each for event in events for each in reader.feed(Frame(b"", json.dumps(event).encode()))]
    return found + reader.finish() if finish else found


def test_the_end_is_said_once() -> None:
    """Nothing comes after it, whatever the provider sends."""
    events = said(START, STOP, START, begin(0, type="text", text="x"), STOP, finish=True)

    assert events == [Began(id="msg_1", model="m"), ChoiceEnded(finish="stop"), Ended()]


def test_what_is_open_at_the_end_is_closed() -> None:
    """Every part that began ends."""
    events = said(START, begin(0, type="text"), begin(1, type="text"), STOP)

    assert events[3:] == [PartEnded(index=0), PartEnded(index=1), ChoiceEnded(finish="stop"), Ended()]


def test_a_stream_that_just_ends_has_no_end() -> None:
    """Its provider never said that it was whole: the caller says that it broke."""
    assert said(START, begin(0, type="text"), finish=True)[-1] == PartEnded(index=0)


def test_a_stream_without_a_beginning_has_one() -> None:
    """Whoever writes it for a client counts on it: it comes first, before a part and before an end alike."""
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}

    assert said(begin(0, type="text"))[0] == Began()
    assert said(delta, finish=True) == [Began(), ChoiceEnded(finish="stop"), Ended()]


def test_nothing_comes_after_a_failure() -> None:
    """Not even the end."""
    failure = {"type": "error", "error": {"type": "overloaded_error", "message": "busy", "code": 529}}

    assert said(failure, STOP, finish=True) == [Failed(message="busy", type="overloaded_error", code="529")]
    assert said({"type": "error"}) == [Failed(message="The provider failed.")]


def test_parts_are_numbered_without_gaps() -> None:
    """Though blocks that say nothing elsewhere come between."""
    blocks = (begin(0, type="server_tool_use", id="s", name="n"), begin(1, type="text"), more(0, partial_json="x"))

    assert said(START, *blocks, more(1, text="t"))[1:] == [
        PartBegan(index=0, part=Text(text="")),
        Delta(index=0, text="t"),
    ]


def test_a_call_that_comes_whole_has_its_arguments() -> None:
    """Some servers send them with its beginning; an empty object says that they are to come."""
    whole, empty = (begin(n, type="tool_use", id="t", name="n", input=given) for n, given in enumerate(({"a": 1}, {})))
    events = said(START, whole, empty)[1:]

    assert events[1] == Delta(index=0, text='{"a": 1}')
    assert events[2:] == [PartBegan(index=1, part=ToolCall(id="t", name="n"))]


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"content_block_delta","index":"x"}',
        b'{"type":"content_block_delta","delta":{"text":3}}',
        b'{"type":"message_start","message":[]}',
        b'{"type":"content_block_st',
        b'{"index":' + b"[" * 100_000,
    ],
)
def test_an_event_of_the_wrong_form_breaks_the_stream(data: bytes) -> None:
    """What it should have said is not just left out."""
    with pytest.raises(FramingError):
        Reader().feed(Frame(b"", data))


@pytest.mark.parametrize("data", [None, b"", b"[DONE]", b"null", b'{"type":"ping"}', b'{"type":"later","index":{}}'])
def test_what_is_no_event_of_this_wire_says_nothing(data: bytes | None) -> None:
    """Nor does half an event at the end."""
    assert Reader().feed(Frame(b"", data)) == []
    assert Reader().feed(Frame(b"", b'{"type":"message_stop"}', whole=False)) == []

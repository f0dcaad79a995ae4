"""Converse: streams that are not as they should be.  Those that are, are in the goldens."""

from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.conversation import Text, Thinking, ToolCall
from sluice_dataplane.dialects.converse.reader import MAX_REDACTED, ConverseReader
from sluice_dataplane.dialects.events import (
    UNREADABLE,
    Began,
    ChoiceEnded,
    Delta,
    Ended,
    Event,
    Failed,
    PartBegan,
    PartEnded,
)
from sluice_dataplane.dialects.frames import Frame, FramingError


def _frame(event: str, data: Any) -> Frame:
    return Frame(b"raw", msgspec.json.encode(data), event=event)


def _delta(block: int, **delta: Any) -> Frame:
    return _frame("contentBlockDelta", {"contentBlockIndex": block, "delta": delta})


def _start(block: int, **tool: Any) -> Frame:
    return _frame("contentBlockStart", {"contentBlockIndex": block, "start": {"toolUse": tool}})


STOP = _frame("messageStop", {"stopReason": "end_turn"})
USAGE = _frame("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2}})
TEXT = PartBegan(index=0, part=Text(text=""))


def _read(*frames: Frame) -> list[Event]:
    reader = ConverseReader()
    return [*(event for frame in frames for event in reader.feed(frame)), *reader.finish()]


def test_an_answer_that_broke_off_is_not_ended() -> None:
    """What is open is closed; nobody says that it was whole."""
    assert _read(_delta(0, text="a")) == [Began(), TEXT, Delta(index=0, text="a"), PartEnded(index=0)]


def test_usage_may_come_before_the_end() -> None:
    """It is kept until the message has ended."""
    events = _read(USAGE, _delta(0, text="a"), STOP)

    assert [type(event) for event in events[-3:]] == [PartEnded, ChoiceEnded, Ended]
    assert isinstance(events[-1], Ended)
    assert events[-1].usage is not None


def test_nothing_follows_the_end() -> None:
    """Whatever comes after the last event, or after a failure, is not said."""
    late = (_delta(0, text="late"), STOP, USAGE, _frame("messageStart", {}))

    assert isinstance(_read(STOP, USAGE, *late)[-1], Ended)
    assert isinstance(_read(_frame("exception:x", {"message": "no"}), *late)[-1], Failed)


def test_a_message_ends_once() -> None:
    """A second end is none."""
    assert [type(event) for event in _read(STOP, STOP)] == [Began, ChoiceEnded, Ended]


def test_open_parts_end_before_their_choice() -> None:
    """Also those that the provider forgot to close, in the order they began."""
    events = _read(_delta(0, text="a"), _start(1, toolUseId="1", name="t"), STOP)

    assert [event.index for event in events if isinstance(event, PartEnded)] == [0, 1]
    assert isinstance(events[-2], ChoiceEnded)


def test_a_block_that_changes_its_kind_is_two_parts() -> None:
    """Words of a thought are never given as words of the answer."""
    events = _read(_delta(0, reasoningContent={"text": "t"}), _delta(0, text="a"))

    assert events == [
        Began(),
        PartBegan(index=0, part=Thinking(origin="converse")),
        Delta(index=0, text="t"),
        PartEnded(index=0),
        PartBegan(index=1, part=Text(text="")),
        Delta(index=1, text="a"),
        PartEnded(index=1),
    ]


def test_arguments_of_no_call_are_not_said() -> None:
    """They belong to nothing that the client could run."""
    assert _read(_delta(0, toolUse={"input": "{}"})) == [Began()]


def test_blocks_may_be_open_together() -> None:
    """Deltas go to the part of their block."""
    events = _read(
        _start(0, toolUseId="1", name="t"),
        _start(1, toolUseId="2", name="u"),
        _delta(0, toolUse={"input": "a"}),
        _delta(1, toolUse={"input": "b"}),
    )

    assert events[1:5] == [
        PartBegan(index=0, part=ToolCall(id="1", name="t")),
        PartBegan(index=1, part=ToolCall(id="2", name="u")),
        Delta(index=0, text="a"),
        Delta(index=1, text="b"),
    ]


def test_a_redacted_thought_is_joined_as_bytes() -> None:
    """Pieces in base64 cannot be joined as text; where one is no base64, they are given as they came."""
    thoughts = [
        event.part
        for pieces in (["YQ==", "Yg=="], ["YQ=="], ["A", "YQ=="])
        for event in _read(*[_delta(0, reasoningContent={"redactedContent": piece}) for piece in pieces])
        if isinstance(event, PartBegan)
    ]

    assert thoughts == [Thinking(redacted=text, origin="converse") for text in ("YWI=", "YQ==", "AYQ==")]


def test_redacted_thoughts_have_a_limit() -> None:
    """What must be gathered is not gathered without end, over however many blocks."""
    reader = ConverseReader()
    piece = "A" * (MAX_REDACTED // 8)
    for number in range(8):
        reader.feed(_delta(number % 2, reasoningContent={"redactedContent": piece}))

    with pytest.raises(FramingError, match="longer"):
        reader.feed(_delta(0, reasoningContent={"redactedContent": "AAAA"}))


@pytest.mark.parametrize(
    "frame",
    [
        Frame(b"raw", None, whole=False),
        Frame(b"raw", b"{", event="somethingNew"),
        _frame("somethingNew", {"delta": {"text": "a"}}),
    ],
)
def test_what_is_no_event_says_nothing(frame: Frame) -> None:
    """What nobody knows yet does not end the stream."""
    assert _read(frame) == []


@pytest.mark.parametrize(
    "frame",
    [
        Frame(b"raw", b"{", event="contentBlockDelta"),
        Frame(b"raw", b"[]", event="messageStop"),
        _frame("contentBlockDelta", {"contentBlockIndex": "0", "delta": {"text": "a"}}),
        _start(0, toolUseId="1"),
    ],
)
def test_an_event_that_cannot_be_read_is_not_left_out(frame: Frame) -> None:
    """An answer without it would be another: it fails, and nothing follows."""
    assert _read(frame, _frame("messageStop", {"stopReason": "end_turn"})) == [UNREADABLE]

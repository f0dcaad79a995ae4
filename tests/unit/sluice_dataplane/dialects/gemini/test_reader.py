"""Gemini's streams as events; the goldens hold the usual ones."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.events import UNREADABLE, ChoiceEnded, Delta, Ended, Event, Failed, PartBegan, PartEnded
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.gemini.reader import MAX_CHOICES, GeminiReader


def read(*chunks: Any) -> list[Event]:
    """The events of *chunks*."""
    reader = GeminiReader()
    frames = [Frame(b"", chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) for chunk in chunks]
    return [event for frame in frames for event in reader.feed(frame)] + reader.finish()


def chunk(*parts: Any, index: int = 0, **fields: Any) -> Any:
    """A chunk of one candidate."""
    return {"candidates": [{"content": {"parts": list(parts)}, "index": index, **fields}]}


def test_an_answer_that_does_not_say_why_it_ends_has_not_ended() -> None:
    """Its parts are closed; nothing forges its end."""
    events = read(chunk({"text": "a"}))

    assert isinstance(events[-1], PartEnded)
    assert not any(isinstance(event, ChoiceEnded | Ended) for event in events)


def test_one_of_several_choices_that_is_cut_leaves_the_answer_open() -> None:
    """It is whole when all of them are."""
    events = read(chunk({"text": "a"}, finishReason="STOP"), chunk({"text": "b"}, index=1))

    assert sum(isinstance(event, ChoiceEnded) for event in events) == 1
    assert not any(isinstance(event, Ended) for event in events)


def test_nothing_is_heard_after_a_failure() -> None:
    """Also no end."""
    events = read({"error": {"code": 429, "message": "m", "status": "S"}}, chunk({"text": "a"}, finishReason="STOP"))

    assert events == [Failed(message="m", type="rate_limit_error", code="S")]


def test_words_after_the_end_of_a_choice_are_not_heard() -> None:
    """Its end was told."""
    events = read(chunk({"text": "a"}, finishReason="STOP"), chunk({"text": "b"}))

    assert [event.text for event in events if isinstance(event, Delta)] == ["a"]
    assert isinstance(events[-1], Ended)


@pytest.mark.parametrize(
    "data", [b'{"cut', b'{"candidates":[{"content":{"parts":[{"text":5}]}}]}', b'{"candidates":' * 100_000]
)
def test_a_chunk_that_cannot_be_read_is_not_left_out(data: bytes) -> None:
    """An answer without it would be another: it fails, and nothing follows."""
    assert read(data, chunk({"text": "a"}, finishReason="STOP")) == [UNREADABLE]


def test_what_is_no_chunk_says_nothing() -> None:
    """Half a frame, a comment, another wire's end."""
    reader = GeminiReader()

    assert read(b"[DONE]", b"x", b"[]", b"[" * 100_000) == []
    assert reader.feed(Frame(b": x\n\n", None)) == []
    assert reader.feed(Frame(b"", b'{"candidates":[]}', whole=False)) == []


def test_every_part_that_began_ends_before_its_choice_does() -> None:
    """In the order they began, numbered from zero."""
    events = read(
        chunk({"text": "t", "thought": True}, {"text": "a"}, {"functionCall": {"name": "f"}}, {"text": "b"}),
        chunk({"text": "c"}, finishReason="STOP"),
    )
    began = [event.index for event in events if isinstance(event, PartBegan)]
    ended = [event.index for event in events if isinstance(event, PartEnded)]

    assert began == ended == [0, 1, 2, 3]
    assert [type(event) for event in events[-3:]] == [PartEnded, ChoiceEnded, Ended]


def test_no_number_of_choices_fills_memory() -> None:
    """More than can be asked for are not kept."""
    reader = GeminiReader()
    for index in range(MAX_CHOICES + 50):
        reader.feed(Frame(b"", json.dumps(chunk({"text": "a"}, index=index)).encode()))

    assert sum(isinstance(event, PartEnded) for event in reader.finish()) == MAX_CHOICES

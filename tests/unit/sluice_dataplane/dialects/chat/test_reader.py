"""A provider's stream: its beginning, its end, its errors."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.chat.reader import ChatReader
from sluice_dataplane.dialects.frames import Frame
from support.conversations import told


def read(*payloads: bytes | dict[str, Any] | None, finish: bool = True) -> list[dict[str, Any]]:
    """The events of frames that carry *payloads*."""
    reader = ChatReader()
    events = []
    for data in payloads:
        raw = json.dumps(data).encode() if isinstance(data, dict) else data
        events += reader.feed(Frame(raw or b"", raw))
    read_: list[dict[str, Any]] = told(events + (reader.finish() if finish else []))
    return read_


def chunk(content: str = "a", finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """One chunk of one choice."""
    return {"id": "x", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], **fields}


def last(*payloads: bytes | dict[str, Any] | None) -> dict[str, Any]:
    """The last event."""
    return read(*payloads)[-1]


@pytest.mark.parametrize(
    "data", [None, b"", b"ping", b"[]", b"null", {"choices": []}, {"type": "ping"}, {"choices": None}]
)
def test_what_says_nothing_is_passed_over(data: bytes | dict[str, Any] | None) -> None:
    """Comments, keep-alives and chunks without choices are no events."""
    assert read(data, finish=False) == []


def test_end_needs_no_done_where_all_choices_ended() -> None:
    """Some servers leave ``[DONE]`` out."""
    assert last(chunk(finish="stop"))["is"] == "Ended"


def test_stream_that_breaks_off_has_no_end() -> None:
    """An answer is whole only where its provider said so: open parts end, nothing else does."""
    assert last(chunk())["is"] == "PartEnded"
    two = {"id": "x", "choices": [{"index": 1, "delta": {"content": "b"}}]}
    assert last(two, chunk(finish="stop"))["is"] == "PartEnded"


def test_done_ends_choices_that_did_not() -> None:
    """``[DONE]`` is the provider's word that the answer is whole."""
    assert [event["is"] for event in read(chunk(), b"[DONE]")][-3:] == ["PartEnded", "ChoiceEnded", "Ended"]


def test_nothing_comes_after_the_end() -> None:
    """Chunks after ``[DONE]``, and a second one, say nothing."""
    assert read(chunk(finish="stop"), b"[DONE]", chunk(), b"[DONE]")[-1]["is"] == "Ended"


def test_done_without_an_answer_is_a_failure() -> None:
    """A client must not take an empty stream for an answer."""
    assert last(b"[DONE]")["is"] == "Failed"


def test_usage_said_last_counts() -> None:
    """Servers that count as they go end with the sum; it may come before the end, with it or after."""
    first, second = ({"prompt_tokens": 5, "completion_tokens": number} for number in (1, 2))
    expected = {"is": "Ended", "usage": {"is": "TokenUsage", "input": 5, "output": 2}, "service_tier": "flex"}
    tail = {"choices": [], "usage": second, "service_tier": "flex"}

    assert last(chunk(usage=first), chunk(finish="stop"), tail) == expected
    assert last(chunk(usage=first), chunk(finish="stop", usage=second, service_tier="flex"), b"[DONE]") == expected


@pytest.mark.parametrize(
    ("data", "failed"),
    [
        ({"error": {"message": "no", "type": "t", "code": "c"}}, {"message": "no", "type": "t", "code": "c"}),
        ({"error": "no"}, {"message": "no"}),
        ({"error": {"code": 502, "message": "no"}}, {"message": "no", "code": "502"}),
        ({"object": "error", "message": "no", "type": "t"}, {"message": "no", "type": "t"}),
        ({"error": {}}, {"message": "The provider failed."}),
        (chunk(finish="error"), {"message": "The provider failed."}),
        (b'{"id":"x","choices":[{"delta":{"con', {"message": "The provider's stream cannot be read."}),
        ({"choices": [{"delta": {"content": 7}}]}, {"message": "The provider's stream cannot be read."}),
        ({"choices": [{"index": 999, "delta": {}}]}, {"message": "The provider's stream cannot be read."}),
        (b'{"choices":' + b"[" * 100_000, {"message": "The provider's stream cannot be read."}),
    ],
)
def test_failure_is_the_last_that_is_said(data: bytes | dict[str, Any], failed: dict[str, str]) -> None:
    """An error, or words that cannot be read, end the stream: nothing is left out in silence."""
    assert last(chunk(), data, chunk(), b"[DONE]") == {"is": "Failed", **failed}


def test_beginning_waits_for_an_answer() -> None:
    """Azure's first chunk is about its filters, and names neither the answer nor its model."""
    azure = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}

    assert read(azure, chunk(model="m"), finish=False)[0] == {"is": "Began", "id": "x", "model": "m"}


def test_tier_may_stand_in_the_usage() -> None:
    """Some servers say there which tier they served."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "service_tier": "priority"}

    assert last(chunk(finish="stop", usage=usage), b"[DONE]")["service_tier"] == "priority"

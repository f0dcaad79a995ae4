"""The Responses API: what a stream tells of its use, and when it has ended."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.responses.watcher import StreamWatcher
from sluice_dataplane.exchange import Reported

USAGE = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}


class Counted:
    """A tally that remembers."""

    def __init__(self) -> None:
        self.reported: Reported | None = None
        self.begun: TokenUsage | None = None
        self.events: list[int] = []

    def saw_event(self, text_bytes: int) -> None:
        """One more event."""
        self.events.append(text_bytes)


def watched(*events: dict[str, Any] | bytes) -> tuple[Counted, StreamWatcher]:
    """What is counted of *events*."""
    tally = Counted()
    watcher = StreamWatcher(tally)
    for event in events:
        data = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        assert watcher.passes(Frame(b"data: " + data + b"\n\n", data))
    return tally, watcher


@pytest.mark.parametrize("kind", ["completed", "incomplete", "failed"])
def test_the_last_event_ends_the_stream_and_has_the_usage(kind: str) -> None:
    """However the answer ended: what failed was used all the same."""
    response = {"id": "resp_1", "usage": USAGE, "service_tier": "flex", "output": []}
    tally, watcher = watched({"type": f"response.{kind}", "response": response})

    assert (watcher.ended, watcher.failed) == (True, kind == "failed")
    assert tally.reported == Reported(TokenUsage(input=5, output=7), "flex")


def test_events_before_the_last_do_not_end_it() -> None:
    """A stream that stops there was cut off."""
    tally, watcher = watched(
        {"type": "response.created", "response": {"usage": None, "output": []}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "a"},
        {"type": "error", "message": "m"},
    )

    assert not watcher.ended
    assert tally.reported is None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "message": "m", "code": "x"},
        {"error": {"message": "m"}},
        {"type": "response.failed", "response": {"usage": None, "output": [], "error": {"code": "server_error"}}},
    ],
)
def test_an_error_is_the_clients_and_nothing_generated(event: dict[str, Any]) -> None:
    """In this API's form or in that of chat completions."""
    tally, watcher = watched({"type": "response.created", "response": {"usage": None, "output": []}}, event)

    assert watcher.failed
    assert (tally.events, tally.reported, tally.begun) == ([], None, None)


def test_a_server_that_closes_as_in_chat_has_ended() -> None:
    """``[DONE]`` is somebody's last word too."""
    assert watched(b"[DONE]")[1].ended


def test_usage_that_comes_before_the_end_is_kept_for_a_stream_that_is_cut() -> None:
    """Its input is known then."""
    tally, watcher = watched({"type": "response.created", "response": {"usage": USAGE}})

    assert tally.begun == TokenUsage(input=5, output=7)
    assert not watcher.ended


def test_words_are_counted_once_by_their_deltas() -> None:
    """The same words come three times more, in events that say that something is done."""
    text = "héllo"
    tally, _ = watched(
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "content": []}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": text},
        {"type": "response.output_text.done", "output_index": 0, "text": text},
        {"type": "response.content_part.done", "output_index": 0, "part": {"text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": {"content": [{"text": text}]}},
        {"type": "response.completed", "response": {"output": [{"content": [{"text": text}]}]}},
    )

    assert tally.events == [len(text.encode())]


def test_words_that_come_in_no_delta_are_counted_in_their_item() -> None:
    """Some servers send whole items only."""
    item = {"type": "message", "content": [{"type": "output_text", "text": "hello"}]}
    tally, _ = watched({"type": "response.output_item.done", "output_index": 0, "item": item})

    assert sum(tally.events) >= len("hello")


def test_words_that_come_with_the_end_only_are_counted_there() -> None:
    """Where the end does not report its usage."""
    tally, _ = watched({"type": "response.completed", "response": {"output": [{"content": [{"text": "hello"}]}]}})

    assert sum(tally.events) >= len("hello")


def test_an_encrypted_thought_counts_though_no_delta_told_of_it() -> None:
    """It was generated, and is billed."""
    tally, _ = watched(
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "abc"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"encrypted_content": "x" * 40}},
    )

    assert tally.events == [3, 40]


def test_what_is_no_json_counts_whole() -> None:
    """On the high side."""
    assert watched(b"what?")[0].events == [5]


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["usage", "output", "encrypted_content", "input_tokens"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["response.completed", "response.created", "response.output_item.done", "x.delta", 7]),
    st.dictionaries(st.sampled_from(["response", "item", "delta", "output_index"]), JSON),
)
def test_no_event_breaks_the_watcher(kind: object, members: dict[str, Any]) -> None:
    """Whatever a provider sends passes, counted somehow."""
    watched({"type": kind, **members})


@given(st.binary())
def test_no_bytes_break_the_watcher(data: bytes) -> None:
    """Nor do bytes that are no JSON."""
    watched(data)

"""Anthropic's wire: a streamed answer, counted as it goes by."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.messages.watcher import Watcher
from sluice_dataplane.exchange import Reported

START = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "cache_read_input_tokens": 5}}}
STOP = {"type": "message_stop"}


class Counts:
    """A tally that remembers."""

    def __init__(self) -> None:
        self.reported: Reported | None = None
        self.begun: TokenUsage | None = None
        self.seen: list[int] = []

    def saw_event(self, text_bytes: int) -> None:
        """Remember it."""
        self.seen.append(text_bytes)


def watched(*events: dict[str, Any]) -> tuple[Counts, Watcher]:
    """What is counted of *events*."""
    counts = Counts()
    watcher = Watcher(counts)
    for event in events:
        assert watcher.passes(Frame(b"", json.dumps(event).encode()))
    return counts, watcher


def delta(*, stop: str | None = "end_turn", **usage: int) -> dict[str, Any]:
    """The event that tells of usage."""
    return {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage}


def test_the_input_is_known_from_the_first_event() -> None:
    """A stream that breaks is billed by it."""
    counts, watcher = watched(START)

    assert counts.begun == TokenUsage(input=14, cached_input=5)
    assert counts.reported is None
    assert not watcher.ended


def test_the_last_word_on_each_count_holds() -> None:
    """What is cumulative is not added up; what is left out, or zero, stays as it was."""
    counts, _ = watched(START, delta(stop=None, output_tokens=20), delta(input_tokens=0, output_tokens=30))

    assert counts.reported == Reported(TokenUsage(input=14, output=30, cached_input=5))


def test_usage_in_the_middle_is_not_the_last_word() -> None:
    """A provider that ran a tool goes on."""
    counts, _ = watched(START, delta(stop=None, output_tokens=20))

    assert counts.reported is None
    assert counts.begun == TokenUsage(input=14, output=20, cached_input=5)


def test_the_end_is_the_provider_s() -> None:
    """Only ``message_stop`` says that the answer is whole; then what was said of usage is the last word."""
    counts, watcher = watched(START, delta(stop=None, output_tokens=3), STOP)

    assert watcher.ended
    assert counts.reported == Reported(TokenUsage(input=14, output=3, cached_input=5))


def test_an_end_that_never_told_of_output_is_estimated() -> None:
    """What the first event says of output is a beginning; it is not what was used, though the end came."""
    counts, watcher = watched(START, STOP)

    assert watcher.ended
    assert counts.reported is None
    assert counts.begun is not None


def test_an_error_is_no_end() -> None:
    """The stream broke."""
    _, watcher = watched(START, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})

    assert (watcher.ended, watcher.failed) == (False, True)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("text_delta", "text"),
        ("input_json_delta", "partial_json"),
        ("thinking_delta", "thinking"),
        ("signature_delta", "signature"),
        ("something_new", "new"),
    ],
)
@given(text=st.text())
def test_no_fewer_bytes_are_counted_than_were_generated(kind: str, field: str, text: str) -> None:
    """Of every kind of delta, those of its text in UTF-8 at least."""
    counts, _ = watched({"type": "content_block_delta", "index": 0, "delta": {"type": kind, field: text}})

    assert len(counts.seen) == 1
    assert len(text.encode("utf-8", "surrogatepass")) <= counts.seen[0]


def test_a_block_counts_what_it_begins_with() -> None:
    """A tool's name and a thought nobody may read are output; ids and kinds are not."""
    block = {"type": "tool_use", "id": "toolu_123456789", "name": "look", "input": {}}
    counts, _ = watched({"type": "content_block_start", "index": 0, "content_block": block})

    assert counts.seen == [len("look") + len("{}")]


def test_what_is_unknown_counts_whole() -> None:
    """An event of next year, and what is no JSON, may be all output."""
    counts, watcher = watched({"type": "next_year", "x": 1})
    watcher.passes(Frame(b"", b"no json"))

    assert counts.seen == [len(b'{"type": "next_year", "x": 1}'), len(b"no json")]


def test_pings_and_the_frame_of_an_answer_count_nothing() -> None:
    """They are not generated."""
    counts, _ = watched(START, {"type": "ping"}, {"type": "content_block_stop", "index": 0}, delta(), STOP)

    assert counts.seen == []


@given(st.binary())
def test_no_bytes_do_harm(data: bytes) -> None:
    """Every event passes, whatever it is."""
    assert Watcher(Counts()).passes(Frame(data, data))

"""Converse: a stream is counted as it goes by: never less than was generated, and by the provider's last word."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.converse.watcher import ConverseWatcher, text_bytes
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.exchange import Reported


class _Tally:
    def __init__(self) -> None:
        self.reported: Reported | None = None
        self.begun: TokenUsage | None = None
        self.seen: list[int] = []

    def saw_event(self, text_bytes: int) -> None:
        self.seen.append(text_bytes)


def _frame(event: str, data: Any) -> Frame:
    return Frame(b"raw", msgspec.json.encode(data), event=event)


USAGE = _frame("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}})


def test_the_last_event_reports_and_ends() -> None:
    """The end of the message is not yet the end of the stream: its usage comes after it."""
    tally = _Tally()
    watcher = ConverseWatcher(tally)
    watcher.passes(_frame("messageStop", {"stopReason": "end_turn"}))
    before = watcher.ended
    watcher.passes(USAGE)

    assert (before, watcher.ended) == (False, True)
    assert tally.reported == Reported(TokenUsage(input=1, output=2))


def test_what_was_reported_stays() -> None:
    """A last event whose figures make no sense takes nothing back."""
    tally = _Tally()
    watcher = ConverseWatcher(tally)
    for frame in (USAGE, _frame("metadata", {"usage": None})):
        watcher.passes(frame)

    assert tally.reported == Reported(TokenUsage(input=1, output=2))


@pytest.mark.parametrize("event", ["messageStart", "contentBlockStop", "messageStop", "exception:x", "error:x"])
def test_an_envelope_is_nothing_generated(event: str) -> None:
    """Only what was said counts."""
    tally = _Tally()

    watcher = ConverseWatcher(tally)

    assert watcher.passes(_frame(event, {"p": "abcdef"}))
    assert watcher.failed == (":" in event)
    assert ConverseWatcher(tally).passes(Frame(b"", None, whole=False))
    assert tally.seen == []


def test_what_is_said_counts() -> None:
    """Each event that says something is counted, without its padding."""
    tally = _Tally()
    watcher = ConverseWatcher(tally)
    deltas = ({"text": "abc"}, {"toolUse": {"input": "ab"}}, {"reasoningContent": {"text": "a"}})
    frames = [_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta, "p": "abcdef"}) for delta in deltas]

    assert all(watcher.passes(frame) for frame in frames)
    assert tally.seen == [3, 2, 1]


@given(st.text(max_size=30), st.sampled_from(["text", "toolUse", "reasoningContent", "new"]))
def test_never_less_than_was_generated(text: str, kind: str) -> None:
    """Whatever the words are and wherever they stand, their bytes in UTF-8 are counted."""
    delta = {kind: text if kind == "text" else {"input": text}}

    assert text_bytes(msgspec.json.encode({"contentBlockIndex": 0, "delta": delta})) >= len(text.encode())


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"delta":"abc"}', b'{"other":"abc"}'])
def test_what_is_not_understood_counts_whole(data: bytes) -> None:
    """An event of another form is all generated, for what is known."""
    assert text_bytes(data) == len(data)

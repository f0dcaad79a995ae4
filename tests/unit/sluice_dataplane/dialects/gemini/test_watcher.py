"""Gemini's streams: what they come to, and when they are whole."""

import json
from typing import Any

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.gemini.watcher import GeminiWatcher
from sluice_dataplane.exchange import Reported


class Tally:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.reported: Reported | None = None
        self.begun: TokenUsage | None = None
        self.seen: list[int] = []

    def saw_event(self, text_bytes: int) -> None:
        """One event."""
        self.seen.append(text_bytes)


def frame(chunk: Any) -> Frame:
    """One event of a stream."""
    data = chunk if isinstance(chunk, bytes) else json.dumps(chunk, separators=(",", ":")).encode()
    return Frame(b"data: " + data + b"\n\n", data)


def candidate(*parts: Any, index: int = 0, **fields: Any) -> dict[str, Any]:
    """One candidate of a chunk."""
    return {"content": {"role": "model", "parts": list(parts)}, "index": index, **fields}


def watch(*chunks: Any) -> tuple[GeminiWatcher, Tally]:
    """Who watched *chunks* go by, and what was taken down."""
    tally = Tally()
    watcher = GeminiWatcher(tally)
    assert all(watcher.passes(frame(chunk)) for chunk in chunks)
    return watcher, tally


USED = {"promptTokenCount": 8, "candidatesTokenCount": 3}


def test_use_is_only_begun_until_it_is_said_why_the_answer_ends() -> None:
    """Each chunk tells what was used so far: of an answer that breaks off, that much was."""
    watcher, tally = watch({"candidates": [candidate({"text": "Hi"})], "usageMetadata": USED})

    assert (tally.begun, tally.reported, watcher.ended) == (TokenUsage(input=8, output=3), None, False)


def test_use_is_reported_with_the_reason_for_the_end() -> None:
    """The last chunk's is the whole."""
    watcher, tally = watch(
        {"candidates": [candidate({"text": "Hi"})], "usageMetadata": {"promptTokenCount": 8}},
        {"candidates": [candidate({"text": "!"}, finishReason="STOP")], "usageMetadata": USED},
    )

    assert watcher.ended
    assert tally.reported == Reported(TokenUsage(input=8, output=3))


def test_several_candidates_end_when_all_of_them_have() -> None:
    """One that still comes is not whole."""
    first = {"candidates": [candidate({"text": "a"}), candidate({"text": "b"}, index=1)]}
    one_ended = {"candidates": [candidate(finishReason="STOP")], "usageMetadata": USED}

    assert not watch(first, one_ended)[0].ended
    assert watch(first, one_ended, {"candidates": [candidate(index=1, finishReason="STOP")]})[0].ended


def test_a_blocked_prompt_is_a_whole_answer() -> None:
    """It has no candidate that could end."""
    watcher, tally = watch({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 8}})

    assert watcher.ended
    assert tally.reported == Reported(TokenUsage(input=8))


def test_an_error_is_no_end() -> None:
    """Also behind a reason to end; nothing was generated in it."""
    behind, _ = watch({"candidates": [candidate(finishReason="STOP")], "error": {"code": 500}})
    alone, tally = watch({"error": {"code": 500}})

    assert (behind.ended, behind.failed, alone.ended, alone.failed) == (False, True, False, True)
    assert tally.seen == []
    assert not watch({"candidates": [candidate(finishReason="STOP")], "error": None})[0].failed


@pytest.mark.parametrize(
    ("part", "least", "most"),
    [
        ({"text": "héllo"}, 6, 12),
        ({"text": "hmm", "thought": True, "thoughtSignature": "x" * 4_000}, 3, 3),
        ({"functionCall": {"name": "f", "args": {"a": 1}}}, 8, 60),
        ({"inlineData": {"mimeType": "image/png", "data": "x" * 1_000_000}}, 7_560, 10_000),
        ({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "x" * 64_000}}, 96, 1_200),
        ({"inlineData": {"mimeType": "x/y", "data": "xxxx"}}, 4, 6),
    ],
)
def test_what_was_generated_is_never_counted_short(part: Any, least: int, most: int) -> None:
    """And what is no text is not counted by its base64: three bytes make a token."""
    _, tally = watch({"candidates": [candidate(part)]})

    assert least <= tally.seen[0] <= most


@pytest.mark.parametrize("data", [b"nonsense", b"[]", b'{"candidates":1}', b"\xff", b"[" * 100_000])
def test_what_is_not_understood_counts_whole(data: bytes) -> None:
    """It was sent, whatever it is."""
    assert watch(data)[1].seen == [len(data)]


def test_half_an_event_and_a_comment_are_nothing() -> None:
    """Neither says anything."""
    tally = Tally()
    watcher = GeminiWatcher(tally)

    assert watcher.passes(Frame(b": hi\n\n", None))
    assert watcher.passes(Frame(b'data: {"candidates"', b'{"candidates"', whole=False))
    assert tally.seen == []

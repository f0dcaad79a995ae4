"""What the fuzzer begins with: every golden of every wire, and what no golden has."""

import json
from functools import cache
from typing import Any, Final

from sluice_dataplane.exchange import Endpoint
from support.wire_goldens import cases, frames_of, golden

CONVERSATIONS: Final[tuple[Endpoint, ...]] = ("chat", "messages", "responses", "gemini", "converse")

# One or two of each call that is only passed on.
PASSED: Final[dict[Endpoint, list[Any]]] = {
    "completions": [
        {"model": "m", "prompt": ["a", "b"], "max_tokens": 7, "n": 2, "best_of": 3, "stream": True, "user": "u"},
        {"model": "m", "prompt": [[1, 2], [3]], "stream_options": {"include_usage": True}, "stream": True},
    ],
    "embeddings": [{"model": "m", "input": ["a", {"type": "image_url"}], "dimensions": 8}, {"model": "m", "input": 1}],
    "moderations": [{"input": [{"type": "text", "text": "a"}]}, {"model": "m", "input": "a"}],
    "rerank": [{"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}],
    "images": [{"model": "m", "prompt": "p", "n": 2, "size": "1024x1024", "stream": True, "user": "u"}],
    "speech": [{"model": "m", "input": "say so", "voice": "alloy", "stream_format": "sse"}],
    "responses_tokens": [{"model": "m", "input": "a"}],
    "responses_compact": [{"model": "m", "input": [], "previous_response_id": "resp_0123456789ab"}],
    "gemini_count": [{"generateContentRequest": {"model": "models/m", "contents": []}}, {"contents": []}],
    "gemini_embeddings": [
        {"requests": [{"model": "models/m", "content": {"parts": [{"text": "a"}]}}]},
        {"model": "m", "content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}},
    ],
}
PASSED_ANSWERS: Final[list[Any]] = [
    {"usage": {"type": "duration", "seconds": 2.5}, "text": "a"},
    {"usage": {"input_tokens": 5, "output_tokens": 9, "input_tokens_details": {"image_tokens": 4, "cached_tokens": 2}}},
    {"meta": {"billed_units": {"input_tokens": "7"}, "tokens": {"input_tokens": 7.5}}, "results": []},
    {"duration": "12.25", "text": "a", "segments": []},
    {"data": [{"embedding": [0.5]}], "usage": {"total_tokens": 8, "prompt_tokens": 8}},
    {"type": "image_generation.completed", "usage": {"input_tokens": 5, "output_tokens": 9}},
    {"input_tokens": 14},
    {"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]},
    {"error": {"message": "no", "type": "invalid_request_error", "code": "x", "param": None}},
    [{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT", "details": []}}],
    {"message": "no", "__type": "ValidationException"},
    {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
]


@cache
def requests(wire: Endpoint) -> list[Any]:
    """Bodies that *wire*'s clients send, decoded."""
    if wire in PASSED:
        return PASSED[wire]
    return _wires("messages" if wire == "count_tokens" else wire, "request")


@cache
def answers(wire: Endpoint) -> list[Any]:
    """Plain answers of *wire*'s providers, decoded; of what is passed on, those of all."""
    return _wires(wire, "answer") + PASSED_ANSWERS if wire in CONVERSATIONS else PASSED_ANSWERS


@cache
def streams(wire: Endpoint) -> list[list[bytes]]:
    """Streams of *wire*'s providers, in frames."""
    return [frames_of(wire, case) for case in cases(wire, "stream")]


@cache
def dictionary() -> tuple[list[str], list[Any]]:
    """Every name of a member in all of these, and many of the values."""
    names: set[str] = set()
    values: dict[str, Any] = {}
    for wire in (*CONVERSATIONS, *PASSED, "count_tokens"):
        known: list[Any] = []
        if wire != "converse":
            known += requests(wire)
        known += answers(wire)
        for each in known:
            _harvest(each, names, values)
    return sorted(names), [values[key] for key in sorted(values)]


def _harvest(value: Any, names: set[str], values: dict[str, Any]) -> None:
    written = json.dumps(value)
    if len(written) < 200:
        values[written] = value
    if isinstance(value, dict):
        names.update(value)
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _harvest(each, names, values)


def _wires(wire: str, kind: str) -> list[Any]:
    return [golden(wire, case)["wire"] for case in cases(wire, kind)]

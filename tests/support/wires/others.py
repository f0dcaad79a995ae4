"""OpenAI's other endpoints, and rerank, as providers speak them: request in, answer out.

Sources: OpenAI's and Cohere's API references.
"""

import base64
import struct
from typing import Any, Literal

import msgspec

from support.wires.values import RefusedError, Strict, Used, decoded, pieces, sse, tokens_of

PNG = base64.b64decode(  # one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SOUND = b"ID3\x04" + bytes(range(256)) * 64  # begins as MP3 does


class Told(msgspec.Struct, frozen=True):
    """An answer: whole, or as the pieces of a stream.  ``figures``: it says what it used."""

    model: str
    used: Used
    content_type: str = "application/json"
    body: bytes = b""
    events: list[bytes] | None = None
    figures: bool = True


class _Completions(Strict):
    model: str
    prompt: str | list[str | int | list[int]]
    stream: bool | None = None
    stream_options: dict[str, bool] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None


def completions(body: bytes) -> Told:
    """The prompt, continued by itself."""
    asked = decoded(body, _Completions)
    text = f"heard: {asked.prompt}"
    used = Used(tokens_of(str(asked.prompt)), tokens_of(text))
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1_750_000_000, "model": asked.model}
    usage = {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
    }
    if not asked.stream:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}
        return Told(asked.model, used, body=msgspec.json.encode({**head, "choices": [choice], "usage": usage}))
    chunks = [{"index": 0, "text": piece, "logprobs": None, "finish_reason": None} for piece in pieces(text)]
    chunks[-1]["finish_reason"] = "stop"
    events = [sse({**head, "choices": [chunk]}) for chunk in chunks]
    if (asked.stream_options or {}).get("include_usage"):
        events.append(sse({**head, "choices": [], "usage": usage}))
    return Told(asked.model, used, "text/event-stream", events=[*events, b"data: [DONE]\n\n"])


class _Embeddings(Strict):
    model: str
    input: str | list[str | int | list[int]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


def embeddings(body: bytes) -> Told:
    """A vector for each text, told by its length."""
    asked = decoded(body, _Embeddings)
    several = isinstance(asked.input, list) and not (asked.input and isinstance(asked.input[0], int))
    texts: list[Any] = list(asked.input) if several else [asked.input]
    if not texts:
        raise RefusedError("Invalid 'input': must not be empty.", param="input")
    data = []
    for i, text in enumerate(texts):
        vector: Any = [float(len(text))] + [0.5] * ((asked.dimensions or 4) - 1)
        if asked.encoding_format == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": i, "embedding": vector})
    heard = sum(tokens_of(text) if isinstance(text, str) else len(text) for text in texts)
    usage = {"prompt_tokens": heard, "total_tokens": heard}
    told = {"object": "list", "model": asked.model, "data": data, "usage": usage}
    return Told(asked.model, Used(heard), body=msgspec.json.encode(told))


class _Moderations(Strict):
    input: str | list[str | dict[str, Any]]
    model: str = "omni-moderation-latest"


def moderations(body: bytes) -> Told:
    """What says "bad" is flagged."""
    asked = decoded(body, _Moderations)
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    results = [
        {"flagged": "bad" in str(t), "categories": {"hate": False}, "category_scores": {"hate": 0.01}} for t in texts
    ]
    told = {"id": "modr-1", "model": asked.model, "results": results}
    return Told(asked.model, Used(), body=msgspec.json.encode(told))


class _Images(Strict):
    prompt: str
    model: str = "dall-e-2"
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: str | None = None
    output_compression: int | None = None
    background: str | None = None
    moderation: str | None = None
    style: str | None = None
    stream: bool | None = None
    partial_images: int | None = None
    user: str | None = None


def images(body: bytes) -> Told:
    """One small picture each."""
    asked = decoded(body, _Images)
    return pictures(asked.model, asked.prompt, asked.n or 1)


def pictures(model: str, prompt: str, count: int) -> Told:
    """*count* pictures, with usage as gpt-image reports it."""
    used = Used(tokens_of(prompt), 100 * count)
    usage = {
        "input_tokens": used.input,
        "input_tokens_details": {"text_tokens": used.input, "image_tokens": 0},
        "output_tokens": used.output,
        "total_tokens": used.input + used.output,
    }
    data = [{"b64_json": base64.b64encode(PNG).decode()}] * count
    return Told(model, used, body=msgspec.json.encode({"created": 1_750_000_000, "data": data, "usage": usage}))


class _Speech(Strict):
    model: str
    input: str
    voice: str
    instructions: str | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    speed: float | None = None
    stream_format: Literal["sse", "audio"] | None = None


def speech(body: bytes) -> Told:
    """Sound, in pieces."""
    asked = decoded(body, _Speech)
    chunks = [SOUND[i : i + 1000] for i in range(0, len(SOUND), 1000)]
    return Told(asked.model, Used(tokens_of(asked.input)), "audio/mpeg", events=chunks, figures=False)


def transcription(model: str, sound: bytes, form: dict[str, str]) -> Told:
    """How much sound came.  *form* are the other fields."""
    text = f"heard {len(sound)} bytes of sound"
    used = Used(20, tokens_of(text))
    if form.get("response_format", "json") in ("text", "srt", "vtt"):
        return Told(model, used, "text/plain; charset=utf-8", text.encode() + b"\n", figures=False)
    usage = {
        "type": "tokens",
        "input_tokens": used.input,
        "output_tokens": used.output,
        "total_tokens": used.input + used.output,
    }
    return Told(model, used, body=msgspec.json.encode({"text": text, "usage": usage}))


class _Rerank(Strict):
    model: str
    query: str
    documents: list[str | dict[str, Any]]
    top_n: int | None = None
    max_tokens_per_doc: int | None = None
    return_documents: bool | None = None
    rank_fields: list[str] | None = None
    priority: int | None = None


def rerank(body: bytes) -> Told:
    """The shortest document first."""
    asked = decoded(body, _Rerank)
    order = sorted(range(len(asked.documents)), key=lambda i: len(str(asked.documents[i])))[: asked.top_n]
    results = [{"index": i, "relevance_score": round(1 / (rank + 1), 3)} for rank, i in enumerate(order)]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    heard = sum(tokens_of(str(each)) for each in asked.documents)
    told = {"id": "rerank-1", "model": asked.model, "results": results, "meta": meta}
    told["usage"] = {"total_tokens": heard}  # as Jina and vLLM say it
    return Told(asked.model, Used(heard), body=msgspec.json.encode(told))

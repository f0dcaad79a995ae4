"""Google's Gemini API, as its provider speaks it.  Source: the Gemini API's reference."""

from typing import Any, Final

import msgspec

from support.wires.gemini_request import Asked, EmbedAsked, camel, check, schema_of, tools_of, turns_of
from support.wires.values import (
    Call,
    Failure,
    Heard,
    Reply,
    Strict,
    Thought,
    Used,
    Wire,
    Words,
    decoded,
    pieces,
    proof_of,
    sse,
    tokens_of,
)

_FINISH: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tools": "STOP"}
_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class _CountAsked(Strict, rename="camel"):
    contents: list[Any] | None = None
    generate_content_request: dict[str, Any] | None = None


class Gemini:
    """See :class:`support.wires.values.Speaker`."""

    wire: Wire = "gemini"
    content_type = "text/event-stream"

    def hear(self, body: bytes, model: str, _headers: dict[str, str]) -> Heard:
        """See Speaker."""
        return _heard(decoded(camel(body), Asked), model)

    def count(self, body: bytes, model: str) -> Heard:
        """A request to count tokens: of contents, or of a whole request."""
        asked = decoded(camel(body), _CountAsked)
        whole = dict(asked.generate_content_request or {"contents": asked.contents})
        whole.pop("model", None)
        return _heard(decoded(msgspec.json.encode(whole), Asked), model)

    def embed(self, body: bytes) -> bytes:
        """An embedding, or a batch of them."""
        asked = decoded(camel(body), EmbedAsked)
        if asked.requests is not None:
            return msgspec.json.encode({"embeddings": [_vector(each.content) for each in asked.requests]})
        return msgspec.json.encode({"embedding": _vector(asked.content)})

    def answer(self, heard: Heard, reply: Reply) -> bytes:
        """See Speaker."""
        parts = [each for i, part in enumerate(reply.parts) for each in _parts(part, f"{reply.id}_{i}", heard, reply)]
        return msgspec.json.encode(_chunk(heard, reply, parts, _FINISH[reply.finish]))

    def events(self, heard: Heard, reply: Reply) -> list[bytes]:
        """See Speaker.  ``heard.asked`` False: not as server-sent events but as one JSON array."""
        chunks: list[dict[str, Any]] = []
        for i, part in enumerate(reply.parts):
            split = [part] if isinstance(part, Call) else [type(part)(piece) for piece in pieces(part.text)]
            for each in split:
                parts = _parts(each, f"{reply.id}_{i}", heard, reply)
                chunks += [_chunk(heard, reply, [one], None) for one in parts]
        if reply.breaks:
            chunks = [*chunks[:1], {"error": {"code": 503, "message": "scripted break", "status": "UNAVAILABLE"}}]
        else:
            chunks[-1]["candidates"][0]["finishReason"] = _FINISH[reply.finish]
        if heard.asked:
            return [sse(chunk) for chunk in chunks]
        return [(b"[" if i == 0 else b",\r\n") + msgspec.json.encode(c) for i, c in enumerate(chunks)] + [b"]"]

    def error(self, failure: Failure) -> tuple[dict[str, str], bytes]:
        """See Speaker."""
        status = _STATUS.get(failure.status, "UNKNOWN")
        told: dict[str, Any] = {"code": failure.status, "message": failure.message, "status": status}
        headers = dict(failure.headers)
        if delay := headers.pop("retry-after", ""):  # is told in the body here
            told["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay}s"}]
        return {"content-type": "application/json; charset=UTF-8", **headers}, msgspec.json.encode({"error": told})


def _heard(asked: Asked, model: str) -> Heard:
    check(asked)
    config = asked.generation_config
    calling = asked.tool_config.function_calling_config if asked.tool_config else None
    forced = ""
    if calling is not None and calling.mode == "ANY":
        names = calling.allowed_function_names or []
        forced = names[0] if len(names) == 1 else "*"
    thinking = config.thinking_config if config else None
    return Heard(
        "gemini",
        model,
        turns=turns_of(asked),
        tools=tools_of(asked),
        forced=forced,
        schema=schema_of(config),
        ceiling=config.max_output_tokens if config else None,
        stop=(config.stop_sequences if config else None) or [],
        thinking=thinking is not None and bool(thinking.include_thoughts),
        asked=True,
    )


def _parts(part: Thought | Words | Call, call_id: str, heard: Heard, reply: Reply) -> list[dict[str, Any]]:
    """What a part is here.  Thoughts are shown where they are asked for; their proof stands at the call."""
    if isinstance(part, Thought):
        return [{"text": part.text, "thought": True}] if heard.thinking else []
    if isinstance(part, Words):
        return [{"text": part.text}]
    told: dict[str, Any] = {"functionCall": {"name": part.name, "args": msgspec.json.decode(part.arguments)}}
    thoughts = [each for each in reply.parts if isinstance(each, Thought)]
    first = next(each for each in reply.parts if isinstance(each, Call))
    if thoughts and part is first:
        told["thoughtSignature"] = proof_of("gemini", thoughts[0].text)
    return [told]


def _chunk(heard: Heard, reply: Reply, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    told = {"candidates": [candidate], "usageMetadata": _usage(reply.used)}
    return told | {"modelVersion": f"{heard.model}-2026", "responseId": reply.id}


def _usage(used: Used) -> dict[str, Any]:
    told = {
        "promptTokenCount": used.input,
        "candidatesTokenCount": used.output - used.reasoning,
        "totalTokenCount": used.input + used.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": used.input}],
    }
    if used.cached:
        told["cachedContentTokenCount"] = used.cached
    if used.reasoning:
        told["thoughtsTokenCount"] = used.reasoning
    return told


def _vector(content: Any) -> dict[str, Any]:
    text = "".join(part.text or "" for part in content.parts) if content is not None else ""
    return {"values": [float(tokens_of(text)), 0.5, 0.25, 0.125]}

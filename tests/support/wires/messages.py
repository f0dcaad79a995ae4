"""Anthropic's Messages API, as its provider speaks it.  Source: Anthropic's API reference."""

import re
from typing import Any, Final

import msgspec

from support.wires.messages_request import Asked, Counted, check, turns_of
from support.wires.values import (
    Call,
    Failure,
    Heard,
    RefusedError,
    Reply,
    Thought,
    Tool,
    Used,
    Wire,
    Words,
    decoded,
    pieces,
    proof_of,
    sse,
)

VERSIONS: Final = ("2023-06-01", "2026-10-21")
_FINISH: Final = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_TOOL: Final = re.compile("[a-zA-Z0-9_-]{1,128}")


class Messages:
    """See :class:`support.wires.values.Speaker`."""

    wire: Wire = "messages"
    content_type = "text/event-stream; charset=utf-8"

    def hear(self, body: bytes, _model: str, headers: dict[str, str]) -> Heard:
        """See Speaker."""
        _check_version(headers)
        return _heard(decoded(body, Asked), headers)

    def count(self, body: bytes, headers: dict[str, str]) -> Heard:
        """A request to count tokens."""
        _check_version(headers)
        return _heard(decoded(body, Counted), headers)

    def answer(self, heard: Heard, reply: Reply) -> bytes:
        """See Speaker."""
        content = [_block(part, f"toolu_{reply.id}_{i}") for i, part in enumerate(reply.parts)]
        told = _message(heard, reply) | {"content": content, "stop_reason": _FINISH[reply.finish]}
        return msgspec.json.encode(told | {"usage": _usage(reply.used)})

    def events(self, heard: Heard, reply: Reply) -> list[bytes]:
        """See Speaker."""
        begun = _usage(reply.used) | {"output_tokens": 1}
        message = _message(heard, reply) | {"usage": begun}
        events = [_event("message_start", message=message)]
        for i, part in enumerate(reply.parts):
            events += _block_events(i, part, f"toolu_{reply.id}_{i}")
            if reply.breaks:
                failure = {"type": "overloaded_error", "message": "scripted break"}
                return [*events[:4], _event("error", error=failure)]
        events.insert(2, _event("ping"))
        delta = {"stop_reason": _FINISH[reply.finish], "stop_sequence": None}
        events.append(_event("message_delta", delta=delta, usage=_usage(reply.used)))
        return [*events, _event("message_stop")]

    def error(self, failure: Failure) -> tuple[dict[str, str], bytes]:
        """See Speaker."""
        told = {"type": _TYPES.get(failure.status, "api_error"), "message": _message_of(failure)}
        headers = {"content-type": "application/json", **failure.headers}
        return headers, msgspec.json.encode({"type": "error", "error": told, "request_id": "req_scripted"})


def _check_version(headers: dict[str, str]) -> None:
    if headers.get("anthropic-version") not in VERSIONS:
        raise RefusedError("anthropic-version: header is required", param="anthropic-version")


def _heard(asked: Asked | Counted, headers: dict[str, str]) -> Heard:
    check(asked, new=headers["anthropic-version"] == VERSIONS[1], betas=headers.get("anthropic-beta", ""))
    choice = asked.tool_choice
    forced = "" if choice is None else {"any": "*", "tool": choice.name or ""}.get(choice.type, "")
    output = asked.output_config
    schema = output.format.schema if output is not None and output.format is not None else None
    heard = Heard(
        "messages",
        asked.model,
        turns=turns_of(asked),
        tools=[Tool(each["name"], each.get("input_schema")) for each in asked.tools or () if "name" in each],
        forced=forced,
        schema=schema,
    )
    if isinstance(asked, Asked):
        heard.stream = bool(asked.stream)
        heard.ceiling, heard.stop = asked.max_tokens, asked.stop_sequences or []
    if wrong := [tool.name for tool in heard.tools if not _TOOL.fullmatch(tool.name)]:
        raise RefusedError(f"tools.name: String should match pattern: {wrong[0]!r}", param="tools")
    if forced not in ("", "*") and forced not in {tool.name for tool in heard.tools}:
        raise RefusedError(f"Tool '{forced}' not found in provided tools", param="tool_choice.name")
    return heard


def _message_of(failure: Failure) -> str:
    if failure.param and failure.param not in failure.message:
        return f"{failure.param}: {failure.message}"
    return failure.message


def _message(heard: Heard, reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": f"{heard.model}-2026",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _block(part: Thought | Words | Call, call_id: str) -> dict[str, Any]:
    if isinstance(part, Thought):
        return {"type": "thinking", "thinking": part.text, "signature": proof_of("messages", part.text)}
    if isinstance(part, Words):
        return {"type": "text", "text": part.text}
    return {"type": "tool_use", "id": call_id, "name": part.name, "input": msgspec.json.decode(part.arguments)}


def _block_events(index: int, part: Thought | Words | Call, call_id: str) -> list[bytes]:
    block = _block(part, call_id)
    deltas: list[dict[str, Any]]
    if isinstance(part, Thought):
        begun = {**block, "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(part.text)]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif isinstance(part, Words):
        begun = {**block, "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(part.text)]
    else:
        begun = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(part.arguments)]]
    return [
        _event("content_block_start", index=index, content_block=begun),
        *(_event("content_block_delta", index=index, delta=delta) for delta in deltas),
        _event("content_block_stop", index=index),
    ]


def _event(kind: str, **members: Any) -> bytes:
    return sse({"type": kind, **members}, kind)


def _usage(used: Used) -> dict[str, Any]:
    return {
        "input_tokens": used.input - used.cached - used.written,
        "cache_creation_input_tokens": used.written,
        "cache_read_input_tokens": used.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": used.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": used.output,
        "output_tokens_details": {"thinking_tokens": used.reasoning},
        "service_tier": "standard",
    }

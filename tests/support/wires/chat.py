"""OpenAI's chat completions, as its provider speaks them.  Source: OpenAI's API reference.

Thoughts are shown in ``reasoning_content``, as DeepSeek and vLLM do.
"""

from typing import Any, Final

import msgspec

from support.wires.chat_request import Asked, check, forced_of, schema_of, tool_of, turns_of
from support.wires.openai_common import error
from support.wires.values import (
    Call,
    Failure,
    Heard,
    Reply,
    Thought,
    Used,
    Wire,
    Words,
    decoded,
    pieces,
    sse,
)

_FINISH: Final = {"stop": "stop", "length": "length", "tools": "tool_calls"}


class Chat:
    """See :class:`support.wires.values.Speaker`."""

    wire: Wire = "chat"
    content_type = "text/event-stream; charset=utf-8"

    def hear(self, body: bytes, _model: str, _headers: dict[str, str]) -> Heard:
        """See Speaker."""
        asked = decoded(body, Asked)
        check(asked)
        stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
        options = asked.stream_options
        return Heard(
            "chat",
            asked.model,
            stream=bool(asked.stream),
            turns=turns_of(asked.messages),
            tools=[tool_of(each) for each in asked.tools or ()],
            forced=forced_of(asked),
            schema=schema_of(asked.response_format),
            ceiling=asked.max_completion_tokens or asked.max_tokens,
            stop=stop,
            usage_wanted=options is not None and bool(options.include_usage),
        )

    def answer(self, heard: Heard, reply: Reply) -> bytes:
        """See Speaker."""
        message: dict[str, Any] = {"role": "assistant", "content": _said(reply), "refusal": None, "annotations": []}
        if thought := "".join(part.text for part in reply.parts if isinstance(part, Thought)):
            message["reasoning_content"] = thought
        if calls := _calls(reply):
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[reply.finish]}
        told = _head(heard, reply, "chat.completion") | {"choices": [choice], "usage": _usage(reply.used)}
        return msgspec.json.encode(told)

    def events(self, heard: Heard, reply: Reply) -> list[bytes]:
        """See Speaker."""
        head = _head(heard, reply, "chat.completion.chunk")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}, *_deltas(reply)]
        if reply.breaks:
            deltas = deltas[:2]
        events = [_chunk(head, delta, None, heard) for delta in deltas]
        if reply.breaks:
            failure = {"message": "scripted break", "type": "server_error", "param": None, "code": "server_error"}
            return [*events, sse({"error": failure})]
        events.append(_chunk(head, {}, _FINISH[reply.finish], heard))
        if heard.usage_wanted:
            events.append(sse(head | {"choices": [], "usage": _usage(reply.used)}))
        return [*events, b"data: [DONE]\n\n"]

    def error(self, failure: Failure) -> tuple[dict[str, str], bytes]:
        """See Speaker."""
        return error(failure)


def _said(reply: Reply) -> str | None:
    words = [part.text for part in reply.parts if isinstance(part, Words)]
    return "".join(words) if words else None


def _calls(reply: Reply) -> list[dict[str, Any]]:
    calls = [part for part in reply.parts if isinstance(part, Call)]
    return [_call(call, f"call_{reply.id}_{i}") for i, call in enumerate(calls)]


def _call(call: Call, call_id: str) -> dict[str, Any]:
    if call.free:
        return {"id": call_id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _deltas(reply: Reply) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    number = 0
    for part in reply.parts:
        if isinstance(part, Thought):
            deltas += [{"reasoning_content": piece} for piece in pieces(part.text)]
        elif isinstance(part, Words):
            deltas += [{"content": piece} for piece in pieces(part.text)]
        else:
            whole = _call(part, f"call_{reply.id}_{number}")
            kind, field = ("custom", "input") if part.free else ("function", "arguments")
            begun = {"index": number, **whole, kind: {"name": part.name, field: ""}}
            deltas.append({"tool_calls": [begun]})
            deltas += [{"tool_calls": [{"index": number, kind: {field: each}}]} for each in pieces(part.arguments)]
            number += 1
    return deltas


def _head(heard: Heard, reply: Reply, kind: str) -> dict[str, Any]:
    told = {"id": f"chatcmpl-{reply.id}", "object": kind, "created": 1_750_000_000, "model": f"{heard.model}-2026"}
    return told | {"service_tier": "default"}


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None, heard: Heard) -> bytes:
    chunk = head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
    return sse(chunk | ({"usage": None} if heard.usage_wanted else {}))


def _usage(used: Used) -> dict[str, Any]:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": used.written},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }

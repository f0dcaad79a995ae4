"""Bedrock's Converse API, as its provider speaks it.  Source: the Bedrock Runtime API reference."""

from typing import Any, Final

import msgspec

from support.wires import event_stream
from support.wires.converse_request import Asked, check, schema_of, turns_of
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
)

_FINISH: Final = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use"}
_KINDS: Final = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


class Converse:
    """See :class:`support.wires.values.Speaker`."""

    wire: Wire = "converse"
    content_type = "application/vnd.amazon.eventstream"

    def hear(self, body: bytes, model: str, _headers: dict[str, str]) -> Heard:
        """See Speaker."""
        asked = decoded(body, Asked)
        check(asked)
        config, tools = asked.inference_config, asked.tool_config
        specs = [each.tool_spec for each in (tools.tools if tools else []) if each.tool_spec is not None]
        heard = Heard(
            "converse",
            model,
            turns=turns_of(asked),
            tools=[Tool(each.name, each.input_schema.json) for each in specs],
            forced=_forced(tools.tool_choice if tools else None),
            schema=schema_of(asked),
            ceiling=config.max_tokens if config else None,
            stop=(config.stop_sequences if config else None) or [],
        )
        if heard.forced not in ("", "*") and heard.forced not in {each.name for each in specs}:
            raise RefusedError(f"The tool {heard.forced} is not in toolConfig.tools")
        return heard

    def answer(self, heard: Heard, reply: Reply) -> bytes:
        """See Speaker."""
        content = [_block(part, f"tooluse_{reply.id}_{i}") for i, part in enumerate(reply.parts)]
        told = {"output": {"message": {"role": "assistant", "content": content}}, "metrics": {"latencyMs": 42}}
        return msgspec.json.encode(told | {"stopReason": _FINISH[reply.finish], "usage": _usage(reply.used)})

    def events(self, heard: Heard, reply: Reply) -> list[bytes]:
        """See Speaker."""
        events = [event_stream.frame("messageStart", {"role": "assistant"})]
        for i, part in enumerate(reply.parts):
            events += _block_events(i, part, f"tooluse_{reply.id}_{i}")
        if reply.breaks:
            return [*events[:2], event_stream.exception("modelStreamErrorException", "scripted break")]
        events.append(event_stream.frame("messageStop", {"stopReason": _FINISH[reply.finish]}))
        told = {"usage": _usage(reply.used), "metrics": {"latencyMs": 42}}
        return [*events, event_stream.frame("metadata", told)]

    def error(self, failure: Failure) -> tuple[dict[str, str], bytes]:
        """See Speaker."""
        kind = _KINDS.get(failure.status, "ServiceUnavailableException")
        headers = {"content-type": "application/json", "x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/"}
        return {**headers, **failure.headers}, msgspec.json.encode({"message": failure.message})


def _forced(choice: Any) -> str:
    if choice is None or choice.auto is not None:
        return ""
    return "*" if choice.any is not None else str(choice.tool["name"])


def _block(part: Thought | Words | Call, call_id: str) -> dict[str, Any]:
    if isinstance(part, Thought):
        signed = {"text": part.text, "signature": proof_of("converse", part.text)}
        return {"reasoningContent": {"reasoningText": signed}}
    if isinstance(part, Words):
        return {"text": part.text}
    return {"toolUse": {"toolUseId": call_id, "name": part.name, "input": msgspec.json.decode(part.arguments)}}


def _block_events(index: int, part: Thought | Words | Call, call_id: str) -> list[bytes]:
    events: list[bytes] = []
    deltas: list[dict[str, Any]]
    if isinstance(part, Call):
        start = {"toolUse": {"toolUseId": call_id, "name": part.name}}
        events.append(event_stream.frame("contentBlockStart", {"contentBlockIndex": index, "start": start}))
        deltas = [{"toolUse": {"input": piece}} for piece in pieces(part.arguments)]
    elif isinstance(part, Thought):
        deltas = [{"reasoningContent": {"text": piece}} for piece in pieces(part.text)]
        deltas.append({"reasoningContent": {"signature": proof_of("converse", part.text)}})
    else:  # text has no event for its beginning
        deltas = [{"text": piece} for piece in pieces(part.text)]
    at = {"contentBlockIndex": index}
    events += [event_stream.frame("contentBlockDelta", {**at, "delta": delta}) for delta in deltas]
    return [*events, event_stream.frame("contentBlockStop", at)]


def _usage(used: Used) -> dict[str, Any]:
    return {
        "inputTokens": used.input - used.cached - used.written,
        "outputTokens": used.output,
        "totalTokens": used.input + used.output,
        "cacheReadInputTokens": used.cached,
        "cacheWriteInputTokens": used.written,
    }

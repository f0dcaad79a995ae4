"""Anthropic's wire: an answer in no provider's words, for a client."""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Citation,
    Finish,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
)
from sluice_dataplane.dialects.messages.blocks_out import Block, arguments_object
from sluice_dataplane.dialects.messages.marks import marked, proof_of_call
from sluice_dataplane.dialects.messages.usage import written
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import encoder

_REASONS: Final[dict[Finish, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tools": "tool_use",
    "refusal": "refusal",
    "filter": "refusal",
    "stop_sequence": "stop_sequence",
    "pause": "pause_turn",
    "context": "model_context_window_exceeded",
}


def write_answer(answer: Answer, request: Request, shown: Shown) -> bytes:
    """*answer* in this wire's words; of several choices the first, since it knows only one."""
    choice = answer.choices[0] if answer.choices else Choice(parts=())
    content: list[Block] = []
    for number, part in enumerate(choice.parts):
        if isinstance(part, ToolCall) and (proof := proof_of_call(part, request)) is not None:
            content.append(thought(proof))
        content += _blocks(part, number, shown)
    message = {
        **head(answer.id, answer.model, shown),
        "content": content,
        **end(choice.finish, choice.stop_sequence, {type(part) for part in choice.parts}),
        "usage": written(answer.usage, answer.service_tier),
    }
    return encoder.encode(message)


def head(identity: str, model: str, shown: Shown) -> dict[str, Any]:
    """What an answer begins with."""
    return {
        "id": identity if identity.startswith("msg_") else f"msg_{shown.id}",
        "type": "message",
        "role": "assistant",
        "model": model or shown.model,
    }


def end(finish: Finish, stop_sequence: str | None, kinds: Collection[type[Part]]) -> dict[str, Any]:
    """Why it ended; what calls tools, or refuses (*kinds* are its parts'), ended for that, whatever is said of it."""
    reason = _REASONS[finish]
    if finish == "stop":
        if ToolCall in kinds:
            reason = "tool_use"
        elif Refusal in kinds:
            reason = "refusal"
    return {"stop_reason": reason, "stop_sequence": stop_sequence}


def tool_id(call: ToolCall, number: int, shown: Shown) -> str:
    """The id of the *number*-th part, which is a call; those that a provider did not name are named here."""
    return call.id or f"toolu_{shown.id}_{number}"


def citation(found: Citation) -> Block | msgspec.Raw:
    """What a text rests on; its own words where they came from a provider of this wire."""
    if found.raw is not None:
        return found.raw
    if found.document is None:
        return {
            "type": "web_search_result_location",
            "cited_text": found.quote,
            "encrypted_index": "",
            "title": found.title or None,
            "url": found.url,
        }
    return {
        "type": "char_location",
        "cited_text": found.quote,
        "document_index": found.document,
        "document_title": found.title or None,
        "start_char_index": found.start or 0,
        "end_char_index": found.end or 0,
    }


def _blocks(part: Part, number: int, shown: Shown) -> list[Block]:
    match part:
        case Text():
            block: Block = {"type": "text", "text": part.text}
            if part.citations:
                block["citations"] = [citation(each) for each in part.citations]
            return [block]
        case Refusal():
            return [{"type": "text", "text": part.text}]
        case Thinking():
            return [thought(part)]
        case ToolCall():
            call = {"id": tool_id(part, number, shown), "name": part.name, "input": arguments_object(part)}
            return [{"type": "tool_use", **call}]
        case _:  # pictures and sound have no block in an answer
            return []


def thought(part: Thinking) -> Block:
    """The block of a thought, whoever had it."""
    if part.redacted:
        return {"type": "redacted_thinking", "data": marked(part, part.redacted)}
    return {"type": "thinking", "thinking": part.text, "signature": marked(part, part.signature)}

"""An answer in chat completions' words, whole; and the pieces of it that its streams have too.

Sources: the OpenAI API reference (the chat completion object); what is beside it stands in :mod:`~.thoughts`.
"""

from collections.abc import Iterable
from typing import Final

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.chat import thoughts
from sluice_dataplane.dialects.chat.finishes import write_finish
from sluice_dataplane.dialects.chat.tiers import write_tier
from sluice_dataplane.dialects.chat.tools_in import OLD_PLACE
from sluice_dataplane.dialects.conversation import (
    Answer,
    Choice,
    Citation,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    TokenChance,
    ToolCall,
)
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import encoder

Members = dict[str, object]
ID_PREFIX: Final = "chatcmpl-"


def write_answer(answer: Answer, request: Request, shown: Shown) -> bytes:
    """*answer* to *request*, as a body."""
    old = is_old(request)
    body: Members = {
        "id": ID_PREFIX + shown.id,
        "object": "chat.completion",
        "created": answer.created_s or shown.created_s,
        "model": answer.model or shown.model,
        "choices": [_choice(choice, number, old=old) for number, choice in enumerate(answer.choices)],
    }
    if answer.usage is not None:
        body["usage"] = write_usage(answer.usage)
    tier = write_tier(answer.service_tier)
    if tier:
        body["service_tier"] = tier
    return encoder.encode(body)


def is_old(request: Request) -> bool:
    """Whether *request* described its tools as functions only: its client looks for calls in ``function_call``."""
    return bool(request.tools) and all(tool.at.startswith(OLD_PLACE) for tool in request.tools)


def _choice(choice: Choice, number: int, *, old: bool) -> Members:
    refusal = "".join(part.text for part in choice.parts if isinstance(part, Refusal))
    return {
        "index": number,
        "message": _message(choice.parts, refusal, old=old),
        "logprobs": write_chances(choice.logprobs, refusal=bool(refusal)),
        "finish_reason": write_finish(choice.finish, refused=bool(refusal), old=old),
    }


def _message(parts: Iterable[Part], refusal: str, *, old: bool) -> Members:
    texts: list[str] = []
    thought: list[Thinking] = []
    calls: list[ToolCall] = []
    notes: list[Members] = []
    place = 0
    for part in parts:
        if isinstance(part, Text):
            notes += [note for each in part.citations if (note := annotation(each, place, place + len(part.text)))]
            place += len(part.text)
            texts.append(part.text)
        elif isinstance(part, Thinking):
            thought.append(part)
        elif isinstance(part, ToolCall):
            calls.append(part)
    nothing = None if calls or refusal else ""
    message: Members = {
        "role": "assistant",
        "content": "".join(texts) if texts else nothing,
        "refusal": refusal or None,
    }
    if notes:
        message["annotations"] = notes
    message |= _thoughts(thought)
    if calls and old:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}
    elif calls:
        message["tool_calls"] = [write_call(call, call.arguments or ("" if call.free else "{}")) for call in calls]
    return message


def _thoughts(thought: list[Thinking]) -> Members:
    words = "\n\n".join(each.text for each in thought if each.text)
    fields: Members = {"reasoning_content": words} if words else {}
    written = [thoughts.for_client(each, number) for number, each in enumerate(thought)]
    return fields | thoughts.lists_of([entry for entry in written if entry is not None])


def write_call(call: ToolCall, arguments: str) -> Members:
    """*call* with as much of its arguments as there is."""
    if call.free:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": arguments}}
    written: Members = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }
    if call.signature:
        written["extra_content"] = {"google": {"thought_signature": call.signature}}
    return written


def annotation(citation: Citation, start: int, end: int) -> Members | None:
    """*citation* of a text from *start* to *end*; None where it is no page, for which there are no words here."""
    if not citation.url:
        return None
    page = {
        "url": citation.url,
        "title": citation.title,
        "start_index": start if citation.start is None else citation.start,
        "end_index": end if citation.end is None else citation.end,
    }
    return {"type": "url_citation", "url_citation": page}


def write_chances(chances: tuple[TokenChance, ...] | None, *, refusal: bool) -> Members | None:
    """The tokens' log probabilities, of a text or of a *refusal*."""
    if chances is None:
        return None
    tokens = [{**_chance(chance), "top_logprobs": list(map(_chance, chance.top))} for chance in chances]
    return {"content": None, "refusal": tokens} if refusal else {"content": tokens, "refusal": None}


def _chance(chance: TokenChance) -> Members:
    return {"token": chance.token, "logprob": chance.logprob, "bytes": chance.bytes}


def write_usage(usage: TokenUsage) -> Members:
    """*usage* as it is counted here: what was cached or written to a cache is part of the prompt."""
    inputs: Members = {"cached_tokens": usage.cached_input, "audio_tokens": usage.audio_input}
    if usage.cache_write:
        inputs["cache_write_tokens"] = usage.cache_write
    if usage.cache_write_1h:
        inputs["cache_creation_token_details"] = {"ephemeral_1h_input_tokens": usage.cache_write_1h}
    if usage.cached_audio:
        inputs["cached_tokens_details"] = {"audio_tokens": usage.cached_audio}
    if usage.image_input:
        inputs["image_tokens"] = usage.image_input
    outputs: Members = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_output}
    if usage.image_output:
        outputs["image_tokens"] = usage.image_output
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": inputs,
        "completion_tokens_details": outputs,
    }

"""A response as this API's clients see it: the object around the items, and the items."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from sluice_contract.usage import TokenUsage
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
from sluice_dataplane.dialects.responses.finishes import reason_of
from sluice_dataplane.dialects.responses.names import Names
from sluice_dataplane.dialects.responses.thoughts import call_proof, encrypted_content
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import encoder, members

Object = dict[str, Any]

_TEXT: Final[Object] = {"format": {"type": "text"}, "verbosity": "medium"}
_REASONING: Final[Object] = {"effort": None, "summary": None}
_free_input: Final = msgspec.json.Decoder(dict[str, str])


class Envelope:
    """All of a response but its output, which does not change while it streams."""

    def __init__(self, request: Request, shown: Shown) -> None:
        self._echo = request.echo
        self._shown = shown
        self.model = shown.model

    def response(
        self,
        status: str,
        output: Sequence[object],
        *,
        usage: TokenUsage | None = None,
        service_tier: str = "",
        reason: str | None = None,
        error: Object | None = None,
    ) -> Object:
        """The response with *output*; what the client asked for is repeated, what it left open is the usual."""
        echo, shown = self._echo, self._shown
        return {
            "id": f"resp_{shown.id}",
            "object": "response",
            "created_at": shown.created_s,
            "status": status,
            "background": False,
            "error": error,
            "incomplete_details": None if reason is None else {"reason": reason},
            "instructions": echo.get("instructions"),
            "max_output_tokens": echo.get("max_output_tokens"),
            "max_tool_calls": echo.get("max_tool_calls"),
            "model": self.model,
            "output": output,
            "parallel_tool_calls": echo.get("parallel_tool_calls", True),
            "previous_response_id": None,
            "prompt_cache_key": echo.get("prompt_cache_key"),
            "prompt_cache_retention": echo.get("prompt_cache_retention"),
            "reasoning": _overlaid(_REASONING, echo.get("reasoning")),
            "safety_identifier": echo.get("safety_identifier"),
            "service_tier": service_tier or "default",
            "store": False,  # nobody keeps what was translated
            "temperature": echo.get("temperature", 1.0),
            "text": _overlaid(_TEXT, echo.get("text")),
            "tool_choice": echo.get("tool_choice", "auto"),
            "tools": echo.get("tools", []),
            "top_logprobs": echo.get("top_logprobs", 0),
            "top_p": echo.get("top_p", 1.0),
            "truncation": echo.get("truncation", "disabled"),
            "usage": None if usage is None else usage_out(usage),
            "user": echo.get("user"),
            "metadata": echo.get("metadata", {}),
        }


def _overlaid(usual: Object, asked: msgspec.Raw | None) -> Object:
    return usual if asked is None else {**usual, **members.decode(asked)}


def usage_out(usage: TokenUsage) -> Object:
    """Tokens as this API counts them: totals, of which the details are parts."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached_input, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def write_answer(answer: Answer, request: Request, shown: Shown) -> bytes:
    """*answer* to *request*, whole."""
    envelope = Envelope(request, shown)
    envelope.model = answer.model or shown.model
    choice = answer.choices[0] if answer.choices else Choice(parts=())
    reason = reason_of(choice.finish)
    status = "completed" if reason is None else "incomplete"
    output = _items(choice.parts, request, shown, choice.logprobs)
    if output and reason is not None and "status" in output[-1]:
        output[-1]["status"] = "incomplete"
    return encoder.encode(
        envelope.response(status, output, usage=answer.usage, service_tier=answer.service_tier, reason=reason)
    )


def _items(
    parts: Iterable[Part], request: Request, shown: Shown, logprobs: tuple[TokenChance, ...] | None
) -> list[Object]:
    names = Names(request)
    output: list[Object] = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            if not output or output[-1]["type"] != "message":
                output.append(message(item_id("msg", shown, len(output)), []))
            content = refusal_part(part.text) if isinstance(part, Refusal) else text_part(part.text, part.citations)
            output[-1]["content"].append(content)
            if logprobs and isinstance(part, Text):
                content["logprobs"], logprobs = [chance_out(each) for each in logprobs], None
        elif isinstance(part, Thinking):
            thought = reasoning(item_id("rs", shown, len(output)), part.text)
            output.append(proven(thought, encrypted_content(part, part.text, part.signature)))
        elif isinstance(part, ToolCall):
            call_id = call_id_of(part, len(output), shown)
            if proof := call_proof(part, call_id):
                output.append(proven(reasoning(item_id("rs", shown, len(output)), ""), proof))
            output.append(_call(part, call_id, names, shown, len(output)))
    return output


def _call(part: ToolCall, call_id: str, names: Names, shown: Shown, number: int) -> Object:
    free = part.free or names.is_free(part.name)
    written = part.arguments or ("" if free else "{}")
    if free and not part.free:
        written = free_input(part.arguments)
    return call(call_item_id(shown, number, free=free), call_id, names.split(part.name), written, free=free)


def call_item_id(shown: Shown, number: int, *, free: bool) -> str:
    """The id of the item of a call."""
    return item_id("ctc" if free else "fc", shown, number)


def item_id(kind: str, shown: Shown, number: int) -> str:
    """The id of the item that is the *number*-th of the output."""
    return f"{kind}_{shown.id}_{number}"


def call_id_of(part: ToolCall, number: int, shown: Shown) -> str:
    """The id that joins a call and its result; one is made where the provider gave none."""
    return part.id or f"call_{shown.id}_{number}"


def message(item: str, content: list[Object], status: str = "completed") -> Object:
    """A message of the assistant's."""
    return {"id": item, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: str, citations: Iterable[Citation] = ()) -> Object:
    """A text, with what it rests on."""
    annotations = [annotation(each, len(text)) for each in citations]
    return {"type": "output_text", "annotations": annotations, "logprobs": [], "text": text}


def refusal_part(text: str) -> Object:
    """A refusal."""
    return {"type": "refusal", "refusal": text}


def reasoning(item: str, text: str) -> Object:
    """A thought; its words are shown as its summary, which is what clients show to people."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": item, "type": "reasoning", "summary": summary}


def proven(thought: Object, proof: str) -> Object:
    """*thought*, with what its provider must have back, if anything."""
    if proof:
        thought["encrypted_content"] = proof
    return thought


def call(
    item: str, call_id: str, name: tuple[str | None, str], written: str, *, free: bool, status: str = "completed"
) -> Object:
    """A call of a tool, whose *name* is its namespace and its own."""
    made: Object = {"id": item, "type": "custom_tool_call" if free else "function_call", "status": status}
    made["input" if free else "arguments"] = written
    made |= {"call_id": call_id, "name": name[1]}
    if name[0] is not None:
        made["namespace"] = name[0]
    return made


def free_input(arguments: str) -> str:
    """The plain text that another wire's provider had to put into an object, as its only member."""
    try:
        found = _free_input.decode(arguments)
    except (ValueError, RecursionError):
        return arguments
    return next(iter(found.values())) if len(found) == 1 else arguments


def annotation(cited: Citation, end: int) -> Object:
    """What a text rests on: a page, or a document of the request by its number.  *end*: of what rests on it."""
    if cited.url:
        return {
            "type": "url_citation",
            "url": cited.url,
            "title": cited.title,
            "start_index": cited.start or 0,
            "end_index": end if cited.end is None else cited.end,
        }
    number = cited.document or 0
    return {"type": "file_citation", "file_id": f"document_{number}", "filename": cited.title, "index": number}


def chance_out(chance: TokenChance) -> Object:
    """A token's log probability."""
    return {**_likely(chance), "top_logprobs": [_likely(each) for each in chance.top]}


def _likely(chance: TokenChance) -> Mapping[str, object]:
    spelt = chance.token.encode("utf-8", "replace") if chance.bytes is None else chance.bytes
    return {"token": chance.token, "logprob": chance.logprob, "bytes": list(spelt)}

"""A request, written for a provider of the Responses API.

Nothing is kept by the provider: the client asked for no such thing, as its own API has none.

Source: the API reference (fields of ``POST /responses``).
"""

from typing import Any, Final

from sluice_dataplane.dialects.conversation import Format, Reasoning, Request, Tool, ToolChoice
from sluice_dataplane.dialects.efforts import effort_within
from sluice_dataplane.dialects.responses.items_out import Object, write_turns
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import encoder

_UNSAID: Final = ("top_k", "seed", "presence_penalty", "frequency_penalty", "stop", "logit_bias")
_SAMPLING: Final = ("temperature", "top_p")
_TIERS: Final = {"standard_only": "default", "standard": "default"}
_KNOWN_TIERS: Final = frozenset(("auto", "default", "flex", "priority", "scale", "fast", "ultrafast"))
_MODES: Final = {"auto": "auto", "any": "required", "none": "none"}


def write_request(request: Request, to: To) -> bytes:
    """*request* in this API's words.

    Raises:
        InvalidRequestError: what cannot be carried may not be dropped; names the client's field.
    """
    _lose(request, to)
    instructions, items = write_turns(request.turns, to)
    body: Object = {"model": to.model}
    if instructions:
        body["instructions"] = instructions
    body["input"] = items
    if request.stream:
        body["stream"] = True
    body["store"] = False
    _write_tools(body, request, to)
    _write_words(body, request, to)
    _write_thinking(body, request, to)
    _write_limits(body, request, to)
    return encoder.encode(body)


def _lose(request: Request, to: To) -> None:
    for name in _UNSAID:
        if getattr(request, name) not in (None, ()):
            to.losses.lose(name)
    if request.choices > 1:
        to.losses.lose("choices", "this API gives one answer only")


def _write_tools(body: Object, request: Request, to: To) -> None:
    choice = request.tool_choice
    usable = () if to.capabilities.tools is False else request.tools
    if not usable:
        if choice is not None and choice.mode in ("any", "tool"):
            raise to.losses.refuse("tool_choice", "there is no tool that this model can use")
        if request.tools:
            to.losses.lose("tools", "this model knows no tools")
        return
    body["tools"] = [_write_tool(tool) for tool in usable]
    if choice is None:
        return
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel
    written = _write_choice(choice, {tool.name for tool in usable if tool.free})
    if written != "auto" or choice.parallel is None:
        body["tool_choice"] = written


def _write_tool(tool: Tool) -> Object:
    written: Object = {"type": "custom" if tool.free else "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if not tool.free:
        # Unlike other APIs, this one takes a tool that says nothing of it for a strict one.
        written |= {"parameters": tool.schema, "strict": bool(tool.strict)}
    elif tool.grammar is not None:
        written["format"] = tool.grammar
    return written


def _write_choice(choice: ToolChoice, free: set[str]) -> str | Object:
    def named(name: str) -> Object:
        return {"type": "custom" if name in free else "function", "name": name}

    if choice.mode == "tool":
        return named(choice.name)
    mode = _MODES[choice.mode]
    if choice.allowed and choice.mode != "none":
        return {"type": "allowed_tools", "mode": mode, "tools": [named(name) for name in choice.allowed]}
    return mode


def _write_words(body: Object, request: Request, to: To) -> None:
    """How the answer is to be put."""
    text: Object = {}
    if request.format is not None:
        if to.capabilities.structured_output is False:
            raise to.losses.refuse("format", "this model cannot be held to a form of its answer")
        text["format"] = _write_format(request.format)
    if request.verbosity:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _write_thinking(body: Object, request: Request, to: To) -> None:
    """How much is to be thought, and what is to be told besides the answer."""
    include: list[str] = []
    knows, asked = to.capabilities.reasoning, request.reasoning
    if asked is not None and knows != "none" and (written := _write_reasoning(asked)):
        body["reasoning"] = written
    if knows not in (None, "none") or ("reasoning" in body and asked is not None and asked.enabled):
        include.append("reasoning.encrypted_content")  # a tool loop would lose its thoughts, since nothing is kept
    if request.logprobs:
        include.append("message.output_text.logprobs")
        if request.top_logprobs is not None:
            body["top_logprobs"] = request.top_logprobs
    if include:
        body["include"] = include


def _write_format(asked: Format) -> Object:
    if asked.kind == "object":
        return {"type": "json_object"}
    written: Object = {"type": "json_schema", "name": asked.name or "answer", "schema": asked.schema}
    if asked.description:
        written["description"] = asked.description
    if asked.strict is not None:
        written["strict"] = asked.strict
    return written


def _write_reasoning(asked: Reasoning) -> dict[str, Any]:
    written: dict[str, Any] = {}
    effort = asked.effort
    if effort is None and asked.enabled and asked.budget is not None:
        effort = effort_within(asked.budget)
    if effort is not None:
        written["effort"] = effort
    if asked.enabled and (asked.summary or asked.shown):
        written["summary"] = asked.summary or "auto"
    return written


def _write_limits(body: Object, request: Request, to: To) -> None:
    ceiling = to.ceiling_of(request.ceiling)
    if ceiling is not None:
        body["max_output_tokens"] = ceiling
    for name in _SAMPLING:
        value = getattr(request, name)
        if value is not None and to.capabilities.sampling is False:
            to.losses.lose(name, "this model takes no sampling parameters")
        elif value is not None:
            body[name] = value
    if request.user:
        body["user"] = request.user
    tier = _TIERS.get(request.service_tier, request.service_tier)
    if tier and tier not in _KNOWN_TIERS:
        to.losses.lose("service_tier", "the provider of this model has no such tier")
    elif tier and tier != "auto":
        body["service_tier"] = tier

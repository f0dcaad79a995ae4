"""Anthropic's wire: a request in no provider's words, for a provider.

Sources: the API reference of Messages (2023-06-01, which takes all that 2026-10-21 does, and sampling besides), the
pages on structured outputs, effort, extended and adaptive thinking, and tool use.
"""

from typing import Any, Final

from sluice_contract.quirks import VERTEX_CLAUDE
from sluice_dataplane.dialects.conversation import Format, Request, Tool, ToolChoice
from sluice_dataplane.dialects.messages.blocks_out import Block, cached, closed_schema, object_schema
from sluice_dataplane.dialects.messages.fields import VERTEX_VERSION
from sluice_dataplane.dialects.messages.thoughts import reasoning_fields
from sluice_dataplane.dialects.messages.turns_out import Prompt
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import encoder, raw

LEAST_TOP_P: Final = 0.95  # that may be set beside thinking
MAX_USER: Final = 256  # characters of ``metadata.user_id``
_TIERS: Final = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard_only": "standard_only"}
_OBJECT: Final = "Answer with one JSON object and nothing else."
_FREE: Final = raw({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]})
_NEVER: Final[tuple[tuple[str, object], ...]] = (
    ("seed", None),
    ("presence_penalty", 0),
    ("frequency_penalty", 0),
    ("logit_bias", {}),
)


def write_request(request: Request, to: To) -> bytes:
    """*request* in this wire's words.

    Raises:
        InvalidRequestError: what cannot be carried may not be dropped; names the client's field.
    """
    _lose_what_never_goes(request, to)
    prompt = Prompt(request.turns, to)
    ceiling = to.ceiling_of(to.usual_ceiling if request.ceiling is None else request.ceiling)
    assert ceiling is not None  # this API must have one
    tools = _tools(request, to)
    choice = _tool_choice(request.tool_choice, tools)
    reasoning = reasoning_fields(request.reasoning, to.capabilities, ceiling)
    if _is_forced(choice) or ("budget_tokens" in _thinking(reasoning) and prompt.in_loop_without_thought()):
        reasoning.pop("thinking", None)  # the provider refuses both together, and how much to think is a hint
    config = {"effort": reasoning.pop("effort")} if "effort" in reasoning else {}
    config |= _format(request.format, prompt, to)
    body: dict[str, Any] = {"model": to.model, "max_tokens": ceiling, **prompt.fields()}
    if tools:
        body["tools"] = tools
        body |= choice
    body |= reasoning
    if config:
        body["output_config"] = config
    body |= (
        _sampling(request, to, thinks=_thinking(reasoning).get("type", "disabled") != "disabled")
        | _stop(request, to)
        | _about(request, to)
    )
    if request.stream:
        body["stream"] = True
    return encoder.encode(_enveloped(body, to))


def _enveloped(body: dict[str, Any], to: To) -> dict[str, Any]:
    if VERTEX_CLAUDE in to.quirks:
        del body["model"]
        body["anthropic_version"] = VERTEX_VERSION
    return body


def _lose_what_never_goes(request: Request, to: To) -> None:
    for name, neutral in _NEVER:
        value = getattr(request, name)
        if value is not None and value != neutral:
            to.losses.lose(name)
    if request.logprobs or request.top_logprobs:
        to.losses.lose("logprobs")
    if request.choices > 1:
        to.losses.lose("choices", "the provider of this model gives one answer to a request")


def _sampling(request: Request, to: To, *, thinks: bool) -> dict[str, Any]:
    """Temperature and the like; 1 is what they are by themselves."""
    fields: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(request, name)
        if value is None or (value == 1 and name != "top_k" and (thinks or to.capabilities.sampling is False)):
            continue
        why = _why_not(name, value, to, thinks=thinks)
        if why:
            to.losses.lose(name, why)
        else:
            fields[name] = value
    if "temperature" in fields and fields.get("top_p") == 1:
        del fields["top_p"]  # newer models refuse both
    return fields


def _why_not(name: str, value: float, to: To, *, thinks: bool) -> str:
    if to.capabilities.sampling is False:
        return "this model does not let it be set"
    if thinks and not (name == "top_p" and value >= LEAST_TOP_P):
        return "it cannot be set while this model thinks"
    return "for this model it is between 0 and 1" if name == "temperature" and value > 1 else ""


def _stop(request: Request, to: To) -> dict[str, Any]:
    stop = [each for each in request.stop if each.strip()]
    if len(stop) < len(request.stop):
        to.losses.lose("stop", "white space alone cannot stop this model")
    return {"stop_sequences": stop} if stop else {}


def _about(request: Request, to: To) -> dict[str, Any]:
    """Who asks, and how it is to be served."""
    fields: dict[str, Any] = {}
    if request.user and len(request.user) <= MAX_USER:
        fields["metadata"] = {"user_id": request.user}
    if request.service_tier in _TIERS:
        fields["service_tier"] = _TIERS[request.service_tier]
    elif request.service_tier:
        to.losses.lose("service_tier")
    return fields


def _tools(request: Request, to: To) -> list[Block]:
    choice = request.tool_choice or ToolChoice()
    forced = choice.mode in ("any", "tool")
    if request.tools and to.capabilities.tools is False:
        if forced:
            raise to.losses.refuse("tool_choice", "this model has no tools")
        to.losses.lose("tools", "this model has no tools")
        return []
    allowed = frozenset(choice.allowed)
    wanted = [tool for tool in request.tools if not allowed or tool.name in allowed]
    if forced and not wanted:
        raise to.losses.refuse("tool_choice", "there is no tool that it could mean")
    return [_tool(tool, to) for tool in wanted]


def _tool(tool: Tool, to: To) -> Block:
    """A tool that takes plain text takes it as its ``input``."""
    block: Block = {"name": tool.name}
    description = tool.description
    if tool.grammar is not None:
        description = f"{description}\n\nThe input must be of this form:\n{bytes(tool.grammar).decode()}".strip()
    if description:
        block["description"] = description
    try:
        block["input_schema"] = _FREE if tool.free else object_schema(tool.schema)
    except (ValueError, RecursionError):
        raise to.losses.refuse(tool.at or "tools", "its schema is none of an object") from None
    if tool.strict and to.capabilities.structured_output:
        block["strict"] = True
    return cached(block, tool.cache)


def _tool_choice(choice: ToolChoice | None, tools: list[Block]) -> dict[str, Any]:
    if choice is None or not tools:
        return {}
    fields: dict[str, Any] = {"type": choice.mode}
    if choice.mode == "tool":
        fields["name"] = choice.name
    if choice.parallel is False and choice.mode != "none":
        fields["disable_parallel_tool_use"] = True
    return {} if fields == {"type": "auto"} else {"tool_choice": fields}


def _is_forced(choice: dict[str, Any]) -> bool:
    return bool(choice) and choice["tool_choice"]["type"] in ("any", "tool")


def _thinking(reasoning: dict[str, Any]) -> dict[str, Any]:
    thinking: dict[str, Any] = reasoning.get("thinking", {})
    return thinking


def _format(form: Format | None, prompt: Prompt, to: To) -> dict[str, Any]:
    """JSON by a schema is the provider's to keep to; any JSON object is asked for in words: there is no mode for it."""
    if form is None:
        return {}
    if form.kind == "object":
        prompt.system.append({"type": "text", "text": _OBJECT})
        return {}
    if to.capabilities.structured_output is False:
        to.losses.lose("format", "this model keeps to no schema")
        return {}
    try:
        return {"format": {"type": "json_schema", "schema": closed_schema(form.schema)}}
    except (ValueError, RecursionError):
        raise to.losses.refuse("format", "is no schema that can be read") from None

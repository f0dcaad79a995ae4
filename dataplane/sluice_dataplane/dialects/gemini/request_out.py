"""Gemini's wire: a request in no provider's words, for the provider.  Model and stream go into the path.

Schemas go as JSON Schema, untouched.  Sources: Google's reference of ``GenerationConfig``; its pages on thinking (2.5
takes budgets, 0 for none and -1 for its own; 3 takes levels and cannot be told not to think) and on service tiers.
"""

from typing import Any, Final

from sluice_dataplane.dialects.conversation import EMPTY_OBJECT, Effort, Reasoning, Request, Tool, ToolChoice
from sluice_dataplane.dialects.efforts import budget_below, effort_within
from sluice_dataplane.dialects.gemini.contents_out import Json, write_turns
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import encoder

# Levels that every model with levels knows; a model that cannot be told not to think is told to think little.
_LEVELS: Final[dict[Effort, str]] = {"none": "LOW", "minimal": "LOW", "low": "LOW", "medium": "MEDIUM"}
_SAMPLING: Final = {"temperature": "temperature", "top_p": "topP", "top_k": "topK"}
_SAME: Final = {
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_USUAL_TIERS: Final = frozenset(("", "auto", "default", "standard", "standard_only", "on_demand"))
_TIERS: Final = frozenset(("flex", "priority"))


def write_request(request: Request, to: To) -> bytes:
    """*request* as a body.

    Raises:
        InvalidRequestError: what cannot be carried may not be dropped; names the client's field.
    """
    body = write_turns(request, to) | _tools(request, to)
    config = _sampling(request, to) | _plain(request, to) | _format(request, to)
    ceiling = to.ceiling_of(request.ceiling)
    if ceiling is not None:
        config["maxOutputTokens"] = ceiling
    thinking = _thinking(request.reasoning, to, ceiling)
    if thinking:
        config["thinkingConfig"] = thinking
    if config:
        body["generationConfig"] = config
    if request.service_tier in _TIERS:
        body["serviceTier"] = request.service_tier
    elif request.service_tier not in _USUAL_TIERS:
        to.losses.lose("service_tier")
    return encoder.encode(body)


def _tools(request: Request, to: To) -> Json:
    choice = request.tool_choice or ToolChoice()
    forced = choice.mode in ("any", "tool")
    if request.tools and to.capabilities.tools is False:
        if forced:
            raise to.losses.refuse("tool_choice", "this model has no tools")
        to.losses.lose("tools", "this model has no tools")
        return {}
    tools = [tool for number, tool in enumerate(request.tools) if _is_function(tool, number, to)]
    if not tools:
        if forced:
            raise to.losses.refuse("tool_choice", "there is no tool that it could mean")
        return {}
    body: Json = {"tools": [{"functionDeclarations": [_tool(tool) for tool in tools]}]}
    config = _choice(choice)
    if config:
        body["toolConfig"] = {"functionCallingConfig": config}
    return body


def _is_function(tool: Tool, number: int, to: To) -> bool:
    if tool.free:
        to.losses.lose(tool.at or f"tools[{number}]", "the provider of this model knows no tools that take plain text")
    return not tool.free


def _tool(tool: Tool) -> Json:
    declared: Json = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.schema != EMPTY_OBJECT:
        declared["parametersJsonSchema"] = tool.schema
    return declared


def _choice(choice: ToolChoice) -> Json:
    if choice.mode == "tool":
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    if choice.mode == "none":
        return {"mode": "NONE"}
    allowed: Json = {"allowedFunctionNames": choice.allowed} if choice.allowed else {}
    if choice.mode == "any":
        return {"mode": "ANY"} | allowed
    return {"mode": "VALIDATED"} | allowed if allowed else {}  # AUTO takes no names


def _sampling(request: Request, to: To) -> Json:
    config: Json = {}
    for field, name in _SAMPLING.items():
        value: Any = getattr(request, field)
        if value is None:
            continue
        if to.capabilities.sampling is False:
            to.losses.lose(field, "this model lets nobody set it")
        else:
            config[name] = value
    return config


def _plain(request: Request, to: To) -> Json:
    config: Json = {
        name: getattr(request, field) for field, name in _SAME.items() if getattr(request, field) is not None
    }
    if request.stop:
        config["stopSequences"] = request.stop
    if request.choices != 1:
        config["candidateCount"] = request.choices
    if request.logprobs:
        config["responseLogprobs"] = True
        if request.top_logprobs:
            config["logprobs"] = request.top_logprobs
    if request.logit_bias:
        to.losses.lose("logit_bias")
    return config


def _format(request: Request, to: To) -> Json:
    if request.format is None:
        return {}
    if to.capabilities.structured_output is False:
        to.losses.lose("format", "this model has no structured output")
        return {}
    config: Json = {"responseMimeType": "application/json"}
    if request.format.kind == "schema":
        config["responseJsonSchema"] = request.format.schema
    return config


def _thinking(asked: Reasoning | None, to: To, ceiling: int | None) -> Json:
    """How to think.  To think is a hint: a model that cannot is not told to."""
    way = to.capabilities.reasoning
    if asked is None or way == "none":
        return {}
    config: Json = {"includeThoughts": True} if asked.shown else {}
    off = not asked.enabled or asked.effort == "none"
    if way == "effort":
        level = "LOW" if off else _level(asked)
        return config | ({"thinkingLevel": level} if level else {})
    if off:
        return {"thinkingBudget": 0}
    if asked.effort is None and asked.budget is None:
        return config | ({"thinkingBudget": -1} if asked.adaptive else {})
    budget = budget_below(ceiling, asked)
    return config if budget is None else config | {"thinkingBudget": budget}


def _level(asked: Reasoning) -> str:
    effort = asked.effort
    if effort is None and asked.budget is not None:
        effort = effort_within(asked.budget)
    return "" if effort is None else _LEVELS.get(effort, "HIGH")

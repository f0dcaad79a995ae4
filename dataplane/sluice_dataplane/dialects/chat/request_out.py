"""A request in no provider's words as a chat completion.

Fields go out only where they say something, since every server refuses others; what has no effect on the answer
(the user, metadata, marks of caches) stays behind.
"""

from typing import Final

import msgspec

from sluice_contract.quirks import NEW_CEILING, NO_STREAM_OPTIONS
from sluice_dataplane.dialects.chat.tiers import write_tier
from sluice_dataplane.dialects.chat.tools_in import Grammar
from sluice_dataplane.dialects.chat.turns_out import write_turns
from sluice_dataplane.dialects.conversation import EMPTY_OBJECT, Effort, Format, Reasoning, Request, Tool, ToolChoice
from sluice_dataplane.dialects.efforts import effort_for
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import UNREADABLE, encoder

_grammar: Final = msgspec.json.Decoder(Grammar)
_FORMAT_NAME: Final = "answer"  # OpenAI's API must have one
# What a budget of thinking becomes, of the words that all models know.
_KNOWN_EFFORTS: Final[dict[Effort, Effort]] = {"minimal": "low", "xhigh": "high", "max": "high"}


def write_request(request: Request, to: To) -> bytes:
    """*request* as a body.

    Raises:
        InvalidRequestError: what cannot be carried may not be dropped; names the client's field.
    """
    body: dict[str, object] = {"model": to.model, "messages": write_turns(request.turns, to)}
    body |= _tools(request, to)
    if request.format is not None:
        if to.capabilities.structured_output is False:
            to.losses.lose("format", "this model has no structured output")
        else:
            body["response_format"] = _format(request.format)
    body |= _sampling(request, to)
    effort = _effort(request.reasoning, to)
    if effort is not None:
        body["reasoning_effort"] = effort
    if request.verbosity:
        body["verbosity"] = request.verbosity
    ceiling = to.ceiling_of(request.ceiling)
    if ceiling is not None:
        body["max_completion_tokens" if NEW_CEILING in to.quirks else "max_tokens"] = ceiling
    body |= _plain(request)
    if tier := write_tier(request.service_tier):
        body["service_tier"] = tier
    elif request.service_tier:
        to.losses.lose("service_tier")
    if request.stream:
        body["stream"] = True
        if NO_STREAM_OPTIONS not in to.quirks:
            body["stream_options"] = {"include_usage": True}
    return encoder.encode(body)


def _plain(request: Request) -> dict[str, object]:
    """What is said in the same words, and neutral where it is not said."""
    body: dict[str, object] = {}
    if request.stop:
        body["stop"] = request.stop
    if request.choices != 1:
        body["n"] = request.choices
    if request.seed is not None:
        body["seed"] = request.seed
    if biases := request.logit_bias:
        # OpenAI takes whole numbers only.
        body["logit_bias"] = {token: int(bias) if bias == int(bias) else bias for token, bias in biases.items()}
    if request.logprobs:
        body["logprobs"] = True
        if request.top_logprobs is not None:
            body["top_logprobs"] = request.top_logprobs
    return body


def _sampling(request: Request, to: To) -> dict[str, object]:
    body: dict[str, object] = {}
    for name, neutral in (("temperature", 1), ("top_p", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
        value = getattr(request, name)
        if value is None:
            continue
        if to.capabilities.sampling is not False:
            body[name] = value
        elif value != neutral:
            to.losses.lose(name, "this model lets nobody set it")
    if request.top_k is not None:
        to.losses.lose("top_k")
    return body


def _effort(reasoning: Reasoning | None, to: To) -> Effort | None:
    """How much to think, in a word; None leaves it to the model, as for one that is only asked not to think: most
    that cannot be told so refuse the word.
    """
    if reasoning is None or to.capabilities.reasoning == "none":
        return None
    if reasoning.effort is not None:
        return reasoning.effort
    if not reasoning.enabled or reasoning.budget is None:
        return None
    effort = effort_for(reasoning.budget)
    return _KNOWN_EFFORTS.get(effort, effort)


def _format(form: Format) -> dict[str, object]:
    if form.kind == "object":
        return {"type": "json_object"}
    described: dict[str, object] = {"name": form.name or _FORMAT_NAME}
    if form.description:
        described["description"] = form.description
    described["schema"] = form.schema
    if form.strict is not None:
        described["strict"] = form.strict
    return {"type": "json_schema", "json_schema": described}


def _tools(request: Request, to: To) -> dict[str, object]:
    choice = request.tool_choice or ToolChoice()
    forced = choice.mode in ("any", "tool")
    if request.tools and to.capabilities.tools is False:
        if forced:
            raise to.losses.refuse("tool_choice", "this model has no tools")
        to.losses.lose("tools", "this model has no tools")
        return {}
    # A choice among some is made by naming only those: many servers know no allowed_tools.
    allowed = frozenset(choice.allowed)
    tools = [tool for tool in request.tools if not allowed or tool.name in allowed]
    if not tools:
        if forced:
            raise to.losses.refuse("tool_choice", "there is no tool that it could mean")
        return {}
    body: dict[str, object] = {"tools": [_tool(tool) for tool in tools]}
    if choice.mode != "auto":
        body["tool_choice"] = _choice(choice, tools)
    if choice.parallel is False:
        body["parallel_tool_calls"] = False
    return body


def _choice(choice: ToolChoice, tools: list[Tool]) -> object:
    if choice.mode == "none":
        return "none"
    if choice.mode == "any":
        return "required"
    kind = "custom" if any(tool.free and tool.name == choice.name for tool in tools) else "function"
    return {"type": kind, kind: {"name": choice.name}}


def _tool(tool: Tool) -> dict[str, object]:
    described: dict[str, object] = {"name": tool.name}
    if tool.description:
        described["description"] = tool.description
    if tool.free:
        if tool.grammar is not None:
            described["format"] = _grammar_of(tool.grammar)
        return {"type": "custom", "custom": described}
    if tool.schema != EMPTY_OBJECT:
        described["parameters"] = tool.schema
    if tool.strict is not None:
        described["strict"] = tool.strict
    return {"type": "function", "function": described}


def _grammar_of(form: msgspec.Raw) -> object:
    """*form*, which is flat in the Responses API, as it is nested here."""
    try:
        return {"type": "grammar", "grammar": _grammar.decode(form)}
    except UNREADABLE:
        return form

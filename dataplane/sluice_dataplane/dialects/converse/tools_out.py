"""Converse: tools and which of them to use, as ``toolConfig``.  Pure.

The API has no way to forbid the use of a tool that is there: with ``none``, tools are left out, unless the conversation
already has calls in it, which the API only takes beside a ``toolConfig``.  Then the model may still call one.

Source: the API reference (``ToolConfiguration``, ``ToolSpecification``, ``ToolChoice``); Anthropic's page on parallel
use of tools for ``disable_parallel_tool_use``.
"""

import re
from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Request, Tool, ToolCall, ToolChoice
from sluice_dataplane.dialects.converse.families import Family, cache_point
from sluice_dataplane.dialects.converse.media_out import Block
from sluice_dataplane.dialects.seam import To

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_AUTO: Final = ToolChoice()
_ANY_OBJECT: Final = msgspec.Raw(b'{"type":"object"}')


def write_tools(request: Request, to: To, family: Family) -> Block | None:
    """``toolConfig``; None where there is nothing to be said of tools.

    Raises:
        InvalidRequestError: a tool, or the choice of one, cannot be carried; names the field.
    """
    choice = request.tool_choice or _AUTO
    called = _called(request)
    if choice.mode == "none" and not called:
        return None
    tools = _usable(request, to, choice)
    _check_choice(choice, tools, to)
    specs: list[Block] = []
    for tool in tools:
        specs.append(_spec(tool, to))
        specs += cache_point(tool.cache, family, of_tools=True)
    if not specs:  # calls are in the conversation, and nothing is said of what was called
        specs = [{"toolSpec": {"name": name, "inputSchema": {"json": _ANY_OBJECT}}} for name in called]
    if not specs:
        return None
    config: Block = {"tools": specs}
    if forced := _choice(choice, bool(tools)):
        config["toolChoice"] = forced
    return config


def one_at_a_time(request: Request, family: Family) -> Block | None:
    """Anthropic's own field for calls one after the other, which the API has no word for."""
    choice = request.tool_choice or _AUTO
    if choice.parallel is not False or choice.mode == "none" or not request.tools:
        return None
    if family == "claude" and choice.mode == "auto":
        return {"type": "auto", "disable_parallel_tool_use": True}
    return None  # a hint: clients say it by habit, and take several calls


def forces(request: Request) -> bool:
    """Whether a tool must be used."""
    return request.tool_choice is not None and request.tool_choice.mode in ("any", "tool")


def _called(request: Request) -> list[str]:
    """The tools that were called in the conversation, each once."""
    calls = (part for turn in request.turns for part in turn.parts if isinstance(part, ToolCall))
    return list(dict.fromkeys(call.name for call in calls))


def _usable(request: Request, to: To, choice: ToolChoice) -> list[Tool]:
    if not request.tools:
        return []
    if to.capabilities.tools is False:
        why = "this model uses no tools"
        if forces(request):
            raise to.losses.refuse("tools", why)
        to.losses.lose("tools", why)
        return []
    tools: list[Tool] = []
    allowed = frozenset(choice.allowed)
    for number, tool in enumerate(request.tools):
        at = tool.at or f"tools[{number}]"
        if allowed and tool.name not in allowed:
            continue
        if tool.free:
            to.losses.lose(at, "the provider of this model knows no tools that take plain text")
            continue
        if not _NAME.fullmatch(tool.name):
            why = "the provider of this model takes names of up to 64 letters, digits, _ and - only"
            raise to.losses.refuse(f"{at}.name", why)
        tools.append(tool)
    return tools


def _spec(tool: Tool, to: To) -> Block:
    spec: Block = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": _ANY_OBJECT if bytes(tool.schema) == b"{}" else tool.schema}
    if tool.strict and to.capabilities.structured_output is not False:
        spec["strict"] = True
    return {"toolSpec": spec}


def _check_choice(choice: ToolChoice, tools: list[Tool], to: To) -> None:
    """Without the tool that must be used, the request would be another."""
    if choice.mode == "any" and not tools:
        raise to.losses.refuse("tool_choice", "there is no tool that this model can use")
    if choice.mode == "tool" and choice.name not in [tool.name for tool in tools]:
        raise to.losses.refuse("tool_choice", "there is no such tool that this model can use")


def _choice(choice: ToolChoice, has_tools: bool) -> Block | None:  # noqa: FBT001
    """``auto`` is what the API does unasked."""
    if not has_tools or choice.mode in ("auto", "none"):
        return None
    return {"any": {}} if choice.mode == "any" else {"tool": {"name": choice.name}}

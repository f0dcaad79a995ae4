"""Anthropic's wire: a client's request in no provider's words."""

from typing import Final, Literal

import msgspec

from sluice_dataplane.dialects.conversation import (
    EMPTY_OBJECT,
    Effort,
    Format,
    Reasoning,
    Request,
    Tool,
    ToolChoice,
    Turn,
)
from sluice_dataplane.dialects.edge import decode
from sluice_dataplane.dialects.messages import shapes
from sluice_dataplane.dialects.messages.blocks_in import cache_of, parts_of
from sluice_dataplane.dialects.messages.fields import NOTHING
from sluice_dataplane.dialects.values import members, said
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask

_ROLES: Final[dict[str, Literal["user", "assistant", "system"]]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
}
_MODES: Final[dict[str, Literal["auto", "any", "tool", "none"]]] = {
    "auto": "auto",
    "any": "any",
    "tool": "tool",
    "none": "none",
}
_EFFORTS: Final[dict[str, Effort]] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_NAMES: Final = {
    "turns": "messages",
    "ceiling": "max_tokens",
    "parallel": "tool_choice.disable_parallel_tool_use",
    "stop": "stop_sequences",
    "reasoning": "thinking",
    "format": "output_config.format",
    "user": "metadata.user_id",
}
_READ: Final = frozenset(("model", "max_tokens", "stream", "metadata", "service_tier", *shapes.Body.__struct_fields__))
# These change nothing in the answer, or are hints that only this wire's providers take.
_LEFT_OUT: Final = frozenset(
    (
        *("cache_control", "context_management", "diagnostics", "speed", "betas", "anthropic_beta"),
        *("anthropic_version", "user_profile_id", "workspace_id", "billing_policy", "fallbacks"),
        *("fallback_credit_token",),
    )
)


def read_request(body: bytes, ask: Ask) -> Request:
    """All that *body*, of which *ask* was read, says.

    Raises:
        InvalidRequestError: it cannot be understood; names the field.
    """
    found = decode(shapes.body, body, "")
    beyond = [name for name, value in decode(members, body, "").items() if _is_beyond(name, value)]
    turns = _system(found.system, beyond)
    for number, message in enumerate(found.messages):
        turns.append(_turn(message, f"messages[{number}]", beyond))
    config = found.output_config or shapes.OutputConfig()
    return Request(
        turns=tuple(turns),
        tools=tuple(_tools(found.tools or [], beyond)),
        tool_choice=_tool_choice(found.tool_choice),
        format=_format(config.format or found.output_format),
        reasoning=_reasoning(found.thinking, config.effort),
        ceiling=ask.max_output_tokens,
        temperature=found.temperature,
        top_p=found.top_p,
        top_k=found.top_k,
        stop=tuple(found.stop_sequences or ()),
        stream=ask.stream,
        user=ask.user or "",
        service_tier=ask.service_tier if ask.service_tier in ("auto", "standard_only") else "",
        beyond=tuple(beyond),
        names=_NAMES,
    )


def _is_beyond(name: str, value: msgspec.Raw) -> bool:
    return name not in _READ and name not in _LEFT_OUT and bytes(value) not in NOTHING


def _system(raw: msgspec.Raw, beyond: list[str]) -> list[Turn]:
    if not said(raw):
        return []
    parts = parts_of(decode(shapes.blocks, raw, "system"), "system", beyond)
    return [Turn(role="system", parts=parts)] if parts else []


def _turn(message: shapes.Message, at: str, beyond: list[str]) -> Turn:
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequestError(f"{at}.role: must be user, assistant or system.", param=f"{at}.role")
    at = f"{at}.content"
    content = decode(shapes.blocks, message.content, at) if said(message.content) else ""
    return Turn(role=role, parts=parts_of(content, at, beyond))


def _tools(tools: list[shapes.Tool], beyond: list[str]) -> list[Tool]:
    found = []
    for number, tool in enumerate(tools):
        at = f"tools[{number}]"
        if tool.type not in (None, "custom"):
            beyond.append(at)
            continue
        if not tool.name:
            raise InvalidRequestError(f"{at}.name: names the tool.", param=f"{at}.name")
        schema = tool.input_schema if said(tool.input_schema) else EMPTY_OBJECT
        found.append(
            Tool(
                name=tool.name,
                description=tool.description or "",
                schema=schema,
                strict=tool.strict,
                cache=cache_of(tool.cache_control),
                at=at,
            )
        )
    return found


def _tool_choice(choice: shapes.ToolChoice | None) -> ToolChoice | None:
    if choice is None:
        return None
    mode = _MODES.get(choice.type)
    if mode is None or (mode == "tool" and not choice.name):
        raise InvalidRequestError("tool_choice: must be auto, any, none, or tool and its name.", param="tool_choice")
    parallel = None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use
    return ToolChoice(mode=mode, name=(choice.name or "") if mode == "tool" else "", parallel=parallel)


def _format(form: shapes.OutputFormat | None) -> Format | None:
    if form is None:
        return None
    if form.type != "json_schema" or not said(form.schema):
        raise InvalidRequestError("output_config.format: must have a json_schema.", param="output_config.format")
    return Format(kind="schema", schema=form.schema, strict=True)


def _reasoning(thinking: shapes.Thinking | None, effort: str | None) -> Reasoning | None:
    if thinking is None and effort is None:
        return None
    words = None if effort is None else _EFFORTS.get(effort)
    if effort is not None and words is None:
        message = f"output_config.effort: must be one of {', '.join(_EFFORTS)}."
        raise InvalidRequestError(message, param="output_config.effort")
    if thinking is None:
        return Reasoning(effort=words)
    if thinking.type == "disabled":
        return Reasoning(enabled=False, effort=words)
    if thinking.type == "enabled":
        # The models that take a budget show their thoughts unless told not to; those that decide themselves do not.
        return Reasoning(effort=words, budget=thinking.budget_tokens, shown=thinking.display != "omitted")
    shown = None if thinking.display is None else thinking.display != "omitted"
    return Reasoning(effort=words, adaptive=True, shown=shown)

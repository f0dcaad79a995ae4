"""Gemini's wire: a client's request to generate, in no provider's words.

Source: Google's reference of ``models.generateContent``, ``GenerationConfig``, ``ThinkingConfig`` and ``ToolConfig``.
"""

from typing import Final, get_args

import msgspec

from sluice_dataplane.dialects.conversation import (
    EMPTY_OBJECT,
    Effort,
    Format,
    Reasoning,
    Request,
    Tool,
    ToolChoice,
)
from sluice_dataplane.dialects.gemini.contents_in import read_contents, read_system
from sluice_dataplane.dialects.gemini.fields import FieldError, Fields
from sluice_dataplane.dialects.gemini.schemas import json_schema
from sluice_dataplane.exchange import Ask

_CONFIG: Final = {
    "ceiling": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "stop": "stopSequences",
    "choices": "candidateCount",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "format": "responseMimeType",
    "reasoning": "thinkingConfig",
}
NAMES: Final = {field: f"generationConfig.{name}" for field, name in _CONFIG.items()} | {
    "turns": "contents",
    "tool_choice": "toolConfig.functionCallingConfig",
    "service_tier": "serviceTier",
}
# Read, or without effect on the answer.
_READ: Final = frozenset(
    (
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        "safetySettings",
        "serviceTier",
        "labels",
        "model",
        "store",
    )
)
_READ_CONFIG: Final = frozenset((*_CONFIG.values(), "responseSchema", "responseJsonSchema", "responseModalities"))
_UNFILTERED: Final = frozenset(("BLOCK_NONE", "OFF"))  # nothing that another provider would have to do
_EFFORTS: Final[dict[str, Effort]] = {each: each for each in get_args(Effort)}
_NO_CONFIG: Final = Fields(b"{}", "generationConfig")


def read_request(body: bytes, ask: Ask) -> Request:
    """All that *body* says.

    Raises:
        FieldError: a field is not what it must be.
        InvalidRequestError: it holds what only Gemini understands, and what the request would be another without.
    """
    fields = Fields(body)
    config = fields.one("generationConfig") or _NO_CONFIG
    tools, other_tools = _tools(fields)
    return Request(
        turns=read_system(fields) + read_contents(fields),
        tools=tools,
        tool_choice=_tool_choice(fields),
        format=_format(config),
        reasoning=_reasoning(config),
        ceiling=ask.max_output_tokens,
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        seed=config.integer("seed"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        stop=config.texts("stopSequences"),
        logprobs=bool(config.flag("responseLogprobs")),
        top_logprobs=config.integer("logprobs"),
        choices=ask.choices,
        stream=ask.stream,
        user=ask.user or "",
        service_tier=ask.service_tier,
        beyond=(*_beyond(fields, config), *other_tools),
        names=NAMES,
    )


def _beyond(fields: Fields, config: Fields) -> list[str]:
    found = [name for name in fields.names() if name not in _READ]
    thresholds = [setting.text("threshold") for setting in fields.many("safetySettings")]
    if any(threshold not in _UNFILTERED for threshold in thresholds):
        found.append("safetySettings")
    found += [config.place(name) for name in config.names() if name not in _READ_CONFIG]
    if any(modality.upper() != "TEXT" for modality in config.texts("responseModalities")):
        found.append(config.place("responseModalities"))
    if config.text("responseMimeType") not in ("", "text/plain", "application/json"):
        found.append(config.place("responseMimeType"))
    return found


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], list[str]]:
    """The functions, and the names of what the provider would run itself."""
    tools: list[Tool] = []
    others: list[str] = []
    for entry in fields.many("tools"):
        others += [entry.place(name) for name in entry.names() if name != "functionDeclarations"]
        tools += map(_tool, entry.many("functionDeclarations"))
    return tuple(tools), others


def _tool(declaration: Fields) -> Tool:
    return Tool(
        name=declaration.text("name"),
        description=declaration.text("description"),
        schema=_schema(declaration, "parametersJsonSchema", "parameters") or EMPTY_OBJECT,
        at=declaration.at,
    )


def _schema(fields: Fields, standard: str, googles: str) -> msgspec.Raw | None:
    """A schema under either of its names; None where there is none."""
    for name in (standard, googles):
        raw = fields.raw(name)
        if raw is None:
            continue
        fields.one(name)  # or it is none
        try:
            return msgspec.Raw(fields.json(name).encode()) if name == standard else json_schema(raw)
        except FieldError:
            raise
        except ValueError as error:
            raise FieldError(fields.place(name), str(error)) from None
    return None


def _tool_choice(fields: Fields) -> ToolChoice | None:
    outer = fields.one("toolConfig")
    config = outer.one("functionCallingConfig") if outer else None
    if config is None:
        return None
    mode, allowed = config.text("mode").upper(), config.texts("allowedFunctionNames")
    if mode in ("", "MODE_UNSPECIFIED", "AUTO", "VALIDATED"):
        return ToolChoice(mode="auto", allowed=allowed)
    if mode == "NONE":
        return ToolChoice(mode="none")
    if mode != "ANY":
        raise FieldError(config.place("mode"), "must be AUTO, ANY, NONE or VALIDATED")
    return ToolChoice(mode="tool", name=allowed[0]) if len(allowed) == 1 else ToolChoice(mode="any", allowed=allowed)


def _format(config: Fields) -> Format | None:
    schema = _schema(config, "responseJsonSchema", "responseSchema")
    if schema is not None:
        return Format(kind="schema", schema=schema)
    return Format(kind="object") if config.text("responseMimeType") == "application/json" else None


def _reasoning(config: Fields) -> Reasoning | None:
    """What is said of thinking.  A budget of 0 is none, one of -1 leaves it to the model."""
    thinking = config.one("thinkingConfig")
    if thinking is None:
        return None
    shown, budget = thinking.flag("includeThoughts"), thinking.integer("thinkingBudget")
    if budget == 0:
        return Reasoning(enabled=False, shown=shown)
    effort = _EFFORTS.get(thinking.text("thinkingLevel").lower())
    positive = budget if budget is not None and budget > 0 else None
    return Reasoning(effort=effort, budget=positive, adaptive=budget == -1, shown=shown)

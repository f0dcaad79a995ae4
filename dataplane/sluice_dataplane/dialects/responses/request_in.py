"""A request of the Responses API, read.

Sources: the API reference (fields of ``POST /responses``); the guide on reasoning for what ``reasoning`` holds.
"""

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from sluice_dataplane.dialects.conversation import EMPTY_OBJECT, Effort, Format, Reasoning, Request, Text, Tool, Turn
from sluice_dataplane.dialects.edge import decode, invalid, no_json
from sluice_dataplane.dialects.responses.edge import untranslatable
from sluice_dataplane.dialects.responses.fields import NOTHING
from sluice_dataplane.dialects.responses.items_in import Reading
from sluice_dataplane.dialects.responses.tools_in import read_choice, read_tools
from sluice_dataplane.dialects.values import ABSENT, members, said
from sluice_dataplane.exchange import Ask

# What an answer repeats of its request.
_ECHOED: Final = (
    "instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls", "prompt_cache_key",
    "prompt_cache_retention", "reasoning", "safety_identifier", "temperature", "text", "tool_choice", "tools",
    "top_logprobs", "top_p", "truncation", "user",
)  # fmt: skip
_READ: Final = frozenset((
    *_ECHOED, "model", "input", "stream", "service_tier", "include", "store", "previous_response_id", "conversation",
    "prompt",
))  # fmt: skip
# What changes nothing in the answer, or only in a provider of this API.
_HARMLESS: Final = frozenset((
    "background_options", "client_metadata", "context_management", "image", "prompt_cache_options", "stream_options",
))  # fmt: skip
_KEPT: Final = {
    "previous_response_id": "the response before is kept by the provider that made it. Send the whole input",
    "conversation": "conversations are kept by the provider that made them. Send the whole input",
    "prompt": "stored prompts are kept by the provider that made them. Send it as instructions and input",
}
_EFFORTS: Final = frozenset(get_args(Effort))
_SUMMARIES: Final = frozenset(("auto", "concise", "detailed"))
_LOGPROBS: Final = "message.output_text.logprobs"
NAMES: Final = {
    "turns": "input",
    "ceiling": "max_output_tokens",
    "format": "text.format",
    "verbosity": "text.verbosity",
    "parallel": "parallel_tool_calls",
    "logprobs": "include",
    "user": "safety_identifier",
}


class _Format(msgspec.Struct):
    type: str = "text"
    name: str | None = None
    description: str | None = None
    schema: msgspec.Raw = ABSENT
    strict: bool | None = None


class _Text(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    mode: str | None = None


class _Body(msgspec.Struct):
    input: msgspec.Raw = ABSENT
    instructions: str | None = None
    tools: msgspec.Raw = ABSENT
    tool_choice: msgspec.Raw = ABSENT
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    truncation: str | None = None
    metadata: dict[str, str] | None = None


_body: Final = msgspec.json.Decoder(_Body)


def read_request(body: bytes, ask: Ask) -> Request:
    """All that *body*, of which *ask* was read, says.

    Raises:
        InvalidRequestError: it cannot be understood, or only by who keeps what it refers to; names the field.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        raise no_json() from None
    read = decode(_body, body, "")
    fields = decode(members, body, "")
    for name, why in _KEPT.items():
        if said(fields.get(name)):
            raise untranslatable(name, why)
    beyond = [name for name, value in fields.items() if _is_beyond(name, value)]
    turns, tools = _read_turns(read, beyond)
    if read.truncation not in (None, "disabled"):
        beyond.append("truncation")
    return Request(
        turns=turns,
        tools=tools,
        tool_choice=read_choice(read.tool_choice, beyond, parallel=read.parallel_tool_calls),
        format=_read_format(read.text.format if read.text else None),
        reasoning=_read_reasoning(read.reasoning, beyond),
        verbosity=(read.text.verbosity if read.text else None) or "",
        ceiling=ask.max_output_tokens,
        temperature=read.temperature,
        top_p=read.top_p,
        logprobs=bool(read.top_logprobs) or _LOGPROBS in (read.include or ()),
        top_logprobs=read.top_logprobs,
        stream=ask.stream,
        user=ask.user or "",
        service_tier=ask.service_tier,
        metadata=read.metadata,
        beyond=tuple(beyond),
        names=NAMES,
        echo=_echo(fields),
    )


def _is_beyond(name: str, value: msgspec.Raw) -> bool:
    return name not in _READ and name not in _HARMLESS and bytes(value) not in NOTHING


def _echo(fields: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Without the client's white space: a line end in it would break the events of a stream."""
    return {
        name: msgspec.Raw(msgspec.json.format(bytes(fields[name]), indent=-1))
        for name in _ECHOED
        if said(fields.get(name))
    }


def _read_turns(read: _Body, beyond: list[str]) -> tuple[tuple[Turn, ...], tuple[Tool, ...]]:
    reading = Reading()
    turns = reading.read(read.input) if said(read.input) else ()
    tools = read_tools(read.tools, "tools", beyond)
    for at, value in reading.tools:
        tools += read_tools(value, at, beyond)
    beyond.extend(reading.beyond)
    if read.instructions:
        turns = (Turn(role="system", parts=(Text(text=read.instructions, at="instructions"),)), *turns)
    return turns, tools


def _read_format(asked: _Format | None) -> Format | None:
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return Format(kind="object")
    if asked.type != "json_schema":
        raise invalid("text.format.type", "must be text, json_object or json_schema")
    schema = asked.schema if said(asked.schema) else EMPTY_OBJECT
    return Format(
        kind="schema",
        name=asked.name or "",
        description=asked.description or "",
        schema=schema,
        strict=asked.strict,
    )


def _read_reasoning(asked: _Reasoning | None, beyond: list[str]) -> Reasoning | None:
    if asked is None:
        return None
    effort, summary = asked.effort, asked.summary or asked.generate_summary
    if asked.mode not in (None, "standard"):
        beyond.append("reasoning.mode")
    if effort is not None and effort not in _EFFORTS:
        raise invalid("reasoning.effort", f"must be one of {', '.join(get_args(Effort))}")
    if effort is None and summary is None:
        return None
    return Reasoning(
        enabled=effort != "none",
        effort=msgspec.convert(effort, Effort | None),
        shown=True if summary in _SUMMARIES else None,
        summary=summary if summary in _SUMMARIES else "",
    )

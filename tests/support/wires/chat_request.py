"""What OpenAI's chat completions take, and what they refuse.  Source: OpenAI's API reference."""

from typing import Any, Literal

import msgspec

from support.wires.openai_common import picture_at
from support.wires.schemas import check_strict, object_of
from support.wires.values import RefusedError, Strict, Tool, Turn, converted


class _TextPart(Strict, tag="text", tag_field="type"):
    text: str
    prompt_cache_breakpoint: Any = None


class _ImageURL(Strict):
    url: str
    detail: Literal["auto", "low", "high", "original"] = "auto"


class _ImagePart(Strict, tag="image_url", tag_field="type"):
    image_url: _ImageURL
    prompt_cache_breakpoint: Any = None


class _Sound(Strict):
    data: str
    format: Literal["wav", "mp3"]


class _AudioPart(Strict, tag="input_audio", tag_field="type"):
    input_audio: _Sound


class _File(Strict):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _FilePart(Strict, tag="file", tag_field="type"):
    file: _File


class _RefusalPart(Strict, tag="refusal", tag_field="type"):
    refusal: str


class _Function(Strict):
    name: str
    arguments: str


class _FunctionCall(Strict, tag="function", tag_field="type"):
    id: str
    function: _Function


class _Custom(Strict):
    name: str
    input: str


class _CustomCall(Strict, tag="custom", tag_field="type"):
    id: str
    custom: _Custom


class _System(Strict, tag="system", tag_field="role"):
    content: str | list[_TextPart]
    name: str | None = None


class _Developer(_System, tag="developer", tag_field="role"):
    pass


class _User(Strict, tag="user", tag_field="role"):
    content: str | list[_TextPart | _ImagePart | _AudioPart | _FilePart]
    name: str | None = None


class _Assistant(Strict, tag="assistant", tag_field="role"):
    content: str | list[_TextPart | _RefusalPart] | None = None
    refusal: str | None = None
    name: str | None = None
    audio: Any = None
    tool_calls: list[_FunctionCall | _CustomCall] | None = None
    reasoning_content: str | None = None  # DeepSeek's
    annotations: Any = None  # SDKs send an answer back as they got it
    function_call: None = None


class _ToolMessage(Strict, tag="tool", tag_field="role"):
    content: str | list[_TextPart]
    tool_call_id: str


class _FunctionTool(Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _FunctionToolEntry(Strict, tag="function", tag_field="type"):
    function: _FunctionTool


class _CustomTool(Strict):
    name: str
    description: str | None = None
    format: Any = None


class _CustomToolEntry(Strict, tag="custom", tag_field="type"):
    custom: _CustomTool


class _JSONSchema(Strict):
    name: str
    schema: dict[str, Any] = msgspec.field(default_factory=dict)
    description: str | None = None
    strict: bool | None = None


class _FormatText(Strict, tag="text", tag_field="type"):
    pass


class _FormatObject(Strict, tag="json_object", tag_field="type"):
    pass


class _FormatSchema(Strict, tag="json_schema", tag_field="type"):
    json_schema: _JSONSchema


class _StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _Named(Strict):
    name: str


class _Choice(Strict):
    type: Literal["function", "custom", "allowed_tools"]
    function: _Named | None = None
    custom: _Named | None = None
    allowed_tools: Any = None


class Asked(Strict):
    """A request for a completion."""

    model: str
    messages: list[_System | _Developer | _User | _Assistant | _ToolMessage]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    tools: list[_FunctionToolEntry | _CustomToolEntry] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: _FormatText | _FormatObject | _FormatSchema | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: Any = None
    safety_identifier: str | None = None
    modalities: list[str] | None = None
    audio: Any = None
    prediction: Any = None
    moderation: Any = None
    web_search_options: Any = None


def check(asked: Asked) -> None:
    """What OpenAI refuses besides wrong types.  Raises RefusedError."""
    if not asked.messages:
        raise RefusedError("Invalid 'messages': empty array.", param="messages")
    if asked.max_tokens is not None and asked.max_completion_tokens is not None:
        raise RefusedError("max_tokens and max_completion_tokens cannot both be set.", param="max_tokens")
    if asked.stream_options is not None and not asked.stream:
        raise RefusedError("stream_options: only allowed when stream is set.", param="stream_options")
    if not asked.tools and (asked.tool_choice is not None or asked.parallel_tool_calls is not None):
        raise RefusedError("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    for tool in asked.tools or ():
        if isinstance(tool, _FunctionToolEntry) and tool.function.strict:
            check_strict(tool.function.parameters or {}, f"function '{tool.function.name}'")
    if isinstance(asked.response_format, _FormatSchema) and asked.response_format.json_schema.strict:
        check_strict(asked.response_format.json_schema.schema, "response_format")
    _check_calls(asked.messages)


def _check_calls(messages: list[Any]) -> None:
    """Each call is answered right after it, each answer is of a call."""
    open_calls: set[str] = set()
    for i, message in enumerate(messages):
        if isinstance(message, _ToolMessage):
            if message.tool_call_id not in open_calls:
                raise RefusedError(
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                    param=f"messages[{i}].tool_call_id",
                )
            open_calls.discard(message.tool_call_id)
            continue
        if open_calls:
            raise RefusedError(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
                f" 'tool_call_id': {sorted(open_calls)}",
                param=f"messages[{i}].role",
            )
        if isinstance(message, _Assistant):
            if message.content is None and not message.tool_calls and message.refusal is None:
                raise RefusedError("Invalid value for 'content': expected a string, got null.", param=f"messages[{i}]")
            for call in message.tool_calls or ():
                open_calls.add(call.id)
                if isinstance(call, _FunctionCall):
                    object_of(call.function.arguments, f"messages[{i}].tool_calls.function.arguments")


def forced_of(asked: Asked) -> str:
    """The tool that must be called, "*" for any.  Raises RefusedError."""
    if asked.tool_choice is None or isinstance(asked.tool_choice, str):
        if asked.tool_choice not in (None, "none", "auto", "required"):
            raise RefusedError(f"Invalid value: {asked.tool_choice!r}", param="tool_choice")
        return "*" if asked.tool_choice == "required" else ""
    choice = converted(asked.tool_choice, _Choice, "tool_choice")
    named = choice.function or choice.custom
    names = {tool_of(each).name for each in asked.tools or ()}
    if named and named.name not in names:
        raise RefusedError(f"Tool choice '{named.name}' not found in 'tools' parameter.", param="tool_choice")
    return named.name if named else ""


def tool_of(entry: _FunctionToolEntry | _CustomToolEntry) -> Tool:
    """A tool on offer."""
    if isinstance(entry, _CustomToolEntry):
        return Tool(entry.custom.name, None)
    return Tool(entry.function.name, entry.function.parameters or {})


def schema_of(wanted: _FormatText | _FormatObject | _FormatSchema | None) -> dict[str, Any] | None:
    """The schema of the answer; {} for any object."""
    if isinstance(wanted, _FormatSchema):
        return wanted.json_schema.schema
    return {} if isinstance(wanted, _FormatObject) else None


def turns_of(messages: list[Any]) -> list[Turn]:
    """The conversation."""
    turns: list[Turn] = []
    for message in messages:
        if isinstance(message, _ToolMessage):
            if not turns or not turns[-1].results:
                turns.append(Turn("user"))
            turns[-1].results.append(_text(message.content))
        elif isinstance(message, _Assistant):
            turns.append(Turn("assistant", _text(message.content or "")))
        elif isinstance(message, _User):
            parts = [] if isinstance(message.content, str) else message.content
            pictures = [picture_at(p.image_url.url, "image_url") for p in parts if isinstance(p, _ImagePart)]
            documents = [p.file.filename or "unnamed" for p in parts if isinstance(p, _FilePart)]
            turns.append(Turn("user", _text(message.content), pictures=pictures, documents=documents))
        else:
            turns.append(Turn("system", _text(message.content)))
    return turns


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content if isinstance(part, _TextPart))

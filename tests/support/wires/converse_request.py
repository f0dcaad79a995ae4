"""What Bedrock's Converse API takes, and what it refuses.  Source: the Bedrock Runtime API reference."""

import re
from typing import Any, Final, Literal

import msgspec

from support.wires.schemas import object_of
from support.wires.values import Picture, RefusedError, Strict, Turn, proof_of, unbase64

_CALL_ID: Final = re.compile("[a-zA-Z0-9_-]{1,64}")
_DOCUMENT: Final = re.compile(r"[A-Za-z0-9()\[\]-]+( [A-Za-z0-9()\[\]-]+)*")


class _Camel(Strict, rename="camel"):
    pass


class _CachePoint(_Camel):
    type: Literal["default"]
    ttl: Literal["5m", "1h"] | None = None


class _Source(_Camel):
    bytes: str | None = None
    s3_location: Any = None
    text: str | None = None
    content: Any = None


class _Image(_Camel):
    format: Literal["png", "jpeg", "gif", "webp"]
    source: _Source


class _Document(_Camel):
    name: str
    source: _Source
    format: Literal["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"] | None = None
    context: str | None = None
    citations: dict[str, bool] | None = None


class _ToolUse(_Camel):
    tool_use_id: str
    name: str
    input: dict[str, Any]


class _ResultBlock(_Camel):
    text: str | None = None
    json: dict[str, Any] | None = None
    image: _Image | None = None
    document: _Document | None = None
    video: Any = None


class _ToolResult(_Camel):
    tool_use_id: str
    content: list[_ResultBlock]
    status: Literal["success", "error"] | None = None


class _Reasoned(_Camel):
    text: str
    signature: str | None = None


class _Reasoning(_Camel):
    reasoning_text: _Reasoned | None = None
    redacted_content: str | None = None


class _Block(_Camel):
    text: str | None = None
    image: _Image | None = None
    document: _Document | None = None
    tool_use: _ToolUse | None = None
    tool_result: _ToolResult | None = None
    reasoning_content: _Reasoning | None = None
    cache_point: _CachePoint | None = None
    guard_content: Any = None
    video: Any = None
    audio: Any = None
    citations_content: Any = None
    search_result: Any = None


class _Turn(_Camel):
    role: Literal["user", "assistant"]
    content: list[_Block]


class _System(_Camel):
    text: str | None = None
    cache_point: _CachePoint | None = None
    guard_content: Any = None


class _Inference(_Camel):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None


class _InputSchema(_Camel):
    json: dict[str, Any]


class _Spec(_Camel):
    name: str
    input_schema: _InputSchema
    description: str | None = None
    strict: bool | None = None


class _Tool(_Camel):
    tool_spec: _Spec | None = None
    cache_point: _CachePoint | None = None
    system_tool: Any = None


class _Choice(_Camel):
    auto: dict[str, Any] | None = None
    any: dict[str, Any] | None = None
    tool: dict[str, str] | None = None


class _ToolConfig(_Camel):
    tools: list[_Tool]
    tool_choice: _Choice | None = None


class _JSONSchema(_Camel):
    schema: str
    name: str | None = None
    description: str | None = None


class _Structure(_Camel):
    json_schema: _JSONSchema


class _TextFormat(_Camel):
    type: Literal["json_schema"]
    structure: _Structure


class _Output(_Camel):
    text_format: _TextFormat | None = None


class Asked(_Camel):
    """A request for a turn."""

    messages: list[_Turn]
    system: list[_System] | None = None
    inference_config: _Inference | None = None
    tool_config: _ToolConfig | None = None
    additional_model_request_fields: dict[str, Any] | None = None
    additional_model_response_field_paths: list[str] | None = None
    request_metadata: dict[str, str] | None = None
    performance_config: Any = None
    service_tier: Any = None
    output_config: _Output | None = None
    guardrail_config: Any = None
    prompt_variables: Any = None


def check(asked: Asked) -> None:
    """What Bedrock refuses besides wrong types.  Raises RefusedError."""
    if not asked.messages or asked.messages[0].role != "user":
        raise RefusedError("A conversation must start with a user message. Try again with a conversation that does so.")
    open_calls: set[str] = set()
    role = ""
    for i, turn in enumerate(asked.messages):
        if turn.role == role:
            raise RefusedError("A conversation must alternate between user and assistant roles.")
        role = turn.role
        if not turn.content:
            raise RefusedError(f"The content field in the Message object at messages.{i} is empty.")
        for block in turn.content:
            _check_block(block, f"messages.{i}.content", tools=asked.tool_config is not None)
        answered = {block.tool_result.tool_use_id for block in turn.content if block.tool_result is not None}
        if answered != open_calls:
            raise RefusedError(f"toolUse and toolResult blocks do not match at messages.{i}: {sorted(open_calls)}")
        open_calls = {block.tool_use.tool_use_id for block in turn.content if block.tool_use is not None}
    if asked.tool_config is not None and not asked.tool_config.tools:
        raise RefusedError("toolConfig.tools: Member must have length greater than or equal to 1")
    config = asked.inference_config
    if config is not None and config.temperature is not None and not 0 <= config.temperature <= 1:
        raise RefusedError("inferenceConfig.temperature: Member must be less than or equal to 1")


def _check_block(block: _Block, where: str, *, tools: bool) -> None:
    given = [name for name in block.__struct_fields__ if getattr(block, name) is not None]
    if len(given) != 1:
        raise RefusedError(f"{where}: Invalid union: exactly one member must be set, not {given}")
    if block.text is not None and not block.text.strip():
        raise RefusedError(f"The text field in the ContentBlock object at {where} is blank.")
    if (block.tool_use or block.tool_result) and not tools:
        raise RefusedError("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    if block.tool_use is not None and not _CALL_ID.fullmatch(block.tool_use.tool_use_id):
        raise RefusedError(f"{where}.toolUse.toolUseId failed to satisfy constraint: [a-zA-Z0-9_-]+")
    if block.document is not None and not _DOCUMENT.fullmatch(block.document.name):
        raise RefusedError(f"{where}.document.name holds a character that is not allowed")
    signed = block.reasoning_content.reasoning_text if block.reasoning_content is not None else None
    if signed is not None and signed.signature != proof_of("converse", signed.text):
        raise RefusedError(f"{where}: Invalid `signature` in `thinking` block")


def schema_of(asked: Asked) -> dict[str, Any] | None:
    """The schema of the answer."""
    output = asked.output_config
    if output is None or output.text_format is None:
        return None
    return object_of(output.text_format.structure.json_schema.schema, "outputConfig.textFormat")


def turns_of(asked: Asked) -> list[Turn]:
    """The conversation."""
    turns = [Turn("system", "\n".join(each.text or "" for each in asked.system))] if asked.system else []
    for message in asked.messages:
        text = "\n".join(block.text for block in message.content if block.text is not None)
        turn = Turn(message.role, text)
        for block in message.content:
            _take(block, turn)
        turns.append(turn)
    return turns


def _take(block: _Block, turn: Turn) -> None:
    if block.image is not None:
        turn.pictures.append(_picture(block.image))
    if block.document is not None:
        turn.documents.append(block.document.name)
    if block.reasoning_content is not None and block.reasoning_content.reasoning_text is not None:
        turn.proofs.append(block.reasoning_content.reasoning_text.signature or "")
    if block.tool_result is not None:
        result = block.tool_result
        texts = [each.text or msgspec.json.encode(each.json).decode() for each in result.content if each.image is None]
        turn.results.append("\n".join(texts))
        turn.pictures += [_picture(each.image) for each in result.content if each.image is not None]


def _picture(image: _Image) -> Picture:
    if image.source.bytes is None:
        return Picture(url="s3")
    return Picture(f"image/{image.format}", unbase64(image.source.bytes, "image.source.bytes"))

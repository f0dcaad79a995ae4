"""What Google's Gemini API takes, and what it refuses.  Source: the Gemini API's reference."""

import re
from typing import Any, Final, Literal

import msgspec

from support.wires.schemas import check_gemini
from support.wires.values import Picture, RefusedError, Strict, Tool, Turn, unbase64

_FREE: Final = frozenset(("args", "response", "parametersJsonSchema", "responseJsonSchema", "labels"))
_ANY_PROOF: Final = "skip_thought_signature_validator"  # which Google names for calls that its model did not make


class _Camel(Strict, rename="camel"):
    pass


class _Blob(_Camel):
    mime_type: str
    data: str
    display_name: str | None = None


class _File(_Camel):
    file_uri: str
    mime_type: str | None = None
    display_name: str | None = None


class _Call(_Camel):
    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class _ResponsePart(_Camel):
    inline_data: _Blob | None = None
    file_data: _File | None = None


class _Response(_Camel):
    name: str
    response: dict[str, Any]
    id: str | None = None
    parts: list[_ResponsePart] | None = None
    will_continue: bool | None = None
    scheduling: str | None = None


class _Part(_Camel):
    text: str | None = None
    inline_data: _Blob | None = None
    file_data: _File | None = None
    function_call: _Call | None = None
    function_response: _Response | None = None
    executable_code: Any = None
    code_execution_result: Any = None
    thought: bool | None = None
    thought_signature: str | None = None
    video_metadata: Any = None
    media_resolution: Any = None


class _Content(_Camel):
    parts: list[_Part]
    role: Literal["user", "model", "function"] | None = None


class _Declaration(_Camel):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None
    response: Any = None
    response_json_schema: Any = None
    behavior: str | None = None


class _Tool(_Camel):
    function_declarations: list[_Declaration] | None = None
    google_search: Any = None
    google_search_retrieval: Any = None
    code_execution: Any = None
    url_context: Any = None


class _Calling(_Camel):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"] = "AUTO"
    allowed_function_names: list[str] | None = None


class _ToolConfig(_Camel):
    function_calling_config: _Calling | None = None
    retrieval_config: Any = None


class _Thinking(_Camel):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "minimal", "low", "medium", "high"] | None = None


class _Config(_Camel):
    stop_sequences: list[str] | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    response_modalities: list[str] | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    thinking_config: _Thinking | None = None
    media_resolution: str | None = None
    speech_config: Any = None
    image_config: Any = None


class Asked(_Camel):
    """A request for content."""

    contents: list[_Content]
    system_instruction: _Content | None = None
    tools: list[_Tool] | None = None
    tool_config: _ToolConfig | None = None
    generation_config: _Config | None = None
    safety_settings: list[Any] | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    model: str | None = None
    service_tier: str | None = None


class _EmbedOne(_Camel):
    content: _Content | None = None
    model: str | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None
    embed_content_config: Any = None


class EmbedAsked(_EmbedOne):
    """A request for an embedding, or for several."""

    requests: list[_EmbedOne] | None = None


def camel(body: bytes) -> bytes:
    """*body* with its fields named as in the reference: Google's JSON takes proto names too, and its SDK sends them."""
    try:
        return msgspec.json.encode(_camel(msgspec.json.decode(body)))
    except msgspec.DecodeError as error:
        raise RefusedError("Invalid JSON payload received.") from error


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = {re.sub("_([a-z])", lambda match: match[1].upper(), name): each for name, each in value.items()}
    return {
        name: each
        if name in _FREE
        else {key: _camel(inner) for key, inner in each.items()}
        if name == "properties" and isinstance(each, dict)
        else _camel(each)
        for name, each in renamed.items()
    }


def check(asked: Asked) -> None:
    """What Google refuses besides wrong types.  Raises RefusedError."""
    if not asked.contents:
        raise RefusedError("* GenerateContentRequest.contents: contents is not specified")
    config = asked.generation_config
    if config is not None:
        _check_config(config)
    for i, tool in enumerate(asked.tools or ()):
        for j, each in enumerate(tool.function_declarations or ()):
            where = f"tools[{i}].function_declarations[{j}]"
            if each.parameters is not None and each.parameters_json_schema is not None:
                raise RefusedError(f"{where}: parameters and parametersJsonSchema are mutually exclusive")
            check_gemini(each.parameters or {}, f"{where}.parameters")
    _check_turns(asked.contents)


def _check_config(config: _Config) -> None:
    if config.response_schema is not None and config.response_json_schema is not None:
        raise RefusedError("responseSchema and responseJsonSchema are mutually exclusive")
    wanted = config.response_schema is not None or config.response_json_schema is not None
    if wanted and config.response_mime_type not in ("application/json", "text/x.enum"):
        raise RefusedError("* GenerateContentRequest.generation_config.response_mime_type: needs application/json")
    check_gemini(config.response_schema or {}, "generation_config.response_schema")
    if len(config.stop_sequences or ()) > 5:
        raise RefusedError("* GenerateContentRequest.generation_config.stop_sequences: at most 5")
    if config.max_output_tokens is not None and config.max_output_tokens < 1:
        raise RefusedError("* GenerateContentRequest.generation_config.max_output_tokens: must be positive")


def _check_turns(contents: list[_Content]) -> None:
    calls = 0
    for i, content in enumerate(contents):
        if not content.parts:
            raise RefusedError(f"* GenerateContentRequest.contents[{i}].parts: contents.parts must not be empty.")
        for part in content.parts:
            _check_part(part, f"contents[{i}].parts")
        answers = sum(part.function_response is not None for part in content.parts)
        if answers != calls and (answers or calls):
            raise RefusedError(
                "Please ensure that the number of function response parts is equal to the number of function call"
                " parts of the function call turn."
            )
        calls = sum(part.function_call is not None for part in content.parts)
        if calls and content.role != "model":
            raise RefusedError("Function calls belong into a turn of the model.")
        if calls and i == 0:
            raise RefusedError("Please ensure that function call turn comes immediately after a user turn")


def _check_part(part: _Part, where: str) -> None:
    kinds = ("text", "inline_data", "file_data", "function_call", "function_response", "executable_code")
    given = [kind for kind in (*kinds, "code_execution_result") if getattr(part, kind) is not None]
    if len(given) != 1 and not (not given and part.thought_signature):
        raise RefusedError(f"* GenerateContentRequest.{where}: required oneof field 'data' must have one initialized")
    if part.thought_signature not in (None, _ANY_PROOF):
        unbase64(part.thought_signature.replace("-", "+").replace("_", "/"), where)


def schema_of(config: _Config | None) -> dict[str, Any] | None:
    """The schema of the answer; {} for any JSON."""
    if config is None or config.response_mime_type != "application/json":
        return None
    return config.response_json_schema or config.response_schema or {}


def tools_of(asked: Asked) -> list[Tool]:
    """The functions on offer."""
    return [
        Tool(each.name, each.parameters_json_schema or each.parameters or {})
        for tool in asked.tools or ()
        for each in tool.function_declarations or ()
    ]


def turns_of(asked: Asked) -> list[Turn]:
    """The conversation."""
    system = asked.system_instruction
    turns = [Turn("system", _text(system))] if system is not None else []
    for content in asked.contents:
        turn = Turn("assistant" if content.role == "model" else "user", _text(content))
        for part in content.parts:
            _take(part, turn)
        turns.append(turn)
    return turns


def _take(part: _Part, turn: Turn) -> None:
    if part.thought_signature:
        turn.proofs.append(part.thought_signature.replace("-", "+").replace("_", "/"))
    if part.function_response is not None:
        turn.results.append(_result(part.function_response.response))
        for each in part.function_response.parts or ():
            _take(_Part(inline_data=each.inline_data, file_data=each.file_data), turn)
    if part.file_data is not None:
        if (part.file_data.mime_type or "image/").startswith("image/"):
            turn.pictures.append(Picture(url=part.file_data.file_uri))
        else:
            turn.documents.append(part.file_data.file_uri)
    if part.inline_data is not None:
        if part.inline_data.mime_type.startswith("image/"):
            data = unbase64(part.inline_data.data.replace("-", "+").replace("_", "/"), "inlineData")
            turn.pictures.append(Picture(part.inline_data.mime_type, data))
        else:
            turn.documents.append(part.inline_data.mime_type)


def _result(response: dict[str, Any]) -> str:
    """The words where there are only words, else the JSON."""
    if len(response) == 1 and isinstance(only := next(iter(response.values())), str):
        return only
    return msgspec.json.encode(response).decode()


def _text(content: _Content) -> str:
    return "\n".join(part.text for part in content.parts if part.text and not part.thought)

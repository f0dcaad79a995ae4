"""What OpenAI's Responses API takes, and what it refuses.  Source: OpenAI's API reference."""

from typing import Any, Final, Literal

from support.wires.openai_common import picture_at
from support.wires.schemas import check_strict, object_of
from support.wires.values import RefusedError, Strict, Turn, converted, proof_of

# Items of tools that the provider runs itself: taken as they are.
_NAMES: Final = (
    "file_search_call computer_call computer_call_output web_search_call tool_search_call tool_search_output"
    " image_generation_call code_interpreter_call local_shell_call local_shell_call_output shell_call"
    " shell_call_output apply_patch_call apply_patch_call_output mcp_list_tools mcp_approval_request"
    " mcp_approval_response mcp_call compaction item_reference additional_tools"
)
_HOSTED: Final = frozenset(_NAMES.split())


class _InputText(Strict, tag="input_text", tag_field="type"):
    text: str
    prompt_cache_breakpoint: Any = None


class _InputImage(Strict, tag="input_image", tag_field="type"):
    detail: Literal["auto", "low", "high", "original"] = "auto"
    image_url: str | None = None
    file_id: str | None = None
    prompt_cache_breakpoint: Any = None


class _InputFile(Strict, tag="input_file", tag_field="type"):
    detail: str | None = None
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


class _OutputText(Strict, tag="output_text", tag_field="type"):
    text: str
    annotations: list[Any] | None = None
    logprobs: Any = None


class _Refusal(Strict, tag="refusal", tag_field="type"):
    refusal: str


class _Item(Strict):
    type: str | None = None
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class _Message(_Item, kw_only=True):
    role: Literal["user", "system", "developer"]
    content: str | list[_InputText | _InputImage | _InputFile]
    phase: str | None = None


class _Said(_Item, kw_only=True):
    role: Literal["assistant"]
    content: str | list[_OutputText | _Refusal]
    phase: str | None = None


class _Call(_Item, kw_only=True):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


class _FreeCall(_Item, kw_only=True):
    call_id: str
    name: str
    input: str
    namespace: str | None = None


class _Output(_Item, kw_only=True):
    call_id: str
    output: str | list[_InputText | _InputImage | _InputFile]
    name: str | None = None


class _Words(Strict):
    type: Literal["summary_text", "reasoning_text"]
    text: str


class _Reasoning(_Item, kw_only=True):
    id: str | None = None
    summary: list[_Words]
    content: list[_Words] | None = None
    encrypted_content: str | None = None


class _Function(Strict):
    type: Literal["function"]
    name: str
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None
    defer_loading: bool | None = None
    output_schema: Any = None
    allowed_callers: Any = None


class _Custom(Strict):
    type: Literal["custom"]
    name: str
    description: str | None = None
    format: Any = None
    defer_loading: bool | None = None


class Asked(Strict):
    """A request for a response."""

    model: str
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    stream: bool | None = None
    stream_options: Any = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    prompt: Any = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: Any = None
    safety_identifier: str | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
    context_management: Any = None
    moderation: Any = None
    access_programs: Any = None
    client_metadata: Any = None  # of Codex


def check(asked: Asked) -> None:
    """What OpenAI refuses besides wrong types.  Raises RefusedError."""
    if asked.max_output_tokens is not None and asked.max_output_tokens < 16:
        raise RefusedError(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.",
            param="max_output_tokens",
        )
    for i, tool in enumerate(asked.tools or ()):
        _check_tool(tool, f"tools[{i}]")
    if unknown := set(asked.text or {}) - {"format", "verbosity"}:
        raise RefusedError(f"Unknown parameter: 'text.{min(unknown)}'.", param="text")
    if unknown := set(asked.reasoning or {}) - {"effort", "summary", "generate_summary", "context", "mode"}:
        raise RefusedError(f"Unknown parameter: 'reasoning.{min(unknown)}'.", param="reasoning")
    wanted = (asked.text or {}).get("format") or {}
    if wanted.get("type") == "json_schema":
        if not wanted.get("name"):
            raise RefusedError("Missing required parameter: 'text.format.name'.", param="text.format.name")
        if wanted.get("strict"):
            check_strict(wanted["schema"], "text.format")


def _check_tool(tool: dict[str, Any], where: str) -> None:
    if tool.get("type") == "function":
        function = converted(tool, _Function, where)
        if function.strict:
            check_strict(function.parameters or {}, f"function '{function.name}'")
    elif tool.get("type") == "custom":
        converted(tool, _Custom, where)


def turns_of(instructions: str | None, items: list[Any]) -> list[Turn]:
    """The conversation.  Raises RefusedError for an item that is none, or that answers no call."""
    turns = [Turn("system", instructions)] if instructions else []
    open_calls: set[str] = set()
    for i, item in enumerate(items):
        turn = _turn(item, f"input[{i}]", open_calls)
        if turn is not None:
            turns.append(turn)
    if open_calls:
        raise RefusedError(f"No tool output found for function call {min(open_calls)}.", param="input")
    return turns


def _turn(item: dict[str, Any], where: str, open_calls: set[str]) -> Turn | None:
    match item.get("type", "message"):
        case "message" if item.get("role") == "assistant":
            return Turn("assistant", _text(converted(item, _Said, where).content))
        case "message":
            return _message(converted(item, _Message, where), where)
        case "function_call":
            call = converted(item, _Call, where)
            object_of(call.arguments, f"{where}.arguments")
            open_calls.add(call.call_id)
            return None
        case "custom_tool_call":
            free = converted(item, _FreeCall, where)
            open_calls.add(free.call_id)
            return None
        case "function_call_output" | "custom_tool_call_output":
            return _output(converted(item, _Output, where), where, open_calls)
        case "reasoning":
            return _reasoning(converted(item, _Reasoning, where), where)
        case kind if kind in _HOSTED:
            return None
        case kind:
            raise RefusedError(f"Invalid value: '{kind}'.", param=f"{where}.type")


def _message(message: _Message, where: str) -> Turn:
    role: Literal["system", "user"] = "user" if message.role == "user" else "system"
    pictures, documents = _attached(message.content, where)
    return Turn(role, _text(message.content), pictures=pictures, documents=documents)


def _attached(content: Any, where: str) -> tuple[list[Any], list[str]]:
    parts = [] if isinstance(content, str) else content
    pictures = [picture_at(part.image_url or "", where) for part in parts if isinstance(part, _InputImage)]
    return pictures, [part.filename or "unnamed" for part in parts if isinstance(part, _InputFile)]


def _output(output: _Output, where: str, open_calls: set[str]) -> Turn:
    if output.call_id not in open_calls:
        raise RefusedError(f"No tool call found for function call output with call_id {output.call_id}.", param=where)
    open_calls.discard(output.call_id)
    pictures, _ = _attached(output.output, where)
    return Turn("user", results=[_text(output.output)], pictures=pictures)


def _reasoning(item: _Reasoning, where: str) -> Turn:
    thought = "".join(each.text for each in item.summary)
    if item.encrypted_content and thought and item.encrypted_content != proof_of("responses", thought):
        raise RefusedError("The encrypted content could not be verified.", param=f"{where}.encrypted_content")
    return Turn("assistant", proofs=[item.encrypted_content] if item.encrypted_content else [])


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content if isinstance(part, _InputText | _OutputText))

"""What Anthropic's Messages API takes, and what it refuses.  Source: Anthropic's API reference."""

import re
from typing import Any, Final, Literal

from support.wires.values import Picture, RefusedError, Strict, Turn, converted, proof_of, unbase64

_CALL_ID: Final = re.compile("[a-zA-Z0-9_-]+")
_IMAGES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")


class _Cache(Strict):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None
    scope: str | None = None


class _Cacheable(Strict):
    cache_control: _Cache | None = None


class _Text(_Cacheable, tag="text", tag_field="type", kw_only=True):
    text: str
    citations: Any = None


class _Source(Strict):
    type: Literal["base64", "url", "file", "text", "content"]
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: Any = None


class _Image(_Cacheable, tag="image", tag_field="type", kw_only=True):
    source: _Source
    transformations: Any = None


class _Document(_Cacheable, tag="document", tag_field="type", kw_only=True):
    source: _Source
    citations: dict[str, bool] | None = None
    context: str | None = None
    title: str | None = None


class _Search(_Cacheable, tag="search_result", tag_field="type", kw_only=True):
    content: list[_Text]
    source: str
    title: str
    citations: Any = None


class _Reference(_Cacheable, tag="tool_reference", tag_field="type", kw_only=True):
    tool_name: str


class _ToolUse(_Cacheable, tag="tool_use", tag_field="type", kw_only=True):
    id: str
    name: str
    input: dict[str, Any]
    caller: Any = None
    toolset_name: str | None = None


class _ToolResult(_Cacheable, tag="tool_result", tag_field="type", kw_only=True):
    tool_use_id: str
    content: str | list[_Text | _Image | _Document | _Search | _Reference] | None = None
    is_error: bool | None = None
    toolset_name: str | None = None


class _Thinking(Strict, tag="thinking", tag_field="type"):
    thinking: str
    signature: str


class _Redacted(Strict, tag="redacted_thinking", tag_field="type"):
    data: str


class _Turn(Strict):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Text | _Image | _Document | _Search | _ToolUse | _ToolResult | _Thinking | _Redacted]


class _Choice(Strict):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _ThinkingConfig(Strict):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class _Format(Strict):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class _Output(Strict):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Tool(_Cacheable, kw_only=True):
    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    type: Literal["custom"] | None = None
    strict: bool | None = None
    allowed_callers: Any = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: Any = None


class Counted(_Cacheable, kw_only=True):
    """A request to count the tokens of a message."""

    model: str
    messages: list[_Turn]
    system: str | list[_Text] | None = None
    thinking: _ThinkingConfig | None = None
    tool_choice: _Choice | None = None
    tools: list[dict[str, Any]] | None = None
    output_config: _Output | None = None
    context_management: Any = None  # betas
    mcp_servers: Any = None


class Asked(Counted, kw_only=True):
    """A request for a message."""

    max_tokens: int
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    metadata: dict[str, str | None] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    container: Any = None
    diagnostics: Any = None
    inference_geo: str | None = None
    speed: Literal["standard", "fast"] | None = None


def check(asked: Asked | Counted, *, new: bool, betas: str) -> None:
    """What Anthropic refuses besides wrong types; *new*: by the version of 2026.  Raises RefusedError."""
    for beta in ("context_management", "mcp_servers"):
        if getattr(asked, beta) is not None and not betas:
            raise RefusedError("Extra inputs are not permitted", param=beta)
    for i, tool in enumerate(asked.tools or ()):
        if tool.get("type") in (None, "custom"):
            converted(tool, _Tool, f"tools.{i}")
    if isinstance(asked, Asked):
        _check_sampling(asked, new=new)
        _check_thinking(asked)
    _check_turns(asked, betas)


def _check_sampling(asked: Asked, *, new: bool) -> None:
    if asked.max_tokens < 1:
        raise RefusedError("max_tokens: Input should be greater than or equal to 1", param="max_tokens")
    for field in ("temperature", "top_p", "top_k"):
        if new and getattr(asked, field) is not None:
            raise RefusedError("Extra inputs are not permitted", param=field)
    if asked.temperature is not None and not 0 <= asked.temperature <= 1:
        raise RefusedError("temperature: range: 0..1", param="temperature")
    if any(not stop.strip() for stop in asked.stop_sequences or ()):
        raise RefusedError("each stop sequence must contain non-whitespace", param="stop_sequences")


def _check_thinking(asked: Asked) -> None:
    thinking = asked.thinking
    if thinking is None or thinking.type in ("disabled", "adaptive"):
        if thinking is not None and thinking.budget_tokens is not None:
            raise RefusedError("Extra inputs are not permitted", param="thinking.budget_tokens")
        return
    if thinking.type == "enabled":
        budget = thinking.budget_tokens or 0
        if budget < 1024:
            raise RefusedError("Input should be greater than or equal to 1024", param="thinking.enabled.budget_tokens")
        if budget >= asked.max_tokens:
            raise RefusedError("`max_tokens` must be greater than `thinking.budget_tokens`", param="max_tokens")
    if asked.temperature not in (None, 1) or asked.top_k is not None:
        raise RefusedError("`temperature` may only be set to 1 when thinking is enabled", param="temperature")
    if asked.tool_choice is not None and asked.tool_choice.type in ("any", "tool"):
        raise RefusedError("Thinking may not be enabled when tool_choice forces tool use.", param="tool_choice")


def _check_turns(asked: Asked | Counted, betas: str) -> None:
    if not asked.messages:
        raise RefusedError("messages: at least one message is required", param="messages")
    if asked.messages[0].role == "assistant":
        raise RefusedError('messages: first message must use the "user" role', param="messages")
    open_calls: list[str] = []
    for i, turn in enumerate(asked.messages):
        where = f"messages.{i}"
        if turn.role == "system" and not betas:
            raise RefusedError("Input should be 'user' or 'assistant'", param=f"{where}.role")
        blocks = [] if isinstance(turn.content, str) else turn.content
        if turn.content in ("", []) and not (turn.role == "assistant" and i == len(asked.messages) - 1):
            raise RefusedError("all messages must have non-empty content", param=where)
        _check_blocks(turn, blocks, where)
        _check_results(open_calls, blocks, where)
        open_calls = [block.id for block in blocks if isinstance(block, _ToolUse)]
    if open_calls:
        raise RefusedError(f"`tool_use` ids were found without `tool_result` blocks: {open_calls}", param="messages")


def _check_results(open_calls: list[str], blocks: list[Any], where: str) -> None:
    """Results come in the turn after their calls, all of them, and before anything else."""
    results = [block.tool_use_id for block in blocks if isinstance(block, _ToolResult)]
    if missing := set(open_calls) - set(results):
        raise RefusedError(
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {sorted(missing)}", param=where
        )
    if unknown := set(results) - set(open_calls):
        raise RefusedError(f"unexpected `tool_use_id` found in `tool_result` blocks: {sorted(unknown)}", param=where)
    if not all(isinstance(block, _ToolResult) for block in blocks[: len(results)]):
        raise RefusedError("`tool_result` blocks must come first", param=where)


def _check_blocks(turn: _Turn, blocks: list[Any], where: str) -> None:
    for j, block in enumerate(blocks):
        place = f"{where}.content.{j}"
        if isinstance(block, _Text) and not block.text.strip():
            raise RefusedError("text content blocks must contain non-whitespace text", param=place)
        if isinstance(block, _ToolUse) and not _CALL_ID.fullmatch(block.id):
            raise RefusedError("tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", param=place)
        if isinstance(block, _Thinking) and block.signature != proof_of("messages", block.thinking):
            raise RefusedError("Invalid `signature` in `thinking` block", param=place)
        own = _ToolUse | _Thinking | _Redacted if turn.role == "assistant" else _ToolResult | _Image | _Document
        if not isinstance(block, own | _Text | _Search):
            raise RefusedError(f"{type(block).__name__}: not permitted in {turn.role} messages", param=place)


def turns_of(asked: Asked | Counted) -> list[Turn]:
    """The conversation."""
    turns: list[Turn] = []
    if asked.system:
        turns.append(Turn("system", _text(asked.system)))
    for i, message in enumerate(asked.messages):
        turn = Turn(message.role, _text(message.content))
        for block in [] if isinstance(message.content, str) else message.content:
            _take(block, turn, f"messages.{i}")
        turns.append(turn)
    return turns


def _take(block: Any, turn: Turn, where: str) -> None:
    if isinstance(block, _Image):
        turn.pictures.append(_picture(block.source, where))
    elif isinstance(block, _Document):
        turn.documents.append(block.title or "unnamed")
    elif isinstance(block, _Thinking):
        turn.proofs.append(block.signature)
    elif isinstance(block, _ToolResult):
        turn.results.append(_text(block.content or ""))
        for part in block.content if isinstance(block.content, list) else ():
            if isinstance(part, _Image):
                turn.pictures.append(_picture(part.source, where))


def _picture(source: _Source, where: str) -> Picture:
    if source.type == "url":
        return Picture(url=source.url or "")
    if source.type != "base64" or source.media_type not in _IMAGES:
        raise RefusedError("source.media_type: Input should be 'image/jpeg', 'image/png', …", param=where)
    return Picture(source.media_type, unbase64(source.data or "", where))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content if isinstance(block, _Text))

"""A client's chat completion as a request in no provider's words.

Besides OpenAI's own fields it reads those of others that say what the conversation can hold: ``top_k``, ``thinking``
(LiteLLM's, DeepSeek's and Z.ai's) and ``reasoning`` (OpenRouter's).  What it does not know is named in ``beyond``.
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.chat.tools_in import read_format, read_tool_choice, read_tools
from sluice_dataplane.dialects.chat.turns_in import Turns
from sluice_dataplane.dialects.conversation import Effort, Reasoning, Request
from sluice_dataplane.dialects.edge import decode, invalid
from sluice_dataplane.dialects.values import ABSENT, members, said
from sluice_dataplane.exchange import Ask


class _Thinking(msgspec.Struct, gc=False):
    type: str = ""
    budget_tokens: int | None = None


class _Reasoning(msgspec.Struct, gc=False):
    effort: Effort | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None
    summary: str | None = None


class _Fields(msgspec.Struct, gc=False):
    """What is read; the model, ``stream`` and its options are in the ask."""

    messages: list[msgspec.Raw]
    tools: msgspec.Raw = ABSENT
    functions: msgspec.Raw = ABSENT
    tool_choice: msgspec.Raw = ABSENT
    function_call: msgspec.Raw = ABSENT
    response_format: msgspec.Raw = ABSENT
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    reasoning: _Reasoning | None = None
    thinking: _Thinking | None = None
    verbosity: str | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    service_tier: str | None = None
    metadata: dict[str, Any] | None = None
    modalities: list[str] | None = None


_fields: Final = msgspec.json.Decoder(_Fields)
_KNOWN: Final = frozenset(_Fields.__struct_fields__)
_NAMES: Final = {
    "turns": "messages",
    "format": "response_format",
    "choices": "n",
    "parallel": "parallel_tool_calls",
    "allowed": "tool_choice.allowed_tools",
    "usage_wanted": "stream_options",
}
# In the ask, or without any effect on the answer.
_PASSED_OVER: Final = frozenset(
    (
        "model",
        "stream",
        "stream_options",
        "max_tokens",
        "store",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "include_reasoning",
    )
)
_NOTHING: Final = (b"false", b"[]", b"{}", b'""')


def read_request(body: bytes, ask: Ask) -> Request:
    """All that *body*, of which *ask* was read, asks for.

    Raises:
        InvalidRequestError: it cannot be understood, or holds what no other API has; names the field.
    """
    fields = decode(_fields, body, "")
    if not fields.messages:
        raise invalid("messages", "must not be empty")
    turns = Turns()
    for number, message in enumerate(fields.messages):
        turns.read(message, f"messages[{number}]")
    reasoning, names = _reasoning(fields)
    return Request(
        turns=tuple(turns.turns),
        tools=read_tools(fields.tools, fields.functions),
        tool_choice=read_tool_choice(fields.tool_choice, fields.function_call, fields.parallel_tool_calls),
        format=read_format(fields.response_format),
        reasoning=reasoning,
        verbosity=fields.verbosity or "",
        ceiling=ask.max_output_tokens,
        temperature=fields.temperature,
        top_p=fields.top_p,
        top_k=fields.top_k,
        seed=fields.seed,
        presence_penalty=fields.presence_penalty,
        frequency_penalty=fields.frequency_penalty,
        stop=_stop(fields.stop),
        logit_bias=fields.logit_bias or None,
        logprobs=bool(fields.logprobs),
        top_logprobs=fields.top_logprobs,
        choices=fields.n or 1,
        stream=ask.stream,
        usage_wanted=ask.usage_wanted or not ask.stream,
        user=fields.user or "",
        service_tier=fields.service_tier or "",
        metadata=_metadata(fields.metadata),
        beyond=_beyond(body, fields),
        names=names | _names(fields),
    )


def _names(fields: _Fields) -> dict[str, str]:
    names = dict(_NAMES)
    names["ceiling"] = "max_tokens" if fields.max_completion_tokens is None else "max_completion_tokens"
    if said(fields.function_call) and not said(fields.tool_choice):
        names["tool_choice"] = "function_call"
    if said(fields.functions) and not said(fields.tools):
        names["tools"] = "functions"
    return names


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if isinstance(stop, str):
        return (stop,) if stop else ()
    return tuple(stop or ())


def _metadata(given: dict[str, Any] | None) -> dict[str, str] | None:
    if not given:
        return None
    return {name: value for name, value in given.items() if isinstance(value, str)}


def _reasoning(fields: _Fields) -> tuple[Reasoning | None, dict[str, str]]:
    """How much to think, and the name of the field that says so."""
    if fields.reasoning_effort is not None:
        effort = fields.reasoning_effort
        return Reasoning(enabled=effort != "none", effort=effort), {"reasoning": "reasoning_effort"}
    if fields.thinking is not None:
        wanted = fields.thinking.type
        budget = fields.thinking.budget_tokens
        thinking = Reasoning(enabled=wanted != "disabled", budget=budget, adaptive=wanted == "adaptive")
        return thinking, {"reasoning": "thinking"}
    asked = fields.reasoning
    if asked is None:
        return None, {}
    read = Reasoning(
        enabled=asked.enabled is not False and asked.effort != "none",
        effort=asked.effort,
        budget=asked.max_tokens,
        shown=None if asked.exclude is None else not asked.exclude,
        summary=asked.summary or "",
    )
    return read, {}


def _beyond(body: bytes, fields: _Fields) -> tuple[str, ...]:
    """The fields that nothing here can hold, and that may change the answer."""
    named: list[str] = []
    given = decode(members, body, "")
    for name, value in given.items():
        if name in _KNOWN or name in _PASSED_OVER or not said(value) or bytes(value) in _NOTHING:
            continue
        named.append(name)
    if fields.modalities and fields.modalities != ["text"]:
        named.append("modalities")
    return tuple(named)

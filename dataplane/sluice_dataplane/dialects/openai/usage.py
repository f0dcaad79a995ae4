"""OpenAI's wire: what an answer says it used.

Sources: the API reference (``usage.*_tokens_details``, ``service_tier``) and, for what others add to it, the pages on
usage of OpenRouter (``cost``, ``cost_details``, ``is_byok``), xAI (``cost_in_usd_ticks``; reasoning beside the
completion), DeepSeek (``prompt_cache_hit_tokens``), DeepInfra (``estimated_cost``), Perplexity (``cost.total_cost``),
Anthropic (``cache_creation``) and LiteLLM, which passes Anthropic's names on.
"""

from typing import Any, Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.costs import ticks, usd
from sluice_dataplane.dialects.values import (
    ABSENT,
    MAX_SERVICE_TIER,
    MAX_TOKENS,
    UNREADABLE,
    length,
    members,
    said,
    within,
)
from sluice_dataplane.exchange import Reported


class _CacheWrites(msgspec.Struct, gc=False):
    ephemeral_1h_input_tokens: int | None = None


class _CachedDetails(msgspec.Struct, gc=False):
    audio_tokens: int | None = None


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_creation_token_details: _CacheWrites | None = None
    cached_tokens_details: _CachedDetails | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _Sums(msgspec.Struct, gc=False):
    """What must be there; all else is detail."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class _Usage(_Sums, gc=False):
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    cached_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheWrites | None = None
    reasoning_tokens: int | None = None
    service_tier: Any = None
    cost: msgspec.Raw = ABSENT
    cost_details: msgspec.Raw = ABSENT
    is_byok: Any = None
    cost_in_usd_ticks: msgspec.Raw = ABSENT
    estimated_cost: msgspec.Raw = ABSENT


class _WithUsage(msgspec.Struct, gc=False):
    usage: _Usage | None = None
    service_tier: Any = None
    choices: msgspec.Raw = ABSENT
    data: msgspec.Raw = ABSENT
    error: Any = None  # rare, and then small


class _Chunk(msgspec.Struct, gc=False):
    usage: _Usage | None = None
    choices: list[msgspec.Raw] | None = None
    service_tier: Any = None


class _Plain(msgspec.Struct, gc=False):
    usage: _Sums | None = None
    choices: list[msgspec.Raw] | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: dict[str, msgspec.Raw] | None = None
    text: msgspec.Raw = ABSENT


class _Choices(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None


class _TotalCost(msgspec.Struct, gc=False):
    total_cost: msgspec.Raw = ABSENT
    upstream_inference_cost: msgspec.Raw = ABSENT


_NO_INPUTS: Final = _InputDetails()
_NO_OUTPUTS: Final = _OutputDetails()

_with_usage: Final = msgspec.json.Decoder(_WithUsage)
_chunk: Final = msgspec.json.Decoder(_Chunk)
_plain: Final = msgspec.json.Decoder(_Plain)
_choices: Final = msgspec.json.Decoder(_Choices)
_total_cost: Final = msgspec.json.Decoder(_TotalCost)


def answer_usage(body: bytes, *, generates: bool = True) -> Reported | None:
    """What a plain answer reports of its use; None if it reports nothing (or nothing that makes sense).

    What *generates* answers with choices, all else with data.

    Raises:
        ValueError: the body is no JSON object at all, holds no answer, or is an error in spite of its status.
    """
    try:
        answer = _answer_of(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if answer is None:
        return _only_sums(body)[0]
    if answer.usage is not None:
        return _reported(answer.usage, answer.service_tier)
    if answer.error is not None:
        raise ValueError("an error came with a status of success")
    if not said(answer.choices if generates else answer.data):
        raise ValueError("there is no answer in it")
    return None


def _answer_of(body: bytes) -> _WithUsage | None:
    """None: an object whose usage is odd, which is an answer without usage."""
    try:
        return _with_usage.decode(body)
    except msgspec.ValidationError:
        members.decode(body)
        return None


def chunk_usage(data: bytes) -> tuple[Reported | None, bool]:
    """The usage in one streamed event, and whether the event carries nothing else (it has no choices)."""
    try:
        chunk = _chunk.decode(data)
    except msgspec.ValidationError:
        return _only_sums(data)
    except UNREADABLE:
        return None, False
    if chunk.usage is None:
        return None, False
    reported = _reported(chunk.usage, chunk.service_tier)
    return reported, reported is not None and not chunk.choices


def text_bytes(data: bytes) -> int:
    """How many bytes of one streamed event are what was generated: text, calls of tools, reasoning, whatever it has.

    Never fewer than those of its text in UTF-8; all of an event that is not of the usual form.
    """
    try:
        choices = _choices.decode(data).choices
    except UNREADABLE:
        return len(data)
    if choices is None:
        return len(data)
    found = 0
    for choice in choices:
        delta = choice.delta
        if delta is None:
            found += length(choice.text)
        else:
            for name, value in delta.items():
                if name != "role":
                    found += length(value)
    return found


def begins_answer(data: bytes) -> bool:
    """Whether *data*, which is no whole answer, is the beginning of one: then the provider has done its work."""
    return data.lstrip().startswith(b"{") and (b'"choices"' in data or b'"embedding"' in data)


def is_error(body: bytes) -> bool:
    """Whether *body* is a JSON object with an ``error`` that says something."""
    try:
        return said(members.decode(body).get("error"))
    except UNREADABLE:
        return False


def is_failure(data: bytes) -> bool:
    """Whether one streamed event tells of an error, and of nothing else."""
    try:
        event = members.decode(data)
    except UNREADABLE:
        return False
    return said(event.get("error")) and not said(event.get("choices"))


def _only_sums(data: bytes) -> tuple[Reported | None, bool]:
    """Where details are not what we take them for, the sums may be."""
    try:
        plain = _plain.decode(data)
    except UNREADABLE:
        return None, False
    if plain.usage is None:
        return None, False
    sums = plain.usage
    usage = _Usage(
        prompt_tokens=sums.prompt_tokens, completion_tokens=sums.completion_tokens, total_tokens=sums.total_tokens
    )
    reported = _reported(usage, None)
    return reported, reported is not None and not plain.choices


def _reported(usage: _Usage, service_tier: object) -> Reported | None:
    tokens = _tokens(usage)
    if tokens is None:
        return None
    tier = service_tier if isinstance(service_tier, str) else usage.service_tier
    return Reported(tokens, tier[:MAX_SERVICE_TIER] if isinstance(tier, str) else "", _cost(usage))


def _tokens(usage: _Usage) -> TokenUsage | None:
    total, output = usage.total_tokens, usage.completion_tokens or 0
    reported = usage.prompt_tokens
    if reported is None and total is not None:  # Voyage and Jina report only the total
        reported = total - output
    if reported is None or reported < 0 or output < 0:
        return None
    inputs, outputs = usage.prompt_tokens_details or _NO_INPUTS, usage.completion_tokens_details or _NO_OUTPUTS
    cached = inputs.cached_tokens or usage.prompt_cache_hit_tokens or usage.cached_tokens
    cached = cached or usage.cache_read_input_tokens or 0
    write = inputs.cache_write_tokens or inputs.cache_creation_tokens or usage.cache_creation_input_tokens or 0
    writes = usage.cache_creation or inputs.cache_creation_token_details
    audio = inputs.cached_tokens_details
    beside = 0 if total is None else max(total - reported - output, 0)
    if beside and beside == (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0):
        reported += beside
    else:  # what only the sum has was used all the same: xAI and Gemini count reasoning beside the completion
        output += beside
    if max(reported, output) > MAX_TOKENS:
        return None
    write = within(write, reported)
    cached = within(cached, reported - write)
    return TokenUsage(
        input=reported,
        output=output,
        cached_input=cached,
        cache_write=write,
        cache_write_1h=within(writes.ephemeral_1h_input_tokens or 0, write) if writes else 0,
        audio_input=within(inputs.audio_tokens or 0, reported),
        cached_audio=within(0 if audio is None else audio.audio_tokens or 0, cached),
        image_input=within(inputs.image_tokens or 0, reported),
        reasoning=within(outputs.reasoning_tokens or usage.reasoning_tokens or 0, output),
        audio_output=within(outputs.audio_tokens or 0, output),
        image_output=within(outputs.image_tokens or 0, output),
    )


def _cost(usage: _Usage) -> int | None:
    """What the provider says the answer costs, in nano-USD, rounded up."""
    if usage.cost is not ABSENT:
        cost = usd(usage.cost)
        if cost is None:  # Perplexity itemises it
            return usd(_part_of(usage.cost).total_cost)
        if usage.is_byok is True:  # OpenRouter then names its fee only
            return cost + (usd(_part_of(usage.cost_details).upstream_inference_cost) or 0)
        return cost
    if usage.cost_in_usd_ticks is not ABSENT:
        return ticks(usage.cost_in_usd_ticks)
    return None if usage.estimated_cost is ABSENT else usd(usage.estimated_cost)


def _part_of(raw: msgspec.Raw) -> _TotalCost:
    try:
        return _total_cost.decode(raw)
    except UNREADABLE:
        return _TotalCost()

"""The Responses API: what an answer says it used.

Sources: the API reference (``usage.input_tokens_details``, ``usage.output_tokens_details``, ``service_tier``) and, for
what others add to it, the pages on cost of xAI (``cost_in_usd_ticks``, a tick is 10⁻¹⁰ USD) and OpenRouter (``cost``).
"""

from typing import Any, Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.costs import ticks, usd
from sluice_dataplane.dialects.values import ABSENT, MAX_SERVICE_TIER, MAX_TOKENS, UNREADABLE, within
from sluice_dataplane.exchange import Reported


class _CacheWrites(msgspec.Struct, gc=False):
    ttl_12h_tokens: int | None = None


class _CachedDetails(msgspec.Struct, gc=False):
    audio_tokens: int | None = None


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_tokens_details: _CacheWrites | None = None
    cached_tokens_details: _CachedDetails | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class Sums(msgspec.Struct, gc=False):
    """What must be there; all else is detail.  Some servers use the names of chat completions."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Usage(Sums, gc=False):
    """``usage`` of an answer."""

    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None
    service_tier: Any = None
    cost: msgspec.Raw = ABSENT
    cost_in_usd_ticks: msgspec.Raw = ABSENT


_NO_INPUTS: Final = _InputDetails()
_NO_OUTPUTS: Final = _OutputDetails()
_usage: Final = msgspec.json.Decoder(Usage | None)
_sums: Final = msgspec.json.Decoder(Sums | None)


def reported_of(usage: msgspec.Raw, service_tier: object) -> Reported | None:
    """What *usage*, the JSON of that member, reports; None if it is null, or nothing that makes sense."""
    try:
        read = _usage.decode(usage)
    except UNREADABLE:
        read = _only_sums(usage)
    tokens = None if read is None else tokens_of(read)
    if read is None or tokens is None:
        return None
    tier = service_tier if isinstance(service_tier, str) else read.service_tier
    return Reported(tokens, tier[:MAX_SERVICE_TIER] if isinstance(tier, str) else "", _cost(read))


def _only_sums(usage: msgspec.Raw) -> Usage | None:
    """Where details are not what we take them for, the sums may be."""
    try:
        sums = _sums.decode(usage)
    except UNREADABLE:
        return None
    return None if sums is None else Usage(**msgspec.structs.asdict(sums))


def tokens_of(usage: Usage) -> TokenUsage | None:
    """Tokens by kind; None where the sums make no sense.  What only the total has was output."""
    total = usage.total_tokens
    counted = usage.input_tokens if usage.input_tokens is not None else usage.prompt_tokens
    output = (usage.output_tokens if usage.output_tokens is not None else usage.completion_tokens) or 0
    if counted is None and total is not None:
        counted = total - output
    if counted is None or counted < 0 or output < 0:
        return None
    if total is not None:
        output += max(total - counted - output, 0)
    inputs, outputs = usage.input_tokens_details or _NO_INPUTS, usage.output_tokens_details or _NO_OUTPUTS
    if max(counted, output) > MAX_TOKENS:
        return None
    write = within(inputs.cache_write_tokens, counted)
    cached = within(inputs.cached_tokens, counted - write)
    audio, long_lived = inputs.cached_tokens_details, inputs.cache_write_tokens_details
    return TokenUsage(
        input=counted,
        output=output,
        cached_input=cached,
        cache_write=write,
        cache_write_1h=within(long_lived.ttl_12h_tokens, write) if long_lived else 0,
        audio_input=within(inputs.audio_tokens, counted),
        cached_audio=within(audio.audio_tokens, cached) if audio else 0,
        image_input=within(inputs.image_tokens, counted),
        reasoning=within(outputs.reasoning_tokens, output),
        audio_output=within(outputs.audio_tokens, output),
        image_output=within(outputs.image_tokens, output),
    )


def _cost(usage: Usage) -> int | None:
    """What the provider says the answer costs, in nano-USD, rounded up."""
    if usage.cost is not ABSENT:
        return usd(usage.cost)
    return None if usage.cost_in_usd_ticks is ABSENT else ticks(usage.cost_in_usd_ticks)

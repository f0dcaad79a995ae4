"""Converse: what an answer says it used.  Its input is without what was read from a cache or written to one.

Source: the API reference (``TokenUsage``, ``CacheDetail``, ``ServiceTier``, ``ConverseStreamMetadataEvent``).
"""

from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.values import ABSENT, MAX_SERVICE_TIER, MAX_TOKENS, said
from sluice_dataplane.exchange import Reported


class _CacheDetail(msgspec.Struct, gc=False, rename="camel"):
    ttl: str | None = None
    input_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False, rename="camel"):
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_details: list[_CacheDetail] | None = None


class _Sums(msgspec.Struct, gc=False, rename="camel"):
    """What must be there; all else is detail."""

    input_tokens: int
    output_tokens: int
    total_tokens: int | None = None


class _Tier(msgspec.Struct, gc=False):
    type: str = ""


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    """An answer, or the event that ends a stream."""

    output: msgspec.Raw = ABSENT
    usage: msgspec.Raw = ABSENT
    service_tier: msgspec.Raw = ABSENT


_answer: Final = msgspec.json.Decoder(_Answer)
_usage: Final = msgspec.json.Decoder(_Usage)
_sums: Final = msgspec.json.Decoder(_Sums)
_tier: Final = msgspec.json.Decoder(_Tier)


def answer_usage(body: bytes) -> Reported | None:
    """What a plain answer reports of its use; None if it reports nothing (or nothing that makes sense).

    Raises:
        ValueError: the body is no JSON object, or no answer.
    """
    try:
        answer = _answer.decode(body)
    except RecursionError:
        raise ValueError("an answer that is nested too deep") from None
    if not said(answer.output) and not said(answer.usage):
        raise ValueError("there is no answer in it")
    return reported_of(answer.usage, answer.service_tier)


def event_usage(data: bytes) -> Reported | None:
    """What a stream's ``metadata`` reports; None if it reports nothing that makes sense."""
    try:
        event = _answer.decode(data)
    except (ValueError, RecursionError):
        return None
    return reported_of(event.usage, event.service_tier)


def reported_of(usage: msgspec.Raw, tier: msgspec.Raw) -> Reported | None:
    """What ``usage`` and the ``serviceTier`` beside it say; None where the usage makes no sense."""
    read = _read(usage)
    tokens = None if read is None else _tokens(read)
    return None if tokens is None else Reported(tokens, _tier_of(tier))


def _tier_of(raw: msgspec.Raw) -> str:
    """The name in a ``serviceTier``; "" where there is none."""
    try:
        return _tier.decode(raw).type[:MAX_SERVICE_TIER] if said(raw) else ""
    except (ValueError, RecursionError):
        return ""


def _read(raw: msgspec.Raw) -> _Usage | None:
    """Where details are not what we take them for, the sums may be."""
    if not said(raw):
        return None
    try:
        return _usage.decode(raw)
    except (ValueError, RecursionError):
        pass
    try:
        sums = _sums.decode(raw)
    except (ValueError, RecursionError):
        return None
    return _Usage(sums.input_tokens, sums.output_tokens, sums.total_tokens)


def _tokens(usage: _Usage) -> TokenUsage | None:
    plain, output = usage.input_tokens, usage.output_tokens or 0
    if plain is None or plain < 0 or output < 0:
        return None
    read, write = max(usage.cache_read_input_tokens or 0, 0), max(usage.cache_write_input_tokens or 0, 0)
    whole = plain + read + write
    # What only the sum has was used all the same.
    output += max((usage.total_tokens or 0) - whole - output, 0)
    if max(whole, output) > MAX_TOKENS:
        return None
    hour = sum(max(each.input_tokens or 0, 0) for each in usage.cache_details or () if each.ttl == "1h")
    return TokenUsage(input=whole, output=output, cached_input=read, cache_write=write, cache_write_1h=min(hour, write))

"""Anthropic's wire: what an answer says it used, and the same in its words.

Anthropic counts what comes from a cache, and what goes into one, beside the input; here both are parts of it.

Sources: the API reference of Messages (``usage``, of a message, of ``message_start`` and ``message_delta``), the pages
on streaming ("the token counts in ``message_delta`` are cumulative"), prompt caching (``cache_creation``), compaction
and fallbacks (``usage.iterations``: rounds that the sums above them leave out), fast mode and data residency.
"""

from typing import Any, Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.messages.fields import tier
from sluice_dataplane.dialects.values import ABSENT, MAX_SERVICE_TIER, MAX_TOKENS, UNREADABLE, said, within
from sluice_dataplane.exchange import Reported


class CacheWrites(msgspec.Struct, gc=False):
    """What went into caches, by how long they last."""

    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    """What of the output was not said aloud."""

    thinking_tokens: int | None = None


class Round(msgspec.Struct, gc=False):
    """One round of an answer that took several."""

    type: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheWrites | None = None


class _Sums(msgspec.Struct, gc=False):
    """What must be there; all else is detail."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class Usage(_Sums, gc=False):
    """``usage`` as it comes; in a stream it is said in pieces, see :func:`later`."""

    cache_creation: CacheWrites | None = None
    output_tokens_details: OutputDetails | None = None
    iterations: list[Round] | None = None
    service_tier: Any = None
    speed: Any = None
    inference_geo: Any = None


class _Answer(msgspec.Struct, gc=False):
    type: Any = None
    content: msgspec.Raw = ABSENT
    usage: msgspec.Raw = ABSENT
    error: Any = None


_usage: Final[msgspec.json.Decoder[Usage | None]] = msgspec.json.Decoder(Usage | None)
_sums: Final = msgspec.json.Decoder(_Sums)
_answer: Final = msgspec.json.Decoder(_Answer)


def answer_usage(body: bytes) -> Reported | None:
    """What a plain answer reports of its use; None if it reports nothing (or nothing that makes sense).

    Raises:
        ValueError: the body is no JSON object at all, holds no answer, or is an error in spite of its status.
    """
    try:
        answer = _answer.decode(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if answer.type == "error" or (answer.error is not None and not bytes(answer.usage)):
        raise ValueError("an error came with a status of success")
    if not (said(answer.content) or said(answer.usage)):
        raise ValueError("there is no answer in it")
    usage = read(answer.usage)
    return None if usage is None else reported(usage)


def read(raw: msgspec.Raw) -> Usage | None:
    """*raw* as it makes sense: where details are not what we take them for, the sums may be."""
    if not bytes(memoryview(raw)[:1]):
        return None
    try:
        return _usage.decode(raw)
    except UNREADABLE:
        pass
    try:
        return Usage(**msgspec.structs.asdict(_sums.decode(raw)))
    except UNREADABLE:
        return None


def later(before: Usage | None, usage: Usage) -> Usage:
    """What was used by all that was said so far: each count is the last that was said.

    Counts only grow: a zero where there was a number is a provider's way to leave it out.
    """
    if before is None:
        return usage
    return Usage(*[getattr(usage, name) or getattr(before, name) for name in Usage.__struct_fields__])


def reported(usage: Usage) -> Reported | None:
    """*usage* in our words; None if it makes no sense."""
    counted = tokens(usage)
    if counted is None:
        return None
    served = (usage.service_tier, usage.speed, usage.inference_geo)
    service = tier(*[each if isinstance(each, str) else "" for each in served])
    return Reported(counted, service[:MAX_SERVICE_TIER])


def tokens(usage: Usage) -> TokenUsage | None:
    """The counts alone; None where they make no sense or none was said."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    rounds = usage.iterations or []
    output, read_, written = (_sum(usage, rounds, name) for name in _COUNTS)
    plain = _sum(usage, rounds, "input_tokens")
    whole = plain + read_ + written
    if min(output, read_, written, plain) < 0 or max(whole, output) > MAX_TOKENS:
        return None
    hour = (usage.cache_creation or _NO_WRITES).ephemeral_1h_input_tokens or 0
    hour += sum((each.cache_creation or _NO_WRITES).ephemeral_1h_input_tokens or 0 for each in _beside(rounds))
    return TokenUsage(
        input=whole,
        output=output,
        cached_input=read_,
        cache_write=written,
        cache_write_1h=within(hour, written),
        reasoning=within((usage.output_tokens_details or _NO_DETAILS).thinking_tokens or 0, output),
    )


_COUNTS: Final = ("output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_NO_WRITES: Final = CacheWrites()
_NO_DETAILS: Final = OutputDetails()
_IN_SUMS: Final = ("message", "fallback_message")


def _beside(rounds: list[Round]) -> list[Round]:
    return [each for each in rounds if each.type not in _IN_SUMS]


def _sum(usage: Usage, rounds: list[Round], name: str) -> int:
    """The count called *name*, with those of rounds that the sums leave out; never less than all rounds together."""
    count = getattr(usage, name) or 0
    if not rounds:
        return int(count)
    beside = sum(getattr(each, name) or 0 for each in _beside(rounds))
    return max(int(count) + beside, sum(getattr(each, name) or 0 for each in rounds))


SERVICES: Final = ("standard", "priority", "batch")  # that Anthropic's clients know


def written(usage: TokenUsage | None, service_tier: str = "") -> dict[str, Any]:
    """*usage* as a client reads it."""
    usage = usage or TokenUsage()
    hour = usage.cache_write_1h
    counts: dict[str, Any] = {
        "input_tokens": max(usage.input - usage.cached_input - usage.cache_write, 0),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached_input,
        "cache_creation": {
            "ephemeral_5m_input_tokens": max(usage.cache_write - hour, 0),
            "ephemeral_1h_input_tokens": hour,
        },
        "output_tokens": usage.output,
        "service_tier": service_tier if service_tier in SERVICES else "standard",
    }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts

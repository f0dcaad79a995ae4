"""What the answers of passed calls say they used.

Sources: OpenAI's API reference for images (``usage.input_tokens_details``, ``output_tokens_details``), transcriptions
(``usage.type`` ``tokens`` or ``duration``; ``input_token_details``); Cohere's for rerank
(``meta.tokens``, ``meta.billed_units``); Jina's, Voyage's and vLLM's (``usage.total_tokens``).
"""

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.values import ABSENT, MAX_TOKENS, UNREADABLE, members, said, within
from sluice_dataplane.exchange import Reported

TOKENS_PER_SECOND: Final = 10  # of sound, where a provider bills by time: as many as OpenAI counts where it counts them
_MOST_SECONDS: Final = 10**6


class _Details(msgspec.Struct, gc=False):
    image_tokens: int | None = None
    audio_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    type: str | None = None
    seconds: msgspec.Raw = ABSENT
    input_tokens: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: _Details | None = None
    input_token_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Counted(msgspec.Struct, gc=False):
    input_tokens: msgspec.Raw = ABSENT


class _Meta(msgspec.Struct, gc=False):
    tokens: _Counted | None = None
    billed_units: _Counted | None = None


class _Answer(msgspec.Struct, gc=False):
    usage: _Usage | None = None
    meta: _Meta | None = None
    duration: msgspec.Raw = ABSENT
    error: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    usage: msgspec.Raw = ABSENT


_answer: Final = msgspec.json.Decoder(_Answer)
_event: Final = msgspec.json.Decoder(_Event)
_usage: Final = msgspec.json.Decoder(_Usage)
_NO_DETAILS: Final = _Details()


def answer_usage(body: bytes) -> Reported | None:
    """What a plain JSON answer reports; None if nothing that makes sense.

    Raises:
        ValueError: it is no JSON object, or an error in spite of its status.
    """
    try:
        answer = _answer_of(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if answer is None:
        return None
    if answer.error is not None and answer.usage is None:
        raise ValueError("an error came with a status of success")
    if answer.usage is not None:
        return _reported(answer.usage)
    if answer.meta is not None:
        return _of_cohere(answer.meta)
    return _of_seconds(answer.duration)


def _answer_of(body: bytes) -> _Answer | None:
    """None: an object whose usage is of no form that is known."""
    try:
        return _answer.decode(body)
    except msgspec.ValidationError:
        members.decode(body)
        return None


def event_usage(data: bytes) -> tuple[str, Reported | None]:
    """The type of a streamed event, and the usage it reports; None if nothing that makes sense."""
    try:
        event = _event.decode(data)
    except UNREADABLE:
        return "", None
    if not said(event.usage):
        return event.type, None
    try:
        return event.type, _reported(_usage.decode(event.usage))
    except UNREADABLE:
        return event.type, None


def _reported(usage: _Usage) -> Reported | None:
    if usage.type == "duration":
        return _of_seconds(usage.seconds)
    output = usage.output_tokens or usage.completion_tokens or 0
    given = usage.input_tokens if usage.input_tokens is not None else usage.prompt_tokens
    if given is None and usage.total_tokens is not None:
        given = usage.total_tokens - output
    if given is None or min(given, output) < 0 or max(given, output) > MAX_TOKENS:
        return None
    inputs = usage.input_tokens_details or usage.input_token_details or _NO_DETAILS
    outputs = usage.output_tokens_details or _NO_DETAILS
    return Reported(
        TokenUsage(
            input=given,
            output=output,
            cached_input=within(inputs.cached_tokens, given),
            image_input=within(inputs.image_tokens, given),
            audio_input=within(inputs.audio_tokens, given),
            image_output=within(outputs.image_tokens, output),
            audio_output=within(outputs.audio_tokens, output),
        )
    )


def _of_cohere(meta: _Meta) -> Reported | None:
    for counted in (meta.billed_units, meta.tokens):
        tokens = None if counted is None else _number(counted.input_tokens)
        if tokens is not None:
            return Reported(TokenUsage(input=tokens))
    return None


def _of_seconds(raw: msgspec.Raw) -> Reported | None:
    tokens = _number(raw, times=TOKENS_PER_SECOND)
    return None if tokens is None else Reported(TokenUsage(input=tokens, audio_input=tokens))


def _number(raw: msgspec.Raw, *, times: int = 1) -> int | None:
    """*raw*, a number or a text of one, *times* so many, rounded up."""
    text = bytes(raw).strip(b'"')
    if not 0 < len(text) < 32:
        return None
    try:
        number = Decimal(text.decode())
    except (InvalidOperation, UnicodeDecodeError):
        return None
    if not (number.is_finite() and 0 <= number <= _MOST_SECONDS * 1000):
        return None
    return int((number * times).to_integral_value(ROUND_CEILING))

"""OpenAI's wire: what the gateway reads of a request, what it changes in it, and what it reads of an answer.

Only the few fields the gateway owns are decoded; everything else passes as the bytes it came in.

Sources: the OpenAI API reference for chat completions, completions and embeddings (fields ``model``,
``stream``, ``stream_options.include_usage``, ``max_tokens``, ``max_completion_tokens``, ``n``, ``best_of``,
``usage.*_tokens_details``).
"""

import re
from typing import Any, Final, Literal

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Endpoint

PATHS: Final[dict[Endpoint, str]] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
}
MAX_CHOICES: Final = 128
MAX_CEILING: Final = 2**31
_RANGES: Final = (
    ("max_tokens", 0, MAX_CEILING),
    ("max_completion_tokens", 0, MAX_CEILING),
    ("n", 1, MAX_CHOICES),
    ("best_of", 1, MAX_CHOICES),
)
# OpenAI's reasoning models refuse max_tokens; most other servers know only max_tokens.
_NEW_CEILING_TYPES: Final = frozenset(("OpenAI", "AzureOpenAI"))
_OWNED: Final = (b'"model"', b'"stream"', b'"max_tokens"', b'"max_completion_tokens"', b'"n"', b'"stream_options"')
# A key spelt with \u escapes could hide a second "model" from a plain search.
_ESCAPED_KEY: Final = re.compile(rb'\\u[0-9a-fA-F]{4}[^"\\]{0,64}"\s*:')


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Fields(msgspec.Struct):
    """The owned fields of all three endpoints; types as the API reference gives them, null allowed where it is."""

    model: str = ""
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    stream_options: _StreamOptions | None = None
    user: str | None = None


_fields: Final = msgspec.json.Decoder(_Fields)
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder: Final = msgspec.json.Encoder()
_NULL: Final = b"null"


def read_ask(endpoint: Endpoint, body: bytes) -> Ask:
    """What *body* asks for.

    Raises:
        InvalidRequestError: it is no JSON object, or an owned field is missing or out of range; names the field.
    """
    try:
        fields = _fields.decode(body)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        param = path.rstrip("`").lstrip(".") or None
        raise InvalidRequestError(f"{param or 'the body'}: {reason}", param=param) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequestError("The body is not valid JSON.", code="invalid_json") from None
    if not fields.model:
        raise InvalidRequestError("model: name the model to use.", code="missing_model", param="model")
    if endpoint == "embeddings":
        return Ask(model=fields.model, user=fields.user)
    for name, low, high in _RANGES:
        value = getattr(fields, name)
        if value is not None and not low <= value <= high:
            raise InvalidRequestError(f"{name}: must be between {low} and {high}.", param=name)
    ceilings = [value for value in (fields.max_tokens, fields.max_completion_tokens) if value is not None]
    return Ask(
        model=fields.model,
        stream=bool(fields.stream),
        max_output_tokens=max(ceilings) if ceilings else None,
        choices=max(fields.n or 1, fields.best_of or 1),
        usage_wanted=bool(fields.stream_options and fields.stream_options.include_usage),
        user=fields.user,
    )


def request_body(
    body: bytes, ask: Ask, *, endpoint: Endpoint, model: str, upstream_type: str, ceiling: int | None
) -> bytes:
    """*body* as the upstream gets it: untouched unless something the gateway owns must change.

    Changed are the model's name, ``stream_options.include_usage`` (always asked for in streams), and the output
    ceiling: clamped to *ceiling*, or set to it where the client named none.  Members keep their own bytes and
    order.  A body that might name an owned field twice is written anew with the last one, which is the one we read.
    """
    add_usage = ask.stream and not ask.usage_wanted
    clamp = ceiling is not None and endpoint != "embeddings" and ask.max_output_tokens != ceiling
    if model == ask.model and not add_usage and not clamp and not _may_repeat(body):
        return body
    members = _members.decode(body)
    members["model"] = _raw(model)
    if add_usage:
        options = members.get("stream_options")
        values = {} if options is None or bytes(options) == _NULL else _members.decode(options)
        members["stream_options"] = _raw({**values, "include_usage": True})
    if clamp and ceiling is not None:
        _clamp(members, ceiling, upstream_type)
    return _encoder.encode(members)


def _clamp(members: dict[str, msgspec.Raw], ceiling: int, upstream_type: str) -> None:
    named = [name for name in ("max_tokens", "max_completion_tokens") if bytes(members.get(name, _NULL)) != _NULL]
    for name in named:
        if int(msgspec.json.decode(members[name])) > ceiling:
            members[name] = _raw(ceiling)
    if not named:
        members["max_completion_tokens" if upstream_type in _NEW_CEILING_TYPES else "max_tokens"] = _raw(ceiling)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(value))


def _may_repeat(body: bytes) -> bool:
    for name in _OWNED:
        if body.count(name) > 1:
            return True
    return b"\\u" in body and _ESCAPED_KEY.search(body) is not None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _WithUsage(msgspec.Struct):
    usage: _Usage | None = None
    error: Any = None  # rare, and then small


class _Chunk(msgspec.Struct):
    usage: _Usage | None = None
    choices: list[msgspec.Raw] | None = None


_with_usage: Final = msgspec.json.Decoder(_WithUsage)
_chunk: Final = msgspec.json.Decoder(_Chunk)
_anything: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def answer_usage(body: bytes) -> TokenUsage | None:
    """The usage that a plain answer reports; None if it reports none (or none that makes sense).

    Raises:
        ValueError: the body is no JSON object at all, or is an error in spite of its status.
    """
    try:
        answer = _with_usage.decode(body)
        if answer.usage is None and answer.error is not None:
            raise ValueError("an error came with a status of success")
        return _token_usage(answer.usage)
    except msgspec.ValidationError:
        _anything.decode(body)  # an object whose usage is odd is an answer without usage
        return None


def begins_answer(data: bytes) -> bool:
    """Whether *data*, which is no whole answer, is the beginning of one: then the provider has done its work."""
    return data.lstrip().startswith(b"{") and (b'"choices"' in data or b'"embedding"' in data)


def is_error(body: bytes) -> bool:
    """Whether *body* is a JSON object with an ``error`` that says something."""
    try:
        return bytes(_anything.decode(body).get("error", _NULL)) != _NULL
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def chunk_usage(data: bytes) -> tuple[TokenUsage | None, bool]:
    """The usage in one streamed event, and whether the event carries nothing else (it has no choices)."""
    try:
        chunk = _chunk.decode(data)
    except msgspec.DecodeError:
        return None, False
    usage = _token_usage(chunk.usage)
    return usage, usage is not None and not chunk.choices


def _token_usage(usage: _Usage | None) -> TokenUsage | None:
    if usage is None:
        return None
    total, output = usage.total_tokens, usage.completion_tokens
    reported = usage.prompt_tokens
    if reported is None and total is not None:  # Voyage and Jina report only the total
        reported = total - (output or 0)
    if reported is None or reported < 0 or (output or 0) < 0:
        return None
    inputs, outputs = usage.prompt_tokens_details, usage.completion_tokens_details
    return TokenUsage(
        input=reported,
        output=output or 0,
        cached_input=min(max(inputs.cached_tokens or 0, 0), reported) if inputs else 0,
        cache_write=min(max(inputs.cache_write_tokens or 0, 0), reported) if inputs else 0,
        reasoning=min(max(outputs.reasoning_tokens or 0, 0), output or 0) if outputs else 0,
    )


DONE: Final = b"[DONE]"


def error_event(body: bytes) -> bytes:
    """The event that ends a stream which broke: never a forged ``[DONE]``."""
    return b"data: " + body + b"\n\n"


Operation = Literal["chat", "text_completion", "embeddings"]
OPERATIONS: Final[dict[Endpoint, Operation]] = {
    "chat": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}

"""OpenAI's calls: what the gateway reads of a request, and what it changes in it.

Only the few fields the gateway owns are decoded; everything else passes as the bytes it came in.

Sources: the OpenAI API reference for chat completions, completions and embeddings (fields ``model``,
``stream``, ``stream_options.include_usage``, ``max_tokens``, ``max_completion_tokens``, ``n``, ``best_of``,
``prompt``, ``modalities``, ``tools``, ``response_format``, ``service_tier``); for what costs more than tokens
also those of OpenRouter, xAI, DashScope and LiteLLM.
"""

from typing import Final

import msgspec

from sluice_contract.quirks import NEW_CEILING, NO_STREAM_OPTIONS
from sluice_dataplane.dialects.edge import no_model, read_fields
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.dialects.values import UNREADABLE, may_repeat, members_of
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask

MAX_CHOICES: Final = 128
MAX_CEILING: Final = 2**31
_RANGES: Final = (
    ("max_tokens", 0, MAX_CEILING),
    ("max_completion_tokens", 0, MAX_CEILING),
    ("n", 1, MAX_CHOICES),
    ("best_of", 1, MAX_CHOICES),
    ("n_predict", -(2**31), MAX_CEILING),
    ("max_new_tokens", -(2**31), MAX_CEILING),
    ("n_cmpl", 1, MAX_CHOICES),
)
# llama.cpp's ``n_predict`` goes over ``max_tokens`` and may be below 0, which is no ceiling; SGLang and others have the
# other one.
_CEILINGS: Final = ("max_tokens", "max_completion_tokens", "n_predict", "max_new_tokens")
_OWNED: Final = (b'"model"', b'"stream"', b'"max_tokens"', b'"max_completion_tokens"', b'"n"', b'"stream_options"')
_ABSENT: Final = msgspec.Raw()
_NOTHING: Final = (b"null", b"false", b"[]", b'""')
# Answers that come later, searches, predictions that are billed when they fail, other models and providers than the one
# that was asked for, what a provider keeps, templates that may write anything around the messages.
_UNPRICED: Final = (
    "deferred",
    "prediction",
    "web_search_options",
    "search_parameters",
    "enable_search",
    "plugins",
    "models",
    "fallbacks",
    "preset",
    "provider",
    "extra_body",
    "cached_content",
    "chat_template",
)


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Fields(msgspec.Struct):
    """The owned fields of all three endpoints; types as the API reference gives them, null allowed where it is.

    What is only looked at, and judged by nobody, is taken as it is.
    """

    model: str = ""
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    n_predict: int | None = None
    max_new_tokens: int | None = None
    n_cmpl: int | None = None
    stream_options: _StreamOptions | None = None
    user: str | None = None
    prompt: msgspec.Raw = _ABSENT
    modalities: msgspec.Raw = _ABSENT
    tools: msgspec.Raw = _ABSENT
    functions: msgspec.Raw = _ABSENT
    response_format: msgspec.Raw = _ABSENT
    service_tier: msgspec.Raw = _ABSENT
    deferred: msgspec.Raw = _ABSENT
    prediction: msgspec.Raw = _ABSENT
    web_search_options: msgspec.Raw = _ABSENT
    search_parameters: msgspec.Raw = _ABSENT
    enable_search: msgspec.Raw = _ABSENT
    plugins: msgspec.Raw = _ABSENT
    models: msgspec.Raw = _ABSENT
    fallbacks: msgspec.Raw = _ABSENT
    preset: msgspec.Raw = _ABSENT
    provider: msgspec.Raw = _ABSENT
    extra_body: msgspec.Raw = _ABSENT
    cached_content: msgspec.Raw = _ABSENT
    chat_template: msgspec.Raw = _ABSENT


_fields: Final = msgspec.json.Decoder(_Fields)
_text: Final = msgspec.json.Decoder(str)
_list: Final = msgspec.json.Decoder(list[msgspec.Raw])
_encoder: Final = msgspec.json.Encoder()
_NULL: Final = b"null"


def read_ask(body: bytes, *, generates: bool = True) -> Ask:
    """What *body* asks for; where nothing is generated, that is a model alone.

    Raises:
        InvalidRequestError: it is no JSON object, or an owned field is missing or out of range; names the field.
    """
    fields = read_fields(_fields, body)
    if not fields.model:
        raise no_model()
    if not generates:
        return Ask(model=fields.model, user=fields.user)
    for name, low, high in _RANGES:
        value = getattr(fields, name)
        if value is not None and not low <= value <= high:
            raise InvalidRequestError(f"{name}: must be between {low} and {high}.", param=name)
    named = (fields.max_tokens, fields.max_completion_tokens, fields.n_predict, fields.max_new_tokens)
    ceilings = [value for value in named if value is not None]
    return Ask(
        model=fields.model,
        stream=bool(fields.stream),
        max_output_tokens=max(ceilings) if ceilings and min(ceilings) >= 0 else None,
        choices=max(fields.n or 1, fields.best_of or 1, fields.n_cmpl or 1)
        * (1 if fields.prompt is _ABSENT else _prompts(fields.prompt)),
        usage_wanted=bool(fields.stream_options and fields.stream_options.include_usage),
        user=fields.user,
        audio_wanted=fields.modalities is not _ABSENT and _has_audio(fields.modalities, body),
        instructed=not (fields.tools is fields.functions is fields.response_format is _ABSENT),
        service_tier="" if fields.service_tier is _ABSENT else _tier(bytes(fields.service_tier)),
        unpriced="" if _is_plain(fields) else _unpriced(fields, body),
    )


def _tier(raw: bytes) -> str:
    """What stands in ``service_tier``; what is no name is the name of nothing."""
    if raw in _NOTHING:
        return "auto"
    try:
        return _text.decode(raw)
    except UNREADABLE:
        return "?"


def _has_audio(modalities: msgspec.Raw, body: bytes) -> bool:
    asked = bytes(modalities)
    return b'"audio"' in asked or b"\\" in asked or body.count(b'"modalities"') > 1


def _prompts(prompt: msgspec.Raw) -> int:
    """How many prompts are to be completed: an array is as many as it holds, but one of tokens is one."""
    if bytes(memoryview(prompt)[:1]) != b"[":
        return 1
    try:
        prompts = _list.decode(prompt)
    except UNREADABLE:
        raise InvalidRequestError("prompt: cannot be read.", param="prompt") from None
    if all(bytes(memoryview(each)[:1]) in b"-0123456789" for each in prompts):
        return 1
    return len(prompts)


def _unpriced(fields: _Fields, body: bytes) -> str:
    for name in _UNPRICED:
        value = getattr(fields, name)
        # One that stands there twice may ask for it in the other.
        if value is not _ABSENT and (bytes(value) not in _NOTHING or body.count(b'"%s"' % name.encode()) > 1):
            return name
    return ""


def _is_plain(fields: _Fields) -> bool:
    """Whether nothing is asked for that costs more than tokens."""
    return (
        fields.deferred
        is fields.prediction
        is fields.web_search_options
        is fields.search_parameters
        is fields.enable_search
        is fields.plugins
        is fields.models
        is fields.fallbacks
        is fields.preset
        is fields.provider
        is fields.extra_body
        is fields.cached_content
        is fields.chat_template
        is _ABSENT
    )


def request_body(
    body: bytes,
    ask: Ask,
    edit: Edit,
    *,
    generates: bool = True,
    has_options: bool = True,
    billed: tuple[bytes, ...] = (),
) -> bytes:
    """*body* as the upstream gets it: untouched unless something the gateway owns must change.

    Changed are the model's name, ``stream_options.include_usage`` (always asked for in streams, where the upstream
    knows it), and the output ceiling: clamped to the edit's, or set to it where the client named none.  Members keep
    their own bytes and order.  A body that might name an owned field twice is written anew with the last one, which is
    the one we read.  *has_options*: this call knows ``stream_options``; *billed*: other fields, in quotes, that it is
    billed by.
    """
    add_usage = ask.stream and has_options and not ask.usage_wanted
    ceiling = edit.ceiling if generates else None
    clamp = ceiling is not None and ask.max_output_tokens != ceiling
    drop_options = bool(edit.quirks) and ask.stream and NO_STREAM_OPTIONS in edit.quirks
    if edit.model == ask.model and not (add_usage or clamp or drop_options or _may_repeat(body, ask, billed)):
        return body
    members = members_of(body)
    members["model"] = _raw(edit.model)
    if drop_options:
        members.pop("stream_options", None)
    elif add_usage:
        options = members.get("stream_options")
        values = {} if options is None or bytes(options) == _NULL else members_of(options)
        members["stream_options"] = _raw({**values, "include_usage": True})
    if clamp and ceiling is not None:
        _clamp(members, ceiling, "max_completion_tokens" if NEW_CEILING in edit.quirks else "max_tokens")
    return _encoder.encode(members)


def _clamp(members: dict[str, msgspec.Raw], ceiling: int, usual: str) -> None:
    named = [name for name in _CEILINGS if bytes(members.get(name, _NULL)) != _NULL]
    for name in named:
        if not 0 <= int(msgspec.json.decode(members[name])) <= ceiling:
            members[name] = _raw(ceiling)
    if not named:
        # OpenAI's reasoning models refuse max_tokens; most other servers know only that.
        members[usual] = _raw(ceiling)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(value))


def _may_repeat(body: bytes, ask: Ask, billed: tuple[bytes, ...]) -> bool:
    if ask.service_tier and body.count(b'"service_tier"') > 1:
        return True
    if ask.instructed and body.count(b'"tools"') > 1:
        return True
    return may_repeat(body, (*_OWNED, *billed))

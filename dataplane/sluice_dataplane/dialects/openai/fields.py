"""OpenAI's calls: what the gateway reads of a request, and what it changes in it.

Only the few fields the gateway owns are decoded; everything else passes as the bytes it came in.

Sources: the OpenAI API reference for chat completions, completions and embeddings (fields ``model``,
``stream``, ``stream_options.include_usage``, ``max_tokens``, ``max_completion_tokens``, ``n``, ``best_of``,
``prompt``, ``modalities``, ``tools``, ``response_format``, ``service_tier``); for what costs more than tokens
also those of OpenRouter, xAI, DashScope and LiteLLM.
"""

from operator import attrgetter
from typing import Final

import msgspec

from sluice_contract.quirks import NEW_CEILING, NO_STREAM_OPTIONS
from sluice_dataplane.dialects.edge import no_model, read_fields
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.dialects.values import (
    ABSENT,
    NULL,
    UNREADABLE,
    encoder,
    items,
    may_repeat,
    members_of,
    raw,
    string,
)
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
_NOTHING: Final = (NULL, b"false", b"[]", b'""')


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Unpriced(msgspec.Struct):
    """What costs more than tokens, or what the bytes do not bound.

    Answers that come later, searches, predictions that are billed when they fail, other models and providers than the
    one that was asked for, what a provider keeps, templates that may write anything around the messages.
    """

    deferred: msgspec.Raw = ABSENT
    prediction: msgspec.Raw = ABSENT
    web_search_options: msgspec.Raw = ABSENT
    search_parameters: msgspec.Raw = ABSENT
    enable_search: msgspec.Raw = ABSENT
    plugins: msgspec.Raw = ABSENT
    models: msgspec.Raw = ABSENT
    fallbacks: msgspec.Raw = ABSENT
    preset: msgspec.Raw = ABSENT
    provider: msgspec.Raw = ABSENT
    extra_body: msgspec.Raw = ABSENT
    cached_content: msgspec.Raw = ABSENT
    chat_template: msgspec.Raw = ABSENT


class _Fields(_Unpriced):
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
    prompt: msgspec.Raw = ABSENT
    modalities: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    functions: msgspec.Raw = ABSENT
    response_format: msgspec.Raw = ABSENT
    service_tier: msgspec.Raw = ABSENT


_fields: Final = msgspec.json.Decoder(_Fields)
_unpriced_of: Final = attrgetter(*_Unpriced.__struct_fields__)
_PLAIN: Final = (ABSENT,) * len(_Unpriced.__struct_fields__)


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
        * (1 if fields.prompt is ABSENT else _prompts(fields.prompt)),
        usage_wanted=bool(fields.stream_options and fields.stream_options.include_usage),
        user=fields.user,
        audio_wanted=fields.modalities is not ABSENT and _has_audio(fields.modalities, body),
        instructed=not (fields.tools is fields.functions is fields.response_format is ABSENT),
        service_tier="" if fields.service_tier is ABSENT else _tier(bytes(fields.service_tier)),
        unpriced=_unpriced(fields, body),
    )


def _tier(value: bytes) -> str:
    """What stands in ``service_tier``; what is no name is the name of nothing."""
    if value in _NOTHING:
        return "auto"
    try:
        return string.decode(value)
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
        prompts = items.decode(prompt)
    except UNREADABLE:
        raise InvalidRequestError("prompt: cannot be read.", param="prompt") from None
    if all(bytes(memoryview(each)[:1]) in b"-0123456789" for each in prompts):
        return 1
    return len(prompts)


def _unpriced(fields: _Fields, body: bytes) -> str:
    values = _unpriced_of(fields)
    if values == _PLAIN:  # nearly every request: nothing is compared but identities
        return ""
    for name, value in zip(_Unpriced.__struct_fields__, values, strict=True):
        # One that stands there twice may ask for it in the other.
        if value is not ABSENT and (bytes(value) not in _NOTHING or body.count(b'"%s"' % name.encode()) > 1):
            return name
    return ""


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
    members["model"] = raw(edit.model)
    if drop_options:
        members.pop("stream_options", None)
    elif add_usage:
        options = members.get("stream_options")
        values = {} if options is None or bytes(options) == NULL else members_of(options)
        members["stream_options"] = raw({**values, "include_usage": True})
    if clamp and ceiling is not None:
        _clamp(members, ceiling, "max_completion_tokens" if NEW_CEILING in edit.quirks else "max_tokens")
    return encoder.encode(members)


def _clamp(members: dict[str, msgspec.Raw], ceiling: int, usual: str) -> None:
    named = [name for name in _CEILINGS if bytes(members.get(name, NULL)) != NULL]
    for name in named:
        if not 0 <= int(msgspec.json.decode(members[name])) <= ceiling:
            members[name] = raw(ceiling)
    if not named:
        # OpenAI's reasoning models refuse max_tokens; most other servers know only that.
        members[usual] = raw(ceiling)


def _may_repeat(body: bytes, ask: Ask, billed: tuple[bytes, ...]) -> bool:
    if ask.service_tier and body.count(b'"service_tier"') > 1:
        return True
    if ask.instructed and body.count(b'"tools"') > 1:
        return True
    return may_repeat(body, (*_OWNED, *billed))

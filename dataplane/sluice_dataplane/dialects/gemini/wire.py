"""Gemini's wire as it is passed on: what the gateway reads of a request to generate, and what it changes in it.

Only the few fields the gateway owns are decoded; everything else passes as the bytes it came in.  The model and the
stream are in the path (see :mod:`.paths`).
Source: Google's reference of ``models.generateContent`` (Gemini API v1beta, Vertex AI v1).
"""

import re
from typing import Final

import msgspec

from sluice_dataplane.dialects import values
from sluice_dataplane.dialects.frames import Framer
from sluice_dataplane.dialects.gemini import faults, parts
from sluice_dataplane.dialects.gemini.fields import FieldError, Fields, camel_case
from sluice_dataplane.dialects.gemini.tiers import tier_name
from sluice_dataplane.dialects.gemini.usage import reported_of
from sluice_dataplane.dialects.gemini.watcher import GeminiWatcher
from sluice_dataplane.dialects.parts import Parts
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher, Wire
from sluice_dataplane.dialects.sse import picture_framer
from sluice_dataplane.errors import GatewayError, InvalidRequestError
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Headers, Reported, Route

MAX_CHOICES: Final = 128
MAX_CEILING: Final = 2**31
_HEADERS: Final[Headers] = (("content-type", "application/json"),)
# Google then chooses the model, and so the price.
_UNPRICED: Final = ("routingConfig", "modelConfig", "modelSelectionConfig")
_INSTRUCTING: Final = ("responseMimeType", "responseSchema", "responseJsonSchema", "responseFormat")
# What must not stand in a body twice.
_OWNED: Final = re.compile(
    rb'"(generationConfig|generation_config|maxOutputTokens|max_output_tokens|candidateCount|candidate_count'
    rb"|serviceTier|service_tier|labels|contents|systemInstruction|system_instruction|cachedContent|cached_content"
    rb'|tools)"\s*:'
)


class _Answer(msgspec.Struct, rename="camel", gc=False):
    candidates: msgspec.Raw = values.ABSENT
    prompt_feedback: msgspec.Raw = values.ABSENT


class _WithUsage(msgspec.Struct, rename="camel", gc=False):
    usage_metadata: msgspec.Raw = values.ABSENT
    error: msgspec.Raw = values.ABSENT


_answer: Final = msgspec.json.Decoder(_Answer)
_with_usage: Final = msgspec.json.Decoder(_WithUsage)


class GeminiWire:
    """generateContent and streamGenerateContent."""

    name: Endpoint = "gemini"
    generates = True
    stream_type = "text/event-stream"

    def read_ask(self, exchange: Exchange) -> Ask:
        """What the body and the route of *exchange* ask for.  ``labels.user`` names the end user.

        Raises:
            InvalidRequestError: it is no JSON object, or an owned field is missing or out of range; names the field.
        """
        model = model_of(exchange.route)
        try:
            return _ask(Fields(exchange.body), model, stream=exchange.route.stream)
        except FieldError as error:
            raise as_invalid(error) from None

    def parts_of(self, body: bytes) -> Parts:
        """What *body* holds besides text."""
        return parts.parts_of(body)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """*body* as the upstream gets it: untouched unless the output ceiling must change, or it is ambiguous.

        Members keep their own bytes and order.  A body that might name an owned field twice is written anew with the
        last one, which is the one we read; ``model`` is left out of it, since the path says it.
        """
        asked, ceiling = ask.max_output_tokens, edit.ceiling
        clamp = ceiling is not None and (asked is None or asked > ceiling)
        changed = clamp or _is_ambiguous(body)
        if not changed and b'"model"' not in body:
            return body
        members = values.members.decode(body)
        if members.pop("model", None) is None and not changed:
            return body
        name = _own_name(members, "generationConfig")
        config = values.members.decode(members[name]) if values.said(members.get(name)) else {}
        if clamp:
            config[_own_name(config, "maxOutputTokens")] = values.raw(ceiling)
        if config:
            members[name] = values.raw(config)
        return values.encoder.encode(members)

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:  # noqa: ARG002  the seam's words
        """The content type.  None of the client's: Google's own are credentials, accounts and service tiers."""
        return _HEADERS

    def read_usage(self, body: bytes) -> Reported | None:
        """What a plain answer reports of its use.

        Raises:
            ValueError: it is no JSON object, holds no answer, or is an error in spite of its status.
        """
        reported = usage_of(body)
        if reported is None:
            answer = _answer.decode(body)
            if not (values.said(answer.candidates) or values.said(answer.prompt_feedback)):
                raise ValueError("there is no answer in it")
        return reported

    def begins_answer(self, data: bytes) -> bool:
        """Whether *data* is the beginning of an answer."""
        return data.lstrip()[:1] in (b"{", b"[") and (b'"candidates"' in data or b'"usageMetadata"' in data)

    def is_error(self, body: bytes) -> bool:
        """Whether *body* is an error of Google's, alone or in a list."""
        return faults.is_error(body)

    def framer(self) -> Framer:
        """Server-sent events: all streams are asked for as such.  A picture comes in one of them."""
        return picture_framer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:  # noqa: ARG002  usage is part of every chunk
        """What counts a stream."""
        return GeminiWatcher(tally)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """*error* as Google's clients read it."""
        return faults.error_body(error, request_id)

    def error_event(self, body: bytes) -> bytes:
        """The event that ends a stream which broke."""
        return b"data: " + body + b"\n\n"


GEMINI: Final[Wire] = GeminiWire()


def model_of(route: Route) -> str:
    """The model that the path names.

    Raises:
        InvalidRequestError: it names none.
    """
    if not route.model:
        raise InvalidRequestError("model: name the model in the path.", code="missing_model", param="model")
    return route.model


def as_invalid(error: FieldError) -> InvalidRequestError:
    """*error* as the client is told of it."""
    code = None if error.path else "invalid_json"
    return InvalidRequestError(f"{error}.", code=code, param=error.path or None)


def usage_of(body: bytes) -> Reported | None:
    """What a plain answer reports of its use.  Raises ValueError where it is no answer."""
    try:
        answer = _with_usage.decode(body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if values.said(answer.error):
        raise ValueError("an error came with a status of success")
    return reported_of(answer.usage_metadata) if values.said(answer.usage_metadata) else None


def _ask(body: Fields, model: str, *, stream: bool) -> Ask:
    config = body.one("generationConfig") or Fields(b"{}", "generationConfig")
    labels = body.one("labels")
    tier = body.text("serviceTier")
    return Ask(
        model=model,
        stream=stream,
        max_output_tokens=_ranged(config, "maxOutputTokens", 0, MAX_CEILING),
        choices=_ranged(config, "candidateCount", 1, MAX_CHOICES) or 1,
        usage_wanted=True,
        user=(labels.text("user") if labels else "") or None,
        audio_wanted="AUDIO" in [each.upper() for each in config.texts("responseModalities")],
        instructed=body.raw("tools") is not None or any(config.raw(name) is not None for name in _INSTRUCTING),
        service_tier=(tier_name(tier) or "auto") if tier else "",
        unpriced=next((config.place(name) for name in _UNPRICED if config.raw(name) is not None), ""),
    )


def _ranged(fields: Fields, name: str, low: int, high: int) -> int | None:
    value = fields.integer(name)
    if value is not None and not low <= value <= high:
        raise FieldError(fields.place(name), f"must be between {low} and {high}")
    return value


def _own_name(members: dict[str, msgspec.Raw], camel: str) -> str:
    """How *members* spell it, where it says something if they do so twice; in camelCase where they do not have it."""
    spelt = [name for name in members if camel_case(name) == camel]
    return next((name for name in spelt if values.said(members[name])), spelt[0] if spelt else camel)


def _is_ambiguous(body: bytes) -> bool:
    seen: set[str] = set()
    for found in _OWNED.finditer(body):
        name = camel_case(found[1].decode())
        if name in seen:
            return True
        seen.add(name)
    return values.may_repeat(body, ())

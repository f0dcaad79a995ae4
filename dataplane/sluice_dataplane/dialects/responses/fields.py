"""The Responses API: what the gateway reads of a request, and what it changes in it.

Only the few fields the gateway owns are decoded; everything else passes as the bytes it came in.

Sources: the API reference (fields of ``POST /responses``); for what costs more than tokens also those of OpenRouter
and xAI.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.edge import no_model, read_fields
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, encoder, may_repeat, members_of, raw
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask

MAX_CEILING: Final = 2**31
CEILING: Final = "max_output_tokens"
_OWNED: Final = (
    b'"model"',
    b'"stream"',
    b'"max_output_tokens"',
    b'"service_tier"',
    b'"background"',
    b'"tools"',
    b'"input"',
    b'"prompt"',
    b'"conversation"',
    b'"previous_response_id"',
)
NOTHING: Final = (b"null", b"false", b"[]", b'""', b"{}")
# In the background the answer to this call does not say what it used; the others are searches and other models.
_UNPRICED: Final = (
    "background",
    "search_parameters",
    "web_search_options",
    "enable_search",
    "plugins",
    "models",
    "fallbacks",
    "preset",
)


class _Fields(msgspec.Struct):
    """Types as the API reference gives them, null allowed; what is only looked at is taken as it is."""

    model: str = ""
    stream: bool | None = None
    max_output_tokens: int | None = None
    user: str | None = None
    safety_identifier: str | None = None
    tools: msgspec.Raw = ABSENT
    text: msgspec.Raw = ABSENT
    service_tier: msgspec.Raw = ABSENT
    background: msgspec.Raw = ABSENT
    search_parameters: msgspec.Raw = ABSENT
    web_search_options: msgspec.Raw = ABSENT
    enable_search: msgspec.Raw = ABSENT
    plugins: msgspec.Raw = ABSENT
    models: msgspec.Raw = ABSENT
    fallbacks: msgspec.Raw = ABSENT
    preset: msgspec.Raw = ABSENT


_fields: Final = msgspec.json.Decoder(_Fields)
_text: Final = msgspec.json.Decoder(str)


def read_ask(body: bytes) -> Ask:
    """What *body* asks for.

    Raises:
        InvalidRequestError: it is no JSON object, or an owned field is missing or out of range; names the field.
    """
    fields = read_fields(_fields, body)
    if not fields.model:
        raise no_model()
    ceiling = fields.max_output_tokens
    if ceiling is not None and not 0 <= ceiling <= MAX_CEILING:
        raise InvalidRequestError(f"{CEILING}: must be between 0 and {MAX_CEILING}.", param=CEILING)
    return Ask(
        model=fields.model,
        stream=bool(fields.stream),
        max_output_tokens=ceiling,
        usage_wanted=True,
        user=fields.user or fields.safety_identifier,
        instructed=not (fields.tools is fields.text is ABSENT),
        service_tier="" if fields.service_tier is ABSENT else _tier(bytes(fields.service_tier)),
        unpriced=_unpriced(fields, body),
    )


def _tier(value: bytes) -> str:
    """What stands in ``service_tier``; what is no name is the name of nothing."""
    if value in NOTHING:
        return "auto"
    try:
        return _text.decode(value)
    except UNREADABLE:
        return "?"


def _unpriced(fields: _Fields, body: bytes) -> str:
    for name in _UNPRICED:
        value = getattr(fields, name)
        # One that stands there twice may ask for it in the other.
        if value is not ABSENT and (bytes(value) not in NOTHING or body.count(b'"%s"' % name.encode()) > 1):
            return name
    return ""


def request_body(body: bytes, ask: Ask, edit: Edit, *, bounded: bool = True) -> bytes:
    """*body* as the upstream gets it: untouched unless something the gateway owns must change.

    Changed are the model's name and, where the call has one (*bounded*), the output's ceiling.  Members keep their own
    bytes and order.  A body that might name an owned field twice is written anew with the last one, which is the one
    we read.
    """
    ceiling, asked = edit.ceiling, ask.max_output_tokens
    clamp = bounded and ceiling is not None and (asked is None or asked > ceiling)
    if edit.model == ask.model and not clamp and not may_repeat(body, _OWNED):
        return body
    changed = members_of(body)
    changed["model"] = raw(edit.model)
    if clamp:
        changed[CEILING] = raw(ceiling)
    return encoder.encode(changed)

"""Anthropic's wire: what the gateway reads of a request, and what it changes in it.

Only the few fields the gateway owns are decoded; everything else passes as the bytes it came in.

Sources: the API reference of Messages (fields ``model``, ``max_tokens``, ``stream``, ``metadata.user_id``,
``service_tier``, ``speed``, ``inference_geo``, ``container``, ``thinking``, ``output_config``), its betas
(``mcp_servers``, ``fallbacks``, ``compaction``, ``context_management``), and for its form on Vertex AI the page "Claude
on Vertex AI" with what Anthropic's own SDK sends there.
"""

import contextlib
from typing import Final

import msgspec

from sluice_contract.quirks import VERTEX_CLAUDE
from sluice_dataplane.dialects.edge import no_model, read_fields
from sluice_dataplane.dialects.efforts import LEAST_BUDGET
from sluice_dataplane.dialects.messages.headers import NEW_VERSION, header
from sluice_dataplane.dialects.messages.marks import MARK, without_foreign
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, encoder, may_repeat, members, members_of, raw, said
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Headers

MAX_CEILING: Final = 2**31
VERTEX_VERSION: Final = "vertex-2023-10-16"
_OWNED: Final = tuple(
    f'"{name}"'.encode()
    for name in (
        *("model", "stream", "max_tokens", "metadata", "service_tier", "speed", "inference_geo", "container"),
        *("mcp_servers", "fallbacks", "compaction", "context_management", "thread", "tools", "messages"),
        *("anthropic_version", "anthropic_beta"),
    )
)
# Other services, other models than the one that was asked for, more rounds than one.
_UNPRICED: Final = ("container", "mcp_servers", "fallbacks", "compaction")
NOTHING: Final = (b"null", b"[]", b"{}", b'""', b"false")
_LONG: Final = "context-1m"  # the beta that asks for a longer window than a model has by itself
LONG_CONTEXT: Final = 1_000_000  # tokens
_GLOBAL: Final = ("", "global", "not_available")


class _Metadata(msgspec.Struct, gc=False):
    user_id: str | None = None


class _Fields(msgspec.Struct, gc=False):
    """The owned fields; what is only looked at, and judged by nobody, is taken as it is."""

    model: str = ""
    stream: bool | None = None
    max_tokens: int | None = None
    metadata: _Metadata | None = None
    service_tier: msgspec.Raw = ABSENT
    speed: msgspec.Raw = ABSENT
    inference_geo: msgspec.Raw = ABSENT
    container: msgspec.Raw = ABSENT
    mcp_servers: msgspec.Raw = ABSENT
    fallbacks: msgspec.Raw = ABSENT
    compaction: msgspec.Raw = ABSENT
    context_management: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    thinking: msgspec.Raw = ABSENT
    output_config: msgspec.Raw = ABSENT
    output_format: msgspec.Raw = ABSENT
    anthropic_beta: msgspec.Raw = ABSENT


class _Thinking(msgspec.Struct, gc=False):
    type: str = ""
    budget_tokens: int = 0


_fields: Final = msgspec.json.Decoder(_Fields)
_text: Final = msgspec.json.Decoder(str)
_thinking: Final = msgspec.json.Decoder(_Thinking)


def read_ask(body: bytes, *, generates: bool = True, client: Headers = ()) -> Ask:
    """What *body* asks for; *generates*: its tokens are not only counted.  *client* are the headers beside it.

    Raises:
        InvalidRequestError: it is no JSON object, or an owned field is missing or out of range; names the field.
    """
    fields = read_fields(_fields, body)
    if not fields.model:
        raise no_model()
    user = None if fields.metadata is None else fields.metadata.user_id
    if not generates:
        return Ask(model=fields.model, user=user)
    if fields.max_tokens is not None and not 0 <= fields.max_tokens <= MAX_CEILING:
        raise InvalidRequestError(f"max_tokens: must be between 0 and {MAX_CEILING}.", param="max_tokens")
    return Ask(
        model=fields.model,
        stream=bool(fields.stream),
        max_output_tokens=fields.max_tokens,
        usage_wanted=True,
        user=user,
        instructed=any(map(said, (fields.tools, fields.thinking, fields.output_config, fields.output_format))),
        service_tier=tier(_name(fields.service_tier), _name(fields.speed), _name(fields.inference_geo)),
        unpriced=_unpriced(fields),
        long_context=LONG_CONTEXT if said(fields.anthropic_beta) or _LONG in header(client, "anthropic-beta") else 0,
    )


def tier(service_tier: str, speed: str, geo: str) -> str:
    """The one name of how a call is served, as a price calls it: a fast answer and one bound to a place cost more.

    ``fast``, ``us`` and ``fast-us`` say so; what is served as usual has the provider's own name.
    """
    dear = [speed] if speed not in ("", "standard") else []
    if geo not in _GLOBAL:
        dear.append(geo)
    if not dear:
        return service_tier
    if service_tier == "priority":
        dear.insert(0, service_tier)
    return "-".join(dear)


def request_body(body: bytes, ask: Ask, edit: Edit, *, generates: bool = True) -> bytes:
    """*body* as the upstream gets it: untouched unless something the gateway owns must change.

    Changed are the model's name and ``max_tokens``: clamped to the ceiling, or set to it where the client named none;
    a budget for thinking that does not fit below it shrinks with it.  Thoughts that another wire signed are left out.
    Vertex AI has the model in the path and the version in the body.  Members keep their own bytes and
    order.  A body that might name an owned field twice is written anew with the last one, which is the one we read.
    """
    vertex = VERTEX_CLAUDE in edit.quirks
    ceiling = edit.ceiling
    clamp = generates and ceiling is not None and (ask.max_output_tokens is None or ask.max_output_tokens > ceiling)
    foreign = MARK in body
    if edit.model == ask.model and not clamp and not vertex and not foreign and not may_repeat(body, _OWNED):
        return body
    found = members_of(body)
    found["model"] = raw(edit.model)
    if clamp and ceiling is not None:
        found["max_tokens"] = raw(ceiling)
        _shrink_thinking(found, ceiling)
    if foreign:
        _drop_foreign(found)
    if vertex:
        _for_vertex(found, edit.headers, generates=generates)
    return encoder.encode(found)


def _for_vertex(found: dict[str, msgspec.Raw], client: Headers, *, generates: bool) -> None:
    """The version goes into the body, and is the new one where the client speaks that."""
    if generates:  # the counting of Vertex AI has the model in the body
        del found["model"]
    new = header(client, "anthropic-version") == NEW_VERSION
    found.setdefault("anthropic_version", raw(NEW_VERSION if new else VERTEX_VERSION))


def _drop_foreign(found: dict[str, msgspec.Raw]) -> None:
    """A thought that came of a translation proves nothing here: the provider would refuse the call for it."""
    with contextlib.suppress(ValueError, KeyError, RecursionError):
        found["messages"] = without_foreign(found["messages"])


def _shrink_thinking(found: dict[str, msgspec.Raw], ceiling: int) -> None:
    """A budget must be below ``max_tokens``, or the provider refuses the call."""
    try:
        thinking = _thinking.decode(found.get("thinking", b"{}"))
    except UNREADABLE:
        return
    if thinking.type == "enabled" and thinking.budget_tokens >= ceiling:
        if ceiling > LEAST_BUDGET:
            found["thinking"] = raw({**members.decode(found["thinking"]), "budget_tokens": ceiling - 1})
        else:
            del found["thinking"]


def _name(value: msgspec.Raw) -> str:
    """What stands in a field that names something; what is no name is the name of nothing."""
    if not said(value):
        return ""
    try:
        return _text.decode(value)
    except UNREADABLE:
        return "?"


def _unpriced(fields: _Fields) -> str:
    for name in _UNPRICED:
        value = getattr(fields, name)
        if said(value) and bytes(value) not in NOTHING:
            return name
    # A conversation that is summarised on the way is read, and written, once more than its length tells.
    edits = bytes(fields.context_management)
    return "context_management" if b'"compact_' in edits or b"\\" in edits else ""

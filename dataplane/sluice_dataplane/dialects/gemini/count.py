"""Gemini's wire as it is passed on: counting tokens, and embeddings.  Neither has output.

Source: Google's reference of ``models.countTokens`` (free of charge), ``embedContent`` and ``batchEmbedContents``.
"""

from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects import values
from sluice_dataplane.dialects.gemini import parts, wire
from sluice_dataplane.dialects.gemini.fields import FieldError, Fields, camel_case
from sluice_dataplane.dialects.parts import Parts
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Reported

MAX_REQUESTS: Final = 10_000  # in one batch; Google takes 100
_FREE: Final = Reported(TokenUsage())


class _Count(wire.GeminiWire):
    """countTokens."""

    name: Endpoint = "gemini_count"
    generates = False

    def read_ask(self, exchange: Exchange) -> Ask:
        """The model that the path names."""
        return _plain_ask(exchange)

    def parts_of(self, body: bytes) -> Parts:
        """What *body* holds; counting costs nothing, whatever it is."""
        return parts.parts_to_count(body)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:  # noqa: ARG002  the seam's words
        """*body*, with the upstream's name of the model where it names one."""
        if b"model" not in body and b"\\u" not in body:
            return body
        members = values.members_of(body)
        changed = members.pop("model", None) is not None
        for name in [name for name in members if camel_case(name) == "generateContentRequest"]:
            if not values.said(members[name]):
                continue
            request = values.members_of(members[name])
            if _name_model(request, edit.model):
                members[name] = values.raw(request)
                changed = True
        return values.encoder.encode(members) if changed else body

    def read_usage(self, body: bytes) -> Reported | None:
        """Nothing was used.  Raises ValueError where *body* is no answer."""
        wire.usage_of(body)
        return _FREE

    def begins_answer(self, data: bytes) -> bool:
        """Whether *data* is the beginning of a count."""
        return data.lstrip().startswith(b"{") and b'"totalTokens"' in data


class _Embeddings(wire.GeminiWire):
    """embedContent and batchEmbedContents: ``route.tail`` says which."""

    name: Endpoint = "gemini_embeddings"
    generates = False

    def read_ask(self, exchange: Exchange) -> Ask:
        """The model that the path names."""
        return _plain_ask(exchange)

    def parts_of(self, body: bytes) -> Parts:
        """What *body* holds besides text."""
        return parts.parts_to_embed(body)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:  # noqa: ARG002  the seam's words
        """*body*, with the upstream's name of the model in each request of a batch, where Google wants it."""
        members = values.members_of(body)
        changed = values.may_repeat(body, (b'"model"', b'"requests"'))
        changed = ("model" in members and _name_model(members, edit.model)) or changed
        if "requests" in members:
            requests = _requests(members["requests"])
            named = [_name_model(request, edit.model) for request in requests]
            if any(named):
                members["requests"] = values.raw(requests)
                changed = True
        return values.encoder.encode(members) if changed else body

    def read_usage(self, body: bytes) -> Reported | None:
        """What is told of its use.  Raises ValueError where *body* is no answer."""
        return wire.usage_of(body)

    def begins_answer(self, data: bytes) -> bool:
        """Whether *data* is the beginning of an embedding."""
        return data.lstrip().startswith(b"{") and b'"embedding' in data


GEMINI_COUNT: Final[Wire] = _Count()
GEMINI_EMBEDDINGS: Final[Wire] = _Embeddings()


def _plain_ask(exchange: Exchange) -> Ask:
    model = wire.model_of(exchange.route)
    try:
        requests = Fields(exchange.body).many("requests")
    except FieldError as error:
        raise wire.as_invalid(error) from None
    if len(requests) > MAX_REQUESTS:
        raise wire.as_invalid(FieldError("requests", f"must be {MAX_REQUESTS} at most"))
    return Ask(model=model)


def _requests(raw: msgspec.Raw) -> list[dict[str, msgspec.Raw]]:
    if not values.said(raw):
        return []
    if values.starts(raw, b"{"):
        return [values.members_of(raw)]
    return [values.members_of(each) for each in values.items.decode(raw)]  # a list of objects, or it was refused before


def _name_model(members: dict[str, msgspec.Raw], model: str) -> bool:
    """Put the upstream's name into *members*; whether that changed anything."""
    name = values.raw(model if "/" in model else f"models/{model}")
    if bytes(members.get("model", b"")) == bytes(name):
        return False
    members["model"] = name
    return True

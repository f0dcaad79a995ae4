"""The Responses API's calls beside the conversation: counting a request's tokens, and compacting a conversation.

Source: the API reference (``POST /responses/input_tokens``, ``POST /responses/compact``).
"""

from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.responses import fields
from sluice_dataplane.dialects.responses.wire import ResponsesWire
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.dialects.values import UNREADABLE, members
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Reported


class _TokensWire(ResponsesWire):
    """Counts; nobody charges for it."""

    name: Endpoint = "responses_tokens"
    generates = False

    def read_ask(self, exchange: Exchange) -> Ask:
        """The model; nothing is generated, so nothing else matters."""
        ask = fields.read_ask(exchange.body)
        return Ask(model=ask.model, user=ask.user)

    def parts_of(self, body: bytes) -> Parts:  # noqa: ARG002  the seam's
        """Nothing that would have to be held."""
        return PLAIN

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """The same bytes but for the model."""
        return fields.request_body(body, ask, edit, bounded=False)

    def read_usage(self, body: bytes) -> Reported | None:
        """No tokens: they were counted, not used."""
        try:
            count = members.decode(body).get("input_tokens")
        except UNREADABLE:
            raise ValueError("no JSON object") from None
        if count is None:
            raise ValueError("no count of tokens")
        return Reported(TokenUsage())

    def begins_answer(self, data: bytes) -> bool:  # noqa: ARG002  the seam's
        """A count has no beginning that would be worth anything."""
        return False


class _CompactWire(ResponsesWire):
    """Makes a conversation shorter, for the tokens that it reads and writes.

    The API takes no ceiling for what it writes, so that a Budget cannot be held to one: it is named as unpriced.
    """

    name: Endpoint = "responses_compact"

    def read_ask(self, exchange: Exchange) -> Ask:
        """The owned fields of the body."""
        ask = fields.read_ask(exchange.body)
        return msgspec.structs.replace(ask, stream=False, max_output_tokens=None, unpriced="model")

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """The same bytes but for the model."""
        return fields.request_body(body, ask, edit, bounded=False)


RESPONSES_TOKENS: Final[Wire] = _TokensWire()
RESPONSES_COMPACT: Final[Wire] = _CompactWire()

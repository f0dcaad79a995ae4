"""Anthropic's counting of tokens, as it is passed on: it generates nothing and costs nothing.  See the seam.

Source: the API reference of ``/v1/messages/count_tokens`` ("free to use but subject to requests per minute rate
limits"); its answer is ``{"input_tokens": 14}``.
"""

from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.messages import fields
from sluice_dataplane.dialects.messages.wire import MessagesWire
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Reported

_FREE: Final = Reported(TokenUsage())


class _Count(msgspec.Struct, gc=False):
    input_tokens: int


_count: Final = msgspec.json.Decoder(_Count)


class CountTokensWire(MessagesWire):
    """``/v1/messages/count_tokens``: a message's request without its ceiling."""

    name: Endpoint = "count_tokens"
    generates = False

    def read_ask(self, exchange: Exchange) -> Ask:
        """The model, and who asks."""
        return fields.read_ask(exchange.body, generates=False)

    def parts_of(self, body: bytes) -> Parts:  # noqa: ARG002  the seam's
        """Nothing of it is billed, whatever it holds."""
        return PLAIN

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """The same bytes but for the model."""
        return fields.request_body(body, ask, edit, generates=False)

    def read_usage(self, body: bytes) -> Reported:
        """Nothing was used.

        Raises:
            ValueError: it is no count.
        """
        try:
            _count.decode(body)
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        return _FREE

    def begins_answer(self, data: bytes) -> bool:  # noqa: ARG002  the seam's
        """Half a count costs nothing either."""
        return False


COUNT_TOKENS: Final[Wire] = CountTokensWire()

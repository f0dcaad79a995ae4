"""Moderations and rankings: JSON in, JSON out, nothing generated.

Sources: OpenAI's API reference for moderations (``model`` may be left out), Cohere's v2 and Jina's for rerank.
"""

from typing import Final

from sluice_dataplane.dialects.openai.fields import read_ask, request_body
from sluice_dataplane.dialects.passed.wire import PassedWire
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Endpoint, Exchange

_USUAL_MODERATION: Final = "omni-moderation-latest"


class _Ranked(PassedWire):
    """*usual* is the model where the body names none; "" where it must."""

    def __init__(self, name: Endpoint, operation: str, *, usual: str = "") -> None:
        super().__init__(name, operation)
        self._usual = usual

    def read_ask(self, exchange: Exchange) -> Ask:
        try:
            return read_ask(exchange.body, generates=False)
        except InvalidRequestError as error:
            if error.code != "missing_model" or not self._usual:
                raise
            return Ask(model=self._usual)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        return request_body(body, ask, edit, generates=False)


MODERATIONS: Final[Wire] = _Ranked("moderations", "moderation", usual=_USUAL_MODERATION)
RERANK: Final[Wire] = _Ranked("rerank", "rerank")

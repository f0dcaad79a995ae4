"""Moderations and rankings: JSON in, JSON out, nothing generated.

Sources: OpenAI's API reference for moderations (``model`` may be left out), Cohere's v2 and Jina's for rerank.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.openai.fields import read_ask, request_body
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.passed.wire import PassedWire
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, length, members, said, starts
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Endpoint, Exchange

_USUAL_MODERATION: Final = "omni-moderation-latest"


class _Ranked(PassedWire):
    """*usual* is the model where the body names none; "" where it must."""

    def __init__(self, name: Endpoint, *, usual: str = "") -> None:
        super().__init__(name)
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


class _Ranking(msgspec.Struct, gc=False):
    query: msgspec.Raw = ABSENT
    documents: list[msgspec.Raw] | None = None


_ranking: Final = msgspec.json.Decoder(_Ranking)


class _Rerank(_Ranked):
    def parts_of(self, body: bytes) -> Parts:
        """The query is read with each document, and billed with each; a document may be a picture by its URL."""
        try:
            ranking = _ranking.decode(body)
            documents = ranking.documents or []
            pictures = sum(_is_picture(each) for each in documents)
        except UNREADABLE:
            return Parts(opaque="documents")
        if not starts(ranking.query, b'"'):
            return Parts(opaque="query") if said(ranking.query) else PLAIN
        again = length(ranking.query) * max(len(documents) - 1, 0)
        return Parts(images=pictures, extra_tokens=again) if again or pictures else PLAIN


def _is_picture(document: msgspec.Raw) -> bool:
    """Whether *document* may hold something besides text: one of Jina's pictures, or parts as in a chat."""
    return starts(document, b"{") and not {"image", "image_url", "content"}.isdisjoint(members.decode(document))


MODERATIONS: Final[Wire] = _Ranked("moderations", usual=_USUAL_MODERATION)
RERANK: Final[Wire] = _Rerank("rerank")

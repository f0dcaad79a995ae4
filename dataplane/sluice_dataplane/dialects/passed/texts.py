"""Completions of a text, and embeddings: OpenAI's calls without a conversation."""

from typing import Final

from sluice_dataplane.dialects.openai.fields import request_body
from sluice_dataplane.dialects.openai.parts import parts_of_embeddings
from sluice_dataplane.dialects.openai.wire import OpenAIWire
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.exchange import Ask


class _Completions(OpenAIWire):
    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """Each prompt has an answer of its own, and so has each of ``best_of``."""
        return request_body(body, ask, edit, billed=(b'"prompt"', b'"best_of"'))


COMPLETIONS: Final[Wire] = _Completions("completions")
EMBEDDINGS: Final[Wire] = OpenAIWire("embeddings", generates=False, parts_of=parts_of_embeddings)

"""Completions of a text, and embeddings: OpenAI's calls without a conversation."""

from typing import Final

from sluice_dataplane.dialects.openai.parts import parts_of_embeddings
from sluice_dataplane.dialects.openai.wire import OpenAIWire
from sluice_dataplane.dialects.seam import Wire

COMPLETIONS: Final[Wire] = OpenAIWire("completions", "text_completion")
EMBEDDINGS: Final[Wire] = OpenAIWire("embeddings", "embeddings", generates=False, parts_of=parts_of_embeddings)

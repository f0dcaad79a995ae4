"""Paths that many providers share, by endpoint."""

from collections.abc import Mapping
from typing import Final

from sluice_operator.providers.row import Dialect

CHAT: Final = {"chat": "/chat/completions"}
COMPLETIONS: Final = {"completions": "/completions"}
EMBEDDINGS: Final = {"embeddings": "/embeddings"}
MODERATIONS: Final = {"moderations": "/moderations"}
RERANK: Final = {"rerank": "/rerank"}
MESSAGES: Final = {"messages": "/messages"}
COUNTED_MESSAGES: Final = {**MESSAGES, "count_tokens": "/messages/count_tokens"}
RESPONSES: Final = {"responses": "/responses"}
KEPT_RESPONSES: Final = {**RESPONSES, "response": "/responses/{id}"}
ALL_RESPONSES: Final = {
    **KEPT_RESPONSES,
    "responses_tokens": "/responses/input_tokens",
    "responses_compact": "/responses/compact",
}
IMAGES: Final = {"images": "/images/generations"}
ALL_IMAGES: Final = {**IMAGES, "image_edits": "/images/edits", "image_variations": "/images/variations"}
SPEECH: Final = {"speech": "/audio/speech"}
HEARING: Final = {"transcriptions": "/audio/transcriptions", "translations": "/audio/translations"}
GEMINI: Final = {
    "gemini": "/models/{model}:generateContent",
    "gemini.stream": "/models/{model}:streamGenerateContent?alt=sse",
    "gemini_count": "/models/{model}:countTokens",
    "gemini_embeddings": "/models/{model}:{method}",
}
CONVERSE: Final = {"converse": "/model/{model}/converse", "converse.stream": "/model/{model}/converse-stream"}

# Where nobody can know what is there, everything but a conversation is sent to its usual place.
BESIDE: Final = {
    **COMPLETIONS,
    **EMBEDDINGS,
    **MODERATIONS,
    **RERANK,
    **ALL_IMAGES,
    **SPEECH,
    **HEARING,
}


def below(prefix: str, *groups: Mapping[str, str]) -> dict[str, str]:
    """The paths of all *groups*, each below *prefix*."""
    return {endpoint: f"{prefix}{path}" for group in groups for endpoint, path in group.items()}


def by_convention(prefix: str = "") -> dict[Dialect, dict[str, str]]:
    """Where each conversation is found, below *prefix*, on servers that follow its inventor."""
    return {
        "Chat": below(prefix, CHAT),
        "Messages": below(prefix, COUNTED_MESSAGES),
        "Responses": below(prefix, ALL_RESPONSES),
        "Gemini": below(prefix, GEMINI),
        "Converse": below(prefix, CONVERSE),
    }

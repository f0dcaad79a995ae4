"""Which path is which endpoint, and which endpoints a provider of one wire has."""

import re
from typing import Final

_GEMINI_MODEL: Final = r"models/(?P<model>.+)"
_ROUTES: Final = tuple(
    (endpoint, re.compile(rf"(?:(?:openai/)?v\d(?:beta)?/)?{pattern}"))
    for endpoint, pattern in (
        ("chat", "chat/completions"),
        ("responses", "responses"),
        ("responses_tokens", "responses/input_tokens"),
        ("response", "responses/(?P<id>[^/]+)(?P<tail>/cancel|/input_items)?"),
        ("messages", "messages"),
        ("count_tokens", "messages/count_tokens"),
        ("gemini", f"{_GEMINI_MODEL}:(?P<verb>generateContent|streamGenerateContent)"),
        ("gemini_count", f"{_GEMINI_MODEL}:countTokens"),
        ("gemini_embeddings", f"{_GEMINI_MODEL}:(?:embedContent|batchEmbedContents)"),
        ("converse", "model/(?P<model>.+)/(?P<verb>converse|converse-stream)"),
        ("completions", "completions"),
        ("embeddings", "embeddings"),
        ("moderations", "moderations"),
        ("images", "images/generations"),
        ("image_edits", "images/edits"),
        ("image_variations", "images/variations"),
        ("speech", "audio/speech"),
        ("transcriptions", "audio/transcriptions"),
        ("translations", "audio/translations"),
        ("rerank", "rerank"),
        ("models", "models"),
    )
)
_OPENAI: Final = frozenset(
    (
        *("chat", "completions", "embeddings", "moderations", "images", "image_edits", "image_variations", "speech"),
        *("transcriptions", "translations", "rerank", "models"),
    )
)
SCOPES: Final = {
    "all": frozenset(endpoint for endpoint, _ in _ROUTES),
    "chat": _OPENAI,
    "responses": frozenset(("responses", "responses_tokens", "response", "models")),
    "messages": frozenset(("messages", "count_tokens", "models")),
    "gemini": frozenset(("gemini", "gemini_count", "gemini_embeddings", "models")),
    "converse": frozenset(("converse",)),
}
WIRE_OF: Final = {
    "count_tokens": "messages",
    "responses_tokens": "responses",
    "gemini_count": "gemini",
    "gemini_embeddings": "gemini",
}


def route_of(tail: str) -> tuple[str, re.Match[str] | None]:
    """The endpoint of a path without its first step, and what the path says; ("", None): it is none."""
    matches = ((endpoint, pattern.fullmatch(tail)) for endpoint, pattern in _ROUTES)
    return next(((endpoint, match) for endpoint, match in matches if match), ("", None))

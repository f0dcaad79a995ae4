"""Ways in which one provider's API differs from the wire it speaks otherwise; data of its row in the provider table."""

from typing import Final

NEW_CEILING: Final = "new_ceiling"  # chat: the ceiling is max_completion_tokens, max_tokens is refused by some models
NO_STREAM_OPTIONS: Final = "no_stream_options"  # chat: refuses stream_options; usage comes without being asked for
VERTEX_CLAUDE: Final = "vertex_claude"  # messages: the model is in the path, anthropic_version in the body
IGNORES_CASE: Final = "ignores_case"  # any: names of members are read in any case, so that a second one could hide

QUIRKS: Final = frozenset((IGNORES_CASE, NEW_CEILING, NO_STREAM_OPTIONS, VERTEX_CLAUDE))

# What an upstream that says nothing of it speaks, as all did in schema 2.
OPENAI_PATHS: Final[dict[str, str]] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
}

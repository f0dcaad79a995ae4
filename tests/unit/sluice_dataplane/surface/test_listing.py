"""Lists of models: what a key sees, in the shape of its client's API."""

import json
from typing import Any

import pytest

from sluice_dataplane.errors import UnknownModelError
from sluice_dataplane.surface.listing import Shape, list_models, show_model, visible
from support import builders

TABLE = builders.table(
    models=(
        builders.model("chat", context_window=1_000, max_output_tokens=100),
        builders.model("hidden", internal=True),
        builders.model("openai/*"),
        builders.model("/passthrough/team/acme", passthrough=("GET /files",)),
    )
)


def test_a_key_sees_what_it_may_ask_for() -> None:
    """Patterns as they are; neither what is internal nor a provider's own routes."""
    assert visible(TABLE, builders.key()) == ["chat", "openai/*"]
    assert visible(TABLE, builders.key(id="vkother", allow=())) == []


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("openai", {"id": "chat", "object": "model", "created": 0, "owned_by": "platform"}),
        (
            "anthropic",
            {
                "type": "model",
                "id": "chat",
                "display_name": "chat",
                "created_at": "1970-01-01T00:00:00Z",
                "lifecycle": "active",
            },
        ),
        (
            "gemini",
            {
                "name": "models/chat",
                "baseModelId": "chat",
                "version": "1",
                "displayName": "chat",
                "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
                "inputTokenLimit": 1_000,
                "outputTokenLimit": 100,
            },
        ),
    ],
)
def test_a_model_has_the_shape_of_the_clients_api(shape: Shape, expected: dict[str, Any]) -> None:
    """Alone and in a list; all on one page."""
    listed = json.loads(list_models(TABLE, builders.key(), shape=shape))

    assert json.loads(show_model(TABLE, builders.key(), "chat", shape=shape)) == expected
    assert listed["models" if shape == "gemini" else "data"][0] == expected
    assert listed.get("has_more", False) is False


def test_what_a_key_may_not_use_is_not_there() -> None:
    """As a model that does not exist."""
    for name in ("hidden", "none", ""):
        with pytest.raises(UnknownModelError):
            show_model(TABLE, builders.key(), name, shape="openai")

"""Which models a key sees, in the shape that the API a client speaks gives its lists."""

from typing import Final, Literal

import msgspec

from sluice_contract.snapshot import Key
from sluice_dataplane.config.table import Table
from sluice_dataplane.errors import UnknownModelError

Shape = Literal["openai", "anthropic", "gemini"]
_GEMINI_METHODS: Final = ["generateContent", "streamGenerateContent", "countTokens"]


def visible(table: Table, key: Key) -> list[str]:
    """The names *key* may ask for, sorted; patterns stand as they are (``openai/*``), a provider's own routes not."""
    named = [name for name, model in table.models.items() if not model.passthrough]
    names = [*named, *(f"{prefix}*" for prefix, _ in table.patterns)]
    return sorted(name for name in names if table.granted(key, name) is not None)


def list_models(table: Table, key: Key, *, shape: Shape) -> bytes:
    """The body of ``GET /v1/models``; all on one page."""
    names = visible(table, key)
    if shape == "openai":
        return msgspec.json.encode({"object": "list", "data": [_openai(table, name) for name in names]})
    if shape == "gemini":
        return msgspec.json.encode({"models": [_gemini(table, name) for name in names]})
    data = [_anthropic(name) for name in names]
    first, last = (names[0], names[-1]) if names else (None, None)
    return msgspec.json.encode({"data": data, "has_more": False, "first_id": first, "last_id": last})


def show_model(table: Table, key: Key, name: str, *, shape: Shape) -> bytes:
    """The body of ``GET /v1/models/{name}``.

    Raises:
        UnknownModelError: *key* sees no such model.
    """
    if table.granted(key, name) is None:
        message = f"The model {name!r} does not exist or you do not have access to it."
        raise UnknownModelError(message, param="model")
    if shape == "openai":
        return msgspec.json.encode(_openai(table, name))
    return msgspec.json.encode(_anthropic(name) if shape == "anthropic" else _gemini(table, name))


def _openai(table: Table, name: str) -> dict[str, object]:
    model = table.model_for(name)
    owner = model.namespace if model is not None else "sluice"
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def _anthropic(name: str) -> dict[str, object]:
    told = {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}
    return {**told, "lifecycle": "active"}


def _gemini(table: Table, name: str) -> dict[str, object]:
    model = table.model_for(name)
    shown: dict[str, object] = {
        "name": f"models/{name}",
        "baseModelId": name,
        "version": "1",
        "displayName": name,
        "supportedGenerationMethods": _GEMINI_METHODS,
    }
    if model is not None and model.context_window is not None:
        shown["inputTokenLimit"] = model.context_window
    if model is not None and model.max_output_tokens is not None:
        shown["outputTokenLimit"] = model.max_output_tokens
    return shown

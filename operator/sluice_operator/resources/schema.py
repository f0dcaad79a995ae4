"""A pydantic model as a structural schema: what the API server takes of JSON Schema, and nothing else."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.resources.base import JSON_DEFAULT, LIST_MAP_KEYS, LIST_TYPE, VALIDATIONS, JsonSchema, Value

_KEPT: Final = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "default",
    "required",
    LIST_TYPE,
    LIST_MAP_KEYS,
    VALIDATIONS,
)


def structural(model: type[Value]) -> JsonSchema:
    """The schema of *model*: references resolved, null and unknown fields impossible, defaults as manifests say them.

    Defaults that are objects or empty lists are left out: what the user omits stays omitted in the stored object.
    Defaults inside lists are only described: docs/adr/0011.
    """
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _node(whole, whole.get("$defs", {}), listed=False)


def _node(raw: JsonSchema, definitions: Mapping[str, JsonSchema], *, listed: bool) -> JsonSchema:
    node = _flat(raw, definitions)
    kept: JsonSchema = {key: node[key] for key in _KEPT if key in node}
    if "description" in kept:
        kept["description"] = " ".join(kept["description"].replace("``", "").split())
    if kept["type"] == "integer":
        kept["format"] = "int64"
    if not _is_worth_stating(kept.get("default")):
        kept.pop("default", None)
    if listed and "default" in kept:
        said = f"Default {json.dumps(kept.pop('default'))}."
        kept["description"] = f"{kept['description'].rstrip('.')}. {said}" if "description" in kept else said
    if "items" in node:
        kept["items"] = _node(node["items"], definitions, listed=True)
        kept.setdefault(LIST_TYPE, "atomic")
    if "properties" in node:
        kept["properties"] = {
            name: _node(member, definitions, listed=listed) for name, member in node["properties"].items()
        }
    elif isinstance(node.get("additionalProperties"), dict):
        kept["additionalProperties"] = _node(node["additionalProperties"], definitions, listed=listed)
    return kept


def _flat(raw: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """*raw* with its reference and its "or null" replaced by what they stand for; its own words win."""
    own = {key: value for key, value in raw.items() if key not in ("$ref", "anyOf", "const", JSON_DEFAULT)}
    if "const" in raw:
        own["enum"] = [raw["const"]]
    if JSON_DEFAULT in raw:
        own["default"] = raw[JSON_DEFAULT]
    for inner in _inner(raw, definitions):
        flat = _flat(inner, definitions)
        validations = [*flat.get(VALIDATIONS, ()), *own.get(VALIDATIONS, ())]
        own = {**flat, **own, **({VALIDATIONS: validations} if validations else {})}
    return own


def _inner(raw: JsonSchema, definitions: Mapping[str, JsonSchema]) -> list[JsonSchema]:
    if "$ref" in raw:
        return [definitions[raw["$ref"].rsplit("/", 1)[-1]]]
    return [branch for branch in raw.get("anyOf", ()) if branch.get("type") != "null"]


def _is_worth_stating(default: Any) -> bool:  # noqa: ANN401 - any JSON
    return default is not None and not isinstance(default, dict) and default != []

"""JSON that fits a schema: the same for the same schema.  Knows JSON Schema, and OpenAPI's as Gemini has it."""

from typing import Any, Final

import msgspec

from support.wires.values import RefusedError

_PLAIN: Final[dict[str, Any]] = {"string": "text", "integer": 7, "number": 7.5, "boolean": True, "null": None}

# Of the Gemini API's Schema; all else is refused there, and belongs into the fields for JSON Schema.
_WORDS: Final = (
    "type format title description nullable enum maxItems minItems properties required minProperties maxProperties"
    " minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum"
)
_GEMINI: Final = frozenset(_WORDS.split())


def fitting(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """A value that fits *schema*; ``$ref`` is looked up in *root*, *schema* itself by default."""
    root = schema if root is None else root
    if "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return fitting(found, root)
    for key in ("const", "default"):
        if key in schema and schema[key] is not None:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return fitting(schema[key][0], root)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = (kind if isinstance(kind, str) else next(each for each in kind if each != "null")).lower()
    if kind == "object":
        return {name: fitting(each, root) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [fitting(schema.get("items", {"type": "string"}), root)] * max(1, schema.get("minItems", 1))
    return _PLAIN[kind]


def check_strict(schema: dict[str, Any], where: str) -> None:
    """What OpenAI demands of a strict schema.  Raises RefusedError."""
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            raise RefusedError(f"Invalid schema for {where}: 'additionalProperties' must be false.", param=where)
        if missing := set(properties) - set(schema.get("required", ())):
            raise RefusedError(f"Invalid schema for {where}: 'required' lacks {sorted(missing)}.", param=where)
    for each in _below(schema):
        check_strict(each, where)


def check_gemini(schema: dict[str, Any], where: str) -> None:
    """What Gemini's Schema may hold.  Raises RefusedError."""
    if unknown := set(schema) - _GEMINI:
        name = min(unknown)
        raise RefusedError(f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field.")
    for each in _below(schema):
        check_gemini(each, where)


def _below(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    found += [each for key in ("anyOf", "oneOf", "allOf") for each in schema.get(key, ())]
    return [*found, schema["items"]] if isinstance(schema.get("items"), dict) else found


def object_of(text: str, where: str) -> dict[str, Any]:
    """JSON text that must be an object.  Raises RefusedError."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RefusedError(f"{where} is not a JSON object", param=where) from error

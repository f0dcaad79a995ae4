"""Gemini's wire: Google's ``Schema``, a dialect of OpenAPI's, as JSON Schema.  Pure.

Source: Google's reference of ``Schema``: types in capitals, ``nullable``, 64-bit numbers in strings, a
``propertyOrdering`` of its own.  What is JSON Schema already stays what it is.
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.gemini.fields import camel_case, decoded

MAX_DEPTH: Final = 64
_COUNTS: Final = frozenset(
    ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "minimum", "maximum")
)
_DROPPED: Final = frozenset(("nullable", "propertyOrdering"))
_OWN: Final = frozenset((*_COUNTS, *_DROPPED, "anyOf", "additionalProperties"))


def json_schema(schema: msgspec.Raw) -> msgspec.Raw:
    """*schema* as JSON Schema.

    Raises:
        ValueError: it is no object, or nested too deep.
    """
    value = decoded(schema)
    if not isinstance(value, dict):
        raise ValueError("a schema must be an object")  # noqa: TRY004  the seam's error
    try:
        return msgspec.Raw(msgspec.json.encode(_schema(value, 0)))
    except (OverflowError, RecursionError):
        raise ValueError("a schema holds what no JSON can") from None


def _schema(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise ValueError("a schema is nested too deep")
    out: dict[str, Any] = {}
    for written, value in schema.items():
        name = camel if (camel := camel_case(written)) in _OWN else written
        if name not in _DROPPED:
            out[name] = _member(name, value, depth + 1)
    if schema.get("nullable") is True:
        _allow_null(out)
    return out


def _member(name: str, value: Any, depth: int) -> Any:  # noqa: ANN401  JSON is anything
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name == "properties" and isinstance(value, dict):
        return {key: _schema(each, depth) if isinstance(each, dict) else each for key, each in value.items()}
    if name in ("items", "additionalProperties") and isinstance(value, dict):
        return _schema(value, depth)
    if name in ("anyOf", "prefixItems") and isinstance(value, list):
        return [_schema(each, depth) if isinstance(each, dict) else each for each in value]
    if name in _COUNTS and isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value) if len(value) < 19 else value
    return value


def _allow_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]

"""Google's schemas as JSON Schema."""

import json
from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.gemini.schemas import json_schema


def converted(schema: Any) -> Any:
    """*schema* as JSON Schema."""
    return msgspec.json.decode(json_schema(msgspec.Raw(json.dumps(schema).encode())))


def test_types_are_in_small_letters_everywhere() -> None:
    """In properties, items and alternatives; names of properties are the client's own, whatever they are."""
    schema = {"type": "OBJECT", "properties": {"type": {"type": "STRING"}, "any_of": {"anyOf": [{"type": "NUMBER"}]}}}

    assert converted(schema) == {
        "type": "object",
        "properties": {"type": {"type": "string"}, "any_of": {"anyOf": [{"type": "number"}]}},
    }


def test_what_may_be_null_says_so_in_its_type() -> None:
    """And among its values, or its alternatives."""
    assert converted({"type": "STRING", "nullable": True, "enum": ["a"]}) == {
        "type": ["string", "null"],
        "enum": ["a", None],
    }
    assert converted({"any_of": [{"type": "STRING"}], "nullable": True}) == {
        "anyOf": [{"type": "string"}, {"type": "null"}]
    }


def test_numbers_in_strings_are_numbers() -> None:
    """Google writes 64 bits so."""
    assert converted({"min_items": "1", "maxLength": "9", "maximum": 0.5, "minLength": "x"}) == {
        "minItems": 1,
        "maxLength": 9,
        "maximum": 0.5,
        "minLength": "x",
    }


def test_json_schema_stays_what_it_is() -> None:
    """Some clients send that."""
    schema = {"type": ["string", "null"], "$ref": "#/x", "additionalProperties": False, "default": {"nullable": True}}

    assert converted(schema) == schema


def test_what_is_no_schema_is_an_error() -> None:
    """Also one that is too deep."""
    deep: Any = {}
    for _ in range(100):
        deep = {"items": deep}
    wrong: list[Any] = [1, [], deep]
    for schema in wrong:
        with pytest.raises(ValueError):
            converted(schema)

"""Structural schemas: what the API server takes, with a bound on everything."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from sluice_operator.resources.base import Value
from sluice_operator.resources.common import DurationMs, duration_default
from sluice_operator.resources.definitions import DEFINITIONS
from sluice_operator.resources.schema import structural


class Inner(Value):
    """Inner words."""

    count: int = 1


class Outer(Value):
    """Outer words in ``code``."""

    one: Literal["Only"] = "Only"
    inner: Inner = Inner()
    maybe: Inner | None = None
    """Own words."""
    wait: DurationMs = duration_default("90s")
    many: Annotated[tuple[str, ...], Field(max_length=2)] = ()
    table: Annotated[dict[str, Inner], Field(max_length=3)] = Field(default_factory=dict)
    rows: Annotated[tuple[Inner, ...], Field(max_length=4)] = ()


SCHEMA = structural(Outer)


def test_only_what_structural_schemas_know_is_there() -> None:
    """References, titles and unions with null are resolved; defaults are as manifests write them."""
    inner = {"type": "object", "properties": {"count": {"type": "integer", "format": "int64", "default": 1}}}
    counted = {"type": "integer", "format": "int64", "description": "Default 1."}

    assert {
        "description": "Outer words in code.",
        "type": "object",
        "properties": {
            "one": {"type": "string", "enum": ["Only"], "default": "Only"},
            "inner": {"description": "Inner words.", **inner},
            "maybe": {"description": "Own words.", **inner},
            "wait": {"type": "string", "pattern": "^([0-9]{1,6}(ms|s|m|h)){1,3}$", "maxLength": 27, "default": "90s"},
            "many": {
                "type": "array",
                "maxItems": 2,
                "items": {"type": "string"},
                "x-kubernetes-list-type": "atomic",
            },
            "table": {
                "type": "object",
                "maxProperties": 3,
                "additionalProperties": {"description": "Inner words.", **inner},
            },
            "rows": {
                "type": "array",
                "maxItems": 4,
                "items": {"description": "Inner words.", "type": "object", "properties": {"count": counted}},
                "x-kubernetes-list-type": "atomic",
            },
        },
    } == SCHEMA


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside *schema*, with its path."""
    yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from nodes(member, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


ALL = [
    pytest.param(path, node, id=path)
    for definition in DEFINITIONS
    for model, root in ((definition.resource.model_fields["spec"].annotation, "spec"), (definition.status, "status"))
    for path, node in nodes(structural(model), f"{definition.plural}.{root}")  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("path", "node"), [case for case in ALL if "[]" in str(case.id)])
def test_lists_are_stored_as_they_were_written(path: str, node: dict[str, Any]) -> None:
    """A list is compared whole by whoever applies it: a member with defaults filled in would differ for ever."""
    assert "default" not in node, path


@pytest.mark.parametrize(("path", "node"), ALL)
def test_everything_has_a_bound(path: str, node: dict[str, Any]) -> None:
    """Strings, lists and maps cannot grow without end and nothing is of unknown shape, else CEL has no price."""
    match node["type"]:
        case "string":
            assert node.keys() & {"maxLength", "enum"}, path
        case "array":
            assert node["maxItems"] <= 256, path
        case "object":
            assert "properties" in node or node["maxProperties"] <= 64, path
        case "integer":
            assert "minimum" in node, path
        case other:
            assert other == "boolean", path

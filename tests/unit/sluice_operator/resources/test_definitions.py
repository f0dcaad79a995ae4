"""Names and columns of the kinds."""

import re
from typing import Any

import pytest

from sluice_operator.resources.definitions import DEFINITIONS, Definition
from sluice_operator.resources.schema import structural


def _has(schema: dict[str, Any], path: str) -> bool:
    """Whether a column's path leads somewhere; a filter picks a member of a list."""
    for part in re.sub(r"\[\?\(.*?\)\]", "[]", path).strip(".").split("."):
        name, is_list = part.removesuffix("[]"), part.endswith("[]")
        if name not in schema.get("properties", {}):
            return False
        schema = schema["properties"][name]
        schema = schema["items"] if is_list else schema
    return True


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.kind)
def test_every_column_shows_a_field_that_exists(definition: Definition) -> None:
    """A column with a misspelt path would be empty for ever."""
    resource = structural(definition.resource)
    metadata: dict[str, Any] = {"properties": {"creationTimestamp": {}}}
    status = structural(definition.status)
    whole = {"properties": {"spec": resource["properties"]["spec"], "status": status, "metadata": metadata}}

    assert [column.path for column in definition.columns if not _has(whole, column.path)] == []


def test_ready_and_age_are_shown_for_each_kind() -> None:
    """The two columns that everyone looks for, never hidden."""
    for definition in DEFINITIONS:
        assert {"Ready", "Age"} <= {column.name for column in definition.columns if not column.wide}


def test_moments_to_come_are_no_dates() -> None:
    """Kubectl prints a date as an age, and one in the future as <invalid>."""
    dates = {column.name for definition in DEFINITIONS for column in definition.columns if column.type == "date"}

    assert dates == {"Age", "Last Used"}

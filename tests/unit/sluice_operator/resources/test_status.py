"""What statuses may hold."""

import pytest
from pydantic import ValidationError

from sluice_operator.resources.definitions import DEFINITIONS, Definition
from sluice_operator.resources.schema import structural
from sluice_operator.resources.status import PENDING, Condition, VirtualKeyStatus


def test_default_conditions_are_conditions() -> None:
    """What the API server fills in fits the schema it is filled into."""
    assert [Condition.model_validate(condition).status for condition in PENDING] == ["Unknown", "Unknown"]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.kind)
def test_every_kind_starts_as_pending(definition: Definition) -> None:
    """An operator that does not run can be seen on each kind, and each is told apart by type."""
    conditions = structural(definition.status)["properties"]["conditions"]

    assert [condition["type"] for condition in conditions["default"]] == ["Accepted", "Ready"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


@pytest.mark.parametrize("member", ["key", "token", "secret", "plaintext"])
def test_status_of_a_key_has_no_place_for_the_key(member: str) -> None:
    """A plaintext cannot be written there by mistake."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        VirtualKeyStatus.model_validate({member: "sk-plain"})

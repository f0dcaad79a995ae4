"""Frozen values, and rules that are one thing in Python and in schemas."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from sluice_operator.resources.base import ListOf, Rule, Value, alias_of, cel_string

EVEN = Rule(cel="self % 2 == 0", message="should be even", holds=lambda number: number % 2 == 0)
LATER = Rule(cel="self.count >= oldSelf.count", message="never shrinks", holds=None)


class Pair(Value):
    """A value with a rule about its whole and one about a field."""

    low_count: Annotated[int, EVEN]
    high_count: int

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.lowCount <= self.highCount",
            message="lowCount is over highCount",
            holds=lambda it: it.low_count <= it.high_count,
        ),
        LATER,
    )


class Many(Value):
    """A value with lists."""

    names: Annotated[tuple[str, ...], ListOf()] = ()
    pairs: Annotated[tuple[Pair, ...], Field(max_length=3), ListOf(("low_count",))] = ()


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("base_url", "baseURL"),
        ("allowed_cidrs", "allowedCIDRs"),
        ("key_id", "keyID"),
        ("from_", "from"),
        ("ca_config_map_ref", "caConfigMapRef"),
        ("ttl", "ttl"),
    ],
)
def test_names_are_written_as_in_kubernetes(attribute: str, name: str) -> None:
    """camelCase, with acronyms in capitals."""
    assert alias_of(attribute) == name


def test_rule_of_a_field_is_enforced() -> None:
    """A field's rule refuses with its own words and without the value."""
    with pytest.raises(ValidationError, match="should be even") as caught:
        Pair.model_validate({"lowCount": 12345, "highCount": 99999})

    assert "12345" not in str(caught.value)


def test_rule_of_the_whole_is_enforced() -> None:
    """A class's rule sees all fields."""
    with pytest.raises(ValidationError, match="lowCount is over highCount"):
        Pair.model_validate({"lowCount": 4, "highCount": 2})


def test_rule_about_a_change_holds_without_a_past() -> None:
    """A rule that only the API server can judge refuses nothing here."""
    assert Pair.model_validate({"lowCount": 2, "highCount": 2}).low_count == 2


def test_rules_are_in_the_schema() -> None:
    """The same rules, as CEL: each where it was declared."""
    schema = Pair.model_json_schema()

    assert schema["properties"]["lowCount"]["x-kubernetes-validations"] == [EVEN.as_validation()]
    assert schema["x-kubernetes-validations"][1] == {"rule": LATER.cel, "message": LATER.message}


def test_two_rules_of_one_field_are_both_there() -> None:
    """Rules add up."""
    small = Rule(cel="self < 10", message="should be small", holds=lambda number: number < 10)
    schema = TypeAdapter(Annotated[int, EVEN, small]).json_schema()

    assert [rule["message"] for rule in schema["x-kubernetes-validations"]] == ["should be even", "should be small"]


@pytest.mark.parametrize("field", [{"names": ["a", "a"]}, {"pairs": [{"lowCount": 2, "highCount": n} for n in (3, 4)]}])
def test_list_refuses_two_of_the_same(field: dict[str, list[object]]) -> None:
    """A set has no member twice, a map no key twice."""
    with pytest.raises(ValidationError, match="two members"):
        Many.model_validate_json(TypeAdapter(dict).dump_json(field))


def test_list_says_in_the_schema_how_its_members_are_told_apart() -> None:
    """Server-side apply merges by the list's type, and its keys are the manifest's names."""
    properties = Many.model_json_schema()["properties"]

    assert properties["names"]["x-kubernetes-list-type"] == "set"
    assert properties["pairs"]["x-kubernetes-list-type"] == "map"
    assert properties["pairs"]["x-kubernetes-list-map-keys"] == ["lowCount"]


def test_unknown_field_and_python_name_are_refused() -> None:
    """Only the manifest's names are names."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        Pair.model_validate({"low_count": 2, "lowCount": 2, "highCount": 2})


def test_pattern_survives_as_a_cel_literal() -> None:
    """Backslashes and quotes mean the same inside CEL."""
    assert cel_string(r"a\.b'c") == r"'a\\.b\'c'"

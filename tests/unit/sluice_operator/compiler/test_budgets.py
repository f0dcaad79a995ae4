"""Budgets and their parents."""

import pytest

from unit.sluice_operator.compiler.world import compiled, finding, verdict


def budget(name: str, parent: str | None = None, period: str = "{type: Once}") -> str:
    """A Budget of ten dollars."""
    ref = f", parentRef: {{name: {parent}}}" if parent else ""
    return (
        f"kind: Budget\nmetadata: {{name: {name}}}\n"
        f'spec: {{limit: {{unit: Cost, amount: "10", currency: USD}}, period: {period}{ref}}}\n---\n'
    )


def test_four_budgets_make_a_chain() -> None:
    """Four Budgets one behind the other hold."""
    chain = budget("a", "b") + budget("b", "c") + budget("c", "d") + budget("d")

    assert verdict(compiled(chain), "Budget", "a").served


def test_a_longer_circle_is_found() -> None:
    """A circle is refused on each of its members, however many they are."""
    circle = "".join(budget(f"b{number}", f"b{(number + 1) % 6}") for number in range(6))
    compilation = compiled(circle)

    assert {finding(compilation, "Budget", f"b{n}", "Accepted").reason for n in range(6)} == {"Cycle"}


@pytest.mark.parametrize(
    ("zone", "reason"),
    [("Europe/Helsinki", "Accepted"), ("Europe/Atlantis", "TimeZoneUnknown"), ("Europe", "TimeZoneUnknown")],
)
def test_only_known_time_zones_are_accepted(zone: str, reason: str) -> None:
    """A zone that no one can compute with, a folder of zones among them, is refused where a person sees it."""
    period = f"{{type: Calendar, calendar: {{unit: Month, timeZone: {zone}}}}}"

    assert finding(compiled(budget("a", period=period)), "Budget", "a", "Accepted").reason == reason


def test_a_parent_without_children_has_no_parent_id() -> None:
    """The snapshot names parents by uid, and only those that hold."""
    compilation = compiled(budget("a", "b") + budget("b") + budget("c", "nope"))

    assert {each.name: each.parent_id for each in compilation.snapshot.budgets} == {
        "a": "uid-Budget-team-a-b",
        "b": None,
        "c": None,
    }

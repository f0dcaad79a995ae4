"""What can still be read of a Budget that does not validate."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.resources import Invalid, parse
from sluice_operator.resources.common import LabelSelector
from sluice_operator.resources.salvage import selector_of

EVERYTHING = LabelSelector()
TEAM = {"team": "payments"}
PROD = {"key": "env", "operator": "In", "values": ["prod"]}


def budget(selector: Any) -> dict[str, Any]:
    """A Budget's manifest with that selector, and no limit."""
    return {"kind": "Budget", "metadata": {"name": "b"}, "spec": {"subject": {"virtualKeySelector": selector}}}


def read(selector: Any) -> dict[str, Any]:
    """What is read of *selector*, as a manifest would say it."""
    found = selector_of(budget(selector))
    assert found is not None
    return found.model_dump(by_alias=True, mode="json", exclude_defaults=True)


def test_a_good_selector_is_read_whole() -> None:
    """Where only the rest of the Budget is wrong, exactly the keys that were meant are selected."""
    selector = {"matchLabels": TEAM, "matchExpressions": [PROD, {"key": "old", "operator": "DoesNotExist"}]}

    assert read(selector) == selector


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {**TEAM, "tier": 7}},
        {"matchLabels": {**TEAM, "not a label": "x"}},
        {"matchLabels": {**TEAM, 7: "x"}},
        {"matchLabels": TEAM, "matchExpressions": 7},
        {"matchLabels": TEAM, "matchExpressions": [7, {"key": "env", "operator": "Near"}, {"operator": "Exists"}]},
        {"matchLabels": TEAM, "matchExpressions": [{"key": "env", "operator": "In", "values": []}]},
        {"matchLabels": TEAM, "matchNames": ["app"]},
    ],
)
def test_a_condition_that_cannot_be_read_is_left_out(selector: Any) -> None:
    """Fewer conditions select more: a key too many rather than one too few."""
    assert read(selector) == {"matchLabels": TEAM}


def test_good_expressions_are_kept_beside_bad_labels() -> None:
    """Each condition is read by itself."""
    assert read({"matchLabels": [7], "matchExpressions": [7, PROD]}) == {"matchExpressions": [PROD]}


@pytest.mark.parametrize("selector", [None, 7, "team=payments", [TEAM], {}, {"matchLabels": None}])
def test_a_selector_that_tells_nothing_selects_every_key(selector: Any) -> None:
    """It is there, so it means some keys; which ones, nobody knows."""
    assert selector_of(budget(selector)) == EVERYTHING


@pytest.mark.parametrize("top", [{"spec": 7}, {"spec": []}, {"spec": {"subject": "all"}}])
def test_what_cannot_be_looked_into_may_hold_a_selector(top: Any) -> None:
    """Something unreadable where the selector would be is taken for one that selects every key."""
    assert selector_of(top) == EVERYTHING


@pytest.mark.parametrize(
    "top", [{}, {"spec": None}, {"spec": {}}, {"spec": {"subject": None}}, {"spec": {"subject": {"models": 7}}}]
)
def test_no_selector_selects_no_key(top: Any) -> None:
    """A Budget that never selected anything holds for those that name it, however broken it is."""
    assert selector_of(top) is None


def test_what_is_read_is_bounded() -> None:
    """However long a selector is, what is kept of it is no longer than one that validates."""
    labels = {f"l{n}": "x" for n in range(1000)}
    found = selector_of(budget({"matchLabels": labels, "matchExpressions": [PROD] * 1000}))

    assert found is not None
    assert (len(found.match_labels), len(found.match_expressions)) == (16, 16)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["matchLabels", "matchExpressions", "key", "operator", "values", "team"]), inner, max_size=3
        )
    ),
)


@given(JSON)
def test_whatever_is_there_something_is_read(selector: Any) -> None:
    """Nothing that a manifest may hold raises, and a selector that is there always selects somebody's keys."""
    assert selector_of(budget(selector)) is not None


def test_an_invalid_budget_carries_its_selector_and_does_not_print_it() -> None:
    """It comes with the refusal; like every value of a refused manifest it stays out of messages and reprs."""
    invalid = parse(budget({"matchLabels": TEAM}))

    assert isinstance(invalid, Invalid)
    assert invalid.selector == LabelSelector.model_validate({"matchLabels": TEAM})
    assert "payments" not in repr(invalid)


def test_only_a_budget_is_read_for_a_selector() -> None:
    """Another kind that does not validate selects nothing."""
    invalid = parse({**budget({}), "kind": "VirtualKey"})

    assert isinstance(invalid, Invalid)
    assert invalid.selector is None

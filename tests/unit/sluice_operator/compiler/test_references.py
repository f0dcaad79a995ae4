"""Names, label selectors, and namespaces that admit each other."""

import json

import pytest

from sluice_operator.compiler.references import Entry, admits, admitted, selects, short_id
from sluice_operator.inventory import ObjectName, SecretContent
from sluice_operator.resources import NamespaceSelector
from sluice_operator.resources.common import LabelSelector

NAMESPACES = {"home": {}, "gold": {"tier": "gold"}, "tin": {"tier": "tin"}, "plain": {}}


def selector(**fields: object) -> LabelSelector:
    """A label selector as a manifest writes it."""
    return LabelSelector.model_validate_json(json.dumps(fields))


def allowed(from_: str, **fields: object) -> NamespaceSelector:
    """An ``allowedNamespaces`` as a manifest writes it."""
    return NamespaceSelector.model_validate_json(json.dumps({"from": from_, **fields}))


@pytest.mark.parametrize(
    ("operator", "values", "matching"),
    [
        ("In", ["a", "b"], ["a", "b"]),
        ("NotIn", ["a"], ["b", "c", None]),
        ("Exists", None, ["a", "b", "c"]),
        ("DoesNotExist", None, [None]),
    ],
)
def test_operators_are_those_of_kubernetes(operator: str, values: list[str] | None, matching: list[str | None]) -> None:
    """Each operator holds for the labels Kubernetes says; NotIn also for a label that is not there."""
    given = selector(matchExpressions=[{"key": "k", "operator": operator, **({"values": values} if values else {})}])
    found = [value for value in ("a", "b", "c", None) if selects(given, {} if value is None else {"k": value})]

    assert found == matching


def test_every_condition_must_hold() -> None:
    """Two conditions narrow, they do not widen."""
    given = selector(matchLabels={"a": "1"}, matchExpressions=[{"key": "b", "operator": "Exists"}])

    assert [selects(given, labels) for labels in ({"a": "1"}, {"b": "1"}, {"a": "1", "b": "1"})] == [False, False, True]


def test_an_empty_selector_selects_everything() -> None:
    """``{}`` is all, as everywhere in Kubernetes."""
    assert selects(selector(), {})


@pytest.mark.parametrize(
    ("given", "guests"),
    [
        (allowed("Same"), ["home"]),
        (allowed("All"), ["home", "gold", "tin", "plain", "unknown"]),
        (allowed("Selector", selector={"matchLabels": {"tier": "gold"}}), ["home", "gold"]),
    ],
)
def test_only_admitted_namespaces_may_refer(given: NamespaceSelector, guests: list[str]) -> None:
    """A namespace may always refer to its own; others only where the resource says so, by their labels."""
    found = [
        guest
        for guest in ("home", "gold", "tin", "plain", "unknown")
        if admits(given, home="home", guest=guest, namespaces=NAMESPACES)
    ]

    assert found == guests


def test_all_namespaces_are_not_enumerated() -> None:
    """All means those to come too, which no list could name."""
    assert admitted(allowed("All"), home="home", namespaces=NAMESPACES) is None


def test_selected_namespaces_are_sorted_and_hold_their_own() -> None:
    """A selector becomes names in one order, the resource's own namespace among them even if it is not known yet."""
    given = allowed("Selector", selector={"matchLabels": {"tier": "tin"}})

    assert admitted(given, home="new", namespaces=NAMESPACES) == ("new", "tin")


def test_identities_do_not_run_together() -> None:
    """Different names give different ids even where their letters join to the same."""
    assert short_id("up", "ab", "c") != short_id("up", "a", "bc")


def test_an_entry_never_shows_what_it_holds() -> None:
    """Neither an entry nor a Secret's content prints a value."""
    name = ObjectName("a", "s")
    content = SecretContent("1", {"k": b"sk-secret"})
    entry = Entry("Secret", name, "k")

    assert entry.read({name: content}) == b"sk-secret"
    assert "sk-secret" not in f"{entry}{entry!r}{content!r}"

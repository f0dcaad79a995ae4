"""Documents as the API server would hold them."""

import base64
from typing import Any

import pytest

from sluice_cli.documents import Document
from sluice_cli.world import NAMESPACE_LABEL, World, declared, lenient
from sluice_operator.inventory import Inventory, ObjectName

API = "sluice.dev/v1alpha1"
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}


def budget(name: str = "b", **more: Any) -> dict[str, Any]:
    """A small Budget."""
    spec = {"limit": {"unit": "Requests", "amount": "5"}, "period": {"type": "Once"}}
    return {"apiVersion": API, "kind": "Budget", "metadata": {"name": name}, "spec": spec, **more}


def world_of(*contents: Any) -> World:
    """The world that *contents* declare, from lines 1, 2, …"""
    return declared(Document(f"x.yaml:{line}", content) for line, content in enumerate(contents, start=1))


def inventory_of(world: World, kept: dict[ObjectName, dict[str, bytes]] | None = None) -> Inventory:
    """What the compiler is given."""
    return world.inventory(kept or {}, pepper=b"p", now_ms=5)


def test_each_kind_is_in_its_place() -> None:
    """Resources of all four kinds come to the compiler as such."""
    target = {"name": "t", "provider": {"type": "Echo"}}
    world = world_of(
        budget(),
        {"apiVersion": API, "kind": "VirtualKey", "metadata": {"name": "k"}, "spec": {}},
        {"apiVersion": API, "kind": "ModelDeployment", "metadata": {"name": "m"}, "spec": {"targets": [target]}},
        {"apiVersion": API, "kind": "ModelProvider", "metadata": {"name": "p"}, "spec": {"type": "Echo"}},
    )
    inventory = inventory_of(world)

    assert world.problems == []
    assert [len(each) for each in (inventory.budgets, inventory.keys, inventory.models, inventory.providers)] == [1] * 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text", "no kind"),
        ({"apiVersion": API}, "no kind"),
        (budget(apiVersion="sluice.dev/v2"), "apiVersion: should be sluice.dev/v1alpha1"),
        (budget(spec={"limit": {"unit": "Requests", "amount": "5"}}), "period"),
        (budget(spec={**budget()["spec"], "unheardOf": 1}), "unheardOf: unknown field"),
        ({**SECRET, "metadata": {}}, "metadata.name: required"),
        ({**SECRET, "metadata": None}, "metadata.name: required"),
        ({**SECRET, "data": {"a": "%"}}, "data.a: is not base64"),
        ({**SECRET, "data": ["a"]}, "data: should be a map"),
        ({**SECRET, "stringData": {"a": 5}}, "stringData.a: should be text"),
    ],
)
def test_what_the_api_server_would_refuse_is_a_problem(content: Any, said: str) -> None:
    """A manifest that cannot be applied is said with its place and the field, and is not half taken."""
    world = world_of(content)

    assert [problem.origin for problem in world.problems] == ["x.yaml:1"]
    assert said in world.problems[0].message


def test_secret_is_not_quoted() -> None:
    """What is wrong with a Secret is said without what is in it."""
    world = world_of({**SECRET, "data": {"a": "sk-very-secret"}})

    assert "sk-very-secret" not in str(world.problems[0])


def test_second_of_a_name_is_a_problem() -> None:
    """Two objects of one identity are somebody's mistake; the message says where the first is, and the first stands."""
    world = world_of(budget(), budget())

    assert str(world.problems[0]) == "x.yaml:2: Budget b: is there already, in x.yaml:1"
    assert len(world.resources) == 1


def test_same_name_elsewhere_is_another_object() -> None:
    """Names are per namespace and kind."""
    world = world_of(
        budget(), budget(metadata={"name": "b", "namespace": "other"}), SECRET | {"metadata": {"name": "b"}}
    )

    assert world.problems == []


@pytest.mark.parametrize("kind", [("apps/v1", "Deployment"), ("example.com/v1", "Budget"), ("v2", "Secret")])
def test_other_kinds_are_left_out_with_a_warning(kind: tuple[str, str]) -> None:
    """A folder may hold more than is ours; what is left out is said, so that a misspelt kind is not a riddle."""
    world = world_of({"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "x"}})

    assert world.problems == []
    assert kind[1] in world.warnings[0].message


def test_secret_values_are_bytes() -> None:
    """Values of data are base64, of stringData text; where both name an entry, stringData counts."""
    encoded = {"a": base64.b64encode(b"\xff").decode(), "b": base64.b64encode(b"old").decode()}
    inventory = inventory_of(world_of({**SECRET, "data": encoded, "stringData": {"b": "new"}}))

    assert inventory.secrets[ObjectName("default", "s")].values == {"a": b"\xff", "b": b"new"}


def test_kept_entries_fill_in_what_manifests_do_not_say() -> None:
    """Generated keys and dropped files stand beside manifests; what a manifest says comes first."""
    world = world_of({**SECRET, "stringData": {"a": "manifest"}})
    name, other = ObjectName("default", "s"), ObjectName("team", "o")
    inventory = inventory_of(world, {name: {"a": b"kept", "b": b"kept"}, other: {"x": b"y"}})

    assert inventory.secrets[name].values == {"a": b"manifest", "b": b"kept"}
    assert inventory.secrets[other].values == {"x": b"y"}


def test_config_maps_are_read() -> None:
    """A certificate authority in a ConfigMap is found, as text or as bytes."""
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "n"}}
    inventory = inventory_of(world_of({**config_map, "data": {"a": "text"}, "binaryData": {"b": "AA=="}}))

    assert inventory.config_maps[ObjectName("n", "ca")].values == {"a": b"text", "b": b"\0"}


def test_every_namespace_that_is_mentioned_exists() -> None:
    """Nobody has to declare namespaces; those that are have their labels, and all have their name as a label."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "labels": {"llm": "yes"}}}
    inventory = inventory_of(world_of(namespace, budget(metadata={"name": "b", "namespace": "other"})))

    assert inventory.namespaces == {
        "default": {NAMESPACE_LABEL: "default"},
        "other": {NAMESPACE_LABEL: "other"},
        "team": {NAMESPACE_LABEL: "team", "llm": "yes"},
    }


def test_leniency_makes_problems_warnings() -> None:
    """What is broken is left out and still said; the rest is there."""
    world = lenient(world_of(budget(), budget(apiVersion="sluice.dev/v2")))

    assert world.problems == []
    assert len(world.warnings) == len(world.resources) == 1


def test_an_invalid_budget_that_is_left_out_still_has_its_say() -> None:
    """Left out is not let loose: the compiler is told of it, so that the keys it selects do not run without it."""
    broken = budget(spec={"limit": {"unit": "Euros", "amount": "5"}, "subject": {"virtualKeySelector": {}}})
    world = lenient(world_of(broken))

    assert [invalid.name for invalid in inventory_of(world).invalid] == ["b"]


def price_book(text: str, **labels: str) -> dict[str, Any]:
    """A ConfigMap that says it is a price book."""
    metadata = {"name": "p", "labels": {"sluice.dev/price-book": "true", **labels}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"prices.yaml": text}}


def test_price_book_prices() -> None:
    """A labelled ConfigMap in the folder is a price book, as beside the operator."""
    text = '- {provider: "*", model: m, pricing: {free: true}}'
    world = world_of(price_book(text))
    unlabelled = world_of(price_book(text, **{"sluice.dev/price-book": "no"}))

    assert world.problems == []
    ((name, (entry,)),) = inventory_of(world).price_books.items()
    assert (name, entry.model) == (ObjectName("default", "p"), "m")
    assert inventory_of(unlabelled).price_books == {}


def test_broken_price_book_is_a_problem() -> None:
    """Each bad entry is named where the book stands: nothing is written before it is mended."""
    world = world_of(price_book("- {provider: OpenAI, model: m, pricing: {}}\n- 5"))

    assert [str(problem).split(":")[:3] for problem in world.problems] == [
        ["x.yaml", "1", " ConfigMap p"],
        ["x.yaml", "1", " ConfigMap p"],
    ]
    assert "entry 1 (OpenAI, m)" in str(world.problems[0])

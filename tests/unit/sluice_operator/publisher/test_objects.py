"""The frozen world as an inventory."""

from typing import Any

from sluice_operator.publisher.objects import Change, Entry, Frozen, slim
from support.manifests import BUDGET, ECHO


def manifest(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A resource as the API server gives it, with what nobody here needs."""
    metadata = {
        "name": "it", "namespace": "team", "uid": "u", "generation": 1, "resourceVersion": "4",
        "managedFields": [{"manager": "kubectl"}], "annotations": {"note": "long"},
    }  # fmt: skip
    return {"apiVersion": "sluice.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def test_resources_are_sorted_by_kind_and_bad_ones_stand_apart() -> None:
    """Each kind has its place in the inventory, and a manifest that does not fit is among the invalid."""
    entries = tuple(
        Entry(slim(kind, manifest(kind, spec)), 4)
        for kind, spec in (("ModelDeployment", ECHO), ("Budget", BUDGET), ("VirtualKey", {}), ("VirtualKey", {"x": 1}))
    )

    inventory = Frozen(entries, {}, {}, {}, {"team": {}}, b"p").inventory(7)

    counts = [len(it) for it in (inventory.models, inventory.budgets, inventory.keys, inventory.invalid)]
    assert counts == [1, 1, 1, 1]
    assert (inventory.now_ms, inventory.pepper, inventory.namespaces) == (7, b"p", {"team": {}})


def test_what_nobody_needs_is_not_kept() -> None:
    """Managed fields and annotations are most of an object's bytes, and are dropped."""
    kept = slim("Budget", manifest("Budget", BUDGET))

    assert kept["metadata"].keys() == {"name", "namespace", "uid", "generation", "resourceVersion"}


def test_changes_add_up() -> None:
    """Several changes are as dirty and as urgent as any of them."""
    assert Change(dirty=True) | Change(urgent=True) == Change(dirty=True, urgent=True)

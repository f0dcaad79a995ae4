"""What holds for the compiler as a whole."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_contract import codec
from sluice_operator.compiler import compile_inventory
from sluice_operator.compiler.findings import FINDING_TYPES
from unit.sluice_operator.compiler.world import Document, compiled, documents_of, inventory_of

CASES = sorted((Path(__file__).parent / "testdata").glob("*.in.yaml"))


def _moved(value: Any, case: str) -> Any:
    """*value* with every namespace in it moved into one of its case, so that all cases fit into one world."""
    if isinstance(value, list):
        return [_moved(each, case) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: f"{each}-{case}" if name == "namespace" else _moved(each, case) for name, each in value.items()}


def _world() -> list[Document]:
    documents: list[Document] = []
    for path in CASES:
        case = path.name.removesuffix(".in.yaml")
        for document in documents_of(path.read_text()):
            meta = document["metadata"]
            if document["kind"] == "Namespace":
                moved = {**meta, "name": f"{meta['name']}-{case}"}
            else:
                moved = {**meta, "namespace": f"{meta.get('namespace', 'team-a')}-{case}"}
            documents.append({**_moved(dict(document), case), "metadata": moved})
    return documents


WORLD = _world()
INVENTORY = inventory_of(WORLD)
WHOLE = compile_inventory(INVENTORY)
ENCODED = codec.encode(WHOLE.snapshot)


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_the_order_of_an_inventory_means_nothing(random: Random) -> None:
    """However the world is listed, the compilation is the same, to the byte."""

    def shuffled(items: Iterable[Any]) -> tuple[Any, ...]:
        drawn = list(items)
        random.shuffle(drawn)
        return tuple(drawn)

    again = compile_inventory(
        replace(
            INVENTORY,
            models=shuffled(INVENTORY.models),
            keys=shuffled(INVENTORY.keys),
            budgets=shuffled(INVENTORY.budgets),
            providers=shuffled(INVENTORY.providers),
            invalid=shuffled(INVENTORY.invalid),
            secrets=dict(shuffled(INVENTORY.secrets.items())),
            namespaces=dict(shuffled(INVENTORY.namespaces.items())),
        )
    )

    assert again == WHOLE
    assert codec.encode(again.snapshot) == ENCODED


def test_each_resource_gets_one_verdict_in_order() -> None:
    """One verdict per resource given, invalid ones too, by kind, namespace and name."""
    given = sorted(
        (each["kind"], each["metadata"]["namespace"], each["metadata"]["name"])
        for each in WORLD
        if each["kind"] in FINDING_TYPES
    )

    assert [(each.ref.kind, each.ref.namespace, each.ref.name) for each in WHOLE.verdicts] == given


def test_each_verdict_answers_every_condition_of_its_kind() -> None:
    """Conditions never come and go: each kind's findings are all there, Accepted first."""
    assert {tuple(f.type for f in each.findings) == FINDING_TYPES[each.ref.kind] for each in WHOLE.verdicts} == {True}


def test_served_is_what_is_in_the_snapshot() -> None:
    """What a verdict calls served is in the snapshot, and nothing else is."""
    snapshot = WHOLE.snapshot
    names = (
        {("ModelDeployment", each.namespace, each.resource) for each in snapshot.models}
        | {("VirtualKey", each.namespace, each.name) for each in snapshot.keys}
        | {("Budget", each.namespace, each.name) for each in snapshot.budgets}
    )
    served = {
        (each.ref.kind, each.ref.namespace, each.ref.name)
        for each in WHOLE.verdicts
        if each.served and each.ref.kind != "ModelProvider"
    }

    assert served == names


def test_a_snapshot_names_only_what_it_holds() -> None:
    """Every upstream, credential, model and Budget that is referred to in a snapshot is in it."""
    snapshot = WHOLE.snapshot
    targets = [target for model in snapshot.models for target in model.targets]

    assert {each.upstream_id for each in targets} <= {each.id for each in snapshot.upstreams} | {None}
    assert {each.model_ref for each in targets} <= {each.name for each in snapshot.models} | {None}
    assert {each.credential_id for each in snapshot.upstreams} <= {*snapshot.credentials.values, None}
    assert {id_ for key in snapshot.keys for id_ in key.budget_ids} <= {each.id for each in snapshot.budgets}


def test_a_snapshot_survives_the_journey() -> None:
    """What the operator writes the data plane reads back, whole."""
    read = codec.decode(codec.decode_index(ENCODED[codec.INDEX]), ENCODED)

    assert msgspec.structs.replace(read, keys=tuple(sorted(read.keys, key=lambda key: key.id))) == WHOLE.snapshot


def test_nothing_is_compiled_from_nothing() -> None:
    """An empty world is a good world: an empty snapshot and nothing to do."""
    empty = compiled("")

    assert (empty.snapshot.models, empty.verdicts, empty.wanted_secrets, empty.next_change_ms) == ((), (), (), None)

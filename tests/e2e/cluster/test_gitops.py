"""What is applied twice is unchanged, and nobody's objects carry anything of ours but a status."""

import asyncio
import json
from collections.abc import Callable
from typing import Final

import pytest

from sluice_contract.names import API_GROUP
from support.helm import ROOT
from support.kube import Manifest
from support.tenants import Team

QUICKSTART: Final = ROOT / "examples" / "quickstart"
KINDS: Final = "mdep,vkey,bud,mprov"
APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("how", [(), ("--server-side",)], ids=["client-side", "server-side"])
async def test_applying_twice_changes_nothing(how: tuple[str, ...], new_team: Callable[[str], Team]) -> None:
    """The quickstart, applied, live and applied again: every object is unchanged, and no diff is left."""
    team = new_team("gitops")
    apply = ("apply", *how, "--filename", str(QUICKSTART))
    await asyncio.to_thread(team.cluster.kubectl, *apply, namespace=team.namespace)
    everything = ("wait", "--for=condition=Ready", "--all", "mdep,vkey,bud", "--timeout=30s")
    await asyncio.to_thread(team.cluster.kubectl, *everything, namespace=team.namespace)
    before = specs(await asyncio.to_thread(team.cluster.list, KINDS, namespace=team.namespace))

    again = await asyncio.to_thread(team.cluster.kubectl, *apply, namespace=team.namespace)
    difference = ("diff", *how, "--filename", str(QUICKSTART))
    assert await asyncio.to_thread(team.cluster.kubectl, *difference, namespace=team.namespace) == ""

    assert specs(await asyncio.to_thread(team.cluster.list, KINDS, namespace=team.namespace)) == before
    if not how:
        assert {line.rsplit(" ", 1)[1] for line in again.splitlines()} == {"unchanged"}
        assert len(again.splitlines()) == len(before)


@pytest.mark.usefixtures("gateway")
async def test_users_objects_carry_nothing_of_ours(new_team: Callable[[str], Team]) -> None:
    """No annotation, label, finalizer, owner or field of a spec is ours: only the status, through its own door."""
    team = new_team("gitops")
    await asyncio.to_thread(team.cluster.apply, QUICKSTART, namespace=team.namespace)
    everything = ("wait", "--for=condition=Ready", "--all", "mdep,vkey,bud", "--timeout=30s")
    await asyncio.to_thread(team.cluster.kubectl, *everything, namespace=team.namespace)

    listing = ("get", KINDS, "--output", "json", "--show-managed-fields")
    for each in await asyncio.to_thread(_items, team, listing):
        metadata = each["metadata"]
        assert set(metadata.get("annotations", {})) <= {APPLIED}
        assert not {"finalizers", "ownerReferences"} & metadata.keys()
        assert not [label for label in metadata.get("labels", {}) if API_GROUP in label]
        fields = {entry["manager"]: entry for entry in metadata["managedFields"]}
        ours = [entry for manager, entry in fields.items() if "sluice" in manager]
        assert ours
        assert {entry.get("subresource") for entry in ours} == {"status"}
        assert {field for entry in ours for field in entry["fieldsV1"]} == {"f:status"}


def specs(objects: list[Manifest]) -> dict[tuple[str, str], tuple[str, int]]:
    """What a change of anybody's wish would show in: uid and generation."""
    return {
        (each["kind"], each["metadata"]["name"]): (each["metadata"]["uid"], each["metadata"]["generation"])
        for each in objects
    }


def _items(team: Team, listing: tuple[str, ...]) -> list[Manifest]:

    found: list[Manifest] = json.loads(team.cluster.kubectl(*listing, namespace=team.namespace))["items"]
    return found

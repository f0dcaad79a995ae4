"""Deleting: nothing of ours holds anything up, and what belongs to a release goes with it."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import pytest

from sluice_contract import codec, names
from sluice_operator.manifests import pepper_name
from support.kube import Cluster
from support.release import Release, Values, helm_uninstall, scale_operator
from support.tenants import MONTH, Team, echo_model, resource
from support.waiting import until

HANG_SECONDS: Final = 30

Install = Callable[[str, Values], Release]
Figure = Callable[[str, object], None]


async def filled(team: Team) -> None:
    """A namespace with all four kinds and a key's Secret in it, all of it in force."""
    budget = resource("Budget", "ten", limit={"unit": "Requests", "amount": "10"}, period=MONTH)
    provider = resource("ModelProvider", "echo", type="Echo")
    await team.apply(budget, provider, echo_model(), resource("VirtualKey", "caller", budgetRefs=[{"name": "ten"}]))
    await team.secret("caller")


async def seconds_of(cluster: Cluster, namespace: str) -> float:
    """How long deleting *namespace* takes, all that is in it included."""
    began = time.monotonic()
    await asyncio.to_thread(cluster.delete_namespace, namespace, deadline=HANG_SECONDS)
    return time.monotonic() - began


@pytest.mark.parametrize("operators", [1, 0])
async def test_namespaces_go_whether_or_not_an_operator_runs(
    operators: int, cluster: Cluster, new_team: Callable[[str], Team], install: Install, figure: Figure
) -> None:
    """A tenant's namespace and then the release's own go at once, with the operator there or scaled to nothing."""
    home, tenant = new_team("home"), new_team("tenant")
    release = await asyncio.to_thread(
        install, home.namespace, {"watchNamespaces": [home.namespace, tenant.namespace], "dataplane": {"replicas": 1}}
    )
    await filled(tenant)
    if not operators:
        await asyncio.to_thread(scale_operator, cluster, release, 0)

    for what, team in (("a tenant's namespace", tenant), ("the release's namespace", home)):
        figure(f"{what} deleted, {operators} operators", f"{await seconds_of(cluster, team.namespace):.1f} s")


@pytest.mark.parametrize("operators", [1, 0])
async def test_uninstall_takes_the_compiled_objects_and_leaves_the_users(
    operators: int, cluster: Cluster, new_team: Callable[[str], Team], install: Install, figure: Figure
) -> None:
    """No snapshot, with its credentials, outlives its release; users' resources, their keys and the pepper do."""
    home, tenant = new_team("home"), new_team("tenant")
    release = await asyncio.to_thread(
        install, home.namespace, {"watchNamespaces": [home.namespace, tenant.namespace], "dataplane": {"replicas": 1}}
    )
    await filled(tenant)
    parts = {names.object_name(release.name, part) for part in (*codec.PARTS, codec.INDEX)}
    assert parts <= await kept(home)
    if not operators:
        await asyncio.to_thread(scale_operator, cluster, release, 0)

    began = time.monotonic()
    await asyncio.to_thread(helm_uninstall, cluster, release, deadline=HANG_SECONDS)
    figure(f"uninstalled, {operators} operators", f"{time.monotonic() - began:.1f} s")

    async def gone() -> bool:
        return not parts & await kept(home)

    await until(gone, seconds=HANG_SECONDS, why="the compiled objects are collected")
    assert pepper_name(release.name) in await kept(home)
    assert "caller-key" in await kept(tenant)
    assert await tenant.api.get("VirtualKey", "caller")
    assert await tenant.api.get("Budget", "ten")


async def kept(team: Team) -> set[str]:
    """The names of all Secrets and ConfigMaps of a namespace."""
    found = [*await team.api.items("Secret"), *await team.api.items("ConfigMap")]
    return {each["metadata"]["name"] for each in found}

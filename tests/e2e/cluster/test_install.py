"""Install, use, uninstall: everything comes up, and nothing of the release stays."""

from collections.abc import Callable
from typing import Final

from support.kube import Cluster, Manifest
from support.release import Release, Values, helm_uninstall

API: Final = "sluice.dev/v1alpha1"
MODEL: Final[Manifest] = {
    "apiVersion": API,
    "kind": "ModelDeployment",
    "metadata": {"name": "echo"},
    "spec": {"targets": [{"name": "echo", "provider": {"type": "Echo"}}], "pricing": {"free": True}},
}
KEY: Final[Manifest] = {"apiVersion": API, "kind": "VirtualKey", "metadata": {"name": "caller"}, "spec": {}}
KINDS: Final = "all,configmaps,secrets,serviceaccounts,roles,rolebindings,poddisruptionbudgets,networkpolicies"
WANTED_REPLICAS: Final = {"operator": 1, "dataplane": 2, "redis": 1}
HANG_SECONDS: Final = 30

Install = Callable[[str, Values], Release]


def test_release_comes_up_whole_and_goes_away_whole(
    cluster: Cluster, new_namespace: Callable[[str], str], install: Install
) -> None:
    """Every Deployment becomes available under restricted pod security; uninstalling leaves users' resources alone."""
    home, tenant = new_namespace("install"), new_namespace("tenant")
    release = install(home, {"watchNamespaces": [home, tenant]})
    ours = f"app.kubernetes.io/instance={release.name}"

    deployments = cluster.list("deployments", namespace=home, selector=ours)
    assert {each["metadata"]["name"] for each in deployments} == {f"{release.name}-{each}" for each in WANTED_REPLICAS}
    for program, replicas in WANTED_REPLICAS.items():
        wanted = f"jsonpath={{.status.availableReplicas}}={replicas}"
        cluster.wait(wanted, f"deployment/{release.name}-{program}", namespace=home)

    cluster.apply([MODEL, KEY], namespace=tenant)
    cluster.wait("condition=Ready", "mdep/echo", "vkey/caller", namespace=tenant)
    helm_uninstall(cluster, release, deadline=HANG_SECONDS)

    # What the operator wrote goes too, but not at once: test_deletion.py.
    left = cluster.list(KINDS, namespace=home, selector=f"{ours},app.kubernetes.io/managed-by!=sluice-operator")
    assert [each["metadata"]["name"] for each in left] == []
    assert cluster.list("clusterroles,clusterrolebindings", selector=ours) == []
    assert {each["metadata"]["name"] for each in cluster.list("mdep,vkey", namespace=tenant)} == {"echo", "caller"}

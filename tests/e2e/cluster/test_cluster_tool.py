"""The cluster tool touches the cluster it was told to and no other."""

from pathlib import Path

import pytest

from support.kube import TOOL, Cluster, Kube, KubeError


def test_running_cluster_is_found_again(cluster: Cluster) -> None:
    """`up` twice is one cluster."""
    before = cluster.get("namespace/kube-system")["metadata"]["uid"]
    cluster.run(str(TOOL), "up", deadline=60)

    assert cluster.get("namespace/kube-system")["metadata"]["uid"] == before


def test_unknown_context_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """A context that is not in the kubeconfig is an error, never a reason to take the current one."""
    told = Kube({**cluster.environ, "SLUICE_KUBE_CONTEXT": "nowhere", "SLUICE_CLUSTER_DIR": str(tmp_path / "run")})

    with pytest.raises(KubeError, match="no context 'nowhere'"):
        told.run(str(TOOL), "up")
    assert not (tmp_path / "run").exists()


def test_named_context_is_used_and_outlives_down(cluster: Cluster, tmp_path: Path) -> None:
    """A cluster used by its context's name is the one of that name, and `down` only forgets it."""
    context = cluster.kubectl("config", "current-context").strip()
    told = Kube({**cluster.environ, "SLUICE_KUBE_CONTEXT": context, "SLUICE_CLUSTER_DIR": str(tmp_path / "run")})
    told.run(str(TOOL), "up")
    copied = Kube({**cluster.environ, "KUBECONFIG": str(tmp_path / "run" / "admin.kubeconfig")})
    assert copied.get("namespace/kube-system") == cluster.get("namespace/kube-system")

    told.run(str(TOOL), "down")

    assert not (tmp_path / "run").exists()
    cluster.get("namespace/kube-system")


def test_api_server_can_be_stopped_and_started(cluster: Cluster) -> None:
    """Stories may take the API server away; what was in the cluster is there when it is back."""
    before = cluster.get("namespace/kube-system")["metadata"]["uid"]
    cluster.stop("apiserver")
    try:
        with pytest.raises(KubeError):
            cluster.kubectl("get", "namespaces", "--request-timeout", "2s")
    finally:
        cluster.start("apiserver")

    assert cluster.get("namespace/kube-system")["metadata"]["uid"] == before

"""The Cluster seam's suite against a real API server."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sluice_operator.cluster.connection import Connection, connect
from sluice_operator.cluster.door import KubernetesCluster
from support.apiserver import ApiServer
from support.cluster_suite import ClusterSuite
from support.operator import Api


@pytest.fixture
async def namespace(new_namespace: Callable[[str], Awaitable[Api]]) -> str:
    """Where the suite works."""
    return (await new_namespace("suite")).namespace


@pytest.fixture
async def cluster(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubernetesCluster]:
    """The real door, as the operator opens it."""
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    connection = Connection(await connect())
    yield KubernetesCluster(connection)
    await connection.close()


class TestKubernetesCluster(ClusterSuite):
    """The real API server keeps every promise of the seam."""

"""The seam's suite against the fake that other tests use; tests/e2e/cluster/operator runs it against a real server."""

import pytest

from support.cluster_suite import ClusterSuite
from support.fake_cluster import FakeCluster


class TestFakeCluster(ClusterSuite):
    """The fake keeps every promise of the seam."""

    @pytest.fixture
    def namespace(self) -> str:
        """Where the suite works."""
        return "suite"

    @pytest.fixture
    def cluster(self, namespace: str) -> FakeCluster:
        """An empty cluster with that namespace."""
        cluster = FakeCluster()
        cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        return cluster

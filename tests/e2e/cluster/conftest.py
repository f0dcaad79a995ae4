"""A cluster, our images in it, and the gateway installed by its chart."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from support.doors import Doors, clients, open_doors
from support.kube import Cluster, load_images, start_cluster
from support.release import Release, Values, chart_images, helm_install, helm_uninstall
from support.tenants import Team, connected

NAMESPACES: Final = pytest.StashKey[list[str]]()  # what a test has to do with


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that tests/support/cluster/cluster gives us."""
    return start_cluster()


@pytest.fixture(scope="session")
def loaded(cluster: Cluster) -> dict[str, str]:
    """The images that were just built and brought to the cluster, by program."""
    return load_images()


@pytest.fixture(scope="session")
def images(loaded: dict[str, str]) -> Values:
    """Values of the chart that make it run what was just built."""
    return chart_images(loaded)


@pytest.fixture(scope="session")
def gateway(cluster: Cluster, images: Values) -> Iterator[Release]:
    """One release for all stories that can share it: two replicas, Redis, every namespace watched."""
    release = Release("sluice", cluster.new_namespace("gateway"))
    helm_install(cluster, release, images, flags=("--take-ownership",))
    yield release
    helm_uninstall(cluster, release)
    cluster.delete_namespace(release.namespace)


@pytest.fixture
def new_namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Makes namespaces that go after the test; what happened in them is shown if it failed."""
    made: list[str] = request.node.stash.setdefault(NAMESPACES, [])

    def make(story: str) -> str:
        made.append(cluster.new_namespace(story))
        return made[-1]

    yield make
    for name in made:
        cluster.clear(name)
        cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
async def api_client(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A warm client of the API server."""
    async with connected(cluster) as client:
        yield client


@pytest.fixture
def new_team(
    cluster: Cluster, api_client: httpx.AsyncClient, new_namespace: Callable[[str], str]
) -> Callable[[str], Team]:
    """Makes teams, each with a namespace of its own."""
    return lambda story: Team(cluster, api_client, new_namespace(story))


@pytest.fixture
async def doors(cluster: Cluster, gateway: Release) -> Doors:
    """Ways from here to the shared release's replicas."""
    return await open_doors(cluster, gateway)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client for doors, which keeps its connections."""
    async with clients() as made:
        yield made


@pytest.fixture
def install(
    cluster: Cluster, images: Values, new_namespace: Callable[[str], str]
) -> Iterator[Callable[[str, Values], Release]]:
    """Installs releases of the test's own, uninstalled after it; they take over definitions that are there already."""
    made: list[Release] = []

    def make(namespace: str, values: Values) -> Release:
        release = Release(f"sluice-{uuid.uuid4().hex[:6]}", namespace)
        made.append(release)
        helm_install(cluster, release, images, values, flags=("--take-ownership",))
        return release

    yield make
    for release in made:
        helm_uninstall(cluster, release)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stories that install releases of their own come first: the shared one watches every namespace, theirs too."""
    items.sort(key=lambda item: "gateway" in getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the cluster saw of a failed test, before its fixtures clean up."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    held: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and report.when == "call" and "cluster" in held:
        shared = [held["gateway"].namespace] if "gateway" in held else []
        for name in (item.stash.get(NAMESPACES, None) or []) + shared:
            report.sections.append((f"namespace {name}", held["cluster"].report(name)))
    return report  # type: ignore[return-value]

"""kopf, kept running: what it hears, and what happens when it ends."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from sluice_operator.cluster import Manifest
from sluice_operator.handlers import Watching
from support.apiserver import ApiServer
from support.operator import Api, eventually

# Where kopf is ended in its own thread, its generators are closed by the collector, which complains about them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect() -> Iterator[None]:
    """Have that happen here, and not in somebody else's test."""
    yield
    gc.collect()


class Ears:
    """What was heard: (kind, namespace, name, deleted)."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str, bool]] = []
        self.restarts = 0

    def hear(self, kind: str, manifest: Manifest, deleted: bool) -> None:
        """Remember it."""
        metadata = manifest["metadata"]
        self.heard.append((kind, metadata.get("namespace", ""), metadata["name"], deleted))

    def restart(self) -> None:
        """Count it."""
        self.restarts += 1

    async def all(self) -> list[tuple[str, str, str, bool]]:
        """Everything so far."""
        return self.heard


@pytest.fixture
async def api(new_namespace: Callable[[str], Awaitable[Api]]) -> Api:
    """A namespace."""
    return await new_namespace("watched")


@pytest.mark.parametrize("cluster_wide", [True, False])
async def test_objects_that_come_and_go_are_heard(
    api: Api, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, cluster_wide: bool
) -> None:
    """Every kind that matters is heard, with its kind said, and so is its deletion."""
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    ears = Ears()
    namespaces = () if cluster_wide else (api.namespace,)
    await api.create("VirtualKey", "listed", spec={})
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Watching(namespaces=namespaces, heard=ears.hear, deaf=ears.restart).run())
        await eventually(ears.all, lambda it: ("VirtualKey", api.namespace, "listed", False) in it)
        await api.create("Secret", "told", stringData={"a": "b"})
        await api.create("ConfigMap", "told", data={"a": "b"})
        await api.delete("VirtualKey", "listed")
        for wanted in (("Secret", "told", False), ("ConfigMap", "told", False), ("VirtualKey", "listed", True)):
            kind, name, deleted = wanted
            await eventually(
                ears.all,
                lambda it, kind=kind, name=name, deleted=deleted: (kind, api.namespace, name, deleted) in it,  # type: ignore[misc]
            )
        running.cancel()

    namespaces_heard = {name for kind, _, name, _ in ears.heard if kind == "Namespace"}
    assert (api.namespace in namespaces_heard) is cluster_wide
    assert ears.restarts == 0


async def test_when_it_ends_it_is_started_again(
    api: Api, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Kopf ends where it cannot log in; it is started again until it can, and a relist is asked for each time."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    ears = Ears()
    await api.create("VirtualKey", "listed", spec={})

    async def restarts() -> int:
        return ears.restarts

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Watching(namespaces=(), heard=ears.hear, deaf=ears.restart).run())
        await eventually(restarts, bool)
        kubeconfig.write_text(api_server.kubeconfig.read_text())
        await eventually(ears.all, lambda it: ("VirtualKey", api.namespace, "listed", False) in it)
        running.cancel()

    assert ears.restarts >= 1

"""The operator stops, is killed, or has a standby: what it wrote stays as it is, and what it missed is made up for."""

import signal

import pytest

from sluice_operator.cluster.connection import Connection, connect
from sluice_operator.cluster.door import KubernetesCluster
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher.reading import Reader
from sluice_operator.publisher.world import World
from support.apiserver import ApiServer
from support.manifests import BUDGET, ECHO
from support.operator import RELEASE, Install, OperatorProcess, Replica, eventually, holds


async def _apply_some(install: Install) -> None:
    await install.tenant.create("ModelDeployment", "chat", spec=ECHO)
    await install.tenant.create("Budget", "month", spec=BUDGET)
    for name in ("kept", "gone"):
        await install.tenant.create("VirtualKey", name, spec={"budgetRefs": [{"name": "month"}]})
    for kind, name in (("ModelDeployment", "chat"), ("VirtualKey", "kept"), ("VirtualKey", "gone")):
        await eventually(lambda kind=kind, name=name: install.tenant.get(kind, name), lambda it: holds(it, "Ready"))  # type: ignore[misc]


async def _versions(install: Install) -> dict[str, str]:
    """The resource versions of all compiled objects, key Secrets and statuses."""
    found = [
        *(await install.home.items("ConfigMap")),
        *(await install.home.items("Secret")),
        *(await install.tenant.items("Secret")),
        *(await install.tenant.items("ModelDeployment")),
        *(await install.tenant.items("VirtualKey")),
    ]
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in found}


async def _asked(replica: Replica, times: int) -> None:
    """Wait until the replica was asked for its spend so many times more."""
    wanted = replica.spend_asked + times

    async def asked() -> int:
        return replica.spend_asked

    await eventually(asked, lambda it: it >= wanted)


async def _published(install: Install, count: int) -> None:
    async def times() -> int:
        return install.operator.log.read_text().count('"event": "published"')

    await eventually(times, lambda it: it >= count)


async def test_a_restart_rewrites_nothing(install: Install) -> None:
    """Stopped and started again on an unchanged cluster, the operator writes no object and no status."""
    replica = await install.add_replica()
    install.operator.start()
    await _apply_some(install)
    await _asked(replica, 3)
    before = await _versions(install)
    published = install.operator.log.read_text().count('"event": "published"')

    status = install.operator.stop()
    install.operator.start()
    await _published(install, published + 1)
    await _asked(replica, 3)

    assert status == 0
    assert await _versions(install) == before


async def test_a_settled_operator_writes_nothing(install: Install) -> None:
    """Nothing is written while nothing changes: the operator's own statuses do not wake it."""
    replica = await install.add_replica()
    install.operator.start()
    await _apply_some(install)
    await _asked(replica, 3)
    before = await _versions(install)

    await _asked(replica, 5)

    assert await _versions(install) == before


async def test_what_was_deleted_while_nobody_watched_is_gone_after_a_restart(install: Install) -> None:
    """A key deleted while the operator is down is taken out when it comes back; a killed one comes back alike."""
    replica = await install.add_replica()
    install.operator.start()
    await _apply_some(install)

    install.operator.stop(signal.SIGKILL)
    await install.tenant.delete("VirtualKey", "gone")
    install.operator.start()

    async def served() -> list[str]:
        return [key.name for key in replica.snapshot.keys]

    assert await eventually(served, lambda it: it == ["kept"]) == ["kept"]


async def test_what_no_event_told_is_swept_by_a_relist(
    install: Install, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects that came, changed and went while no watch was open are found by the comparison with the API server."""
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    connection = Connection(await connect())
    tenant, home = install.tenant, install.home.namespace
    world = World(namespace=home, release=RELEASE)
    reader = Reader(KubernetesCluster(connection), world, scopes=(tenant.namespace,), home=home, release=RELEASE)
    for name in ("ghost", "changed"):
        await tenant.create("VirtualKey", name, spec={})
    await reader.begin()

    await tenant.delete("VirtualKey", "ghost")
    await tenant.patch("VirtualKey", "changed", {"spec": {"suspended": True}})
    await tenant.create("VirtualKey", "new", spec={})
    change = await reader.relist()
    again = await reader.relist()
    await connection.close()

    changed = world.entry("VirtualKey", ObjectName(tenant.namespace, "changed"))
    assert {entry.manifest["metadata"]["name"] for entry in world.entries("VirtualKey")} == {"changed", "new"}
    assert changed is not None
    assert changed.manifest["spec"]["suspended"] is True
    assert (change.dirty, change.urgent) == (True, True)
    assert again.dirty is False


async def test_a_standby_takes_over_and_two_never_write(install: Install, api_server: ApiServer) -> None:
    """A second operator waits while the first holds the Lease, and leads at once when the first stops."""
    replica = await install.add_replica()
    install.operator.start()
    await _apply_some(install)
    log = install.operator.log.with_name("standby.log")
    standby = OperatorProcess(api_server, install.home.namespace, log)
    standby.environ.update(install.operator.environ)
    standby.environ.update({"SLUICE_POD_NAME": "operator-1", "SLUICE_HEALTH_PORT": str(install.spare_port)})
    standby.start()
    try:
        await install.tenant.create("ModelDeployment", "second", spec=ECHO)
        await eventually(lambda: install.tenant.get("ModelDeployment", "second"), lambda it: holds(it, "Ready"))
        waiting = standby.log.read_text()

        install.operator.stop()
        await install.tenant.delete("VirtualKey", "gone")

        async def served() -> list[str]:
            return [key.name for key in replica.snapshot.keys]

        await eventually(served, lambda it: it == ["kept"])
    finally:
        standby.end()

    assert "published" not in waiting
    assert "lease.held" in standby.log.read_text()

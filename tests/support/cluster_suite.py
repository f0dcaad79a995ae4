"""What every implementation of the Cluster seam promises.  Inherit, and give a ``cluster`` and a ``namespace``."""

from typing import Any

import pytest

from sluice_operator.cluster import Cluster
from sluice_operator.errors import ClusterError
from sluice_operator.inventory import ObjectName

ECHO: dict[str, Any] = {
    "targets": [{"name": "echo", "provider": {"type": "Echo"}, "model": "echo"}],
    "pricing": {"free": True},
}


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    """A ConfigMap."""
    metadata = {"name": name, "namespace": namespace, "labels": {"suite": "yes"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def model(namespace: str, name: str) -> dict[str, Any]:
    """A ModelDeployment."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "sluice.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": ECHO}


def version(manifest: Any) -> int:
    """Its resource version."""
    return int(manifest["metadata"]["resourceVersion"])


class ClusterSuite:
    """The promises.  Tests share a namespace, and so use names of their own."""

    async def test_what_is_created_is_found(self, cluster: Cluster, namespace: str) -> None:
        """A created object is there, says its kind, and has a uid and a version."""
        created = await cluster.create(config_map(namespace, "created", a="1"))

        found = await cluster.get("ConfigMap", ObjectName(namespace, "created"))

        assert created is not None
        assert found is not None
        assert (found["kind"], found["data"]) == ("ConfigMap", {"a": "1"})
        assert found["metadata"]["uid"] == created["metadata"]["uid"]
        assert version(found) == version(created) > 0

    async def test_creating_never_overwrites(self, cluster: Cluster, namespace: str) -> None:
        """Creating what exists gives None and leaves it as it was."""
        await cluster.create(config_map(namespace, "twice", a="1"))

        second = await cluster.create(config_map(namespace, "twice", a="2"))

        assert second is None
        assert (await cluster.get("ConfigMap", ObjectName(namespace, "twice")) or {})["data"] == {"a": "1"}

    async def test_what_is_not_there_is_none(self, cluster: Cluster, namespace: str) -> None:
        """Getting what does not exist is None, not an error."""
        assert await cluster.get("Secret", ObjectName(namespace, "absent")) is None

    async def test_applying_creates_and_changes_only_what_it_names(self, cluster: Cluster, namespace: str) -> None:
        """Applying makes an object or changes the fields it names, and leaves others' fields alone."""
        applied = await cluster.apply(config_map(namespace, "applied", a="1"))
        await cluster.create(config_map(namespace, "mixed", theirs="1"))
        mixed = await cluster.apply(config_map(namespace, "mixed", ours="2"))

        assert applied["data"] == {"a": "1"}
        assert mixed["data"] == {"theirs": "1", "ours": "2"}

    async def test_applying_the_same_again_changes_nothing(self, cluster: Cluster, namespace: str) -> None:
        """An apply that says nothing new gives the same version."""
        first = await cluster.apply(config_map(namespace, "again", a="1"))

        assert version(await cluster.apply(config_map(namespace, "again", a="1"))) == version(first)

    async def test_applying_to_another_object_of_that_name_is_refused(self, cluster: Cluster, namespace: str) -> None:
        """An apply that names a uid writes that object or none."""
        await cluster.create(config_map(namespace, "other", a="1"))
        manifest = config_map(namespace, "other", a="2")
        manifest["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000"

        with pytest.raises(ClusterError) as raised:
            await cluster.apply(manifest)

        assert not raised.value.transient
        assert (await cluster.get("ConfigMap", ObjectName(namespace, "other")) or {})["data"] == {"a": "1"}

    async def test_a_list_holds_the_namespace_and_the_selection(self, cluster: Cluster, namespace: str) -> None:
        """A list is of one namespace and selector, its items say their kind, and none is newer than it."""
        created = await cluster.create(config_map(namespace, "listed", a="1"))

        listing = await cluster.list_all("ConfigMap", namespace=namespace, selector="suite=yes")
        nothing = await cluster.list_all("ConfigMap", namespace=namespace, selector="suite=no")

        assert created is not None
        assert "listed" in {item["metadata"]["name"] for item in listing.items}
        assert {item["metadata"]["namespace"] for item in listing.items} == {namespace}
        assert {item["kind"] for item in listing.items} == {"ConfigMap"}
        assert listing.resource_version >= max(map(version, listing.items))
        assert nothing.items == ()

    async def test_versions_are_those_of_the_list(self, cluster: Cluster, namespace: str) -> None:
        """Versions name the same objects as a list, in the same versions."""
        await cluster.create(config_map(namespace, "versioned", a="1"))

        listing = await cluster.list_all("ConfigMap", namespace=namespace)
        versions = await cluster.versions("ConfigMap", namespace=namespace)

        listed = {ObjectName(namespace, item["metadata"]["name"]): version(item) for item in listing.items}
        assert versions.items == listed
        assert versions.resource_version >= max(listed.values())

    async def test_versions_of_nothing_are_empty(self, cluster: Cluster, namespace: str) -> None:
        """A namespace without objects of a kind has no versions, and that is no error."""
        assert (await cluster.versions("ModelProvider", namespace=namespace)).items == {}

    async def test_writing_a_status_touches_the_status_alone(self, cluster: Cluster, namespace: str) -> None:
        """A status is replaced as a whole; spec and generation stay as they were."""
        created = await cluster.create(model(namespace, "stated"))
        assert created is not None
        name, uid = ObjectName(namespace, "stated"), created["metadata"]["uid"]
        await cluster.write_status("ModelDeployment", name, uid=uid, status={"modelName": "m", "targetSummary": "1/1"})

        written = await cluster.write_status("ModelDeployment", name, uid=uid, status={"modelName": "n"})

        assert written is not None
        assert written["status"]["modelName"] == "n"
        assert "targetSummary" not in written["status"]
        assert written["metadata"]["generation"] == created["metadata"]["generation"]
        assert version(written) > version(created)

    async def test_a_status_of_another_object_is_not_written(self, cluster: Cluster, namespace: str) -> None:
        """A status is written for the object of that uid only; one that is gone is no error."""
        created = await cluster.create(model(namespace, "stranger"))
        assert created is not None
        uid = "00000000-0000-4000-8000-000000000000"

        for name in ("stranger", "nobody"):
            written = await cluster.write_status(
                "ModelDeployment", ObjectName(namespace, name), uid=uid, status={"modelName": "m"}
            )
            assert written is None
        kept = await cluster.get("ModelDeployment", ObjectName(namespace, "stranger"))
        assert version(kept) == version(created)

    async def test_only_the_object_meant_is_deleted(self, cluster: Cluster, namespace: str) -> None:
        """Deleting names a uid: another object of that name stays, and what is gone already is no error."""
        created = await cluster.create(config_map(namespace, "deleted", a="1"))
        assert created is not None
        name = ObjectName(namespace, "deleted")

        await cluster.delete("ConfigMap", name, uid="00000000-0000-4000-8000-000000000000")
        kept = await cluster.get("ConfigMap", name)
        await cluster.delete("ConfigMap", name, uid=created["metadata"]["uid"])
        gone = await cluster.get("ConfigMap", name)
        await cluster.delete("ConfigMap", name, uid=created["metadata"]["uid"])

        assert kept is not None
        assert gone is None

    async def test_a_changed_spec_is_another_generation(self, cluster: Cluster, namespace: str) -> None:
        """A new spec raises the generation and the version; an event is posted beside its object."""
        created = await cluster.create(model(namespace, "changed"))
        assert created is not None
        manifest = model(namespace, "changed")
        manifest["spec"] = {**ECHO, "aliases": ["other"]}

        changed = await cluster.apply(manifest)

        assert changed["metadata"]["generation"] == created["metadata"]["generation"] + 1
        assert version(changed) > version(created)

    async def test_namespaces_are_objects_without_a_namespace(self, cluster: Cluster, namespace: str) -> None:
        """A Namespace is found by its name alone."""
        found = await cluster.get("Namespace", ObjectName("", namespace))

        assert found is not None
        assert found["metadata"]["name"] == namespace
        assert ObjectName("", namespace) in (await cluster.versions("Namespace")).items

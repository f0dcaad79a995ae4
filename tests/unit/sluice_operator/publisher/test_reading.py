"""From the API server into the world."""

import pytest

from sluice_contract import codec, names
from sluice_operator.errors import ClusterError
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher.reading import Reader
from support.desk import HOME, RELEASE, TEAM, Desk


@pytest.fixture
async def desk() -> Desk:
    """A cluster with two VirtualKeys, read once."""
    desk = Desk()
    for name in ("first", "second"):
        desk.cluster.put(_key(name))
    await desk.reader.begin()
    desk.cluster.calls.clear()
    return desk


def _key(name: str, namespace: str = TEAM, **spec: object) -> dict[str, object]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "sluice.dev/v1alpha1", "kind": "VirtualKey", "metadata": metadata, "spec": spec}


def known(desk: Desk) -> set[str]:
    """Names of the VirtualKeys in the world."""
    return {entry.manifest["metadata"]["name"] for entry in desk.world.entries("VirtualKey")}


async def test_everything_is_read_at_the_start(desk: Desk) -> None:
    """After the first reading the world holds every resource and namespace."""
    assert known(desk) == {"first", "second"}
    assert desk.world.freeze().namespaces == {TEAM: {}}


async def test_an_unchanged_cluster_costs_no_content(desk: Desk) -> None:
    """Comparing reads versions, and of the content only our own objects' and that of price books."""
    change = await desk.reader.relist()

    assert not change.dirty
    assert [call for call in desk.cluster.calls if call[0] == "list"] == [("list", "ConfigMap", HOME)]
    assert not any(kind == "VirtualKey" for verb, kind, _ in desk.cluster.calls if verb == "get")


async def test_what_no_event_told_is_found(desk: Desk) -> None:
    """A relist takes in what came and changed and drops what is gone, urgently."""
    desk.cluster.remove("VirtualKey", ObjectName(TEAM, "first"))
    desk.cluster.put(_key("second", suspended=True))
    desk.cluster.put(_key("third"))

    change = await desk.reader.relist()

    assert known(desk) == {"second", "third"}
    assert (change.dirty, change.urgent) == (True, True)
    entry = desk.world.entry("VirtualKey", ObjectName(TEAM, "second"))
    assert entry is not None
    assert entry.manifest["spec"] == {"suspended": True}


async def test_many_differences_are_read_as_a_list(desk: Desk) -> None:
    """After a long silence one list is cheaper than hundreds of single reads."""
    for number in range(150):
        desk.cluster.put(_key(f"new-{number}"))

    await desk.reader.relist()

    assert len(known(desk)) == 152
    assert not any(kind == "VirtualKey" for verb, kind, _ in desk.cluster.calls if verb == "get")


async def test_what_is_referred_to_is_read_and_nothing_else(desk: Desk) -> None:
    """Referenced Secrets are read one by one; one that is not there is known to be absent."""
    desk.put_secret("there", token="dA==")
    desk.put_secret("unrelated", token="dA==")
    there, absent = ObjectName(TEAM, "there"), ObjectName(TEAM, "absent")
    desk.world.follow(frozenset({there, absent}), frozenset())

    await desk.reader.unknown()

    assert desk.world.unknown() == []
    assert desk.world.freeze().secrets.keys() == {there, ObjectName(HOME, f"{RELEASE}-pepper")}


async def test_many_references_are_read_as_a_list(desk: Desk) -> None:
    """At the start of a large install all key Secrets are read in pages, absent ones included."""
    wanted = [ObjectName(TEAM, f"key-{number}") for number in range(300)]
    for name in wanted[:299]:
        desk.put_secret(name.name, token="dA==")
    desk.world.follow(frozenset(wanted), frozenset())

    await desk.reader.unknown()

    assert desk.world.unknown() == []
    assert len(desk.world.freeze().secrets) == 299 + 1
    assert ("list", "Secret", "") in desk.cluster.calls


async def test_a_changed_secret_that_no_event_told_is_found(desk: Desk) -> None:
    """Referenced Secrets are compared too."""
    name = ObjectName(TEAM, "account")
    desk.put_secret("account", token="dA==")
    desk.world.follow(frozenset({name}), frozenset())
    await desk.reader.unknown()
    metadata = {"name": "account", "namespace": TEAM}
    desk.cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"token": "dQ=="}})

    change = await desk.reader.relist()

    assert change.urgent
    assert desk.world.freeze().secrets[name].values == {"token": b"u"}


async def test_a_missing_part_is_noticed(desk: Desk) -> None:
    """A compiled object that somebody deleted unseen is to be written again."""
    desk.world.wrote_part(codec.MODELS, 1, "digest")

    change = await desk.reader.relist()

    assert change.dirty
    assert names.object_name(RELEASE, codec.MODELS) in {name for _, _, name in desk.cluster.calls}
    assert codec.MODELS not in desk.world.parts


async def test_only_given_namespaces_are_read(desk: Desk) -> None:
    """With namespaces given, nothing is listed across the cluster but price books at home, and each namespace is read
    by its name.
    """
    desk.cluster.put(_key("elsewhere", namespace="other"))
    reader = Reader(desk.cluster, desk.world, scopes=(TEAM,), home=HOME, release=RELEASE)

    await reader.begin()
    await reader.relist()

    assert known(desk) == {"first", "second"}
    scopes = {(verb, name) for verb, kind, name in desk.cluster.calls if verb in ("list", "versions")}
    assert scopes == {("list", TEAM), ("versions", TEAM), ("list", HOME)}
    assert ("get", "Namespace", TEAM) in desk.cluster.calls


async def test_a_server_that_is_away_changes_nothing(desk: Desk) -> None:
    """When the API server does not answer, what is known stays."""
    with desk.cluster.unreachable(), pytest.raises(ClusterError):
        await desk.reader.relist()

    assert known(desk) == {"first", "second"}


async def test_price_books_are_read_at_the_start_and_compared(desk: Desk) -> None:
    """Labelled ConfigMaps beside us are read, wherever else we may look; what changed or went untold is found."""
    for namespace in (HOME, TEAM):
        metadata = {"name": "b", "namespace": namespace, "labels": {"sluice.dev/price-book": "true"}}
        desk.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}})
    narrow = Reader(desk.cluster, desk.world, scopes=(TEAM,), home=HOME, release=RELEASE)
    await narrow.begin()
    read = [name for name, _, _ in desk.world.books.unread()]
    desk.cluster.remove("ConfigMap", ObjectName(HOME, "b"))
    change = await narrow.relist()

    assert read == [ObjectName(HOME, "b")]
    assert desk.world.books.unread() == []
    assert change.dirty

"""The world takes in what is true, however late, twice or out of order it is told."""

import base64
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract import codec, names
from sluice_operator import manifests
from sluice_operator.cluster import Listing, Versions
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher.objects import NOTHING, Change
from sluice_operator.publisher.world import World

NAME = ObjectName("team", "checkout")
SECRET = ObjectName("team", "account")


def key(version: int, *, generation: int = 1, uid: str = "u1", name: str = "checkout", **extra: Any) -> dict[str, Any]:
    """A VirtualKey as the API server gives it."""
    metadata = {
        "name": name, "namespace": "team", "uid": uid, "generation": generation,
        "resourceVersion": str(version), **extra.pop("metadata", {}),
    }  # fmt: skip
    return {"kind": "VirtualKey", "metadata": metadata, "spec": {}, **extra}


def secret(version: int, name: str = "account", **values: str) -> dict[str, Any]:
    """A Secret as the API server gives it."""
    data = {entry: base64.b64encode(value.encode()).decode() for entry, value in values.items()}
    metadata = {"name": name, "namespace": "team", "uid": "s1", "resourceVersion": str(version)}
    return {"kind": "Secret", "metadata": metadata, "data": data}


@pytest.fixture
def world() -> World:
    """An empty world."""
    return World(namespace="home", release="gw")


def known(world: World) -> dict[str, int]:
    """The VirtualKeys that are known, with their versions."""
    return {entry.manifest["metadata"]["name"]: entry.version for entry in world.entries("VirtualKey")}


def test_what_is_new_can_wait_and_what_changes_may_revoke(world: World) -> None:
    """A new resource makes the world dirty; a changed or deleted one urgently so."""
    new = world.hear("VirtualKey", key(1))
    changed = world.hear("VirtualKey", key(2, generation=2))
    labelled = world.hear("VirtualKey", key(3, generation=2, metadata={"labels": {"team": "b"}}))
    deleted = world.hear("VirtualKey", key(4, generation=2), deleted=True)

    assert (new.dirty, new.urgent) == (True, False)
    assert [(it.dirty, it.urgent) for it in (changed, labelled, deleted)] == [(True, True)] * 3


def test_a_status_alone_does_not_make_the_world_dirty(world: World) -> None:
    """A status write leaves the compilation as it is; that the status differs is told."""
    world.hear("VirtualKey", key(1))

    assert world.hear("VirtualKey", key(2, status={"keyID": "vk"})) == Change(restated="u1")
    assert world.hear("VirtualKey", key(3, status={"keyID": "vk"})) == NOTHING


def test_an_older_word_changes_nothing(world: World) -> None:
    """What was true before what is known does not count any more."""
    world.hear("VirtualKey", key(5, generation=2))

    assert world.hear("VirtualKey", key(4, generation=1)) == NOTHING
    assert world.hear("VirtualKey", key(3), deleted=True) == NOTHING
    assert known(world) == {"checkout": 5}


def test_what_is_gone_does_not_come_back_by_an_older_word(world: World) -> None:
    """A deletion is remembered against late events and against a list that began before it."""
    world.hear("VirtualKey", key(5))
    world.hear("VirtualKey", key(9), deleted=True)

    assert world.hear("VirtualKey", key(6)) == NOTHING
    world.replace("VirtualKey", Listing(7, (key(5),)), scope=None)
    assert known(world) == {}


def test_a_deletion_is_remembered_until_a_list_began_after_it(world: World) -> None:
    """Nothing is remembered for ever: what a later list does not have needs no stone."""
    world.hear("VirtualKey", key(5))
    world.hear("VirtualKey", key(9), deleted=True)
    world.sweep("VirtualKey", Versions(10, {}), scope=None)

    assert world.hear("VirtualKey", key(10)) == NOTHING
    assert world.hear("VirtualKey", key(11)).dirty
    assert known(world) == {"checkout": 11}


def test_another_object_of_the_same_name_is_another_object(world: World) -> None:
    """Deleted and made again is a change that may revoke, even when only the second half is heard."""
    world.hear("VirtualKey", key(1, uid="u1"))

    change = world.hear("VirtualKey", key(3, uid="u2"))

    assert (change.dirty, change.urgent, change.restated) == (True, True, "u2")
    assert world.hear("VirtualKey", key(2, uid="u1"), deleted=True) == NOTHING


def test_a_list_sweeps_what_it_does_not_have(world: World) -> None:
    """An object that a list misses is gone, urgently; one newer than the list is not."""
    world.hear("VirtualKey", key(3, name="ghost", uid="u3"))
    world.hear("VirtualKey", key(9, name="newer", uid="u9"))

    change = world.sweep("VirtualKey", Versions(5, {}), scope=None)

    assert (change.dirty, change.urgent) == (True, True)
    assert known(world) == {"newer": 9}


def test_a_list_of_one_namespace_says_nothing_of_another(world: World) -> None:
    """A sweep is of its own scope only."""
    world.hear("VirtualKey", key(3))

    assert world.sweep("VirtualKey", Versions(5, {}), scope="other") == NOTHING
    assert world.sweep("VirtualKey", Versions(5, {}), scope="team").dirty


def test_what_was_missed_is_found_by_its_version(world: World) -> None:
    """Objects of a newer version, or unknown ones, are to be read; what is current or gone since is not."""
    for version, name in ((3, "same"), (3, "old"), (3, "gone")):
        world.hear("VirtualKey", key(version, name=name, uid=name))
    world.hear("VirtualKey", key(8, name="gone", uid="gone"), deleted=True)
    seen = {ObjectName("team", name): version for name, version in (("same", 3), ("old", 4), ("new", 2), ("gone", 3))}

    stale = world.stale("VirtualKey", Versions(7, seen), scope=None)

    assert {name.name for name in stale} == {"old", "new"}
    assert world.hear("VirtualKey", key(2, name="new", uid="new"), listed=True).dirty


@given(st.permutations(range(6)))
def test_any_order_of_words_ends_in_the_same_world(order: list[int]) -> None:
    """However events and lists overtake each other, what is known in the end is what is true in the end."""
    words = [
        ("event", key(1), False),
        ("event", key(2, generation=2), False),
        ("event", key(3, generation=2), True),
        ("event", key(5, uid="u2"), False),
        ("list", Listing(2, (key(2, generation=2),)), None),
        ("list", Listing(4, ()), None),
    ]
    world = World(namespace="home", release="gw")
    for kind, word, deleted in (words[position] for position in order):
        if kind == "event":
            world.hear("VirtualKey", word, deleted=bool(deleted))  # type: ignore[arg-type]
        else:
            world.replace("VirtualKey", word, scope=None)  # type: ignore[arg-type]

    assert known(world) == {"checkout": 5}


def test_only_what_is_referred_to_is_kept(world: World) -> None:
    """Content of a Secret nobody refers to is not taken in, and is dropped when nobody refers to it any more."""
    ignored = world.hear("Secret", secret(1, token="t"))
    world.follow(frozenset({SECRET}), frozenset())
    unread = world.unknown()
    taken = world.hear("Secret", secret(2, token="t"))
    held = world.freeze().secrets[SECRET].values
    world.follow(frozenset(), frozenset())

    assert ignored == NOTHING
    assert ("Secret", SECRET) in unread
    assert taken == Change(dirty=True)
    assert held == {"token": b"t"}
    assert SECRET not in world.freeze().secrets


def test_a_changed_or_deleted_secret_is_urgent(world: World) -> None:
    """A credential that is replaced or taken away is to stop working at once; new labels on it mean nothing."""
    world.follow(frozenset({SECRET}), frozenset())
    world.hear("Secret", secret(1, token="t"))

    same = world.hear("Secret", secret(2, token="t"))
    version = world.freeze().secrets[SECRET].version
    changed = world.hear("Secret", secret(3, token="u"))
    deleted = world.hear("Secret", secret(4, token="u"), deleted=True)

    assert (same, version) == (NOTHING, "1")
    assert (changed, deleted) == (Change(dirty=True, urgent=True), Change(dirty=True, urgent=True))
    assert world.freeze().secrets == {}


def test_what_is_known_to_be_absent_is_not_asked_again(world: World) -> None:
    """A reference to nothing is read once; when the object comes, it is taken in."""
    world.follow(frozenset({SECRET}), frozenset())

    assert world.hear_absent("Secret", SECRET).dirty
    assert ("Secret", SECRET) not in world.unknown()
    assert world.hear("Secret", secret(7, token="t")) == Change(dirty=True)


def test_an_entry_that_is_not_base64_is_as_absent(world: World) -> None:
    """A damaged entry does not take its neighbours down."""
    world.follow(frozenset({SECRET}), frozenset())
    manifest = secret(1, good="yes")
    manifest["data"]["bad"] = "%%%"

    world.hear("Secret", manifest)

    assert world.freeze().secrets[SECRET].values == {"good": b"yes"}


def test_a_config_map_holds_text_and_bytes(world: World) -> None:
    """Both halves of a ConfigMap are values."""
    name = ObjectName("team", "ca")
    world.follow(frozenset(), frozenset({name}))
    metadata = {"name": "ca", "namespace": "team", "uid": "c", "resourceVersion": "1"}

    world.hear(
        "ConfigMap", {"kind": "ConfigMap", "metadata": metadata, "data": {"a": "é"}, "binaryData": {"b": "AA=="}}
    )

    assert world.freeze().config_maps[name].values == {"a": "é".encode(), "b": b"\x00"}


def test_namespaces_matter_by_their_labels(world: World) -> None:
    """New labels of a namespace may revoke; anything else about it does not matter."""
    versions = itertools.count(1)

    def namespace(**metadata: Any) -> dict[str, Any]:
        whole = {"name": "team", "uid": "n", "resourceVersion": str(next(versions)), **metadata}
        return {"kind": "Namespace", "metadata": whole}

    assert world.hear("Namespace", namespace(labels={"llm": "yes"})).dirty
    assert not world.hear("Namespace", namespace(labels={"llm": "yes"}, annotations={"a": "b"})).dirty
    assert world.hear("Namespace", namespace(labels={})).urgent
    assert world.freeze().namespaces == {"team": {}}


def test_our_own_objects_matter_only_when_somebody_else_changed_them(world: World) -> None:
    """The event of our own write is nothing; a write or a deletion by somebody else makes the world dirty."""
    written = manifests.compiled_part(namespace="home", release="gw", part=codec.MODELS, data=b"ours")
    written["metadata"]["resourceVersion"] = "5"
    other = manifests.compiled_part(namespace="home", release="gw", part=codec.MODELS, data=b"theirs")
    other["metadata"]["resourceVersion"] = "6"
    world.wrote_part(codec.MODELS, 5, codec.digest(b"ours"))

    assert world.hear("ConfigMap", written) == NOTHING
    assert world.hear("ConfigMap", other).dirty
    assert world.parts[codec.MODELS] == (6, codec.digest(b"theirs"))
    other["metadata"]["resourceVersion"] = "7"
    assert world.hear("ConfigMap", other, deleted=True).dirty


def test_another_installs_objects_are_not_ours(world: World) -> None:
    """A compiled object of another release or namespace means nothing here."""
    other = manifests.compiled_part(namespace="elsewhere", release="gw", part=codec.MODELS, data=b"x")
    other["metadata"]["resourceVersion"] = "6"

    assert world.hear("ConfigMap", other) == NOTHING
    assert world.parts == {}


def test_the_pepper_holds_while_it_is_made_anew(world: World) -> None:
    """Keys do not become weak in the moment in which the pepper's Secret is missing."""
    manifest = manifests.pepper_secret(namespace="home", release="gw", pepper=b"salt")
    manifest["metadata"]["resourceVersion"] = "1"
    world.follow(frozenset(), frozenset())
    world.hear("Secret", manifest)
    before = world.freeze().pepper
    manifest["metadata"]["resourceVersion"] = "2"
    world.hear("Secret", manifest, deleted=True)

    assert (before, world.freeze().pepper) == (b"salt", b"salt")


def test_a_manifest_is_parsed_once_for_all_its_statuses(world: World) -> None:
    """Status writes do not cost a parse; a new generation does."""
    world.hear("VirtualKey", key(1))
    first = world.freeze().entries[0].parsed()
    world.hear("VirtualKey", key(2, status={"keyID": "x"}))
    same = world.freeze().entries[0].parsed()
    world.hear("VirtualKey", key(3, generation=2))

    assert same is first
    assert world.freeze().entries[0].parsed() is not first


def test_no_secret_is_printed(world: World) -> None:
    """A frozen world's repr holds no value of a Secret and no pepper."""
    world.follow(frozenset({SECRET}), frozenset())
    world.hear("Secret", secret(1, token="canary"))

    assert "canary" not in repr(world.freeze())
    assert names.PART_FIELD not in repr(world.freeze().secrets)


@pytest.mark.parametrize(
    ("named", "may"),
    [(frozenset(), {"home"}), (frozenset({"platform"}), {"home", "platform"}), (None, None)],
)
def test_the_operators_own_namespace_may_always_use_the_data_planes_identity(
    named: frozenset[str] | None, may: set[str] | None
) -> None:
    """Whoever installs the release may use what it has; others where they are named."""
    world = World(namespace="home", release="gw", identity_namespaces=named)

    assert world.freeze().inventory(0).identity_namespaces == may

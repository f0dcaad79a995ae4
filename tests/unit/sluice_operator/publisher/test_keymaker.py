"""Generated keys: made once, read back, never over somebody else's Secret."""

import base64
from typing import Any

import pytest

from sluice_operator.compiler import WantedSecret
from sluice_operator.compiler.keys import token_checksum_ok
from sluice_operator.errors import ClusterError
from sluice_operator.inventory import ObjectName
from sluice_operator.manifests import key_secret
from sluice_operator.publisher.keymaker import MAX_AT_A_TIME
from sluice_operator.verdicts import ResourceRef
from support.desk import TEAM, Desk

SECRET = ObjectName(TEAM, "checkout-key")


def never() -> bool:
    """Nothing presses."""
    return False


@pytest.fixture
async def desk() -> Desk:
    """A desk with one VirtualKey, whose Secret is wanted."""
    desk = Desk()
    desk.put("VirtualKey", "checkout", {})
    desk.world.follow(frozenset({SECRET}), frozenset())
    desk.world.hear_absent("Secret", SECRET)
    return desk


def wanted(desk: Desk, name: str = "checkout") -> WantedSecret:
    """The Secret that the compiler wants for a VirtualKey."""
    uid = desk.cluster.objects["VirtualKey", TEAM, name]["metadata"]["uid"]
    ref = ResourceRef("VirtualKey", TEAM, name, uid, 1)
    return WantedSecret(ref, ObjectName(TEAM, f"{name}-key"), "api-key", "vkaaaaaaaaaa")


def token(desk: Desk) -> bytes:
    """The key in the cluster."""
    return base64.b64decode(desk.cluster.objects["Secret", TEAM, "checkout-key"]["data"]["api-key"])


def put_secret(desk: Desk, **given: Any) -> None:
    """A Secret of the wanted name, of whoever it says."""
    metadata = {"name": "checkout-key", "namespace": TEAM}
    desk.cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {}, **given})


async def test_a_key_is_made_and_known_at_once(desk: Desk) -> None:
    """The Secret is in the cluster and in the world, and holds a token of ours."""
    made = await desk.keys.make([wanted(desk)], pressing=never)

    assert made == 1
    assert token_checksum_ok(token(desk).decode())
    assert desk.world.freeze().secrets[SECRET].values == {"api-key": token(desk)}


async def test_a_secret_we_had_not_heard_of_is_read_instead(desk: Desk) -> None:
    """A Secret that is there already, as after a crash, is taken as it is: no second key."""
    ours = key_secret(wanted(desk).owner, SECRET, entry="api-key", key_id="vk1", token="first")
    desk.cluster.put(ours)

    made = await desk.keys.make([wanted(desk)], pressing=never)

    assert made == 1
    assert desk.world.freeze().secrets[SECRET].values == {"api-key": b"first"}


async def test_somebody_elses_secret_is_left_alone(desk: Desk) -> None:
    """A Secret that is not ours is read and never written; why there is no key is told."""
    put_secret(desk, data={"password": "cHc="})

    await desk.keys.make([wanted(desk)], pressing=never)
    made = await desk.keys.make([wanted(desk)], pressing=never)

    assert made == 0
    assert desk.cluster.objects["Secret", TEAM, "checkout-key"]["data"] == {"password": "cHc="}
    assert "not this key's" in desk.keys.refused[wanted(desk).owner.uid]


async def test_another_keys_secret_is_left_alone(desk: Desk) -> None:
    """Two VirtualKeys that name one Secret do not take it from each other."""
    desk.put("VirtualKey", "other", {})
    theirs = key_secret(wanted(desk, "other").owner, SECRET, entry="other-entry", key_id="vk2", token="theirs")
    desk.cluster.put(theirs)

    for _ in range(2):
        await desk.keys.make([wanted(desk)], pressing=never)

    assert desk.cluster.objects["Secret", TEAM, "checkout-key"]["data"] == theirs["data"]
    assert wanted(desk).owner.uid in desk.keys.refused


async def test_the_secret_of_a_key_that_is_gone_is_taken_over(desk: Desk) -> None:
    """A Secret that only waits for the garbage collector does not keep a new VirtualKey of that name from its key."""
    gone = ResourceRef("VirtualKey", TEAM, "checkout", "uid-of-the-deleted-one", 1)
    desk.cluster.put(key_secret(gone, SECRET, entry="api-key", key_id="vk0", token="old"))

    for _ in range(2):
        await desk.keys.make([wanted(desk)], pressing=never)

    assert token(desk) != b"old"
    assert not desk.keys.refused


async def test_the_key_of_a_deleted_virtualkey_opens_nothing_for_a_new_one_of_its_name(desk: Desk) -> None:
    """Deleted and made again at once: the old Secret is still there, and what is in it counts no more."""
    gone = ResourceRef("VirtualKey", TEAM, "checkout", "uid-of-the-deleted-one", 1)
    old = key_secret(gone, SECRET, entry="api-key", key_id="vk0", token="old")

    desk.world.hear("Secret", desk.cluster.put(old))
    before = desk.world.freeze().secrets
    await desk.keys.make([wanted(desk)], pressing=never)

    assert SECRET not in before
    assert desk.world.freeze().secrets[SECRET].values == {"api-key": token(desk)}
    assert token(desk) != b"old"


async def test_a_refusal_ends_when_the_secret_is_wanted_no_more(desk: Desk) -> None:
    """What was refused is not told of for ever."""
    put_secret(desk)
    for _ in range(2):
        await desk.keys.make([wanted(desk)], pressing=never)
    assert desk.keys.refused

    await desk.keys.make([], pressing=never)

    assert not desk.keys.refused


async def test_a_server_that_is_away_is_no_refusal(desk: Desk) -> None:
    """Being unable to write now is tried again, not told of the key."""
    with desk.cluster.unreachable(), pytest.raises(ClusterError):
        await desk.keys.make([wanted(desk)], pressing=never)

    assert not desk.keys.refused


async def test_keys_wait_for_what_presses(desk: Desk) -> None:
    """When something that may revoke comes up, no further key is made first."""
    assert await desk.keys.make([wanted(desk)], pressing=lambda: True) == 0
    assert desk.cluster.writes() == []


async def test_many_keys_come_in_portions(desk: Desk) -> None:
    """The first keys work before the last one is made."""
    names = [f"key-{number}" for number in range(MAX_AT_A_TIME + 1)]
    for name in names:
        desk.put("VirtualKey", name, {})

    assert await desk.keys.make([wanted(desk, name) for name in names], pressing=never) == MAX_AT_A_TIME

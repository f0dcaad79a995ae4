"""The objects that the operator writes."""

import base64

import pytest

from sluice_contract import codec, names
from sluice_operator import manifests
from sluice_operator.inventory import ObjectName
from sluice_operator.manifests import Notice
from sluice_operator.verdicts import ResourceRef

REF = ResourceRef("VirtualKey", "team", "checkout", "uid-1", 3)


@pytest.mark.parametrize("part", [*codec.PARTS, codec.INDEX])
def test_secret_parts_are_secrets_and_others_are_not(part: str) -> None:
    """Keys and credentials go into Secrets, everything else into ConfigMaps; what is put in is read back."""
    manifest = manifests.compiled_part(namespace="home", release="gw", part=part, data=b"\x00bytes")

    assert manifest["kind"] == ("Secret" if part in codec.SECRET_PARTS else "ConfigMap")
    assert manifest["metadata"]["name"] == names.object_name("gw", part)
    assert manifest["metadata"]["labels"][names.LABEL_PART] == part
    assert manifests.part_content(manifest) == b"\x00bytes"


@pytest.mark.parametrize("part", [codec.MODELS, codec.CREDENTIALS])
def test_parts_go_with_the_operators_account(part: str) -> None:
    """What is compiled is collected with the release that wrote it, and holds up the deletion of nothing."""
    owned = manifests.compiled_part(namespace="home", release="gw", part=part, data=b"x", account_uid="uid-9")
    orphan = manifests.compiled_part(namespace="home", release="gw", part=part, data=b"x")

    (owner,) = owned["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "v1", "kind": "ServiceAccount", "name": "gw-operator", "uid": "uid-9"}
    assert "ownerReferences" not in orphan["metadata"]


@pytest.mark.parametrize("data", [{}, {"other": "AAAA"}, {names.PART_FIELD: "not base64!"}, None])
def test_a_damaged_part_has_no_content(data: object) -> None:
    """A compiled object without its entry, or with nonsense in it, reads as nothing rather than as empty."""
    assert manifests.part_content({"kind": "Secret", "data": data}) is None


def test_a_key_secret_belongs_to_its_key() -> None:
    """A key's Secret holds the token, names its owner, and never blocks the owner's deletion."""
    manifest = manifests.key_secret(REF, ObjectName("team", "checkout-key"), entry="api-key", key_id="vk1", token="t")

    assert base64.b64decode(manifest["data"]["api-key"]) == b"t"
    assert manifests.owner_uids(manifest) == {REF.uid}
    assert "blockOwnerDeletion" not in manifest["metadata"]["ownerReferences"][0]


def test_a_secret_without_our_label_is_nobodys() -> None:
    """Only what we made counts as ours, whoever is named as its owner."""
    owner = {"kind": "VirtualKey", "uid": REF.uid}

    assert manifests.owner_uids({"metadata": {"ownerReferences": [owner]}}) == frozenset()


def test_saying_the_same_twice_is_one_event() -> None:
    """An Event's name follows from what it says: a repetition is refused as existing, anything else is new."""
    said = [
        Notice(REF, "Warning", "BudgetExhausted", "all", about="2026-09"),
        Notice(REF, "Warning", "BudgetExhausted", "all", about="2026-09"),
        Notice(REF, "Warning", "BudgetExhausted", "all", about="2026-10"),
    ]

    first, again, later = (
        manifests.event(notice, reporter="operator-0", at=f"2026-09-0{day}T00:00:00.000000Z")["metadata"]["name"]
        for day, notice in enumerate(said, start=1)
    )

    assert first == again != later


def test_a_long_message_is_cut_to_what_the_server_takes() -> None:
    """An Event's note stays below the API server's limit."""
    event = manifests.event(Notice(REF, "Warning", "Conflicted", "x" * 5000), reporter="o", at="t")

    assert len(event["note"]) <= 1024

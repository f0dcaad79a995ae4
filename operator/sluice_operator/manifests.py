"""The objects that the operator writes, as dicts.  Pure: names, labels and owners are decided here."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sluice_contract import codec, names
from sluice_operator.inventory import ObjectName
from sluice_operator.verdicts import ResourceRef

Manifest = dict[str, Any]

PEPPER_ENTRY: Final = "pepper"
_MAX_NOTE_CHARS: Final = 1000  # the API server refuses a note over 1024 bytes
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_INSTANCE: Final = "app.kubernetes.io/instance"
_CORE: Final = {"apiVersion": "v1"}


@dataclass(frozen=True, slots=True)
class Notice:
    """One Kubernetes Event for people.  ``about`` tells two notices of one reason apart: a second one is not posted."""

    ref: ResourceRef
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    about: str = ""


def account_name(release: str) -> str:
    """The name of the operator's ServiceAccount, which the compiled objects belong to: they go with the release."""
    return f"{release}-operator"


def compiled_part(*, namespace: str, release: str, part: str, data: bytes, account_uid: str | None = None) -> Manifest:
    """The ConfigMap or Secret that carries *part* of the snapshot.

    *account_uid* is that of the operator's ServiceAccount; with None the object has no owner.
    """
    encoded = {names.PART_FIELD: base64.b64encode(data).decode()}
    metadata: Manifest = {
        "name": names.object_name(release, part),
        "namespace": namespace,
        "labels": {names.LABEL_PART: part, _INSTANCE: release, _MANAGED_BY: names.MANAGED_BY},
    }
    if account_uid is not None:
        owner = {**_CORE, "kind": "ServiceAccount", "name": account_name(release), "uid": account_uid}
        metadata["ownerReferences"] = [owner]
    if part in codec.SECRET_PARTS:
        return {**_CORE, "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded}
    return {**_CORE, "kind": "ConfigMap", "metadata": metadata, "binaryData": encoded}


def part_content(manifest: Mapping[str, Any]) -> bytes | None:
    """The bytes of the part that a compiled object carries, None where there are none that can be read."""
    field = "data" if manifest["kind"] == "Secret" else "binaryData"
    try:
        return base64.b64decode((manifest.get(field) or {})[names.PART_FIELD], validate=True)
    except (KeyError, ValueError):
        return None


def key_secret(owner: ResourceRef, secret: ObjectName, *, entry: str, key_id: str, token: str) -> Manifest:
    """The Secret of a generated key: it goes when its VirtualKey goes."""
    return {
        **_CORE,
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": secret.name,
            "namespace": secret.namespace,
            "labels": {names.LABEL_KEY_ID: key_id, _MANAGED_BY: names.MANAGED_BY},
            "ownerReferences": [_owner(owner)],
        },
        "data": {entry: base64.b64encode(token.encode()).decode()},
    }


def owner_uids(manifest: Mapping[str, Any]) -> frozenset[str]:
    """The uids of the VirtualKeys that a Secret of ours belongs to; none if it is not ours."""
    metadata = manifest["metadata"]
    if (metadata.get("labels") or {}).get(_MANAGED_BY) != names.MANAGED_BY:
        return frozenset()
    return frozenset(str(item["uid"]) for item in metadata.get("ownerReferences") or () if item["kind"] == "VirtualKey")


def pepper_secret(*, namespace: str, release: str, pepper: bytes) -> Manifest:
    """The Secret of the install's pepper.  Without it no key that is digested with it works: it has no owner."""
    return {
        **_CORE,
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": pepper_name(release),
            "namespace": namespace,
            "labels": {_INSTANCE: release, _MANAGED_BY: names.MANAGED_BY},
        },
        "data": {PEPPER_ENTRY: base64.b64encode(pepper).decode()},
    }


def pepper_name(release: str) -> str:
    """The name of the Secret of the install's pepper."""
    return f"{release}-pepper"


def event(notice: Notice, *, reporter: str, at: str) -> Manifest:
    """The Event of *notice*; its name follows from what it says, so that saying it again is refused as existing.

    Args:
        notice: what to say, and about which object.
        reporter: the pod that says it.
        at: when, as RFC 3339 with microseconds.
    """
    ref = notice.ref
    said = f"{ref.uid}|{notice.reason}|{notice.message}|{notice.about}"
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{ref.name[:200]}.{hashlib.sha256(said.encode()).hexdigest()[:16]}",
            "namespace": ref.namespace,
        },
        "eventTime": at,
        "reportingController": names.MANAGED_BY,
        "reportingInstance": reporter,
        "action": "Reconcile",
        "type": notice.type,
        "reason": notice.reason,
        "note": notice.message[:_MAX_NOTE_CHARS],
        "regarding": {
            "apiVersion": "v1" if ref.kind == "ConfigMap" else f"{names.API_GROUP}/{names.API_VERSION}",
            "kind": ref.kind,
            "namespace": ref.namespace,
            "name": ref.name,
            "uid": ref.uid,
        },
    }


def _owner(ref: ResourceRef) -> Manifest:
    # No blockOwnerDeletion: deleting a key never waits for its Secret.
    return {
        "apiVersion": f"{names.API_GROUP}/{names.API_VERSION}",
        "kind": ref.kind,
        "name": ref.name,
        "uid": ref.uid,
    }

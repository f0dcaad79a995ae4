"""The Cluster seam in memory.  Passes the same suite as the real one: ``support.cluster_suite``."""

import copy
import itertools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sluice_operator.cluster import Listing, Manifest, Versions
from sluice_operator.errors import ClusterError
from sluice_operator.inventory import ObjectName

_Key = tuple[str, str, str]


class FakeCluster:
    """Objects by kind, namespace and name.  ``calls`` tells what was asked, ``down`` makes every call fail."""

    def __init__(self) -> None:
        self.objects: dict[_Key, dict[str, Any]] = {}
        self.calls: list[tuple[str, str, str]] = []  # verb, kind, name
        self.down = False
        self._versions = itertools.count(1)
        self._version = 0

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Every call fails while the block runs."""
        self.down = True
        try:
            yield
        finally:
            self.down = False

    def put(self, manifest: Manifest) -> dict[str, Any]:
        """Somebody else writes an object: spec, data and labels as given, status kept."""
        key = _key(manifest)
        known = self.objects.get(key)
        merged = {**(known or {}), **copy.deepcopy(dict(manifest))}
        merged["metadata"] = {**(known or {}).get("metadata", {}), **merged["metadata"]}
        return self._keep(key, merged)

    def remove(self, kind: str, name: ObjectName) -> dict[str, Any]:
        """Somebody else deletes an object; as its last event shows it."""
        gone = self.objects.pop((kind, name.namespace, name.name))
        gone["metadata"]["resourceVersion"] = self._next()
        return gone

    def writes(self) -> list[tuple[str, str, str]]:
        """The calls that write."""
        return [call for call in self.calls if call[0] not in ("list", "versions", "get")]

    async def list_all(self, kind: str, *, namespace: str | None = None, selector: str = "") -> Listing:
        """See Cluster."""
        self._called("list", kind, namespace or "")
        return Listing(self._version, tuple(copy.deepcopy(self._found(kind, namespace, selector))))

    async def versions(self, kind: str, *, namespace: str | None = None) -> Versions:
        """See Cluster."""
        self._called("versions", kind, namespace or "")
        metadata = [item["metadata"] for item in self._found(kind, namespace, "")]
        names = {ObjectName(m.get("namespace", ""), m["name"]): int(m["resourceVersion"]) for m in metadata}
        return Versions(self._version, names)

    async def get(self, kind: str, name: ObjectName) -> Manifest | None:
        """See Cluster."""
        self._called("get", kind, name.name)
        return copy.deepcopy(self.objects.get((kind, name.namespace, name.name)))

    async def create(self, manifest: Manifest) -> Manifest | None:
        """See Cluster."""
        key = _key(manifest)
        self._called("create", key[0], key[2])
        if key in self.objects:
            return None
        return copy.deepcopy(self._keep(key, copy.deepcopy(dict(manifest))))

    async def apply(self, manifest: Manifest) -> Manifest:
        """See Cluster."""
        key = _key(manifest)
        self._called("apply", key[0], key[2])
        known = self.objects.get(key, {})
        uid = known.get("metadata", {}).get("uid")
        if manifest["metadata"].get("uid", uid) != uid:
            raise ClusterError("apply: another uid", transient=False, status=422)
        merged = _merged(known, manifest)
        if merged == known:
            return copy.deepcopy(known)
        return copy.deepcopy(self._keep(key, merged))

    async def delete(self, kind: str, name: ObjectName, *, uid: str) -> None:
        """See Cluster."""
        self._called("delete", kind, name.name)
        known = self.objects.get((kind, name.namespace, name.name))
        if known is not None and known["metadata"]["uid"] == uid:
            self.remove(kind, name)

    async def write_status(self, kind: str, name: ObjectName, *, uid: str, status: Manifest) -> Manifest | None:
        """See Cluster."""
        self._called("write_status", kind, name.name)
        key = (kind, name.namespace, name.name)
        known = self.objects.get(key)
        if known is None or known["metadata"]["uid"] != uid:
            return None
        written = {**copy.deepcopy(known), "status": copy.deepcopy(dict(status))}
        return copy.deepcopy(known if written == known else self._keep(key, written))

    def _called(self, verb: str, kind: str, name: str) -> None:
        if self.down:
            raise ClusterError(f"{verb} {kind}: unreachable", transient=True)
        self.calls.append((verb, kind, name))

    def _keep(self, key: _Key, manifest: dict[str, Any]) -> dict[str, Any]:
        known = self.objects.get(key)
        metadata = manifest["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", "2026-09-01T00:00:00Z")
        before = metadata.get("generation", 0)
        metadata["generation"] = before + (known is None or known.get("spec") != manifest.get("spec"))
        metadata["resourceVersion"] = self._next()
        self.objects[key] = manifest
        return manifest

    def _next(self) -> str:
        self._version = next(self._versions)
        return str(self._version)

    def _found(self, kind: str, namespace: str | None, selector: str) -> list[dict[str, Any]]:
        wanted = dict(part.split("=", 1) for part in selector.split(",") if part)
        return [
            item
            for (of, within, _), item in self.objects.items()
            if of == kind
            and namespace in (None, within)
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]


def _key(manifest: Manifest) -> _Key:
    return manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def _merged(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(known))
    for name, value in given.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both else copy.deepcopy(value)
    return merged

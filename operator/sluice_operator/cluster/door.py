"""The real API server behind the seam: kinds to paths, pages to listings, verbs to patches."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from sluice_contract.names import API_GROUP, API_VERSION, MANAGED_BY
from sluice_operator.cluster import Listing, Manifest, Versions
from sluice_operator.cluster.connection import APPLY_PATCH, JSON, JSON_PATCH, METADATA_ONLY, Connection
from sluice_operator.errors import ClusterError
from sluice_operator.inventory import ObjectName

PAGE_OBJECTS: Final = 500
OF_INTEREST: Final = "type!=helm.sh/release.v1"  # Secrets: a chart's release holds no credential, but may be a megabyte
_RELIST_ATTEMPTS: Final = 3  # a list that expires while it is paged begins again

_OURS: Final = (f"/apis/{API_GROUP}/{API_VERSION}", f"{API_GROUP}/{API_VERSION}")
_CORE: Final = ("/api/v1", "v1")
_KINDS: Final[Mapping[str, tuple[tuple[str, str], str]]] = {
    "ModelDeployment": (_OURS, "modeldeployments"),
    "VirtualKey": (_OURS, "virtualkeys"),
    "Budget": (_OURS, "budgets"),
    "ModelProvider": (_OURS, "modelproviders"),
    "Secret": (_CORE, "secrets"),
    "ConfigMap": (_CORE, "configmaps"),
    "Namespace": (_CORE, "namespaces"),
    "Pod": (_CORE, "pods"),
    "ServiceAccount": (_CORE, "serviceaccounts"),
    "Event": (("/apis/events.k8s.io/v1", "events.k8s.io/v1"), "events"),
}


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = "0"
    continue_: str = msgspec.field(name="continue", default="")


class _ObjectPage(msgspec.Struct):
    metadata: _ListMeta
    items: list[dict[str, Any]]


class _Meta(msgspec.Struct, rename="camel"):
    name: str
    resource_version: str
    namespace: str = ""


class _Partial(msgspec.Struct):
    metadata: _Meta


class _MetaPage(msgspec.Struct):
    metadata: _ListMeta
    items: list[_Partial] | None  # null where there is none


_Page = TypeVar("_Page", _ObjectPage, _MetaPage)
_T = TypeVar("_T")


class KubernetesCluster:
    """See :class:`sluice_operator.cluster.Cluster`."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection

    async def list_all(self, kind: str, *, namespace: str | None = None, selector: str = "") -> Listing:
        """Everything of *kind*, read in pages."""
        version, items = 0, list[Manifest]()
        for page in await self._pages(kind, namespace, selector, _ObjectPage, JSON):
            version = int(page.metadata.resource_version)
            items += [_named(kind, item) for item in page.items]
        return Listing(version, tuple(items))

    async def versions(self, kind: str, *, namespace: str | None = None) -> Versions:
        """The resource versions of everything of *kind*; the server sends metadata only."""
        version, items = 0, dict[ObjectName, int]()
        for page in await self._pages(kind, namespace, "", _MetaPage, METADATA_ONLY):
            version = int(page.metadata.resource_version)
            for item in page.items or ():
                items[ObjectName(item.metadata.namespace, item.metadata.name)] = int(item.metadata.resource_version)
        return Versions(version, items)

    async def get(self, kind: str, name: ObjectName) -> Manifest | None:
        """The object, None if there is none."""
        try:
            return _named(kind, _decoded(await self._connection.send("GET", _path(kind, name)), dict[str, Any]))
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    async def create(self, manifest: Manifest) -> Manifest | None:
        """The object as created; None if one of that name was there."""
        kind, name = manifest["kind"], _name_of(manifest)
        try:
            data = await self._connection.send("POST", _path(kind, ObjectName(name.namespace, "")), body=dict(manifest))
        except ClusterError as error:
            if error.status == 409:
                return None
            raise
        return _named(kind, _decoded(data, dict[str, Any]))

    async def apply(self, manifest: Manifest) -> Manifest:
        """The object after a forced server-side apply."""
        kind = manifest["kind"]
        data = await self._connection.send(
            "PATCH",
            _path(kind, _name_of(manifest)),
            query={"fieldManager": MANAGED_BY, "force": "true"},
            body=dict(manifest),
            content_type=APPLY_PATCH,
        )
        return _named(kind, _decoded(data, dict[str, Any]))

    async def delete(self, kind: str, name: ObjectName, *, uid: str) -> None:
        """The object with that *uid* is on its way out."""
        try:
            await self._connection.send("DELETE", _path(kind, name), body={"preconditions": {"uid": uid}})
        except ClusterError as error:
            if error.status not in (404, 409):
                raise

    async def write_status(self, kind: str, name: ObjectName, *, uid: str, status: Manifest) -> Manifest | None:
        """The object with *status* in place of its own.

        A merge patch that names a uid is not refused where it differs; the test of a JSON patch is.
        """
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": dict(status)},
        ]
        path, query = _path(kind, name) + "/status", {"fieldManager": MANAGED_BY}
        try:
            data = await self._connection.send("PATCH", path, query=query, body=patch, content_type=JSON_PATCH)
        except ClusterError as error:
            if error.status == 404 or (error.status == 422 and not await self._is_there(kind, name, uid)):
                return None
            raise
        return _named(kind, _decoded(data, dict[str, Any]))

    async def _is_there(self, kind: str, name: ObjectName, uid: str) -> bool:
        found = await self.get(kind, name)
        return found is not None and found["metadata"]["uid"] == uid

    async def _pages(
        self, kind: str, namespace: str | None, selector: str, page_type: type[_Page], accept: str
    ) -> list[_Page]:
        for _ in range(_RELIST_ATTEMPTS - 1):
            try:
                return await self._pages_once(kind, namespace, selector, page_type, accept)
            except ClusterError as error:
                if error.status != 410:
                    raise
        return await self._pages_once(kind, namespace, selector, page_type, accept)

    async def _pages_once(
        self, kind: str, namespace: str | None, selector: str, page_type: type[_Page], accept: str
    ) -> list[_Page]:
        query = {"limit": str(PAGE_OBJECTS)}
        query |= {"labelSelector": selector} if selector else {}
        query |= {"fieldSelector": OF_INTEREST} if kind == "Secret" else {}
        path, pages = _path(kind, ObjectName(namespace or "", "")), list[_Page]()
        while not pages or pages[-1].metadata.continue_:
            if pages:
                query["continue"] = pages[-1].metadata.continue_
            data = await self._connection.send("GET", path, query=query, accept=accept)
            pages.append(_decoded(data, page_type))
        return pages


def _path(kind: str, name: ObjectName) -> str:
    """The path of an object; of the collection where the name is ``""``."""
    (prefix, _), plural = _KINDS[kind]
    inside = f"/namespaces/{name.namespace}" if name.namespace and kind != "Namespace" else ""
    return f"{prefix}{inside}/{plural}" + (f"/{name.name}" if name.name else "")


def _name_of(manifest: Manifest) -> ObjectName:
    metadata = manifest["metadata"]
    return ObjectName(metadata.get("namespace", ""), metadata["name"])


def _named(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    # Items of a list of a built-in kind say neither.
    item.setdefault("kind", kind)
    item.setdefault("apiVersion", _KINDS[kind][0][1])
    return item


def _decoded(data: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        message = "the API server's answer is not of the form that was asked for"
        raise ClusterError(message, transient=True) from error

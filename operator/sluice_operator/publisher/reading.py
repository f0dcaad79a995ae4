"""The API server → the world: lists at the start, a comparison every half minute, and what is referred to on demand.

Events are the fast path and may be missed; these lists are the truth.
"""

import logging
from typing import Final

from sluice_contract import codec, names
from sluice_operator.cluster import Cluster
from sluice_operator.errors import ClusterError
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher.books import SELECTOR
from sluice_operator.publisher.objects import KINDS, NOTHING, REFERENCED_KINDS, RESOURCE_KINDS, Change, Scope
from sluice_operator.publisher.parallel import each
from sluice_operator.publisher.world import World
from sluice_operator.telemetry import MISSED_EVENTS

_AT_ONCE: Final = 16
_LIST_ABOVE: Final = 100  # from here on one list is cheaper than so many single reads

log = logging.getLogger(__name__)


class Reader:
    """Reads into *world*.  Every method raises ClusterError; what was read by then is in the world all the same."""

    def __init__(self, cluster: Cluster, world: World, *, scopes: tuple[Scope, ...], home: str, release: str) -> None:
        self._cluster: Final = cluster
        self._world: Final = world
        self._scopes: Final = scopes
        self._home: Final = home
        self._release: Final = release

    async def begin(self) -> None:
        """Read every resource, every namespace and our own compiled objects; before this nothing may be published."""
        for kind in (*RESOURCE_KINDS, "Namespace"):
            await self._list(kind)
        await self.books()
        await self.parts()

    async def relist(self) -> Change:
        """Compare everything with the API server: take in what was missed, drop what is gone."""
        change = NOTHING
        for kind in KINDS:
            found = await self._compare(kind)
            if found.dirty:
                MISSED_EVENTS.labels(kind).inc()
                log.info("relist.differs", extra={"kind": kind})
            change |= found
        return change | await self.books() | await self.parts()

    async def books(self) -> Change:
        """Read the install's price books, wherever else we may look."""
        listing = await self._cluster.list_all("ConfigMap", namespace=self._home, selector=SELECTOR)
        return self._world.books.replace(listing)

    async def parts(self) -> Change:
        """Read the compiled objects: what is already written is not written again, what was damaged is."""
        change = NOTHING

        async def read(part: str) -> None:
            nonlocal change
            kind = "Secret" if part in codec.SECRET_PARTS else "ConfigMap"
            manifest = await self._cluster.get(kind, ObjectName(self._home, names.object_name(self._release, part)))
            if manifest is not None:
                change |= self._world.hear(kind, manifest, listed=True)
            elif self._world.parts.pop(part, None) is not None:
                change |= Change(dirty=True)

        await each((*codec.PARTS, codec.INDEX), read, at_once=_AT_ONCE)
        return change

    async def unknown(self) -> None:
        """Read what is referred to and was never read."""
        wanted = self._world.unknown()
        for kind in REFERENCED_KINDS:
            if sum(1 for item in wanted if item[0] == kind) > _LIST_ABOVE:
                await self._list(kind)
        await each(self._world.unknown(), self._read, at_once=_AT_ONCE)

    async def _read(self, item: tuple[str, ObjectName]) -> None:
        kind, name = item
        try:
            manifest = await self._cluster.get(kind, name)
        except ClusterError as error:
            if error.transient:
                raise
            log.warning("reference.unreadable", extra={"kind": kind, "namespace": name.namespace, "object": name.name})
            manifest = None
        if manifest is None:
            self._world.hear_absent(kind, name)
        else:
            self._world.hear(kind, manifest, listed=True)

    async def _list(self, kind: str) -> Change:
        if kind == "Namespace" and self._scopes != (None,):
            return await self._named_namespaces()
        change = NOTHING
        for scope in self._scopes:
            listing = await self._cluster.list_all(kind, namespace=scope)
            change |= self._world.replace(kind, listing, scope=scope)
            if kind in REFERENCED_KINDS:
                for name in [name for of, name in self._world.unknown() if of == kind]:
                    if scope in (None, name.namespace):
                        self._world.hear_absent(kind, name)
        return change

    async def _named_namespaces(self) -> Change:
        """Where only some namespaces are ours to see, each is read by its name."""
        change = NOTHING
        for scope in self._scopes:
            manifest = await self._cluster.get("Namespace", ObjectName("", scope or ""))
            if manifest is not None:
                change |= self._world.hear("Namespace", manifest, listed=True)
        return change

    async def _compare(self, kind: str) -> Change:
        if kind == "Namespace" and self._scopes != (None,):
            return await self._named_namespaces()
        change = NOTHING
        for scope in self._scopes:
            seen = await self._cluster.versions(kind, namespace=scope)
            stale = self._world.stale(kind, seen, scope=scope)
            if len(stale) > _LIST_ABOVE:
                return await self._list(kind)
            for name in stale:
                manifest = await self._cluster.get(kind, name)
                if manifest is not None:
                    change |= self._world.hear(kind, manifest, listed=True)
            change |= self._world.sweep(kind, seen, scope=scope)
        return change

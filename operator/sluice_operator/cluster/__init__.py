"""The door to the API server: what the operator asks of it, as one seam.  Nothing else here talks to it, besides kopf.

``Cluster`` is the seam; ``KubernetesCluster`` in :mod:`door` is the real one, and tests have one in memory that
passes the same suite.  Manifests are plain dicts as the API gives them, with ``kind`` and ``apiVersion`` always set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sluice_operator.inventory import ObjectName

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind in one scope, as they were together at ``resource_version``."""

    resource_version: int
    items: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class Versions:
    """Which objects of a kind there are in one scope, and the resource version of each; nothing of their content."""

    resource_version: int
    items: Mapping[ObjectName, int]


class Cluster(Protocol):
    """Every method raises ClusterError and nothing else; ``transient`` says whether trying again may help."""

    async def list_all(self, kind: str, *, namespace: str | None = None, selector: str = "") -> Listing:
        """Everything of *kind* (in *namespace*, or everywhere), in no order."""
        ...

    async def versions(self, kind: str, *, namespace: str | None = None) -> Versions:
        """As ``list_all``, without content: cheap enough to be asked every half minute."""
        ...

    async def get(self, kind: str, name: ObjectName) -> Manifest | None:
        """The object, None if there is none.  A cluster-scoped object has the namespace ``""``."""
        ...

    async def create(self, manifest: Manifest) -> Manifest | None:
        """The object as created; None if one of that name was there, which is then left as it was."""
        ...

    async def apply(self, manifest: Manifest) -> Manifest:
        """The object after a server-side apply of the fields in *manifest*, taken over from whoever had them."""
        ...

    async def delete(self, kind: str, name: ObjectName, *, uid: str) -> None:
        """The object with that *uid* is on its way out; another one of the same name is not touched."""
        ...

    async def write_status(self, kind: str, name: ObjectName, *, uid: str, status: Manifest) -> Manifest | None:
        """The object of that *uid* with *status* in place of its own; None if it is gone."""
        ...

"""What the world is made of: entries, held content, what a change means, and the world frozen.  Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sluice_operator.cluster import Manifest
from sluice_operator.inventory import Inventory, ObjectName, SecretContent
from sluice_operator.resources import Invalid, Parsed, parse
from sluice_operator.resources.pricebook import Listed

RESOURCE_KINDS: Final = ("ModelDeployment", "VirtualKey", "Budget", "ModelProvider")
REFERENCED_KINDS: Final = ("Secret", "ConfigMap")
KINDS: Final = (*RESOURCE_KINDS, *REFERENCED_KINDS, "Namespace")
_METADATA: Final = ("name", "namespace", "uid", "generation", "resourceVersion", "creationTimestamp", "labels")

Scope = str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a word meant: whether to compile again, whether that may revoke something, whose status to look at."""

    dirty: bool = False
    urgent: bool = False
    restated: str | None = None  # the uid of a resource whose status differs from what was known

    def __or__(self, other: "Change") -> "Change":
        return Change(self.dirty or other.dirty, self.urgent or other.urgent, self.restated or other.restated)


NOTHING: Final = Change()


@dataclass(slots=True)
class Entry:
    """One resource as it is in the API server; parsed when it is first needed."""

    manifest: Manifest
    version: int
    _parsed: Parsed | None = None

    @property
    def uid(self) -> str:
        """Its identity: another object of the same name has another one."""
        return str(self.manifest["metadata"]["uid"])

    @property
    def meaning(self) -> tuple[Any, ...]:
        """All that compiling can see of it; the same meaning needs no new compilation."""
        metadata = self.manifest["metadata"]
        return metadata["uid"], metadata.get("generation"), metadata.get("labels")

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        labels: Mapping[str, str] = self.manifest["metadata"].get("labels") or {}
        return labels

    @property
    def status(self) -> Manifest:
        """Its status, empty where it has none."""
        status: Manifest = self.manifest.get("status") or {}
        return status

    def parsed(self) -> Parsed:
        """The resource, or why it is none."""
        if self._parsed is None:
            self._parsed = parse(self.manifest)
        return self._parsed

    def take_parsed_from(self, older: "Entry") -> None:
        """Spare the parsing when only the status has changed."""
        self._parsed = older._parsed  # the same class's own field  # noqa: SLF001


@dataclass(slots=True)
class Held:
    """A referenced Secret or ConfigMap; ``content`` None: there is none of that name."""

    version: int
    content: SecretContent | None
    owners: frozenset[str] = frozenset()

    def counts(self, living: frozenset[str]) -> bool:
        """Whether it is there and not of VirtualKeys that are all gone: such a one only waits for the collector."""
        return self.content is not None and (not self.owners or bool(self.owners & living))


@dataclass(frozen=True, slots=True)
class Frozen:
    """The world at one moment, cheap to take and safe to read in another thread."""

    entries: tuple[Entry, ...]
    secrets: Mapping[ObjectName, SecretContent] = field(repr=False)
    config_maps: Mapping[ObjectName, SecretContent] = field(repr=False)
    price_books: Mapping[ObjectName, tuple[Listed, ...]]
    namespaces: Mapping[str, Mapping[str, str]]
    pepper: bytes = field(repr=False)
    identity_namespaces: frozenset[str] | None = None

    def inventory(self, now_ms: int) -> Inventory:
        """What the compiler sees; parses what was not parsed yet (about 0.1 ms each)."""
        by_kind: dict[str, list[Any]] = {}
        for parsed in (entry.parsed() for entry in self.entries):
            by_kind.setdefault("Invalid" if isinstance(parsed, Invalid) else parsed.kind, []).append(parsed)
        return Inventory(
            models=tuple(by_kind.get("ModelDeployment", ())),
            keys=tuple(by_kind.get("VirtualKey", ())),
            budgets=tuple(by_kind.get("Budget", ())),
            providers=tuple(by_kind.get("ModelProvider", ())),
            invalid=tuple(by_kind.get("Invalid", ())),
            secrets=self.secrets,
            config_maps=self.config_maps,
            price_books=self.price_books,
            namespaces=self.namespaces,
            identity_namespaces=self.identity_namespaces,
            pepper=self.pepper,
            now_ms=now_ms,
        )


def identity(manifest: Manifest) -> tuple[ObjectName, int]:
    """The name and the resource version of an object."""
    metadata = manifest["metadata"]
    return ObjectName(metadata.get("namespace", ""), metadata["name"]), int(metadata["resourceVersion"])


def slim(kind: str, manifest: Manifest) -> Manifest:
    """What is needed of a resource: managed fields and annotations are most of its bytes."""
    metadata = {name: value for name in _METADATA if (value := manifest["metadata"].get(name)) is not None}
    kept = {name: manifest[name] for name in ("apiVersion", "spec", "status") if name in manifest}
    return {**kept, "kind": kind, "metadata": metadata}


def values_of(manifest: Manifest) -> dict[str, bytes]:
    """The entries of a Secret or ConfigMap; one that is not base64 is as absent."""
    plain = manifest["kind"] == "ConfigMap"
    encoded = (manifest.get("binaryData") if plain else manifest.get("data")) or {}
    values = {name: text.encode() for name, text in (manifest.get("data") or {}).items()} if plain else {}
    for name, text in encoded.items():
        try:
            values[name] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
    return values

"""The world as last heard of: resources, referenced Secrets and ConfigMaps, price books, namespaces, compiled objects.

Events and relists may tell the same thing twice, late, or in the wrong order; resource versions decide.  An object
once known to be gone does not come back by an older word.  Content of a Secret or ConfigMap nobody refers to is
not kept.  No I/O here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sluice_contract import codec, names
from sluice_operator import manifests
from sluice_operator.cluster import Listing, Manifest, Versions
from sluice_operator.inventory import ObjectName, SecretContent
from sluice_operator.publisher.books import Books
from sluice_operator.publisher.objects import (
    KINDS,
    NOTHING,
    REFERENCED_KINDS,
    RESOURCE_KINDS,
    Change,
    Entry,
    Frozen,
    Held,
    Scope,
    identity,
    slim,
    values_of,
)


class World:
    """See the module.  Not thread-safe: one event loop owns it."""

    def __init__(
        self, *, namespace: str, release: str, identity_namespaces: frozenset[str] | None = frozenset()
    ) -> None:
        self._namespace: Final = namespace
        self._identity_namespaces: Final = (
            None if identity_namespaces is None else frozenset((namespace, *identity_namespaces))
        )
        self._part_names: Final = {names.object_name(release, part): part for part in (*codec.PARTS, codec.INDEX)}
        self._pepper_name: Final = ObjectName(namespace, manifests.pepper_name(release))
        self._entries: dict[str, dict[ObjectName, Entry]] = {kind: {} for kind in (*RESOURCE_KINDS, "Namespace")}
        self._held: dict[str, dict[ObjectName, Held]] = {kind: {} for kind in REFERENCED_KINDS}
        self._refs: dict[str, frozenset[ObjectName]] = {kind: frozenset() for kind in REFERENCED_KINDS}
        self._gone: dict[str, dict[ObjectName, int]] = {kind: {} for kind in KINDS}  # name → version of its deletion
        self._floors: dict[tuple[str, Scope], int] = {}  # the version of each scope's last list
        self._pepper = b""
        self.books: Final = Books(namespace=namespace)
        self.parts: dict[str, tuple[int, str | None]] = {}  # our own compiled objects: version, digest

    # What was heard

    def hear(self, kind: str, manifest: Manifest, *, deleted: bool = False, listed: bool = False) -> Change:
        """Take in one word about one object.

        Args:
            kind: one of KINDS.
            manifest: the object as it is, or as it last was.
            deleted: it is gone; its resource version is that of the deletion.
            listed: it was read just now, rather than told of: then it may be older than the last list.
        """
        change = self.books.hear(manifest, deleted=deleted, listed=listed) if kind == "ConfigMap" else NOTHING
        return change | self._hear(kind, manifest, deleted=deleted, listed=listed)

    def _hear(self, kind: str, manifest: Manifest, *, deleted: bool, listed: bool) -> Change:
        name, version = identity(manifest)
        if kind in REFERENCED_KINDS and name.namespace == self._namespace and name.name in self._part_names:
            return self._hear_part(self._part_names[name.name], version, None if deleted else manifest)
        if kind in REFERENCED_KINDS and name not in self._refs[kind]:
            return NOTHING
        known = self._version_of(kind, name)
        if known is not None and version < known:
            return NOTHING
        if deleted:
            return self._forget(kind, name, version)
        floor = 0 if listed else self._floor(kind, name)
        if known is None and version <= max(self._gone[kind].get(name, 0), floor):
            return NOTHING
        return self._store(kind, name, version, manifest)

    def replace(self, kind: str, listing: Listing, *, scope: Scope) -> Change:
        """Take in a list of everything of *kind* in *scope*: what is not in it is gone."""
        change = NOTHING
        for manifest in listing.items:
            change |= self.hear(kind, manifest, listed=True)
        seen = dict(map(identity, listing.items))
        return change | self.sweep(kind, Versions(listing.resource_version, seen), scope=scope)

    def sweep(self, kind: str, seen: Versions, *, scope: Scope) -> Change:
        """Drop what was not *seen* and is older than the list it is missing from; nothing that old comes back."""
        change = NOTHING
        for name, version in list(self._versions(kind, scope)):
            if name not in seen.items and version <= seen.resource_version:
                change |= self._forget(kind, name, seen.resource_version)
        floor = self._floors[kind, scope] = max(seen.resource_version, self._floors.get((kind, scope), 0))
        gone = self._gone[kind].items()
        self._gone[kind] = {name: version for name, version in gone if version > floor or not _within(name, scope)}
        return change

    def stale(self, kind: str, seen: Versions, *, scope: Scope) -> list[ObjectName]:
        """What *seen* has in a newer version than is known here, and that matters here."""
        known = dict(self._versions(kind, scope))
        wanted = self._refs.get(kind)
        gone = self._gone[kind]
        return [
            name
            for name, version in seen.items.items()
            if version > max(known.get(name, 0), gone.get(name, 0)) and (wanted is None or name in wanted)
        ]

    def hear_absent(self, kind: str, name: ObjectName) -> Change:
        """Take in that a referenced object is not there; whoever tells otherwise has a version above 0."""
        if name in self._held[kind]:
            return NOTHING
        self._held[kind][name] = Held(0, None)
        return Change(dirty=True)

    def wrote_part(self, part: str, version: int, digest: str) -> None:
        """Take in that *part* was written by us, or read, with content of this digest."""
        if version >= self.parts.get(part, (0, None))[0]:
            self.parts[part] = (version, digest)

    # What is asked

    def follow(self, secrets: frozenset[ObjectName], config_maps: frozenset[ObjectName]) -> None:
        """Keep the content of these from now on, and of no others."""
        for kind, refs in (("Secret", secrets | {self._pepper_name}), ("ConfigMap", config_maps)):
            self._refs[kind] = refs
            self._held[kind] = {name: held for name, held in self._held[kind].items() if name in refs}

    def unknown(self) -> list[tuple[str, ObjectName]]:
        """What is referred to and was never read: (kind, name)."""
        return [
            (kind, name)
            for kind in REFERENCED_KINDS
            for name in sorted(self._refs[kind] - self._held[kind].keys(), key=str)
        ]

    def freeze(self) -> Frozen:
        """Everything as it is now."""
        living = frozenset(entry.uid for entry in self._entries["VirtualKey"].values())
        held = {
            kind: {name: held.content for name, held in items.items() if held.content and held.counts(living)}
            for kind, items in self._held.items()
        }
        pepper = held["Secret"].get(self._pepper_name)
        if pepper is not None:  # while it is deleted and made anew, the last one holds
            self._pepper = pepper.values.get(manifests.PEPPER_ENTRY, b"")
        return Frozen(
            entries=tuple(entry for kind in RESOURCE_KINDS for entry in self._entries[kind].values()),
            secrets=held["Secret"],
            config_maps=held["ConfigMap"],
            price_books=self.books.listed(),
            namespaces={name.name: entry.labels for name, entry in self._entries["Namespace"].items()},
            pepper=self._pepper,
            identity_namespaces=self._identity_namespaces,
        )

    def entry(self, kind: str, name: ObjectName) -> Entry | None:
        """The resource of that name, None if there is none."""
        return self._entries[kind].get(name)

    def entries(self, kind: str) -> Iterable[Entry]:
        """All resources of *kind*."""
        return self._entries[kind].values()

    def count(self, kind: str) -> int:
        """How many resources of *kind* there are."""
        return len(self._entries[kind])

    # How it is kept

    def _store(self, kind: str, name: ObjectName, version: int, manifest: Manifest) -> Change:
        if kind in REFERENCED_KINDS:
            return self._store_referenced(kind, name, version, manifest)
        entry, older = Entry(slim(kind, manifest), version), self._entries[kind].get(name)
        self._entries[kind][name] = entry
        if older is None or older.meaning != entry.meaning:
            # What is new can only give; what changes may take away.
            return Change(dirty=True, urgent=older is not None, restated=entry.uid)
        entry.take_parsed_from(older)
        return Change(restated=entry.uid if entry.status != older.status else None)

    def _store_referenced(self, kind: str, name: ObjectName, version: int, manifest: Manifest) -> Change:
        values, owners = values_of(manifest), manifests.owner_uids(manifest)
        held = self._held[kind].get(name)
        before = held.content if held else None
        if held is not None and before is not None and (before.values, held.owners) == (values, owners):
            self._held[kind][name] = Held(version, before, owners)
            return NOTHING
        self._held[kind][name] = Held(version, SecretContent(str(version), values), owners)
        return Change(dirty=True, urgent=before is not None)

    def _forget(self, kind: str, name: ObjectName, version: int) -> Change:
        if kind in REFERENCED_KINDS:
            held = self._held[kind].get(name)
            self._held[kind][name] = Held(version, None)
            there = held is not None and held.content is not None
            return Change(dirty=there, urgent=there)
        self._gone[kind][name] = max(version, self._gone[kind].get(name, 0))
        there = self._entries[kind].pop(name, None) is not None
        return Change(dirty=there, urgent=there)

    def _hear_part(self, part: str, version: int, manifest: Manifest | None) -> Change:
        known, expected = self.parts.get(part, (0, None))
        if version < known:
            return NOTHING
        content = manifests.part_content(manifest) if manifest is not None else None
        digest = codec.digest(content) if content is not None else None
        self.parts[part] = (version, digest)
        return Change(dirty=digest != expected)

    def _version_of(self, kind: str, name: ObjectName) -> int | None:
        known = self._known(kind).get(name)
        return known.version if known else None

    def _versions(self, kind: str, scope: Scope) -> Iterator[tuple[ObjectName, int]]:
        return ((name, known.version) for name, known in self._known(kind).items() if _within(name, scope))

    def _known(self, kind: str) -> Mapping[ObjectName, Entry | Held]:
        return self._held[kind] if kind in REFERENCED_KINDS else self._entries[kind]

    def _floor(self, kind: str, name: ObjectName) -> int:
        return max(self._floors.get((kind, None), 0), self._floors.get((kind, name.namespace), 0))


def _within(name: ObjectName, scope: Scope) -> bool:
    return scope is None or name.namespace == scope

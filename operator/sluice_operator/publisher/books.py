"""The install's price books as last heard of: labelled ConfigMaps beside the operator.  No I/O, and no reading of YAML.

A book that cannot be read as a whole leaves its last good content in force.  One that was never good counts as far as
it can be read: what its bad entries are for has no price.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sluice_contract.names import LABEL_PRICE_BOOK
from sluice_operator.cluster import Listing, Manifest
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher.objects import NOTHING, Change, identity, values_of
from sluice_operator.resources.pricebook import PRICES_ENTRY, Listed, ReadBook

SELECTOR: Final = f"{LABEL_PRICE_BOOK}=true"


@dataclass(frozen=True, slots=True)
class Trouble:
    """All that is wrong with one book."""

    name: ObjectName
    uid: str
    problems: tuple[str, ...]
    kept: bool  # an earlier content of it, which was good, is in force


@dataclass(slots=True)
class _Book:
    uid: str
    version: int
    text: str | None
    read: bool = False
    good: bool = False  # whether ``listed`` was once read without a problem
    listed: tuple[Listed, ...] = ()
    problems: tuple[str, ...] = field(default=())


class Books:
    """See the module.  Not thread-safe: one event loop owns it."""

    def __init__(self, *, namespace: str) -> None:
        self._namespace: Final = namespace
        self._books: dict[ObjectName, _Book] = {}
        self._gone: dict[ObjectName, int] = {}  # name → version of its deletion
        self._floor = 0  # the version of the last list

    def hear(self, manifest: Manifest, *, deleted: bool = False, listed: bool = False) -> Change:
        """Take in one word about a ConfigMap, whatever it is; *listed* as for the world."""
        name, version = identity(manifest)
        known = self._books.get(name)
        labels = manifest["metadata"].get("labels") or {}
        is_book = name.namespace == self._namespace and labels.get(LABEL_PRICE_BOOK) == "true" and not deleted
        floor = 0 if listed else self._floor
        if version <= (known.version - 1 if known else max(self._gone.get(name, 0), floor)):
            return NOTHING
        if is_book:
            return self._keep(name, version, manifest)
        if known is None:
            return NOTHING
        del self._books[name]
        self._gone[name] = version
        return Change(dirty=True, urgent=True)

    def replace(self, listing: Listing) -> Change:
        """Take in a list of all books: what is not in it is none any more."""
        change = NOTHING
        for manifest in listing.items:
            change |= self.hear(manifest, listed=True)
        seen = {identity(manifest)[0] for manifest in listing.items}
        for name, book in list(self._books.items()):
            if name not in seen and book.version <= listing.resource_version:
                del self._books[name]
                change |= Change(dirty=True, urgent=True)
        self._floor = max(listing.resource_version, self._floor)
        self._gone = {name: version for name, version in self._gone.items() if version > self._floor}
        return change

    def unread(self) -> list[tuple[ObjectName, int, str | None]]:
        """Books to be read: name, version, text; None is a ConfigMap without the entry."""
        return [(name, book.version, book.text) for name, book in self._books.items() if not book.read]

    def took(self, name: ObjectName, version: int, found: ReadBook) -> None:
        """Take in what was read of a book, unless it is another one by now."""
        book = self._books.get(name)
        if book is None or book.version != version:
            return
        book.read, book.problems = True, found.problems
        if not found.problems or not book.good:
            book.listed, book.good = found.listed, not found.problems

    def listed(self) -> Mapping[ObjectName, tuple[Listed, ...]]:
        """What is in force of each book."""
        return {name: book.listed for name, book in self._books.items()}

    def troubles(self) -> list[Trouble]:
        """The books that could not be read as a whole."""
        return [
            Trouble(name, book.uid, book.problems, kept=book.good)
            for name, book in self._books.items()
            if book.problems
        ]

    def uid(self, name: ObjectName) -> str:
        """The uid of a book; "" where there is none of that name."""
        book = self._books.get(name)
        return book.uid if book else ""

    def _keep(self, name: ObjectName, version: int, manifest: Manifest) -> Change:
        content = values_of({**manifest, "kind": "ConfigMap"}).get(PRICES_ENTRY)
        text = None if content is None else content.decode(errors="replace")
        known = self._books.get(name)
        if known is None:
            self._books[name] = _Book(str(manifest["metadata"]["uid"]), version, text)
            return Change(dirty=True)
        known.version = version
        if known.text == text:
            return NOTHING
        known.text, known.read = text, False
        return Change(dirty=True)

"""Which revision contains what, which replica serves which, and so what is programmed.  Pure.

Each publication has a sequence number; an object is programmed when every replica serves a revision at least as new
as the first one that contains it as it is now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_KEPT: Final = 512  # publications besides those that an object refers to
_SHORT: Final = 6  # characters of a revision in a message for people


@dataclass(frozen=True, slots=True)
class Programmed:
    """How far one publication has come: *current* of *total* replicas; ``latency_ms`` once it was all of them."""

    current: int
    total: int
    revision: str
    latency_ms: int | None

    @property
    def everywhere(self) -> bool:
        """Whether every replica serves it; with no replica nobody does."""
        return self.current == self.total > 0

    def __str__(self) -> str:
        took = f" in {self.latency_ms} ms" if self.latency_ms is not None and self.everywhere else ""
        return f"{self.current}/{self.total} at {self.revision[:_SHORT]}{took}"


@dataclass(slots=True)
class _Publication:
    revision: str
    at_ms: int | None  # None: it was there when we began, nobody knows since when
    latency_ms: int | None = None


@dataclass(slots=True)
class Revisions:
    """The publications of this process and what each replica answered."""

    _publications: dict[int, _Publication] = field(default_factory=dict)
    _sequence_of: dict[str, int] = field(default_factory=dict)  # revision → its latest publication
    _served: dict[str, str | None] = field(default_factory=dict)  # replica → revision
    _open: list[int] = field(default_factory=list)  # publications that some replica does not serve yet
    _sequence: int = 0

    @property
    def newest(self) -> str | None:
        """The revision published last, None before the first."""
        return self._publications[self._sequence].revision if self._sequence else None

    @property
    def sequence(self) -> int:
        """The number of the last publication, 0 before the first."""
        return self._sequence

    def published(self, revision: str, at_ms: int | None) -> int:
        """Take in that *revision* is what replicas find from now on; its sequence number.

        The same revision as before is no new publication.  *at_ms* None: it was found, not written.
        """
        if revision != self.newest:
            self._sequence += 1
            self._publications[self._sequence] = _Publication(revision, at_ms)
            self._sequence_of[revision] = self._sequence
            if at_ms is not None:
                self._open.append(self._sequence)
        return self._sequence

    def replicas(self, names: frozenset[str]) -> bool:
        """Take in which replicas there are; whether any is gone."""
        gone = self._served.keys() - names
        self._served = {name: self._served.get(name) for name in names}
        return bool(gone)

    def served(self, replica: str, revision: str | None, now_ms: int) -> list[float]:
        """Take in which revision a replica serves; the seconds of each publication that is complete by it."""
        if replica not in self._served:
            return []
        self._served[replica] = revision
        reached = min(map(self._sequence_served, self._served))
        complete = [number for number in self._open if number <= reached]
        self._open = [number for number in self._open if number > reached]
        return [self._complete(self._publications[number], now_ms) for number in complete]

    def serves(self, replica: str) -> str | None:
        """What *replica* served when it was last asked."""
        return self._served.get(replica)

    def programmed(self, sequence: int) -> Programmed:
        """How far publication *sequence* has come."""
        publication = self._publications[sequence]
        current = sum(1 for replica in self._served if self._sequence_served(replica) >= sequence)
        return Programmed(current, len(self._served), publication.revision, publication.latency_ms)

    def forget_all_but(self, used: frozenset[int]) -> None:
        """Drop old publications that no object refers to; a replica that serves one then counts as serving none."""
        oldest = self._sequence - _KEPT
        for number in [number for number in self._publications if number <= oldest and number not in used]:
            dropped = self._publications.pop(number)
            if self._sequence_of.get(dropped.revision) == number:
                del self._sequence_of[dropped.revision]
        self._open = [number for number in self._open if number in self._publications]

    def counts(self) -> Mapping[str, int]:
        """Replicas there are, and those that serve the newest revision."""
        newest = sum(1 for revision in self._served.values() if revision == self.newest)
        return {"ready": len(self._served), "current": newest}

    def _sequence_served(self, replica: str) -> int:
        revision = self._served[replica]
        return self._sequence_of.get(revision, 0) if revision is not None else 0

    @staticmethod
    def _complete(publication: _Publication, now_ms: int) -> float:
        publication.latency_ms = now_ms - (publication.at_ms or 0)
        return publication.latency_ms / 1000

"""Where snapshots come from: the seam, and what its implementations share.

A source knows nothing of what is in a snapshot; it only sees to it that a bundle is whole.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from sluice_contract import codec

BACKOFF_FIRST_SECONDS: Final = 0.1
BACKOFF_CAP_SECONDS: Final = 5.0  # an API server that comes back is found again within this

log = logging.getLogger("sluice.config")


@dataclass(frozen=True, slots=True)
class Bundle:
    """An index and every part it names, each with the digest it is named by."""

    index: bytes
    parts: Mapping[str, bytes] = field(repr=False)


class SnapshotSource(Protocol):
    """Follows the newest snapshot."""

    def bundles(self) -> AsyncIterator[Bundle]:
        """Whole bundles, the newest there is, without an end; one may come twice, and some may be passed over.

        Nothing is raised for a source that is away or damaged: it is tried again, and the last bundle stands.
        """
        ...


class Shelf:
    """The newest bytes held of each part, and what an index still lacks."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, bytes]] = {}

    def put(self, name: str, data: bytes) -> None:
        """Hold *data* as the newest of part *name*."""
        self._held[name] = (codec.digest(data), data)

    def lacking(self, index: codec.Index) -> tuple[str, ...]:
        """The parts that *index* names and that are not held with the digest it names, in its order."""
        return tuple(name for name in codec.PARTS if self._held.get(name, ("",))[0] != index.parts[name])

    def bundle(self, data: bytes, index: codec.Index) -> Bundle | None:
        """The bundle of *index*, whose bytes are *data*; None while anything is lacking."""
        if self.lacking(index):
            return None
        return Bundle(data, {name: self._held[name][1] for name in codec.PARTS})


class Backoff:
    """Growing waits with full jitter; *random* gives numbers in [0, 1)."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0

    def next_seconds(self) -> float:
        """How long to wait after one more failure; at once after the first, since most pass by themselves."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(self._failures - 2, 16))
        return ceiling * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """It worked."""
        self._failures = 0


class StateLog:
    """Tells of a source's state once, when it changes: an hour's outage is two lines."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._trouble: str | None = None

    def failing(self, reason: str) -> None:
        """The newest snapshot cannot be had, because of *reason* (no secret in it)."""
        if reason != self._trouble:
            log.warning("config.source_failing", extra={"source": self._source, "reason": reason})
            self._trouble = reason

    def working(self) -> None:
        """A whole bundle was held."""
        if self._trouble is not None:
            log.info("config.source_recovered", extra={"source": self._source, "after": self._trouble})
            self._trouble = None

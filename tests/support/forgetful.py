"""The store in memory, able to lose what it knows, as one that is shared may.

It is fenced and greeted like the one in Redis, and passes the same suite.  One object serves all sources: it tells them
apart by the name they give.
"""

import base64
import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.commands import ALIVE_MS, FENCE_MAX_MS, FENCE_MIN_MS, RESTORED_TTL_MS
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import (
    Account,
    Checkpoint,
    Entry,
    FencedError,
    Held,
    Refused,
    Reservation,
    Standing,
    UngreetedError,
)

COUNTED = ("_accounts", "_holds", "_usage", "_marks", "_total")  # what a checkpoint has
KNOWN = (*COUNTED, "_slots", "_buckets", "_settled", "_fence_ms", "_beats", "_caught_up")


class ForgetfulStore(MemoryStore):
    """A HoldStore that a test wipes or winds back.  A new one has been greeted by nobody."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        super().__init__(clock_ms)
        self._run = 0
        self._current = False  # whether the run has begun; not so after a loss, until somebody greets
        self._greeted: dict[str, int] = {}
        self._fence_ms: int | None = None
        self._beats: dict[str, int] = {}
        self._caught_up: set[str] = set()

    def image(self) -> dict[str, Any]:
        """All that it knows now."""
        return copy.deepcopy({name: getattr(self, name) for name in KNOWN})

    def rewind(self, image: dict[str, Any]) -> None:
        """Be as *image* has it, in a new process."""
        for name, value in copy.deepcopy(image).items():
            setattr(self, name, value)
        self._current = False

    def wipe(self) -> None:
        """Forget everything."""
        self.rewind(ForgetfulStore(self._clock_ms).image())

    @property
    def _fenced_for_ms(self) -> int:
        return abs(self._clock_ms() - (self._fence_ms or 0))

    @property
    def _fenced(self) -> bool:
        return self._fenced_for_ms <= FENCE_MAX_MS

    def _alive(self) -> set[str]:
        return {source for source, at_ms in self._beats.items() if at_ms > self._clock_ms() - ALIVE_MS}

    def _known(self, source: str = "") -> None:
        run = self._greeted.get(source, max(self._greeted.values(), default=0))
        if not self._current or run != self._run:
            raise UngreetedError

    def _begin(self) -> None:
        self._run += 1
        self._fence_ms = self._clock_ms()
        self._caught_up.clear()

    async def hello(self, source: str) -> Standing:
        """As HoldStore."""
        if not self._current:
            self._current = True
            self._begin()
        self._greeted[source] = self._run
        if source:
            self._beats[source] = self._clock_ms()
        mark, holes = self._marks.of(source)
        return Standing(mark, holes, self._fenced, self._total, len(self._alive()))

    async def reserve(self, reservation: Reservation, *, source: str = "", forced: bool = False) -> Held | Refused:
        """As HoldStore."""
        if any(rate.amount <= 0 for rate in reservation.rates) and not forced:
            return self.reserve_now(reservation)
        self._known(source)
        if reservation.id in self._holds or reservation.id in self._settled:
            return self.reserve_now(reservation, forced=forced)
        if self._fenced and not forced:
            raise FencedError
        if not forced:
            self._fence_ms = None
        return self.reserve_now(reservation, forced=forced)

    async def apply(self, source: str, entries: Sequence[Entry]) -> tuple[StoreError | None, ...]:
        """As HoldStore."""
        try:
            self._known(source)
        except UngreetedError as error:
            return (error,) * len(entries)
        return await super().apply(source, entries)

    async def caught_up(self, source: str) -> bool:
        """As HoldStore."""
        self._known(source)
        self._beats[source] = self._clock_ms()
        self._caught_up.add(source)
        waiting = self._alive() - self._caught_up
        if not self._fenced or (not waiting and self._fenced_for_ms >= FENCE_MIN_MS):
            self._fence_ms = None
        return self._fence_ms is None

    async def extend(self, source: str, hold_ids: Sequence[str], ttl_ms: int) -> tuple[str, ...]:
        """As HoldStore."""
        self._known(source)
        if source:
            self._beats[source] = self._clock_ms()
        return self.extend_now(hold_ids, ttl_ms)

    async def reap(self) -> int:
        """As HoldStore."""
        self._known()
        return self.reap_now()

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As HoldStore."""
        self._known()
        return await super().accounts(names)

    async def checkpoint(self) -> Checkpoint | None:
        """As HoldStore."""
        self._known()
        if self._fenced:
            return None
        counted = pickle.dumps({name: getattr(self, name) for name in COUNTED})
        return Checkpoint(self._total, ((base64.b64encode(counted).decode(),),))

    async def restore(self, checkpoint: Checkpoint) -> bool:
        """As HoldStore."""
        self._known()
        if not self._fenced or self._total >= checkpoint.total:
            return False
        for name, value in pickle.loads(base64.b64decode(checkpoint.hashes[0][0])).items():
            setattr(self, name, value)
        for hold in self._holds.values():
            if not hold.orphaned:
                hold.deadline_ms = self._clock_ms() + RESTORED_TTL_MS
        self._begin()
        return True

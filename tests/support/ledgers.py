"""A ledger on a journal in a folder, with a clock that stands still."""

import asyncio
import contextlib
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Account, Held, HoldStore, KeyUsage, Refused, Reservation, Settlement
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.ledger import Ledger, Replayed
from support.stores import start_ms

RESERVE_BYTES = 64 * 1024


class Faraway:
    """A store that is somewhere else: one in memory, behind a line that a test can cut.

    ``away`` nothing reaches it; ``deaf`` it does what it is asked and no answer comes back; ``refused`` are ids it
    will not settle.
    """

    def __init__(self, near: MemoryStore) -> None:
        self.near = near
        self.away = self.deaf = False
        self.refused: set[str] = set()
        self.batches: list[list[str]] = []
        self.asked = asyncio.Event()

    def _reach(self) -> None:
        self.asked.set()
        if self.away:
            raise StoreError("away", transient=True, maybe_done=False)

    def _answer(self) -> None:
        if self.deaf:
            raise StoreError("no answer", transient=True)

    async def reserve(self, reservation: Reservation) -> Held | Refused:
        """As HoldStore."""
        self._reach()
        result = self.near.reserve_now(reservation)
        self._answer()
        return result

    async def settle(self, settlement: Settlement) -> None:
        """As HoldStore."""
        (error,) = await self.settle_all([settlement])
        if error is not None:
            raise error

    async def settle_all(self, settlements: Sequence[Settlement]) -> tuple[StoreError | None, ...]:
        """As HoldStore."""
        self.batches.append([settlement.reservation.id for settlement in settlements])
        try:
            self._reach()
        except StoreError as error:
            return (error,) * len(settlements)
        errors: list[StoreError | None] = []
        for settlement in settlements:
            if settlement.reservation.id in self.refused:
                errors.append(StoreError("refused", transient=False))
                continue
            self.near.settle_now(settlement)
            errors.append(StoreError("no answer", transient=True) if self.deaf else None)
        return tuple(errors)

    async def extend(self, hold_ids: Sequence[str], ttl_ms: int) -> None:
        """As HoldStore."""
        self._reach()
        self.near.extend_now(hold_ids, ttl_ms)

    async def reap(self) -> int:
        """As HoldStore."""
        self._reach()
        return self.near.reap_now()

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As HoldStore."""
        self._reach()
        return await self.near.accounts(names)

    async def close(self) -> None:
        """As HoldStore."""


class Life:
    """One life of a process: a ledger, its journal and its store."""

    def __init__(self, folder: Path, store: HoldStore | None = None, **options: Any) -> None:
        self.now_ms = start_ms()
        self.store = store or MemoryStore(self.clock_ms)
        self.journal = Journal(folder, **{"reserve_bytes": RESERVE_BYTES, **options})
        self.ledger = Ledger(self.journal, self.store, clock_ms=self.clock_ms)
        self.replayed: Replayed = self.ledger.replay()

    def clock_ms(self) -> int:
        """The time it believes in."""
        return self.now_ms

    def crash(self) -> None:
        """End as SIGKILL would: nothing is flushed, what the kernel has stays."""
        self.journal.close()


def record(hold_id: str, **fields: Any) -> UsageRecord:
    """The usage record of a call."""
    base: dict[str, Any] = {
        "id": hold_id,
        "source": "",
        "sequence": 0,
        "at_ms": 1_790_000_000_000,
        "key_id": "vk",
        "key": "team/app",
        "model": "m",
        "target": "t",
        "upstream_model": "m",
        "endpoint": "chat",
        "status": 200,
        "outcome": "ok",
        "attempts": 1,
        "usage": TokenUsage(input=10, output=20),
        "cost_nusd": 30,
    }
    return UsageRecord(**{**base, **fields})


def used(reservation: Reservation, *spent: int) -> Settlement:
    """A settlement at *spent* that adds to key ``vk``'s month."""
    usage = KeyUsage("vk", "2026-09", 1, 10, 20, 30, start_ms())
    return Settlement(reservation, tuple(rate.cost for rate in reservation.rates), spent, usage)


@contextlib.contextmanager
def full_disk(path: Path, *, room: int = 0) -> Iterator[None]:
    """No file may grow beyond the size that *path* has now, and *room*."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

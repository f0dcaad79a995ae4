"""Ledgers on journals in folders, a store that they share, and a clock that stands still."""

import asyncio
import contextlib
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sluice_contract.snapshot import BudgetUnit, Rates
from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.commands import FENCE_MAX_MS
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import (
    Account,
    Checkpoint,
    Entry,
    Held,
    HoldStore,
    KeyUsage,
    Refused,
    Reservation,
    Settlement,
    Standing,
)
from sluice_dataplane.usage.draft import Draft
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.ledger import Ledger
from sluice_dataplane.usage.recovery import Replayed
from support.forgetful import ForgetfulStore
from support.stores import account, start_ms

RESERVE_BYTES = 64 * 1024
NUSD_A_TOKEN = Rates(input_nusd_per_mtok=10**6, cached_input_nusd_per_mtok=10**6, output_nusd_per_mtok=10**6)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_ms = start_ms()

    def __call__(self) -> int:
        """The time, in milliseconds since 1970."""
        return self.now_ms


class Faraway:
    """A store that is somewhere else: one in memory, behind a line that a test can cut.

    ``away`` nothing reaches it; ``deaf`` it does what it is asked and no answer comes back; ``refused`` are ids it
    will not settle; ``unsafe`` is what it says of itself.
    """

    def __init__(self, near: ForgetfulStore) -> None:
        self.near = near
        self.away = self.deaf = False
        self.refused: set[str] = set()
        self.unsafe = ""
        self.batches: list[list[str]] = []
        self.calls: list[str] = []
        self.asked = asyncio.Event()

    def _reach(self, name: str) -> None:
        self.asked.set()
        self.calls.append(name)
        if self.away:
            raise StoreError("away", transient=True, maybe_done=False)

    def _answer(self) -> None:
        if self.deaf:
            raise StoreError("no answer", transient=True)

    async def hello(self, source: str) -> Standing:
        """As HoldStore."""
        self._reach("hello")
        said = await self.near.hello(source)
        self._answer()
        return Standing(said.applied, said.holes, said.fenced, said.total, said.sources, self.unsafe)

    async def reserve(self, reservation: Reservation, *, source: str = "", forced: bool = False) -> Held | Refused:
        """As HoldStore."""
        self._reach("force" if forced else "reserve")
        result = await self.near.reserve(reservation, source=source, forced=forced)
        self._answer()
        return result

    async def apply(self, source: str, entries: Sequence[Entry]) -> tuple[StoreError | None, ...]:
        """As HoldStore."""
        self.batches.append([entry.settlement.reservation.id for entry in entries])
        try:
            self._reach("apply")
        except StoreError as error:
            return (error,) * len(entries)
        errors: list[StoreError | None] = []
        for entry in entries:
            if entry.settlement.reservation.id in self.refused:
                errors.append(StoreError("refused", transient=False))
                continue
            errors += await self.near.apply(source, [entry])
        return tuple(StoreError("no answer", transient=True) if self.deaf else error for error in errors)

    async def caught_up(self, source: str) -> bool:
        """As HoldStore."""
        self._reach("caught_up")
        admits = await self.near.caught_up(source)
        self._answer()
        return admits

    async def extend(self, source: str, hold_ids: Sequence[str], ttl_ms: int) -> tuple[str, ...]:
        """As HoldStore."""
        self._reach("extend")
        return await self.near.extend(source, hold_ids, ttl_ms)

    async def reap(self) -> int:
        """As HoldStore."""
        self._reach("reap")
        return await self.near.reap()

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As HoldStore."""
        self._reach("accounts")
        return await self.near.accounts(names)

    async def checkpoint(self) -> Checkpoint | None:
        """As HoldStore."""
        self._reach("checkpoint")
        return await self.near.checkpoint()

    async def restore(self, checkpoint: Checkpoint) -> bool:
        """As HoldStore."""
        self._reach("restore")
        return await self.near.restore(checkpoint)

    async def close(self) -> None:
        """As HoldStore."""

    def figures(self, name: str = "a") -> Account:
        """What it knows of one account, whether it can be reached or not."""
        return self.near.all_accounts().get(account(name), Account(0, 0, 0))


def far(clock: Clock) -> Faraway:
    """A store to share, greeted by nobody."""
    return Faraway(ForgetfulStore(clock))


class Life:
    """One life of a process: a ledger, its journal and its store."""

    def __init__(
        self,
        folder: Path,
        store: HoldStore | None = None,
        *,
        clock: Clock | None = None,
        ledger: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.store = store or MemoryStore(self.clock)
        self.journal = Journal(folder, **{"reserve_bytes": RESERVE_BYTES, **options})
        self.ledger = Ledger(self.journal, self.store, clock_ms=self.clock, **(ledger or {}))
        self.replayed: Replayed = self.ledger.replay()

    @classmethod
    async def joined(cls, folder: Path, store: HoldStore, clock: Clock, **options: Any) -> "Life":
        """One that is in step with a store others share."""
        life = cls(folder, store, clock=clock, **options)
        await life.join()
        return life

    async def join(self) -> None:
        """Be in step with the store: on its clock, the time that a fence lasts may pass."""
        for _ in range(20):
            if await self.ledger.rejoin.step():
                return
            self.clock.now_ms += FENCE_MAX_MS // 10
        raise AssertionError("the store does not admit")

    async def drain(self) -> None:
        """Send all that waits."""
        while self.ledger.figures().waiting:
            assert await self.ledger.outbox.step()

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


def draft(
    hold_id: str,
    *,
    stream: bool = True,
    most: tuple[int, int] = (40, 1_000),
    input_tokens: int = 10,
    units: tuple[BudgetUnit, ...] = ("Cost",),
) -> Draft:
    """What is known of a call before it is sent; a token costs one nano-USD."""
    usage = TokenUsage(input=most[0], output=most[1])
    return Draft(
        record(hold_id, usage=usage, stream=stream, status=0, cost_nusd=0), input_tokens, units, NUSD_A_TOKEN, 0
    )


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

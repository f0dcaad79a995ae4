"""What a ledger does about once a second: heartbeat, reap, slices, checkpoint, rotate, forget, sync."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from sluice_dataplane.errors import JournalError, StoreError
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import HoldStore
from sluice_dataplane.usage import checkpoints
from sluice_dataplane.usage.heart import Heart
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.rejoin import Rejoin
from sluice_dataplane.usage.writer import Writer

LOOK_EVERY_TICKS: Final = 1  # sooner than a fence may fall: after a wipe nobody else knows of this source
REAP_EVERY_TICKS: Final = 5
CHECKPOINT_EVERY_TICKS: Final = 30
FORGET_EVERY_TICKS: Final = 60
RETRY_REFUSED_EVERY_TICKS: Final = 60

_log: Final = logging.getLogger(__name__)


class Upkeep:
    """One :meth:`tick` at a time; what the store or the disk does not do now is done in a later one."""

    def __init__(
        self,
        journal: Journal,
        store: HoldStore,
        writer: Writer,
        rejoin: Rejoin,
        *,
        away: MemoryStore,
        clock_ms: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._store = store
        self._local = store if isinstance(store, MemoryStore) else None
        self._writer = writer
        self._rejoin = rejoin
        self._outbox, self._calls, self._slices = rejoin.outbox, rejoin.calls, rejoin.slices
        self._away = away
        self._clock_ms = clock_ms
        self._heart = Heart()
        self._ticks = 0

    async def tick(self) -> None:
        """One round."""
        self._ticks += 1
        journal = self._journal
        if journal.full and journal.recover():
            _log.info("ledger.journal_recovered")
        if self._local is not None:
            self._keep_here(self._local)
        else:
            await self._keep_there()
        if journal.due and not journal.full:
            self._rotate()
        if self._every(FORGET_EVERY_TICKS):
            acknowledged = self._writer.n if self._local is not None else self._outbox.acknowledged
            journal.forget(acknowledged=acknowledged, now_ms=self._clock_ms())
        if journal.unsynced:
            await asyncio.to_thread(journal.sync)

    def _every(self, ticks: int) -> bool:
        return self._ticks % ticks == 0

    def _keep_here(self, local: MemoryStore) -> None:
        for ttl_ms, hold_ids in self._due():
            local.extend_now(hold_ids, ttl_ms)
            self._heart.beat(ttl_ms, now_ms=self._clock_ms())
        if self._every(REAP_EVERY_TICKS):
            local.reap_now()

    async def _keep_there(self) -> None:
        for ttl_ms, hold_ids in self._due():
            self._away.extend_now(hold_ids, ttl_ms)
        if self._every(REAP_EVERY_TICKS):
            self._away.reap_now()
        if self._every(RETRY_REFUSED_EVERY_TICKS):
            self._outbox.retry_refused()
        if self._every(LOOK_EVERY_TICKS):
            await self._rejoin.look()
        if self._rejoin.joined:
            try:
                await self._serve()
            except StoreError as error:
                self._rejoin.failed(error)
        self._outbox.write_mark()

    async def _serve(self) -> None:
        for ttl_ms, hold_ids in self._due():
            unknown = await self._store.extend(self._journal.source, hold_ids, ttl_ms)
            self._calls.doubt(unknown)
            self._slices.doubt(unknown)
            self._heart.beat(ttl_ms, now_ms=self._clock_ms())
        if self._every(REAP_EVERY_TICKS):
            await self._store.reap()
        await self._slices.step()
        if self._every(CHECKPOINT_EVERY_TICKS):
            checkpoint = await self._store.checkpoint()
            if checkpoint is not None:
                await asyncio.to_thread(checkpoints.save, self._journal.directory, checkpoint)

    def _due(self) -> list[tuple[int, list[str]]]:
        held = [call.reservation for call in self._calls.values()] + self._slices.reservations()
        return self._heart.due(held, now_ms=self._clock_ms())

    def _rotate(self) -> None:
        try:
            self._writer.begin_segment([*self._calls.lines(), *self._slices.lines()])
        except JournalError as error:
            _log.error("ledger.rotation_failed", extra={"reason": error.message})

"""The ledger joins the journal and the counters: opens a call's hold, settles it once, catches up after a crash.

The order is what makes it safe.  A hold is taken, then written down, then the call is sent; a settlement is written
down, then counted.  Whatever ends this process in between is put right by :meth:`Ledger.replay`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from sluice_contract.usage import UsageRecord
from sluice_dataplane.errors import JournalError, StoreError
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Account, Held, HoldStore, KeyUsage, Refused, Reservation, Settlement
from sluice_dataplane.usage import lines
from sluice_dataplane.usage.heart import Heart
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.lines import HoldLine, SettleLine, SnapshotLine
from sluice_dataplane.usage.outbox import Outbox
from sluice_dataplane.usage.replay import State, fold, start_of

TICK_S: Final = 1.0
REAP_EVERY_TICKS: Final = 5
FORGET_EVERY_TICKS: Final = 60

_log: Final = logging.getLogger(__name__)


class Replayed(msgspec.Struct, frozen=True):
    """What a start found in the journal."""

    lines: int  # read
    damaged: int  # torn or damaged, copied into quarantine
    missing: int  # settlements that were written and cannot be read any more
    crashed: int  # holds of an earlier life without a settlement: settled now at what they held


class Figures(msgspec.Struct, frozen=True):
    """How the ledger is doing, for metrics and readiness."""

    running: int  # calls
    waiting: int  # settlements the store has not answered
    unjournaled: int  # settlements that not even the reserve had room for
    journal_full: bool


class Ledger:
    """Where calls are opened and settled.  One per process, one owner of its journal.

    :meth:`replay` comes first, :meth:`run` belongs into the application's task group, :meth:`close` ends it.
    """

    def __init__(self, journal: Journal, store: HoldStore, *, clock_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._store = store
        self._clock_ms = clock_ms
        self._local = store if isinstance(store, MemoryStore) else None
        self._away = MemoryStore(clock_ms)  # rates and slots while a shared store is away
        self._outbox = Outbox(journal, store)
        self._running: dict[str, Reservation] = {}
        self._heart = Heart()
        self._n = self._sequence = self._unjournaled = self._ticks = 0

    @property
    def source(self) -> str:
        """The id of this journal: the ``source`` of every usage record it writes."""
        return self._journal.source

    def figures(self) -> Figures:
        """How it is doing now."""
        return Figures(len(self._running), self._outbox.waiting, self._unjournaled, self._journal.full)

    def replay(self) -> Replayed:
        """Catch up with the journal and begin to write; must end before the first :meth:`open`.

        Raises:
            JournalError: the journal cannot be read or written, or another process has it.
        """
        journal, damaged = self._journal, 0

        def quarantine(segment: Path, offset: int, raw: bytes) -> None:
            nonlocal damaged
            damaged += 1
            journal.quarantine(segment, offset, raw)

        journal.open()
        try:
            state = fold(start_of(journal.segments(), None), quarantine)
        except OSError as error:
            raise JournalError(f"The journal cannot be read: {error.strerror}.") from error
        self._n, self._sequence = state.n, state.sequence
        if self._local is not None:
            _restore(self._local, state)
        self._outbox.begin(acknowledged=self._acknowledged(state), n=state.n)
        self._running = dict(state.holds)
        self._begin_segment()
        for reservation in state.holds.values():
            self._charge(reservation)
        return Replayed(state.lines, damaged, state.missing, len(state.holds))

    def _acknowledged(self, state: State) -> int:
        if self._local is not None:
            return state.n
        written = self._journal.acknowledged()
        return min(state.acknowledged if written is None else written, state.n)

    async def open(self, reservation: Reservation, *, closed: bool = True) -> Held | Refused:
        """Take *reservation* and write the hold down; on Refused and on every error nothing stays held.

        *closed* False is for calls that no budget, or only budgets that fail open, covers: while the store is away
        their rates and slots are counted here alone, and what they spend is posted when the store is back.

        Raises:
            StoreError: the store did not answer and *closed* is True.
            JournalError: the hold cannot be written down.
        """
        if self._journal.full:
            raise JournalError("The journal's disk is full.")
        local = self._local
        result = local.reserve_now(reservation) if local is not None else await self._ask(reservation, closed=closed)
        if type(result) is Held:
            try:
                self._journal.append(lines.encode(HoldLine(self._clock_ms(), reservation)))
            except JournalError:
                self._void(reservation)
                raise
            self._running[reservation.id] = reservation
        return result

    async def _ask(self, reservation: Reservation, *, closed: bool) -> Held | Refused:
        try:
            return await self._store.reserve(reservation)
        except StoreError as error:
            result = None if closed or not error.transient else self._reserve_here(reservation)
            if error.maybe_done and type(result) is not Held:
                self._void(reservation)
            if result is None:
                raise
            return result
        except asyncio.CancelledError:
            self._void(reservation)
            raise

    def _reserve_here(self, reservation: Reservation) -> Held | Refused:
        result = self._away.reserve_now(_without_charges(reservation))
        if isinstance(result, Refused):
            return result
        return Held(result.rates, tuple(charge.limit - charge.amount for charge in reservation.charges))

    def settle(self, settlement: Settlement, record: UsageRecord | None) -> None:
        """End the hold that :meth:`open` took: journal first, then the counters.  Does not wait and never raises.

        *record* is completed in place with source and sequence; None for a call that used nothing.  A hold that is
        not open here (refused, or settled already) is left alone.
        """
        hold_id = settlement.reservation.id
        if self._running.pop(hold_id, None) is None:
            return
        try:
            if record is not None:
                self._sequence += 1
                force_setattr(record, "source", self._journal.source)
                force_setattr(record, "sequence", self._sequence)
            self._settle(settlement, record, reservation=None)
        except Exception:  # noqa: BLE001  a caller's finally must go on; the replay, or the store's reaper, still has the hold
            _log.exception("ledger.settle_failed", extra={"hold_id": hold_id})

    def _settle(
        self,
        settlement: Settlement,
        record: UsageRecord | None,
        *,
        reservation: Reservation | None,
        estimated: bool = False,
    ) -> None:
        self._n += 1
        used, spent, usage = settlement.used, settlement.spent, settlement.usage
        hold_id = settlement.reservation.id
        line = SettleLine(self._n, hold_id, used, spent, usage, record, reservation, estimated)
        journaled = self._journal.append_surely(_encoded(line))
        if not journaled:
            self._unjournaled += 1
            _log.error("ledger.unjournaled", extra={"hold_id": hold_id, "n": self._n})
        if self._local is not None:
            self._local.settle_now(settlement)
            return
        if self._away.holds(hold_id):
            self._away.settle_now(Settlement(_without_charges(settlement.reservation), used, ()))
        self._outbox.put(self._n, settlement, journaled=journaled)

    def _void(self, reservation: Reservation) -> None:
        """Give back a hold that was never written down."""
        nothing = Settlement(reservation, (0,) * len(reservation.rates), (0,) * len(reservation.charges))
        if self._local is not None:
            self._local.settle_now(nothing)
        else:
            self._settle(nothing, None, reservation=reservation)

    def _charge(self, reservation: Reservation) -> None:
        """Settle a hold of an earlier life at all it held: nobody saw how the call ended."""
        self._running.pop(reservation.id, None)
        used = tuple(rate.cost for rate in reservation.rates)
        spent = tuple(charge.amount for charge in reservation.charges)
        self._settle(Settlement(reservation, used, spent), None, reservation=None, estimated=True)

    def key_usage(self) -> Mapping[tuple[str, str], KeyUsage]:
        """The sums of each (key id, month) so far; empty with a shared store, which keeps them itself."""
        return {} if self._local is None else self._local.key_usage()

    def accounts(self) -> Mapping[str, Account]:
        """Every account by name; empty with a shared store."""
        return {} if self._local is None else self._local.all_accounts()

    async def run(self) -> None:
        """Drain, heartbeat, reap, checkpoint and rotate until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._local is None:
                tasks.create_task(self._outbox.run(), name="drain-settlements")
            while True:
                await asyncio.sleep(TICK_S)
                await self.tick()

    async def tick(self) -> None:
        """One round of upkeep; what the store or the disk does not do now is done in a later one."""
        self._ticks += 1
        journal = self._journal
        if journal.full and journal.recover():
            _log.info("ledger.journal_recovered")
        try:
            await self._heartbeat()
            if self._ticks % REAP_EVERY_TICKS == 0:
                self._away.reap_now()
                await self._store.reap()
        except StoreError as error:
            _log.warning("ledger.store_away", extra={"reason": str(error)})
        self._outbox.checkpoint()
        if journal.due and not journal.full:
            self._rotate()
        if self._ticks % FORGET_EVERY_TICKS == 0:
            journal.forget(acknowledged=self._outbox.acknowledged(self._n), now_ms=self._clock_ms())
        if journal.unsynced:
            await asyncio.to_thread(journal.sync)

    async def _heartbeat(self) -> None:
        for ttl_ms, hold_ids in self._heart.due(self._running.values(), now_ms=self._clock_ms()):
            self._away.extend_now(hold_ids, ttl_ms)
            await self._store.extend(hold_ids, ttl_ms)
            self._heart.beat(ttl_ms, now_ms=self._clock_ms())

    def _rotate(self) -> None:
        try:
            self._begin_segment()
        except JournalError as error:
            _log.error("ledger.rotation_failed", extra={"reason": error.message})

    def _begin_segment(self) -> None:
        local = self._local
        posted = {} if local is None else local.posted()
        snapshot = SnapshotLine(
            source=self._journal.source,
            n=self._n,
            sequence=self._sequence,
            acknowledged=self._outbox.acknowledged(self._n),
            accounts=tuple((name, spent, expires_at_ms) for name, (spent, expires_at_ms) in posted.items()),
            usage=tuple(self.key_usage().values()),
            holds=tuple(self._running.values()),
        )
        self._journal.begin(lines.encode(snapshot))

    async def close(self, deadline_s: float) -> None:
        """Hand what is left to the store within *deadline_s*; the journal keeps the rest for the next start."""
        await self._outbox.close(deadline_s)
        await asyncio.to_thread(self._journal.close)


def _encoded(line: SettleLine) -> bytes:
    try:
        return lines.encode(line)
    except ValueError:  # half a surrogate pair in a client's text: the sums matter more than the record
        _log.error("ledger.record_unwritable", extra={"hold_id": line.id})
        return lines.encode(msgspec.structs.replace(line, record=None))


def _without_charges(reservation: Reservation) -> Reservation:
    return Reservation(reservation.id, reservation.rates, reservation.slots, (), reservation.ttl_ms)


def _restore(store: MemoryStore, state: State) -> None:
    for account, (spent, expires_at_ms) in state.posted.items():
        store.post(account, spent, expires_at_ms)
    for usage in state.usage.values():
        store.add_usage(usage)

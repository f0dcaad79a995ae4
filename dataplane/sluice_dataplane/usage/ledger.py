"""The ledger joins the journal and the counters: opens a call's hold, settles it once, catches up after a crash.

The order is what makes it safe.  With counters that others share, a hold is written down, then taken, then the call is
sent; with counters in this process it is taken first, since both die together.  A settlement is written down, then
counted.  Whatever ends this process in between is put right by :meth:`Ledger.replay`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Final, Literal

from sluice_contract.usage import UsageRecord
from sluice_dataplane.errors import JournalError, StoreError
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.refusals import is_away
from sluice_dataplane.limits.store import (
    Account,
    Held,
    HoldStore,
    KeyUsage,
    Refused,
    Reservation,
    Settlement,
)
from sluice_dataplane.usage import crash, slots
from sluice_dataplane.usage.calls import Call, Calls
from sluice_dataplane.usage.draft import Draft
from sluice_dataplane.usage.figures import Figures
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.lines import HoldLine
from sluice_dataplane.usage.outbox import Outbox
from sluice_dataplane.usage.recovery import Replayed, recover
from sluice_dataplane.usage.rejoin import PAUSE_S, Rejoin
from sluice_dataplane.usage.shares import rates_only
from sluice_dataplane.usage.slices import Slices
from sluice_dataplane.usage.upkeep import Upkeep
from sluice_dataplane.usage.writer import Writer

Away = Literal["Closed", "Lease", "Open"]

TICK_S: Final = 1.0
AWAY_S: Final = 1.0  # after which a store that did not answer at the start is not waited for
FLUSH_BATCHES: Final = 8  # that a refused call waits for, when a slice is given back for it

_log: Final = logging.getLogger(__name__)


class Ledger:
    """Where calls are opened and settled.  One per process, one owner of its journal.

    :meth:`replay` comes first, :meth:`run` belongs into the application's task group, :meth:`close` ends it.  What goes
    on in the background is also there as steps: :meth:`tick`, ``outbox.step()`` and ``rejoin.step()``.

    Args:
        slots_count: of how many running calls the progress is kept where it survives this process.
        boot_id: what tells this boot of the machine from others.
    """

    def __init__(
        self,
        journal: Journal,
        store: HoldStore,
        *,
        clock_ms: Callable[[], int],
        slots_count: int = slots.SLOTS,
        boot_id: Callable[[], str] = slots.boot_id,
    ) -> None:
        self._journal = journal
        self._store = store
        self._clock_ms = clock_ms
        self._boot_id = boot_id
        self._local = store if isinstance(store, MemoryStore) else None
        self._away = MemoryStore(clock_ms)  # rates and slots while a shared store is away
        self._calls = Calls()
        self._slots = slots.Slots(slots_count)
        self.outbox = Outbox(journal, store)
        self._writer = Writer(journal, self.outbox, self._local)
        self.slices = Slices(store, self._writer, clock_ms=clock_ms)
        self.rejoin = Rejoin(journal, store, self.outbox, self._writer, calls=self._calls, slices=self.slices)
        self._upkeep = Upkeep(journal, store, self._writer, self.rejoin, away=self._away, clock_ms=clock_ms)

    @property
    def source(self) -> str:
        """The id of this journal: the ``source`` of every usage record it writes."""
        return self._journal.source

    def figures(self) -> Figures:
        """How it is doing now."""
        running, full = len(self._calls), self._journal.full
        if self._local is not None:
            return Figures(running, 0, self._writer.unjournaled, full)
        return Figures(
            running=running,
            waiting=self.outbox.waiting,
            unjournaled=self._writer.unjournaled,
            journal_full=full,
            joined=self.rejoin.joined,
            fenced=self.rejoin.fenced,
            slices=len(self.slices),
            sources=self.rejoin.sources,
            store_unsafe=self.rejoin.unsafe,
        )

    def replay(self) -> Replayed:
        """Catch up with the journal and begin to write; must end before the first :meth:`open`.

        Raises:
            JournalError: the journal cannot be read or written, or another process has it.
        """
        return recover(self._journal, self._writer, self.outbox, self._slots, self._local, boot_id=self._boot_id())

    async def open(
        self, reservation: Reservation, *, draft: Draft | None = None, away: Away = "Closed"
    ) -> Held | Refused:
        """Take *reservation* and write the hold down; on Refused and on every error nothing stays held.

        *draft* is what the call is billed by if nobody sees how it ends.  *away* is what may be done while the store is
        away: nothing; or to admit the call from slices of its budgets; or to admit it uncounted, and post what it spent
        when the store is back.  Rates and slots are then counted here alone.

        Raises:
            StoreError: the store did not answer, and there is no slice, or *away* does not allow it.
            JournalError: the hold cannot be written down.
        """
        if self._journal.full:
            raise JournalError("The journal's disk is full.")
        if self._local is not None:
            return self._open_here(self._local, reservation, draft)
        if away == "Closed" and self.rejoin.unsafe and reservation.charges:
            raise StoreError(f"the store may forget: {self.rejoin.unsafe}", transient=True, maybe_done=False)
        call = self._call(reservation, draft)
        try:
            self._writer.hold(call.line)
        except JournalError:
            self._slots.release(call.slot)
            raise
        self._calls.asking[reservation.id] = call
        try:
            result = await self._ask(call, away)
        except BaseException:
            self._untaken(call)
            raise
        finally:
            self._calls.asking.pop(reservation.id, None)
        if isinstance(result, Refused):
            self._untaken(call)
        else:
            self._calls[reservation.id] = call
        return result

    def _call(self, reservation: Reservation, draft: Draft | None) -> Call:
        slot = self._slots.take()
        return Call(HoldLine(self._clock_ms(), reservation, draft, watched=slot > 0), slot)

    def _open_here(self, local: MemoryStore, reservation: Reservation, draft: Draft | None) -> Held | Refused:
        result = local.reserve_now(reservation)
        if type(result) is Held:
            call = self._call(reservation, draft)
            try:
                self._writer.hold(call.line)
            except JournalError:
                self._slots.release(call.slot)
                local.settle_now(crash.void(reservation))
                raise
            self._calls[reservation.id] = call
        return result

    async def _ask(self, call: Call, away: Away) -> Held | Refused:
        for again in (True, False):
            call.asked = True
            try:
                result = await self._store.reserve(call.reservation, source=self.source)
            except StoreError as error:
                call.asked = error.maybe_done
                return self._without_store(call, away, error)
            call.asked = False
            if isinstance(result, Held):
                call.asserted = True
                if away == "Lease" and call.reservation.charges:
                    self.slices.used(call.reservation, result)
                return result
            if not again or not await self._make_room(call, result):
                break
        return result

    async def _make_room(self, call: Call, refused: Refused) -> bool:
        """Give back the slices that may be what keeps *call* out; whether another try may go better."""
        n = self.slices.give_back(call.reservation.charges) if refused.kind == "charge" else None
        return n is not None and await self.outbox.flush(n, batches=FLUSH_BATCHES)

    def _without_store(self, call: Call, away: Away, error: StoreError) -> Held | Refused:
        self.rejoin.failed(error)
        if away == "Closed" or not is_away(error):
            raise error
        here = rates_only(call.reservation, sources=self.rejoin.sources)
        result = self._away.reserve_now(here)
        if isinstance(result, Refused):
            return result
        if away == "Lease" and not self.slices.draw(call.reservation):
            self._away.settle_now(crash.void(here))
            raise error
        call.here = here
        remaining = tuple(self.slices.remaining(charge) - charge.amount for charge in call.reservation.charges)
        return Held(result.rates, remaining)

    def _untaken(self, call: Call) -> None:
        if call.asked:
            self._writer.void(call.reservation)
        else:
            self._writer.drop(call.reservation.id)
        self._slots.release(call.slot)

    def sent(self, hold_id: str) -> None:
        """The call of that hold is about to be sent: from now on it may be billed."""
        call = self._calls.get(hold_id)
        if call is not None:
            self._slots.sent(call.slot, hold_id)

    def saw(self, hold_id: str, output_tokens: int, *, stalled: bool = False) -> None:
        """So many tokens of its answer came so far; *stalled* while nobody reads what comes."""
        call = self._calls.get(hold_id)
        if call is not None:
            self._slots.saw(call.slot, output_tokens, stalled=stalled, at_ms=self._clock_ms())

    def settle(self, settlement: Settlement, record: UsageRecord | None) -> None:
        """End the hold that :meth:`open` took: journal first, then the counters.  Does not wait and never raises.

        *record* is completed in place with source and sequence; None for a call that used nothing.  A hold that is
        not open here (refused, or settled already) is left alone.
        """
        hold_id = settlement.reservation.id
        call = self._calls.pop(hold_id, None)
        if call is None:
            return
        try:
            self._writer.settle(settlement, record)
            if call.here is not None:
                self._away.settle_now(Settlement(call.here, settlement.used, ()))
            self.slices.ended(settlement)
        except Exception:  # noqa: BLE001  a caller's finally must go on; the replay, or the store's reaper, still has the hold
            _log.exception("ledger.settle_failed", extra={"hold_id": hold_id})
            return  # and its progress stays where the replay finds it
        self._slots.release(call.slot)

    def key_usage(self) -> Mapping[tuple[str, str], KeyUsage]:
        """The sums of each (key id, month) so far; empty with a shared store, which keeps them itself."""
        return {} if self._local is None else self._local.key_usage()

    def accounts(self) -> Mapping[str, Account]:
        """Every account by name; empty with a shared store."""
        return {} if self._local is None else self._local.all_accounts()

    def buckets(self) -> Mapping[str, Mapping[int, int]]:
        """What each account whose window rolls has posted, by bucket; empty with a shared store."""
        return {} if self._local is None else self._local.buckets()

    async def tick(self) -> None:
        """One round of upkeep, about once a second."""
        await self._upkeep.tick()

    async def run(self) -> None:
        """Drain, heartbeat, reap, checkpoint and rotate until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._local is None:
                tasks.create_task(self.rejoin.run(), name="rejoin-store")
                tasks.create_task(self.outbox.run(), name="drain-settlements")
            while True:
                await asyncio.sleep(TICK_S)
                await self.tick()

    async def joined(self, deadline_s: float) -> bool:
        """Wait until the store has everything and admits; no longer than *deadline_s*, and not for one that is away."""
        begun = (loop := asyncio.get_running_loop()).time()
        while self._local is None and not self.rejoin.joined:
            waited = loop.time() - begun
            if waited >= deadline_s or (self.rejoin.away and waited >= AWAY_S):
                return False
            await asyncio.sleep(PAUSE_S)
        return True

    async def close(self, deadline_s: float) -> None:
        """Hand what is left to the store within *deadline_s*; the journal keeps the rest for the next start."""
        if self._local is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self.rejoin.step()
            self.slices.close(self._calls)
            await self.outbox.close(deadline_s)
        flushed = await asyncio.to_thread(self._journal.flush)
        await asyncio.to_thread(self._slots.close, clean=flushed)
        await asyncio.to_thread(self._journal.close)

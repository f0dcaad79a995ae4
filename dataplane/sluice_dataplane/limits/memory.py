"""The counters in this process: the same semantics as Redis, for one replica.  The journal makes them durable.

Knows no file and no network, and no time but the clock it is given (milliseconds since 1970).  Memory is bounded
by what is in use: full buckets, expired accounts, old months and old settlements are forgotten as it goes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.buckets import Buckets
from sluice_dataplane.limits.marks import Ended, Marks
from sluice_dataplane.limits.months import Months
from sluice_dataplane.limits.store import (
    Account,
    Charge,
    Checkpoint,
    Entry,
    Held,
    KeyUsage,
    Refused,
    Reservation,
    Settlement,
    Slot,
    Standing,
    UngreetedError,
)
from sluice_dataplane.limits.tally import Taken, Tally

REAP_LIMIT: Final = 100
ORPHAN_KEPT_MS: Final = 86_400_000
SWEEP_EVERY_MS: Final = 60_000
USAGE_KEPT_MS: Final = 400 * 86_400_000

_NOTHING: Final = Tally()


class MemoryStore:
    """A HoldStore without I/O.  Its ``…_now`` methods are the same without a coroutine around them.

    It lives and dies with its one source, whose journal is its checkpoint: it is never fenced and forgets nothing.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._buckets = Buckets()
        self._slots: dict[str, dict[str, int]] = {}  # slot set → hold id → lease end
        self._accounts: dict[str, Tally] = {}
        self._holds: dict[str, Taken] = {}
        self._settled = Ended()
        self._usage = Months()
        self._marks = Marks()
        self._total = 0
        self._swept_ms = clock_ms()

    def reserve_now(self, reservation: Reservation, *, forced: bool = False) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        hold_id = reservation.id
        now_ms = self._clock_ms()
        if forced:
            reservation = msgspec.structs.replace(reservation, rates=())
        if hold_id in self._holds:
            return self._held(reservation, now_ms * 1000)
        if hold_id in self._settled:
            raise StoreError("the hold was settled before it was taken", transient=False, maybe_done=False)
        refused = not forced and (
            self._buckets.refused(reservation.rates, now_ms * 1000)
            or self._full_slots(reservation.slots, now_ms)
            or self._full_account(reservation.charges)
        )
        return refused or self._take(reservation, now_ms, forced=forced)

    def _full_slots(self, slots: tuple[Slot, ...], now_ms: int) -> Refused | None:
        for index, slot in enumerate(slots):
            leases = self._slots.get(slot.slots, ())
            if len(leases) < slot.limit:
                continue
            live = {hold_id: end for hold_id, end in leases.items() if end > now_ms} if leases else {}
            self._slots[slot.slots] = live
            if len(live) >= slot.limit:
                return Refused("slot", index, None)
        return None

    def _full_account(self, charges: tuple[Charge, ...]) -> Refused | None:
        for index, charge in enumerate(charges):
            account = self._accounts.get(charge.account)
            available = charge.limit if account is None else charge.limit - account.taken(charge)
            if charge.amount > available and charge.enforced:
                gone = charge.bucket if account is None else account.last_to_go(charge, charge.amount - available)
                return Refused("charge", index, None, available, gone)
        return None

    def _take(self, reservation: Reservation, now_ms: int, *, forced: bool) -> Held:
        hold_id = reservation.id
        deadline_ms = now_ms + reservation.ttl_ms
        now_us = now_ms * 1000
        self._holds[hold_id] = Taken(reservation, deadline_ms, forced=forced)
        states = [self._buckets.take(rate, now_us) for rate in reservation.rates]
        for slot in reservation.slots:
            self._slots.setdefault(slot.slots, {})[hold_id] = deadline_ms
        remaining = []
        for charge in reservation.charges:
            account = self._accounts.get(charge.account)
            if account is None:
                account = self._accounts[charge.account] = Tally()
            account.hold(charge)
            remaining.append(charge.limit - account.posted - account.held - account.orphaned)
        return Held(tuple(states), tuple(remaining))

    def _held(self, reservation: Reservation, now_us: int) -> Held:
        return Held(
            tuple(self._buckets.state(rate, now_us) for rate in reservation.rates),
            tuple(
                charge.limit - self._accounts.get(charge.account, _NOTHING).taken(charge)
                for charge in reservation.charges
            ),
        )

    def settle_now(self, settlement: Settlement) -> None:
        """End a hold, once: for a caller that numbers nothing."""
        hold_id = settlement.reservation.id
        if hold_id not in self._settled:
            self._settle(settlement)

    def _settle(self, settlement: Settlement) -> None:
        hold_id = settlement.reservation.id
        self._settled.add(hold_id)
        hold = self._holds.pop(hold_id, None)
        if hold is not None:
            self._give_back(hold, settlement.used)
        for charge, spent in zip(settlement.reservation.charges, settlement.spent, strict=True):
            if spent:
                self.post(charge.account, spent, charge.expires_at_ms, charge.bucket)
        if settlement.usage is not None:
            self._usage.add(settlement.usage)

    def apply_now(self, source: str, entry: Entry) -> StoreError | None:
        """As :meth:`HoldStore.apply`, one."""
        new = self._marks.count(source, entry.first or entry.n, entry.n)
        if new is None:
            return UngreetedError()
        self._total += new
        if new and not entry.first:
            self._settle(entry.settlement)
        return None

    def _give_back(self, hold: Taken, used: tuple[int, ...]) -> None:
        reservation = hold.reservation
        for slot in reservation.slots:
            leases = self._slots.get(slot.slots)
            if leases is not None:
                leases.pop(reservation.id, None)
        for charge in reservation.charges:
            account = self._accounts.get(charge.account)
            if account is None:
                continue
            if hold.orphaned:
                account.orphaned -= charge.amount
            else:
                account.held -= charge.amount
        now_us = 0
        for rate, units in zip(reservation.rates, () if hold.forced else used, strict=True):
            if units != rate.cost:
                now_us = now_us or self._clock_ms() * 1000
                self._buckets.correct(rate, units, now_us)

    def extend_now(self, hold_ids: Iterable[str], ttl_ms: int) -> tuple[str, ...]:
        """As :meth:`HoldStore.extend`."""
        deadline_ms, unknown = self._clock_ms() + ttl_ms, []
        for hold_id in hold_ids:
            hold = self._holds.get(hold_id)
            if hold is None and hold_id not in self._settled:
                unknown.append(hold_id)
            if hold is None or hold.orphaned:
                continue
            hold.deadline_ms = deadline_ms
            for slot in hold.reservation.slots:
                self._slots.setdefault(slot.slots, {})[hold_id] = deadline_ms
        return tuple(unknown)

    def reap_now(self) -> int:
        """As :meth:`HoldStore.reap`; also forgets what no longer matters."""
        now_ms = self._clock_ms()
        late = [hold for hold in self._holds.values() if hold.deadline_ms <= now_ms and not hold.orphaned]
        late.sort(key=lambda hold: hold.deadline_ms)
        for hold in late[:REAP_LIMIT]:
            hold.orphaned = True
            for charge in hold.reservation.charges:
                account = self._accounts.get(charge.account)
                if account is not None:
                    account.held -= charge.amount
                    account.orphaned += charge.amount
        if now_ms - self._swept_ms >= SWEEP_EVERY_MS:
            self._sweep(now_ms)
        return min(len(late), REAP_LIMIT)

    def _sweep(self, now_ms: int) -> None:
        self._swept_ms = now_ms
        self._buckets.sweep(now_ms * 1000)
        self._slots = {name: leases for name, leases in self._slots.items() if leases}
        self._accounts = {name: account for name, account in self._accounts.items() if account.expires_at_ms > now_ms}
        self._usage.sweep(now_ms - USAGE_KEPT_MS)
        for hold_id in [hold_id for hold_id, hold in self._holds.items() if self._moot(hold, now_ms)]:
            del self._holds[hold_id]

    def _moot(self, hold: Taken, now_ms: int) -> bool:
        """Whether an orphan's owner is long gone, and with it all that it was counted on."""
        late = hold.orphaned and hold.deadline_ms + ORPHAN_KEPT_MS <= now_ms
        return late and not any(charge.account in self._accounts for charge in hold.reservation.charges)

    def holds(self, hold_id: str) -> bool:
        """Whether the hold is open (or orphaned) here."""
        return hold_id in self._holds

    def post(self, account: str, spent: int, expires_at_ms: int, bucket: int | None = None) -> None:
        """Count *spent*, on *bucket* where the account's window rolls."""
        tally = self._accounts.get(account)
        if tally is None:
            tally = self._accounts[account] = Tally()
        tally.post(spent, expires_at_ms, bucket)

    def add_usage(self, usage: KeyUsage) -> None:
        """Add one call's, or many calls', figures to their key's month."""
        self._usage.add(usage)

    def posted(self) -> Mapping[str, tuple[int, int]]:
        """What each account has posted, and when the account expires: what a restart must find again."""
        return {name: (account.posted, account.expires_at_ms) for name, account in self._accounts.items()}

    def buckets(self) -> Mapping[str, Mapping[int, int]]:
        """What each account whose window rolls has posted, by bucket."""
        return {name: dict(account.buckets) for name, account in self._accounts.items() if account.buckets is not None}

    def all_accounts(self) -> Mapping[str, Account]:
        """Every account by name."""
        return {name: account.account() for name, account in self._accounts.items()}

    def key_usage(self) -> Mapping[tuple[str, str], KeyUsage]:
        """The sums of each (key id, month)."""
        return self._usage.all()

    async def hello(self, source: str) -> Standing:
        """As :meth:`HoldStore.hello`."""
        mark, holes = self._marks.of(source)
        return Standing(mark, holes, fenced=False, total=self._total, sources=1)

    async def reserve(
        self,
        reservation: Reservation,
        *,
        source: str = "",  # noqa: ARG002  there is one only
        forced: bool = False,
    ) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        return self.reserve_now(reservation, forced=forced)

    async def apply(self, source: str, entries: Sequence[Entry]) -> tuple[StoreError | None, ...]:
        """As :meth:`HoldStore.apply`."""
        errors = [self.apply_now(source, entry) for entry in entries]
        return next(((error,) * len(errors) for error in errors if error is not None), tuple(errors))

    async def caught_up(self, source: str) -> bool:  # noqa: ARG002  it never fell behind
        """As :meth:`HoldStore.caught_up`."""
        return True

    async def extend(
        self,
        source: str,  # noqa: ARG002  nobody asks whether it lives
        hold_ids: Sequence[str],
        ttl_ms: int,
    ) -> tuple[str, ...]:
        """As :meth:`HoldStore.extend`."""
        return self.extend_now(hold_ids, ttl_ms)

    async def reap(self) -> int:
        """As :meth:`HoldStore.reap`."""
        return self.reap_now()

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As :meth:`HoldStore.accounts`."""
        return tuple(self._accounts.get(name, _NOTHING).account() for name in names)

    async def checkpoint(self) -> Checkpoint | None:
        """As :meth:`HoldStore.checkpoint`: none is of use."""
        return None

    async def restore(self, checkpoint: Checkpoint) -> bool:  # noqa: ARG002  as it says
        """As :meth:`HoldStore.restore`: nothing is ever missing."""
        return False

    async def close(self) -> None:
        """Nothing to let go of."""

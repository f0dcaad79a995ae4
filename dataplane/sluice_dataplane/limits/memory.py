"""The counters in this process: the same semantics as Redis, for one replica.  The journal makes them durable.

Knows no file and no network, and no time but the clock it is given (milliseconds since 1970).  Memory is bounded
by what is in use: full buckets, expired accounts, old months and old settlements are forgotten as it goes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import gcra
from sluice_dataplane.limits.store import (
    Account,
    Charge,
    Held,
    KeyUsage,
    Rate,
    RateState,
    Refused,
    Reservation,
    Settlement,
    Slot,
)

REAP_LIMIT: Final = 100
SETTLED_KEPT: Final = 20_000  # ids: a second settlement comes soon or never, since all come from this process
ORPHAN_KEPT_MS: Final = 86_400_000
SWEEP_EVERY_MS: Final = 60_000
USAGE_KEPT_MS: Final = 400 * 86_400_000

_NOTHING: Final = (0, 0, 0, 0)


class _Hold:
    """What one reservation took, and until when it may."""

    __slots__ = ("deadline_ms", "orphaned", "reservation")

    def __init__(self, reservation: Reservation, deadline_ms: int) -> None:
        self.reservation = reservation
        self.deadline_ms = deadline_ms
        self.orphaned = False


class MemoryStore:
    """A HoldStore without I/O.  Its ``…_now`` methods are the same without a coroutine around them."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._tats: dict[str, int] = {}  # bucket → µs
        self._slots: dict[str, dict[str, int]] = {}  # slot set → hold id → lease end
        self._accounts: dict[str, list[int]] = {}  # posted, held, orphaned, expires_at_ms
        self._holds: dict[str, _Hold] = {}
        self._settled: set[str] = set()  # ids, in two generations
        self._settled_before: set[str] = set()
        self._usage: dict[tuple[str, str], list[int]] = {}  # requests, input, output, cost, last ms
        self._swept_ms = clock_ms()

    def reserve_now(self, reservation: Reservation) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        hold_id = reservation.id
        now_ms = self._clock_ms()
        if hold_id in self._holds:
            return self._held(reservation, now_ms * 1000)
        if hold_id in self._settled or hold_id in self._settled_before:
            raise StoreError("the hold was settled before it was taken", transient=False, maybe_done=False)
        refused = (
            self._full_bucket(reservation.rates, now_ms * 1000)
            or self._full_slots(reservation.slots, now_ms)
            or self._full_account(reservation.charges)
        )
        if refused is not None:
            return refused
        return self._take(reservation, now_ms)

    def _full_bucket(self, rates: tuple[Rate, ...], now_us: int) -> Refused | None:
        for index, rate in enumerate(rates):
            if rate.amount <= 0:
                return Refused("rate", index, None)
            debt = self._tats.get(rate.bucket, 0) - now_us
            cost = gcra.cost_us(rate.cost, rate.amount, rate.window_ms)
            if wait := gcra.wait_us(max(debt, 0), cost, gcra.burst_us(rate)):
                return Refused("rate", index, gcra.ceil_ms(wait))
        return None

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
            posted, held, orphaned, _ = self._accounts.get(charge.account, _NOTHING)
            available = charge.limit - posted - held - orphaned
            if charge.amount > available and charge.enforced:
                return Refused("charge", index, None, available)
        return None

    def _take(self, reservation: Reservation, now_ms: int) -> Held:
        hold_id = reservation.id
        deadline_ms = now_ms + reservation.ttl_ms
        now_us = now_ms * 1000
        self._holds[hold_id] = _Hold(reservation, deadline_ms)
        states = []
        for rate in reservation.rates:
            cost = gcra.cost_us(rate.cost, rate.amount, rate.window_ms)
            tat = max(self._tats.get(rate.bucket, 0), now_us) + cost
            self._tats[rate.bucket] = tat
            states.append(gcra.state(rate, tat - now_us, gcra.burst_us(rate)))
        for slot in reservation.slots:
            self._slots.setdefault(slot.slots, {})[hold_id] = deadline_ms
        remaining = []
        for charge in reservation.charges:
            account = self._accounts.get(charge.account)
            if account is None:
                account = self._accounts[charge.account] = [0, 0, 0, 0]
            account[1] += charge.amount
            account[3] = charge.expires_at_ms
            remaining.append(charge.limit - account[0] - account[1] - account[2])
        return Held(tuple(states), tuple(remaining))

    def _held(self, reservation: Reservation, now_us: int) -> Held:
        states: list[RateState] = []
        for rate in reservation.rates:
            debt = max(self._tats.get(rate.bucket, 0) - now_us, 0)
            states.append(gcra.state(rate, debt, gcra.burst_us(rate)))
        return Held(
            tuple(states),
            tuple(
                charge.limit - sum(self._accounts.get(charge.account, _NOTHING)[:3]) for charge in reservation.charges
            ),
        )

    def settle_now(self, settlement: Settlement) -> None:
        """As :meth:`HoldStore.settle`."""
        reservation = settlement.reservation
        hold_id = reservation.id
        if hold_id in self._settled or hold_id in self._settled_before:
            return
        self._settled.add(hold_id)
        if len(self._settled) > SETTLED_KEPT:
            self._settled, self._settled_before = set(), self._settled
        hold = self._holds.pop(hold_id, None)
        if hold is not None:
            self._give_back(hold, settlement.used)
        for charge, spent in zip(reservation.charges, settlement.spent, strict=True):
            account = self._accounts.get(charge.account)
            if account is not None:
                account[0] += spent
            elif spent:
                self._accounts[charge.account] = [spent, 0, 0, charge.expires_at_ms]
        if settlement.usage is not None:
            self.add_usage(settlement.usage)

    def _give_back(self, hold: _Hold, used: tuple[int, ...]) -> None:
        reservation = hold.reservation
        for slot in reservation.slots:
            leases = self._slots.get(slot.slots)
            if leases is not None:
                leases.pop(reservation.id, None)
        field = 2 if hold.orphaned else 1
        for charge in reservation.charges:
            account = self._accounts.get(charge.account)
            if account is not None:
                account[field] -= charge.amount
        now_us = 0
        for rate, units in zip(reservation.rates, used, strict=True):
            if units == rate.cost:
                continue
            now_us = now_us or self._clock_ms() * 1000
            tat = gcra.adjusted(self._tats.get(rate.bucket, 0), now_us, gcra.refund_us(rate, units))
            if tat > now_us:
                self._tats[rate.bucket] = tat
            else:
                self._tats.pop(rate.bucket, None)

    def extend_now(self, hold_ids: Iterable[str], ttl_ms: int) -> None:
        """As :meth:`HoldStore.extend`."""
        deadline_ms = self._clock_ms() + ttl_ms
        for hold_id in hold_ids:
            hold = self._holds.get(hold_id)
            if hold is None or hold.orphaned:
                continue
            hold.deadline_ms = deadline_ms
            for slot in hold.reservation.slots:
                self._slots.setdefault(slot.slots, {})[hold_id] = deadline_ms

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
                    account[1] -= charge.amount
                    account[2] += charge.amount
        if now_ms - self._swept_ms >= SWEEP_EVERY_MS:
            self._sweep(now_ms)
        return min(len(late), REAP_LIMIT)

    def _sweep(self, now_ms: int) -> None:
        self._swept_ms = now_ms
        self._tats = {name: tat for name, tat in self._tats.items() if tat > now_ms * 1000}
        self._slots = {name: leases for name, leases in self._slots.items() if leases}
        self._accounts = {name: account for name, account in self._accounts.items() if account[3] > now_ms}
        self._usage = {name: sums for name, sums in self._usage.items() if sums[4] > now_ms - USAGE_KEPT_MS}
        for hold_id in [hold_id for hold_id, hold in self._holds.items() if self._moot(hold, now_ms)]:
            del self._holds[hold_id]

    def _moot(self, hold: _Hold, now_ms: int) -> bool:
        """Whether an orphan's owner is long gone, and with it all that it was counted on."""
        late = hold.orphaned and hold.deadline_ms + ORPHAN_KEPT_MS <= now_ms
        return late and not any(charge.account in self._accounts for charge in hold.reservation.charges)

    def holds(self, hold_id: str) -> bool:
        """Whether the hold is open (or orphaned) here."""
        return hold_id in self._holds

    def post(self, account: str, spent: int, expires_at_ms: int) -> None:
        """Count what was spent before this process began."""
        self._accounts.setdefault(account, [0, 0, 0, expires_at_ms])[0] += spent

    def add_usage(self, usage: KeyUsage) -> None:
        """Add one call's, or many calls', figures to their key's month."""
        named = (usage.key_id, usage.month)
        sums = self._usage.get(named)
        if sums is None:
            sums = self._usage[named] = [0, 0, 0, 0, 0]
        sums[0] += usage.requests
        sums[1] += usage.input_tokens
        sums[2] += usage.output_tokens
        sums[3] += usage.cost_nusd
        sums[4] = max(sums[4], usage.at_ms)

    def posted(self) -> Mapping[str, tuple[int, int]]:
        """What each account has posted, and when the account expires: what a restart must find again."""
        return {name: (account[0], account[3]) for name, account in self._accounts.items()}

    def all_accounts(self) -> Mapping[str, Account]:
        """Every account by name."""
        return {name: Account(*account[:3]) for name, account in self._accounts.items()}

    def key_usage(self) -> Mapping[tuple[str, str], KeyUsage]:
        """The sums of each (key id, month)."""
        return {
            (key_id, month): KeyUsage(key_id, month, sums[0], sums[1], sums[2], sums[3], sums[4])
            for (key_id, month), sums in self._usage.items()
        }

    async def reserve(self, reservation: Reservation) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        return self.reserve_now(reservation)

    async def settle(self, settlement: Settlement) -> None:
        """As :meth:`HoldStore.settle`."""
        self.settle_now(settlement)

    async def settle_all(self, settlements: Sequence[Settlement]) -> tuple[StoreError | None, ...]:
        """As :meth:`HoldStore.settle_all`."""
        for settlement in settlements:
            self.settle_now(settlement)
        return (None,) * len(settlements)

    async def extend(self, hold_ids: Sequence[str], ttl_ms: int) -> None:
        """As :meth:`HoldStore.extend`."""
        self.extend_now(hold_ids, ttl_ms)

    async def reap(self) -> int:
        """As :meth:`HoldStore.reap`."""
        return self.reap_now()

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As :meth:`HoldStore.accounts`."""
        return tuple(Account(*self._accounts.get(name, _NOTHING)[:3]) for name in names)

    async def close(self) -> None:
        """Nothing to let go of."""

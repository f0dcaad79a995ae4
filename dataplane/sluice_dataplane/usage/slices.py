"""Slices: a little of each budget in use, held in advance, for calls that come while the store is away.

A slice is an ordinary hold in the shared store, so that whatever is spent from it was counted before the store went
away.  One that was drawn on is given back when the store knows all that was drawn, and not drawn on again after that.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from sluice_dataplane.errors import JournalError, StoreError
from sluice_dataplane.limits.store import Charge, Held, HoldStore, Refused, Reservation, Settlement, UngreetedError
from sluice_dataplane.usage.calls import Calls
from sluice_dataplane.usage.lines import HoldLine
from sluice_dataplane.usage.writer import Writer

MAX_ACCOUNTS: Final = 1_000
HALF_MS: Final = 30_000  # use is counted by half minutes; two of them are what a slice is measured by
SHARE: Final = 100  # a slice is at most so much of what remains: one in …
TAKES_PER_STEP: Final = 50


class Use:
    """How one account was used of late by this process."""

    __slots__ = ("before", "charge", "lately", "remaining", "ttl_ms")

    def __init__(self, charge: Charge, remaining: int, ttl_ms: int) -> None:
        self.charge = charge  # the last one
        self.remaining = remaining  # of its limit, after it
        self.ttl_ms = ttl_ms
        self.lately = self.before = 0  # what was held for calls in this half minute, and in the one before


class Slice:
    """What is held in advance on one account, and what is left of it."""

    __slots__ = ("asserted", "drawn", "left", "line", "refused")

    def __init__(self, line: HoldLine) -> None:
        self.line = line
        self.left = line.reservation.charges[0].amount
        self.drawn = False
        self.asserted = True
        self.refused = False

    @property
    def reservation(self) -> Reservation:
        """What it holds in the store."""
        return self.line.reservation

    @property
    def amount(self) -> int:
        """All of it."""
        return self.line.reservation.charges[0].amount


def worth(use: Use, held: int) -> int:
    """How much to hold in advance of an account so used, of which *held* is held already; 0: it is not worth it."""
    most = min(max(use.remaining + held, 0) // SHARE, use.lately + use.before)
    return most if most >= use.charge.amount else 0


class Slices:
    """The slices of this process, at most one an account."""

    def __init__(self, store: HoldStore, writer: Writer, *, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._writer = writer
        self._clock_ms = clock_ms
        self._uses: dict[str, Use] = {}  # by account
        self._slices: dict[str, Slice] = {}
        self._draws: dict[str, Reservation] = {}  # calls that were admitted from slices
        self._half_since_ms = clock_ms()
        self._count = 0

    def __len__(self) -> int:
        return len(self._slices)

    def used(self, reservation: Reservation, held: Held) -> None:
        """A call was admitted by the store, whose budgets may be spent from slices."""
        for charge, remaining in zip(reservation.charges, held.remaining, strict=True):
            use = self._uses.get(charge.account)
            if use is None:
                if len(self._uses) >= MAX_ACCOUNTS or not charge.enforced:
                    continue
                use = self._uses[charge.account] = Use(charge, remaining, reservation.ttl_ms)
            use.charge, use.remaining = charge, remaining
            use.lately += charge.amount

    def draw(self, reservation: Reservation) -> bool:
        """Admit a call from slices, if they hold all that it may come to."""
        charges = [charge for charge in reservation.charges if charge.enforced]
        found = [self._slices.get(charge.account) for charge in charges]
        for part, charge in zip(found, charges, strict=True):
            if part is None or part.left < charge.amount:
                return False
        for part, charge in zip(found, charges, strict=True):
            if part is not None:
                part.left -= charge.amount
                part.drawn = True
        self._draws[reservation.id] = reservation
        return True

    def remaining(self, charge: Charge) -> int:
        """What remained of its limit when the store last said so; the limit where it never did."""
        use = self._uses.get(charge.account)
        return charge.limit if use is None else use.remaining

    def ended(self, settlement: Settlement) -> None:
        """A call was settled: what it did not spend of what it drew may be drawn again."""
        reservation = self._draws.pop(settlement.reservation.id, None)
        if reservation is None:
            return
        for charge, spent in zip(reservation.charges, settlement.spent, strict=True):
            part = self._slices.get(charge.account)
            if part is not None and part.drawn and charge.enforced:
                part.left += charge.amount - spent

    def lines(self) -> Iterable[HoldLine]:
        """What the journal must not forget of them."""
        return (part.line for part in self._slices.values())

    def reservations(self) -> list[Reservation]:
        """What they hold in the store."""
        return [part.reservation for part in self._slices.values()]

    def doubt(self, hold_ids: Iterable[str] | None = None) -> None:
        """The store does not know these; None: any."""
        ids = None if hold_ids is None else set(hold_ids)
        for part in self._slices.values():
            if ids is None or part.reservation.id in ids:
                part.asserted = part.refused = False

    def unasserted(self) -> list[Slice]:
        """Those that the store may not know, and has not refused to."""
        return [part for part in self._slices.values() if not part.asserted and not part.refused]

    @property
    def drawn(self) -> bool:
        """Whether any was drawn on."""
        return any(part.drawn for part in self._slices.values())

    def give_back(self, charges: Iterable[Charge]) -> int | None:
        """Give back the slices, if they were not drawn on, that keep a call from these accounts; the settlement."""
        n = None
        for charge in charges:
            part = self._slices.get(charge.account)
            if part is not None and not part.drawn:
                n = self._end(charge.account)
        return n

    def release(self, calls: Calls) -> None:
        """Give back slices that were drawn on, where the store knows of all calls that drew and still run."""
        needed: set[str] = set()
        for hold_id, reservation in self._draws.items():
            call = calls.get(hold_id)
            if call is not None and not call.asserted:
                needed.update(charge.account for charge in reservation.charges)
        for account in [name for name, part in self._slices.items() if part.drawn and name not in needed]:
            self._end(account)
        left = self._slices.keys()
        for hold_id, reservation in list(self._draws.items()):
            if not any(charge.account in left for charge in reservation.charges):
                del self._draws[hold_id]

    def close(self, calls: Calls) -> None:
        """Give all back, but those from which calls were drawn that still run and that the store does not know."""
        self.release(calls)
        for account in [name for name, part in self._slices.items() if not part.drawn]:
            self._end(account)

    def _end(self, account: str) -> int:
        return self._writer.void(self._slices.pop(account).reservation)

    async def step(self) -> bool:
        """Give back what is too much or not needed, and take what is worth it; False where the store did not answer.

        Raises:
            UngreetedError: the store must be greeted.
        """
        self._turn_halves()
        wanted: list[tuple[Use, int]] = []
        for account, use in self._uses.items():
            part = self._slices.get(account)
            amount = worth(use, 0 if part is None else part.amount)
            if part is None and amount:
                wanted.append((use, amount))
            elif part is not None and not part.drawn and not part.amount <= 2 * amount <= 4 * part.amount:
                self._end(account)  # and what is worth it is taken in the next step
        for use, amount in wanted[:TAKES_PER_STEP]:
            if not await self._take(use, amount):
                return False
        return True

    def _turn_halves(self) -> None:
        now_ms = self._clock_ms()
        if 0 <= now_ms - self._half_since_ms < HALF_MS:
            return
        self._half_since_ms = now_ms
        for account, use in list(self._uses.items()):
            use.before, use.lately = use.lately, 0
            part = self._slices.get(account)
            if not use.before and (part is None or not part.drawn):
                del self._uses[account]
                if part is not None:
                    self._end(account)

    async def _take(self, use: Use, amount: int) -> bool:
        self._count += 1
        now_ms = self._clock_ms()
        charge = msgspec.structs.replace(use.charge, amount=amount)
        name = f"{self._writer.source}.{now_ms}.{self._count}"
        line = HoldLine(now_ms, Reservation(name, (), (), (charge,), use.ttl_ms), slice=True)
        try:
            self._writer.hold(line)
        except JournalError:
            return False
        try:
            result: Held | Refused = await self._store.reserve(line.reservation, source=self._writer.source)
        except StoreError as error:
            self._untaken(line, maybe_held=error.maybe_done)
            if isinstance(error, UngreetedError):
                raise
            return False
        except BaseException:
            self._untaken(line, maybe_held=True)
            raise
        if isinstance(result, Held):
            self._slices[charge.account] = Slice(line)
            use.remaining = result.remaining[0]
        else:
            self._untaken(line, maybe_held=False)
        return True

    def _untaken(self, line: HoldLine, *, maybe_held: bool) -> None:
        if maybe_held:
            self._writer.void(line.reservation)
        else:
            self._writer.drop(line.reservation.id)

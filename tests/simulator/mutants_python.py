"""The bodies of defects in Python: each stands in for the method of that name, with one thing wrong."""

from collections.abc import Iterable
from typing import Any

import msgspec

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.marks import Marks
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Entry, Held, Refused, Reservation, Settlement
from sluice_dataplane.limits.tally import Taken
from sluice_dataplane.usage import crash
from sluice_dataplane.usage.calls import Call, Calls
from sluice_dataplane.usage.draft import Draft
from sluice_dataplane.usage.ledger import Away, Ledger
from sluice_dataplane.usage.lines import HoldLine
from sluice_dataplane.usage.outbox import Outbox
from sluice_dataplane.usage.rejoin import Rejoin
from sluice_dataplane.usage.replay import State
from sluice_dataplane.usage.slices import Slices

_give_back = MemoryStore._give_back
_draw, _rewind, _damage, _settled, _count = Slices.draw, Outbox.rewind, State.damage, crash.settled, Marks.count


def told_too_early(self: Outbox, n: int) -> bool:
    """The store has been told everything, whatever is still to be sent."""
    return True


async def nothing_asserted(self: Rejoin) -> None:
    """Running holds are not asserted after a loss."""


def acknowledged_unheard(self: Outbox, errors: tuple[StoreError | None, ...]) -> list[Entry]:
    """What was sent counts as answered; nobody looks again."""
    self._base = max(self._base, self._sending[-1].n)
    return []


def holes_not_filled(self: Outbox, applied: int, holes: Iterable[int]) -> None:
    """Numbers that the store skipped are not sent again."""
    _rewind(self, applied, ())


async def reserve_before_journal(
    self: Ledger, reservation: Reservation, *, draft: Draft | None = None, away: Away = "Closed"
) -> Held | Refused:
    """The store is asked before the hold is written down."""
    call = self._call(reservation, draft)
    try:
        result = await self._ask(call, away)
    except BaseException:
        self._writer.hold(call.line)
        self._untaken(call)
        raise
    self._writer.hold(call.line)
    if isinstance(result, Refused):
        self._untaken(call)
    else:
        self._calls[reservation.id] = call
    return result


def rotation_forgets(self: Calls) -> Iterable[HoldLine]:
    """A segment that begins while the store is asked does not know the hold."""
    return (call.line for call in self.values())


def torn_number_skipped(self: State, raw: bytes) -> None:
    """The number of a torn line is not given again."""
    self.damaged += not raw.endswith(b"\n")
    _damage(self, raw)


def void_charges(reservation: Reservation) -> Settlement:
    """What is given back is charged."""
    void = crash.void(reservation)
    return msgspec.structs.replace(void, spent=tuple(charge.amount for charge in reservation.charges))


def crash_record_dropped(hold: HoldLine, progress: Any) -> tuple[Settlement, Any]:
    """A call whose end nobody saw has no record."""
    return _settled(hold, progress)[0], None


def crash_is_free(hold: HoldLine, progress: Any) -> tuple[Settlement, Any]:
    """A call whose end nobody saw is given back."""
    return _settled(hold, None)


def slice_drawn_twice(self: Slices, reservation: Reservation) -> bool:
    """What is drawn from a slice stays in it."""
    before = {account: part.left for account, part in self._slices.items()}
    drawn = _draw(self, reservation)
    for account, part in self._slices.items():
        part.left = before[account]
    return drawn


def slice_given_back_at_once(self: Slices, reservation: Reservation) -> bool:
    """A slice is given back before what was drawn from it is settled."""
    drawn = _draw(self, reservation)
    for charge in reservation.charges if drawn else ():
        if charge.account in self._slices:
            self._end(charge.account)
    return drawn


def slice_not_in_journal(self: Slices) -> Iterable[HoldLine]:
    """A segment does not know of slices that were taken before it."""
    return ()


def void_forgotten(self: Ledger, call: Call) -> None:
    """A reservation whose answer was lost is left alone."""
    self._writer.drop(call.reservation.id)
    self._slots.release(call.slot)


def memory_hold_kept(self: MemoryStore, hold: Taken, used: tuple[int, ...]) -> None:
    """What was held stays held."""
    tallies = [self._accounts[charge.account] for charge in hold.reservation.charges]
    held = [tally.held for tally in tallies]
    _give_back(self, hold, used)
    for tally, before in zip(tallies, held, strict=True):
        tally.held = before


def memory_no_dedupe(self: Marks, source: str, first: int, last: int) -> int | None:
    """Every settlement is new."""
    _count(self, source, first, last)
    return last - first + 1

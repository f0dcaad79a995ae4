"""The seam to the counters: reserve before a call, settle once after it.

A reservation names everything one call needs: rates, slots and budget charges.  It is taken whole or not at
all.  What it took is a hold, known by the exchange's id; a hold ends by exactly one settlement, and settling
twice is harmless.  A hold nobody settles before its deadline becomes *orphaned*: it stays counted.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from sluice_dataplane.errors import StoreError


class _Value(msgspec.Struct, frozen=True, gc=False):
    """Base of the values: immutable, an eighth of a dataclass's cost to make, written to the journal as it is."""


class Rate(_Value, frozen=True, gc=False):
    """Take *cost* units from a bucket that refills *amount* per *window_ms* and holds at most *burst* (GCRA).

    A cost over *burst* is admitted only by a full bucket and leaves it in debt, so that one large call is
    possible and the rate still holds over time.
    """

    bucket: str
    cost: int
    amount: int
    window_ms: int
    burst: int


class Slot(_Value, frozen=True, gc=False):
    """One of at most *limit* calls in flight under *slots*."""

    slots: str
    limit: int


class Charge(_Value, frozen=True, gc=False):
    """Hold *amount* (nano-USD, tokens or requests) on *account* while posted + held + orphaned stays ≤ *limit*.

    ``enforced`` False counts but never refuses.  ``expires_at_ms`` is when the account may be forgotten.
    """

    account: str
    amount: int
    limit: int
    expires_at_ms: int
    enforced: bool = True


class Reservation(_Value, frozen=True, gc=False):
    """All that one call takes.  ``id`` is the exchange's id; the hold lives ``ttl_ms`` unless settled or extended.

    No bucket, slot set or account is named twice in one reservation.
    """

    id: str
    rates: tuple[Rate, ...]
    slots: tuple[Slot, ...]
    charges: tuple[Charge, ...]
    ttl_ms: int


class RateState(_Value, frozen=True, gc=False):
    """What is left in a bucket after the reservation: whole units now, and in how many milliseconds it is full."""

    remaining: int
    reset_ms: int


class Held(_Value, frozen=True, gc=False):
    """Everything was taken.  States and remainders are in the order of the reservation's rates and charges."""

    rates: tuple[RateState, ...]
    remaining: tuple[int, ...]  # of each charge's limit, after this hold; negative where not enforced


class Refused(_Value, frozen=True, gc=False):
    """Nothing was taken.

    ``index`` points into the reservation's rates, slots or charges, whichever ``kind`` names.  ``retry_after_ms``
    is exact for rates, None where no wait is known to help.  ``available`` is what the charge could still have held.
    """

    kind: Literal["rate", "slot", "charge"]
    index: int
    retry_after_ms: int | None
    available: int = 0


class KeyUsage(_Value, frozen=True, gc=False):
    """What one call adds to its key's monthly figures."""

    key_id: str
    month: str  # "2026-09", UTC
    requests: int
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    at_ms: int


class Settlement(_Value, frozen=True, gc=False):
    """What a call really used.  Tuples are in the order of the reservation it ends.

    ``spent`` of charge i replaces its hold, on the window the hold was taken on.  ``used`` of rate i replaces its
    cost; what was not used is given back.  A void settles everything with 0.
    """

    reservation: Reservation
    used: tuple[int, ...]
    spent: tuple[int, ...]
    usage: KeyUsage | None = None


class Account(_Value, frozen=True, gc=False):
    """One budget window's figures, in the budget's own unit."""

    posted: int
    held: int
    orphaned: int


class HoldStore(Protocol):
    """Counters shared by everyone who may spend from them.  Every method raises StoreError and nothing else."""

    async def reserve(self, reservation: Reservation) -> Held | Refused:
        """Take everything or nothing.  Repeating the same id returns Held and takes nothing more.

        An id that was settled already is refused by StoreError(transient=False): a late arrival takes nothing.
        """
        ...

    async def settle(self, settlement: Settlement) -> None:
        """End the hold; the first settlement of an id counts, every further one does nothing.

        A hold the store does not know (it was lost) is settled all the same: what was spent is posted.
        """
        ...

    async def settle_all(self, settlements: Sequence[Settlement]) -> tuple[StoreError | None, ...]:
        """Settle each of *settlements*, in order; what kept each from being settled, None where nothing did."""
        ...

    async def extend(self, hold_ids: Sequence[str], ttl_ms: int) -> None:
        """Move the deadlines of running holds (and their slots) to *ttl_ms* from now."""
        ...

    async def reap(self) -> int:
        """Orphan the holds past their deadline, at most 100; how many there were."""
        ...

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """The figures of accounts, in the order of *names*; zeros for one that was never charged."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...

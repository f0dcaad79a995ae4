"""The seam to the counters: reserve before a call, settle once after it.

A reservation names everything one call needs: rates, slots and budget charges.  It is taken whole or not at
all.  What it took is a hold, known by the exchange's id; a hold ends by exactly one settlement, and settling
twice is harmless.  A hold nobody settles before its deadline becomes *orphaned*: it stays counted.

A shared store may forget: all, or what happened last.  What every account has posted is the sum of the settlements
that each *source* (one data plane's journal) numbered 1, 2, 3 …, so that the store need only say up to which number it
has counted each source, and its sources can tell it the rest again.  Until they have, it is *fenced*: nobody is
admitted.  So the first word to a store is :meth:`HoldStore.hello`, and a store that was not greeted says so.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from sluice_dataplane.errors import StoreError


class UngreetedError(StoreError):
    """The store is not the one that was greeted, or misses settlements: say hello, and tell it what it lacks.

    Nothing was done.
    """

    def __init__(self, message: str = "the store must be greeted first") -> None:
        super().__init__(message, transient=True, maybe_done=False)


class FencedError(StoreError):
    """The store has lost something and waits for its sources; nothing was taken."""

    def __init__(self) -> None:
        super().__init__("the store is catching up", transient=True, maybe_done=False)


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

    An account of a rolling window keeps what is posted by *bucket*, a number that grows with time; buckets before
    *oldest* do not count any more and are forgotten.  What a call spends is posted to the bucket of its reservation.
    """

    account: str
    amount: int
    limit: int
    expires_at_ms: int
    enforced: bool = True
    bucket: int | None = None  # None: the window does not roll
    oldest: int = 0


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
    Where the window of its account rolls, it fits once all up to ``bucket`` has ceased to count, if nothing is added.
    """

    kind: Literal["rate", "slot", "charge"]
    index: int
    retry_after_ms: int | None
    available: int = 0
    bucket: int | None = None


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


class Entry(_Value, frozen=True, gc=False):
    """Settlement number *n* of its source, and the usage record that goes into the store's stream (JSON; b"": none).

    *first* is set where the numbers from it to *n* are nobody's (their lines are gone, or never were): the entry, which
    settles nothing, stands for them all, so that they leave no holes however many they are.
    """

    n: int
    settlement: Settlement
    record: bytes = b""
    first: int = 0  # 0: n alone


class Standing(_Value, frozen=True, gc=False):
    """What a store knows of a source that greets it.

    ``applied`` is the settlement up to which all of the source's were counted, those in ``holes`` aside.  ``total``
    is how many of all sources were ever counted: a checkpoint that counts more is worth restoring while ``fenced``.
    """

    applied: int
    holes: tuple[int, ...]
    fenced: bool
    total: int
    sources: int  # that were heard of lately, this one included
    unsafe: str = ""  # why the store may forget at any time (it evicts, …); "" where it does not


class Checkpoint(_Value, frozen=True, gc=False):
    """All that a store knew at one moment, but for rates and slots: raw, for the same kind of store only.

    ``hashes`` are (name, field, value, field, value …).
    """

    total: int
    hashes: tuple[tuple[str, ...], ...]


class Account(_Value, frozen=True, gc=False):
    """One budget window's figures, in the budget's own unit."""

    posted: int
    held: int
    orphaned: int


class HoldStore(Protocol):
    """Counters shared by everyone who may spend from them.  Every method raises StoreError and nothing else."""

    async def hello(self, source: str) -> Standing:
        """Greet the store as *source*: the first word after every new connection, so that nobody is admitted by a
        store that has forgotten what was spent.
        """
        ...

    async def reserve(self, reservation: Reservation, *, source: str = "", forced: bool = False) -> Held | Refused:
        """Take everything or nothing.  Repeating the same id returns Held and takes nothing more.

        *forced* asserts a hold of *source* that was granted before, by a store that has forgotten it: it is taken
        whatever is left, in spite of a fence, and rates are left alone, now and when it is settled (Held names none).
        An id that was settled already is refused by StoreError(transient=False): a late arrival takes nothing.

        Raises:
            UngreetedError: the store was not greeted.
            FencedError: the store is catching up; not where *forced*.
        """
        ...

    async def apply(self, source: str, entries: Sequence[Entry]) -> tuple[StoreError | None, ...]:
        """Count settlements of *source*, in order; what kept each from being counted, None where nothing did.

        Each number counts once, whenever it comes.  A number that skips others leaves holes, which are filled when
        those come: what is refused for good does not hold up the rest.  A hold the store does not know (it was lost) is
        settled all the same: what was spent is posted.  UngreetedError for all where the store lacks too many before.
        """
        ...

    async def caught_up(self, source: str) -> bool:
        """Say that *source* has told the store everything it has; whether the store admits again.

        A fence falls when every source that the store has heard of lately has caught up, and not before the others
        had time to come; and at the latest when their time is over.
        """
        ...

    async def extend(self, source: str, hold_ids: Sequence[str], ttl_ms: int) -> tuple[str, ...]:
        """Move the deadlines of running holds (and their slots) to *ttl_ms* from now; those that are not known here.

        Also the source's heartbeat.
        """
        ...

    async def reap(self) -> int:
        """Orphan the holds past their deadline, at most 100; how many there were."""
        ...

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """The figures of accounts, in the order of *names*; zeros for one that was never charged."""
        ...

    async def checkpoint(self) -> Checkpoint | None:
        """All that was counted, at one moment; None while it is fenced, or where it is too much at once."""
        ...

    async def restore(self, checkpoint: Checkpoint) -> bool:
        """Put *checkpoint* in place of what the store knows, if it is fenced and knows less; whether it was done.

        Everybody must greet it anew, tell it again what the checkpoint does not have, and assert the holds that run.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...

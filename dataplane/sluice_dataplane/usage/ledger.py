"""The ledger joins the journal and the counters: opens a call's hold, settles it once, catches up after a crash."""

from collections.abc import Callable, Mapping

import msgspec

from sluice_contract.usage import UsageRecord
from sluice_dataplane.limits.store import Account, Held, HoldStore, KeyUsage, Refused, Reservation, Settlement
from sluice_dataplane.usage.journal import Journal


class Replayed(msgspec.Struct, frozen=True):
    """What a start found in the journal."""

    lines: int  # read
    skipped: int  # torn or damaged, copied into quarantine
    crashed: int  # holds of an earlier life without a settlement: settled now at what they held


class Ledger:
    """Where calls are opened and settled.  One per process, one owner of its journal.

    :meth:`replay` comes first, :meth:`run` belongs into the application's task group, :meth:`close` ends it.
    """

    def __init__(self, journal: Journal, store: HoldStore, *, clock_ms: Callable[[], int]) -> None:
        raise NotImplementedError

    @property
    def source(self) -> str:
        """The id of this journal: the ``source`` of every usage record it writes."""
        raise NotImplementedError

    def replay(self) -> Replayed:
        """Catch up with the journal and begin to write; must end before the first :meth:`open`.

        Raises:
            JournalError: the journal cannot be read or written, or another process has it.
        """
        raise NotImplementedError

    async def open(self, reservation: Reservation, *, closed: bool = True) -> Held | Refused:
        """Take *reservation* and write the hold down; on Refused and on every error nothing stays held.

        *closed* False is for calls that no budget, or only budgets that fail open, covers: while the store is away
        their rates and slots are counted here alone, and what they spend is posted when the store is back.

        Raises:
            StoreError: the store did not answer and *closed* is True.
            JournalError: the hold cannot be written down.
        """
        raise NotImplementedError

    def settle(self, settlement: Settlement, record: UsageRecord | None) -> None:
        """End the hold that :meth:`open` took: journal first, then the counters.  Does not wait and never raises.

        *record* is completed in place with source and sequence; None for a call that used nothing.  A hold that is
        not open here (refused, or settled already) is left alone.
        """
        raise NotImplementedError

    def key_usage(self) -> Mapping[tuple[str, str], KeyUsage]:
        """The sums of each (key id, month) so far; empty with a shared store, which keeps them itself."""
        raise NotImplementedError

    def accounts(self) -> Mapping[str, Account]:
        """Every account by name; empty with a shared store."""
        raise NotImplementedError

    async def run(self) -> None:
        """Drain, heartbeat, reap, checkpoint and rotate until cancelled."""
        raise NotImplementedError

    async def close(self, deadline_s: float) -> None:
        """Hand what is left to the store within *deadline_s*; the journal keeps the rest for the next start."""
        raise NotImplementedError

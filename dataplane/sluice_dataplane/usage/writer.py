"""Numbers what ends, writes the journal's lines, and hands settlements to the counters: journal first."""

import logging
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from sluice_contract.usage import UsageRecord
from sluice_dataplane.errors import JournalError
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Entry, Reservation, Settlement
from sluice_dataplane.usage import lines
from sluice_dataplane.usage.crash import void
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.lines import DropLine, HoldLine, SettleLine, SnapshotLine
from sluice_dataplane.usage.outbox import Outbox

_log: Final = logging.getLogger(__name__)


class Writer:
    """The journal's one pen.  *local* are counters in this process; without them settlements go out by *outbox*."""

    def __init__(self, journal: Journal, outbox: Outbox, local: MemoryStore | None) -> None:
        self._journal = journal
        self._outbox = outbox
        self._local = local
        self.n = 0  # of the last settlement
        self.sequence = 0  # of the last usage record
        self.unjournaled = 0  # settlements that not even the reserve had room for

    @property
    def source(self) -> str:
        """Whose settlements these are."""
        return self._journal.source

    def skip(self, numbers: int) -> None:
        """Leave out the next *numbers* numbers, of settlements and of records: they may have been given."""
        self.n += numbers
        self.sequence += numbers

    def hold(self, line: HoldLine) -> None:
        """Write down a hold.

        Raises:
            JournalError: it was not written.
        """
        self._journal.append(lines.encode(line))

    def drop(self, hold_id: str) -> None:
        """Write down that a hold was refused.  On a full disk the next start finds out that it was never used."""
        if not self._journal.full:
            try:
                self._journal.append(lines.encode(DropLine(hold_id)))
            except JournalError:
                return

    def settle(self, settlement: Settlement, record: UsageRecord | None, *, estimated: bool = False) -> int:
        """Write down how a hold ended, then count it; the settlement's number.

        *record* is completed in place with source and sequence.
        """
        if record is not None:
            self.sequence += 1
            force_setattr(record, "source", self._journal.source)
            force_setattr(record, "sequence", self.sequence)
        self.n += 1
        hold_id = settlement.reservation.id
        line = SettleLine(self.n, hold_id, settlement.used, settlement.spent, settlement.usage, estimated=estimated)
        written = b"" if record is None else _json(record)
        journaled = self._journal.append_surely(lines.encode_settled(line, written) if written else lines.encode(line))
        if not journaled:
            self.unjournaled += 1
            _log.error("ledger.unjournaled", extra={"hold_id": hold_id, "n": self.n})
        if self._local is not None:
            self._local.settle_now(settlement)
        else:
            self._outbox.put(Entry(self.n, settlement, written), journaled=journaled)
        return self.n

    def void(self, reservation: Reservation) -> int:
        """Give back a hold that was written down; the settlement's number."""
        return self.settle(void(reservation), None)

    def begin_segment(self, holds: Iterable[HoldLine]) -> None:
        """Begin a new segment, with all that there is at this moment: *holds* are open.

        Raises:
            JournalError: it cannot be written; the segment before it stays in use.
        """
        local = self._local
        snapshot = SnapshotLine(
            source=self._journal.source,
            n=self.n,
            sequence=self.sequence,
            acknowledged=self.n if local is not None else self._outbox.acknowledged,
            accounts=() if local is None else _accounts(local),
            usage=() if local is None else tuple(local.key_usage().values()),
            open=tuple(holds),
            buckets=() if local is None else _buckets(local),
        )
        self._journal.begin(lines.encode(snapshot))


def _accounts(local: MemoryStore) -> tuple[tuple[str, int, int], ...]:
    rolling = local.buckets()
    posted = local.posted().items()
    return tuple((name, spent, expires_at_ms) for name, (spent, expires_at_ms) in posted if name not in rolling)


def _buckets(local: MemoryStore) -> tuple[tuple[str, int, int, int], ...]:
    posted = local.posted()
    return tuple(
        (name, bucket, spent, posted[name][1])
        for name, buckets in local.buckets().items()
        for bucket, spent in buckets.items()
    )


def _json(record: UsageRecord) -> bytes:
    try:
        return lines.encode_record(record)
    except ValueError:  # half a surrogate pair in a client's text: the sums matter more than the record
        _log.error("ledger.record_unwritable", extra={"hold_id": record.id})
        try:
            return lines.encode_record(msgspec.structs.replace(record, user=None))
        except ValueError:
            return b""

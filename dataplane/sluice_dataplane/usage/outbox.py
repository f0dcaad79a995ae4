"""Settlements on their way to a shared store: in the order of their numbers, until it has answered each.

The store counts each number once, so an unanswered settlement is simply sent again; and after it has forgotten some,
:meth:`Outbox.rewind` sends those again.  At most MAX_WAITING wait in memory; the journal has them all, and is read
for those that did not fit, that an earlier life left behind, or that the store has lost.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import Final

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.refusals import is_away
from sluice_dataplane.limits.store import Entry, HoldStore, Reservation, Settlement, UngreetedError
from sluice_dataplane.usage import replay
from sluice_dataplane.usage.journal import Journal

MAX_WAITING: Final = 5_000
MAX_REFUSED: Final = 1_000
BATCH: Final = 128
PAUSE_S: Final = 0.25  # after a batch that was not answered

_log: Final = logging.getLogger(__name__)


class Outbox:
    """A queue with the journal behind it.  With a store in this process it stays empty.

    Nothing is sent before :meth:`rewind` has said from where, nor after the store said that it must be greeted.
    """

    def __init__(self, journal: Journal, store: HoldStore) -> None:
        self._journal = journal
        self._store = store
        self._waiting: deque[Entry] = deque()
        self._refused: deque[Entry] = deque()
        self._sending: list[Entry] = []
        self._unjournaled: dict[int, Entry] = {}  # not in the journal: must not be let go of
        self._holes: tuple[int, ...] = ()  # to be read
        self._reading: tuple[int, int] | None = None  # after, until: on their way from the journal
        self._unread: int | None = None  # the settlement after which the journal must be read
        self._n = self._base = 0
        self._written = 0  # the mark in the journal
        self._rewinds = 0
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self.greeted = False

    @property
    def waiting(self) -> int:
        """How many are not answered yet."""
        unread = self._n - self._unread if self._unread is not None else 0
        after, until = self._reading or (0, 0)
        queued = len(self._waiting) + len(self._refused) + len(self._sending) + len(self._holes)
        return queued + unread + until - after

    @property
    def last(self) -> int:
        """The last settlement there is."""
        return self._n

    def begin(self, *, acknowledged: int, base: int, n: int) -> None:
        """Start with all settlements up to *n* in the journal.

        Those up to *base* were counted in another way, and are nobody's here; those up to *acknowledged* are probably
        answered: what the store says counts.
        """
        self._n, self._base, self._written = n, base, acknowledged
        self._unread = acknowledged if acknowledged < n else None

    def put(self, entry: Entry, *, journaled: bool) -> None:
        """Queue *entry*; the journal is asked for it later if there is no room."""
        self._n = entry.n
        if not journaled:
            self._unjournaled[entry.n] = entry
        if self._unread is None:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(entry)
            else:
                self._unread = entry.n - 1
        self._wake.set()

    def rewind(self, applied: int, holes: Iterable[int]) -> None:
        """The store has counted all up to *applied*, but for *holes*: send the rest."""
        self._rewinds += 1
        self._holes = tuple(sorted(holes))
        self._waiting.clear()
        self._refused.clear()
        self._reading = None
        self._unread = applied if applied < self._n else None
        for n in [n for n in self._unjournaled if n <= applied and n not in self._holes]:
            del self._unjournaled[n]
        self.greeted = True
        self._wake.set()

    @property
    def acknowledged(self) -> int:
        """The settlement up to which the store has answered all."""
        return min(self._first_untold(), min((entry.n for entry in self._refused), default=self._n + 1)) - 1

    def told(self, n: int) -> bool:
        """Whether the store has answered all up to *n*, if only to refuse some."""
        return self._first_untold() > n

    def _first_untold(self) -> int:
        first = [entry.first or entry.n for entry in self._sending]
        if self._waiting:
            first.append(self._waiting[0].first or self._waiting[0].n)
        first += self._holes[:1]
        if self._unread is not None:
            first.append(self._unread + 1)
        if self._reading is not None:
            first.append(self._reading[0] + 1)
        return min(first, default=self._n + 1)

    def write_mark(self) -> None:
        """Write down how far the store has answered."""
        acknowledged = self.acknowledged
        if acknowledged != self._written:
            self._journal.put_mark("acknowledged", acknowledged)
            self._written = acknowledged

    def retry_refused(self) -> None:
        """What the store refused for good may pass when somebody has put it right: send it again."""
        self._waiting.extendleft(reversed(self._refused))
        self._refused.clear()
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            if not self.greeted or not self._pending:
                self._wake.clear()
                await self._wake.wait()
            elif not await self.step():
                await asyncio.sleep(PAUSE_S)

    @property
    def _pending(self) -> bool:
        return bool(self._waiting or self._holes) or self._unread is not None

    async def step(self) -> bool:
        """Send one batch, if there is one; False where not all of it was answered."""
        async with self._turn:
            if not self.greeted:
                return not self._pending
            if (self._holes or not self._waiting) and self._pending and not await self._read():
                return False
            while self._waiting and len(self._sending) < BATCH:
                self._sending.append(self._waiting.popleft())
            return not self._sending or await self._send()

    async def _send(self) -> bool:
        rewinds, left = self._rewinds, self._sending
        try:
            errors = await self._apply(self._sending)
            if rewinds == self._rewinds:
                left = self._answered(errors)
        finally:
            if rewinds == self._rewinds:  # else they are read again
                self._waiting.extendleft(reversed(left))
            self._sending = []
        return not left or rewinds != self._rewinds

    async def _apply(self, entries: list[Entry]) -> tuple[StoreError | None, ...]:
        try:
            return await self._store.apply(self._journal.source, entries)
        except StoreError as error:
            return (error,) * len(entries)

    def _answered(self, errors: tuple[StoreError | None, ...]) -> list[Entry]:
        """Those of the batch that must be sent again."""
        left: list[Entry] = []
        for entry, error in zip(self._sending, errors, strict=True):
            if error is None:
                self._unjournaled.pop(entry.n, None)
            elif isinstance(error, UngreetedError):
                self.greeted = False
                left.append(entry)
            elif is_away(error) or len(self._refused) >= MAX_REFUSED:
                left.append(entry)
            else:
                self._refused.append(entry)
                _log.error("outbox.refused", extra={"n": entry.n, "reason": str(error)})
        return left

    async def _read(self) -> bool:
        """Fill up from the journal; whether that was possible, and was not overtaken."""
        rewinds, moves = self._rewinds, self._journal.moves
        holes, after = self._holes, self._unread
        until = self._n if after is not None else 0
        if after is not None and not holes:
            # From here on new ones are queued again, if this read reaches the last one there is.
            self._reading, self._unread = (after, until), None
        found: list[Entry] | None = None
        try:
            if holes:
                found = await self._found(holes[0] - 1, holes[-1], keep=frozenset(holes))
            elif after is not None:
                found = await self._found(after, until)
        except OSError as error:
            _log.error("outbox.unreadable", extra={"reason": error.strerror})
        finally:
            if rewinds == self._rewinds:
                if self._journal.moves != moves:  # lines went from one file to another while they were read
                    found = None
                self._take(found, until)
        return found is not None and rewinds == self._rewinds

    async def _found(self, after: int, until: int, *, keep: frozenset[int] | None = None) -> list[Entry]:
        """Entries for all numbers after *after*, up to *until* or as many as may wait; or for those to *keep*."""
        files, begin = self._journal.readable(), max(after, min(self._base, until))
        limit = MAX_WAITING if keep is None else len(keep)
        read = await asyncio.to_thread(replay.settlements, files, after=begin, until=until, limit=limit, only=keep)
        reached = until if len(read) < limit else read[-1].n
        merged = {entry.n: entry for entry in read} | {
            n: entry for n, entry in self._unjournaled.items() if begin < n <= reached
        }
        if keep is not None:
            return [merged.get(n) or self._nobodys(n, n) for n in sorted(keep)]
        found: list[Entry] = []
        for n in [*sorted(merged), reached + 1]:
            if n > after + 1:
                found.append(self._nobodys(after + 1, n - 1))
            if n in merged:
                found.append(merged[n])
            after = n
        return found

    def _nobodys(self, first: int, n: int) -> Entry:
        """What stands for numbers that nobody can say anything of any more."""
        nothing = Reservation(f"{self._journal.source}.{n}.lost", (), (), (), 0)
        return Entry(n, Settlement(nothing, (), ()), first=first)

    def _take(self, found: list[Entry] | None, until: int) -> None:
        """Queue what was *found* before what came meanwhile; None: nothing could be read."""
        if self._holes:
            self._waiting.extendleft(reversed(found or ()))
            if found is not None:
                self._holes = ()
        elif self._reading is not None:
            reached = found[-1].n if found else self._reading[0]
            if reached >= until:
                self._waiting.extendleft(reversed(found or ()))
            else:
                self._waiting = deque(found or ())
                self._unread = reached
            self._reading = None

    async def flush(self, n: int, *, batches: int) -> bool:
        """Send until the store has answered settlement *n*, but no more than so many *batches*; whether it has."""
        for _ in range(batches):
            if self.told(n) or not await self.step():
                break
        return self.told(n)

    async def close(self, deadline_s: float) -> None:
        """Send what can be sent within *deadline_s*, and write down how far it got; :meth:`run` must have ended."""
        try:
            async with asyncio.timeout(deadline_s):
                while self.greeted and self._pending:
                    if not await self.step():
                        await asyncio.sleep(PAUSE_S)
        except TimeoutError:
            _log.warning("outbox.left", extra={"waiting": self.waiting})
        self.write_mark()

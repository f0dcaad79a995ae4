"""In step with a shared store: greet it, tell it what it lacks, and say when it has been told everything.

The store counts settlements by their numbers (see :mod:`sluice_dataplane.limits.store`), so there is one way back
from everything it may have forgotten: look at what it has counted, and send the rest.
"""

import asyncio
import logging
from typing import Final, Literal

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.refusals import is_away
from sluice_dataplane.limits.store import FencedError, HoldStore, Standing, UngreetedError
from sluice_dataplane.usage import checkpoints
from sluice_dataplane.usage.calls import Call, Calls
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.outbox import Outbox
from sluice_dataplane.usage.slices import Slice, Slices
from sluice_dataplane.usage.writer import Writer

PAUSE_S: Final = 0.1
ASSERTED_AT_ONCE: Final = 128

_log: Final = logging.getLogger(__name__)


class Rejoin:
    """What this data plane knows of how it stands with the store.

    *lost*: it must greet.  *telling*: it is sending what the store lacks.  *joined*: the store has it all, and admits.
    """

    def __init__(
        self, journal: Journal, store: HoldStore, outbox: Outbox, writer: Writer, *, calls: Calls, slices: Slices
    ) -> None:
        self._journal = journal
        self._store = store
        self.outbox = outbox
        self._writer = writer
        self.calls = calls
        self.slices = slices
        self._state: Literal["lost", "telling", "joined"] = "lost"
        self._losses = 0
        self._target = 0  # the settlement up to which the store must be told everything
        self._turn = asyncio.Lock()
        self.away = False  # it did not answer when it was last asked
        self.fenced = False  # it answers, and admits nobody yet
        self.unsafe = ""  # why the store may forget at any time
        self.sources = 1  # data planes alive, this one included

    @property
    def joined(self) -> bool:
        """Whether the store has everything and admits."""
        return self._state == "joined" and self.outbox.greeted and not self.away

    def failed(self, error: StoreError) -> None:
        """The store said *error*, or nothing."""
        if isinstance(error, UngreetedError):
            self.lost()
        elif isinstance(error, FencedError):
            if self._state == "joined":
                self.lost()
            self.fenced = True
        elif is_away(error):
            if not self.away:
                _log.warning("ledger.store_away", extra={"reason": str(error)})
            self.away = True

    def lost(self) -> None:
        """The store may know less than it did."""
        if self._state != "lost":
            _log.warning("ledger.store_lost")
        self._state = "lost"
        self._losses += 1
        self.outbox.greeted = False
        self.calls.doubt()
        self.slices.doubt()

    async def run(self) -> None:
        """Take steps until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(PAUSE_S)

    async def step(self) -> bool:
        """One try to be in step with the store; whether it is, and admits."""
        async with self._turn:
            try:
                return await self._step()
            except StoreError as error:
                self.failed(error)
                return False

    async def _step(self) -> bool:
        if self._state == "joined" and not self.outbox.greeted:
            self.lost()
        if self._state == "joined" and self.away:
            await self._look()
        if self._state == "lost" and not await self._greet():
            return False
        if self._state == "telling" and not await self._tell():
            return False
        if self.calls.unasserted() or self.slices.unasserted():
            await self._assert()
        if self.slices.drawn:
            self.slices.release(self.calls)
        return self._state == "joined"

    async def look(self) -> None:
        """See whether the store still knows what it was told, and who else is alive; a store in trouble may not say."""
        async with self._turn:
            if self._state == "joined":
                try:
                    await self._look()
                except StoreError as error:
                    self.failed(error)

    async def _look(self) -> None:
        told = self.outbox.acknowledged
        standing = await self._hello()
        if standing.fenced or standing.applied < told or any(hole <= told for hole in standing.holes):
            self.lost()

    async def _hello(self) -> Standing:
        standing = await self._store.hello(self._journal.source)
        if self.away:
            _log.info("ledger.store_back")
        self.away = False
        self.sources = max(standing.sources, 1)
        if standing.unsafe and not self.unsafe:
            _log.error("ledger.store_unsafe", extra={"reason": standing.unsafe})
        self.unsafe = standing.unsafe
        return standing

    async def _greet(self) -> bool:
        losses = self._losses
        standing = await self._hello()
        self.fenced = standing.fenced
        if standing.fenced:
            saved = await asyncio.to_thread(checkpoints.load, self._journal.directory)
            if saved is not None and saved.total > standing.total:
                restored = await self._store.restore(saved)
                _log.warning("ledger.restored", extra={"total": saved.total, "found": standing.total, "done": restored})
                standing = await self._hello()
        await self._assert()
        if losses != self._losses:
            return False
        if standing.applied > self._writer.n:
            # An earlier life numbered those, and its disk has lost them: nobody else can say what they were.
            _log.error("ledger.journal_behind", extra={"written": self._writer.n, "counted": standing.applied})
            self._writer.skip(standing.applied - self._writer.n)
        self.outbox.rewind(standing.applied, standing.holes)
        self._target = self.outbox.last
        self._state = "telling"
        return True

    async def _tell(self) -> bool:
        losses = self._losses
        while not self.outbox.told(self._target):
            if not await self.outbox.step():
                if not self.outbox.greeted:
                    self.lost()
                return False
        self.fenced = not await self._store.caught_up(self._journal.source)
        if self.fenced or losses != self._losses:
            return False
        self._state = "joined"
        _log.info("ledger.joined", extra={"n": self._target})
        return True

    async def _assert(self) -> None:
        """Make the store hold what runs, in spite of every limit: it was granted before."""
        targets: list[Call | Slice] = [*self.calls.unasserted(), *self.slices.unasserted()]
        for start in range(0, len(targets), ASSERTED_AT_ONCE):
            some = targets[start : start + ASSERTED_AT_ONCE]
            asked = (self._store.reserve(one.reservation, source=self._journal.source, forced=True) for one in some)
            for one, result in zip(some, await asyncio.gather(*asked, return_exceptions=True), strict=True):
                if not isinstance(result, BaseException):
                    one.asserted = True
                elif not isinstance(result, StoreError) or is_away(result):
                    raise result
                else:  # it was settled meanwhile, or its accounts are spoilt
                    one.refused = True

"""Statuses and Events to the API server: the one writer of them, bounded, and silent where nothing differs."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Iterable
from typing import Final

from sluice_operator import manifests
from sluice_operator.cluster import Cluster
from sluice_operator.errors import ClusterError
from sluice_operator.inventory import ObjectName
from sluice_operator.manifests import Notice
from sluice_operator.publisher import notices
from sluice_operator.publisher.conditions import written_out
from sluice_operator.publisher.statuses import Statuses
from sluice_operator.publisher.world import World
from sluice_operator.telemetry import STATUS_WRITES

AT_ONCE: Final = 16
LAZY_PER_SECOND: Final = 20  # figures and replica counts of many objects may wait; what somebody waits for may not
_RETRY_SECONDS: Final = 2.0
_MAX_NOTICES: Final = 1000  # an Event less is no harm; memory without a bound is

log = logging.getLogger(__name__)


class Scribe:
    """Writes what ``Statuses`` composes; an object is written by one task at a time."""

    def __init__(
        self, cluster: Cluster, world: World, statuses: Statuses, *, reporter: str, now_ms: Callable[[], int]
    ) -> None:
        self._cluster: Final = cluster
        self._world: Final = world
        self._statuses: Final = statuses
        self._reporter: Final = reporter
        self._now_ms: Final = now_ms
        # Each uid is in a queue at most once, so there are never more than there are objects.
        self._eager: Final[asyncio.Queue[str]] = asyncio.Queue()
        self._lazy: Final[asyncio.Queue[str]] = asyncio.Queue()
        self._queued: Final[set[str]] = set()
        self._queued_lazily: Final[set[str]] = set()
        self._writing: Final[set[str]] = set()
        self._notices: Final[asyncio.Queue[Notice]] = asyncio.Queue(_MAX_NOTICES)

    def write(self, uids: Iterable[str]) -> None:
        """Write the statuses of these as soon as there is a hand free."""
        for uid in uids:
            if uid not in self._queued:
                self._queued.add(uid)
                self._eager.put_nowait(uid)

    def write_lazily(self, uids: Iterable[str]) -> None:
        """Write the statuses of these at LAZY_PER_SECOND."""
        for uid in uids:
            if uid not in self._queued_lazily:
                self._queued_lazily.add(uid)
                self._lazy.put_nowait(uid)

    def tell(self, notice: Notice) -> None:
        """Post an Event, some time; dropped when far too many are waiting."""
        if not self._notices.full():
            self._notices.put_nowait(notice)

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(self._write_eagerly())
            tasks.create_task(self._write_lazily(), name="write-lazily")
            tasks.create_task(self._post(), name="post-events")

    async def _write_eagerly(self) -> None:
        while True:
            uid = await self._eager.get()
            self._queued.discard(uid)
            await self._write(uid)

    async def _write_lazily(self) -> None:
        while True:
            uid = await self._lazy.get()
            self._queued_lazily.discard(uid)
            await self._write(uid)
            await asyncio.sleep(1 / LAZY_PER_SECOND)

    async def _write(self, uid: str) -> None:
        if uid in self._writing:
            await asyncio.sleep(0.01)  # another hand has it; what it composed may be out of date
            self.write([uid])
            return
        self._writing.add(uid)
        try:
            await self._write_once(uid)
        except ClusterError as error:
            STATUS_WRITES.labels("failed").inc()
            log.warning("status.failed", extra={"error": str(error)})
            if error.transient:
                await asyncio.sleep(_RETRY_SECONDS)
                self.write_lazily([uid])
        finally:
            self._writing.discard(uid)

    async def _write_once(self, uid: str) -> None:
        ref = self._statuses.ref(uid)
        name = ObjectName(ref.namespace, ref.name) if ref else None
        entry = self._world.entry(ref.kind, name) if ref and name else None
        if ref is None or name is None or entry is None or entry.uid != uid:
            return
        known = entry.status
        composed = self._statuses.compose(uid, known)
        if composed is None:
            return
        _, facts = composed
        status = written_out(facts, generation=ref.generation, known=known, now=self._now("seconds"))
        if status == known:
            return
        written = await self._cluster.write_status(ref.kind, name, uid=uid, status=status)
        STATUS_WRITES.labels("gone" if written is None else "written").inc()
        if written is not None:
            self._world.hear(ref.kind, written, listed=True)
            for notice in notices.of_change(ref, known, facts.conditions):
                self.tell(notice)

    async def _post(self) -> None:
        while True:
            notice = await self._notices.get()
            event = manifests.event(notice, reporter=self._reporter, at=self._now("microseconds"))
            try:
                await self._cluster.create(event)
            except ClusterError as error:
                log.warning("event.failed", extra={"error": str(error)})

    def _now(self, precision: str) -> str:
        moment = dt.datetime.fromtimestamp(self._now_ms() / 1000, dt.UTC)
        return moment.isoformat(timespec=precision).replace("+00:00", "Z")

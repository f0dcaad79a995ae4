"""The loop that turns a changed world into a published revision.  What resources mean, the compiler decides."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sluice_contract import codec
from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.snapshot import Snapshot
from sluice_operator import manifests
from sluice_operator.cluster import Cluster
from sluice_operator.compiler import Compilation, compile_inventory
from sluice_operator.errors import ClusterError
from sluice_operator.manifests import Notice
from sluice_operator.publisher.keymaker import KeyMaker
from sluice_operator.publisher.notices import book_notices
from sluice_operator.publisher.objects import RESOURCE_KINDS, Change, Frozen
from sluice_operator.publisher.pace import Pace
from sluice_operator.publisher.parallel import each
from sluice_operator.publisher.reading import Reader
from sluice_operator.publisher.revisions import Revisions
from sluice_operator.publisher.scribe import Scribe
from sluice_operator.publisher.signal import Signal
from sluice_operator.publisher.statuses import Statuses
from sluice_operator.publisher.world import World
from sluice_operator.resources.pricebook import read_book
from sluice_operator.telemetry import (
    COMPILE_SECONDS,
    DIRTY_SECONDS,
    OBJECTS,
    PRICE_BOOK_TROUBLES,
    PUBLISH_FAILURES,
    PUBLISHED,
)
from sluice_operator.verdicts import Finding, Verdict

_MAX_ROUNDS: Final = 8  # references that lead to further references are not that deep
_AT_ONCE: Final = 8
_MIN_WAKE_MS: Final = 1_000
_KEYS_RETRY_MS: Final = 5_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the publisher works with."""

    cluster: Cluster
    world: World
    reader: Reader
    keys: KeyMaker
    revisions: Revisions
    statuses: Statuses
    scribe: Scribe


class Publisher:
    """Passes, one at a time, whenever they are due."""

    def __init__(
        self, parts: Parts, *, namespace: str, release: str, debounce_ms: int, now_ms: Callable[[], int]
    ) -> None:
        self._parts: Final = parts
        self._namespace: Final = namespace
        self._release: Final = release
        self._now_ms: Final = now_ms
        self._pace = Pace(debounce_ms=debounce_ms)
        self._dirty: Final = asyncio.Event()
        self.published: Final = Signal()  # fires when replicas find another revision
        self.snapshot = Snapshot()  # what was compiled last
        self._told_of_books: frozenset[Notice] = frozenset()
        self.account_uid: str | None = None  # of the ServiceAccount that what is written from now on goes with

    def changed(self, change: Change) -> None:
        """Take in what a word about the world meant."""
        if change.restated is not None:
            self._parts.scribe.write([change.restated])
        if change.dirty:
            self._pace = self._pace.dirtied(self._now_ms(), urgent=change.urgent)
            self._dirty.set()

    async def run(self) -> None:
        """Publish until cancelled.  The API server being away delays; anything unforeseen ends the process."""
        while True:
            await self._until_due()
            since_ms = self._pace.first_dirty_ms
            self._pace = self._pace.began(self._now_ms())
            try:
                wake_ms = await self._pass()
            except ClusterError as error:
                PUBLISH_FAILURES.labels("cluster").inc()
                log.warning("publish.failed", extra={"error": str(error)})
                self._pace = self._pace.failed(self._now_ms(), since_ms=since_ms)
            else:
                self._pace = self._pace.succeeded(self._now_ms(), wake_ms=wake_ms)

    async def _until_due(self) -> None:
        while True:
            self._dirty.clear()
            now_ms, due_ms, first_ms = self._now_ms(), self._pace.due_ms(), self._pace.first_dirty_ms
            DIRTY_SECONDS.set((now_ms - first_ms) / 1000 if first_ms is not None else 0)
            if due_ms is not None and due_ms <= now_ms:
                return
            try:
                async with asyncio.timeout(None if due_ms is None else (due_ms - now_ms) / 1000):
                    await self._dirty.wait()
            except TimeoutError:
                continue

    async def _pass(self) -> int | None:
        """One pass; when to make another one though nothing changes."""
        compilation = await self._compile()
        sequence, refused = await self._publish(compilation.snapshot)
        wake_ms = compilation.next_change_ms
        try:
            made = await self._parts.keys.make(compilation.wanted_secrets, pressing=self._pressing)
        except ClusterError as error:
            log.warning("key.failed", extra={"error": str(error)})
            made, wake_ms = 0, self._now_ms() + _KEYS_RETRY_MS
        if made:
            self.changed(Change(dirty=True, urgent=True))
        self._say(compilation, sequence, refused)
        self.snapshot = compilation.snapshot
        return None if wake_ms is None else max(wake_ms, self._now_ms() + _MIN_WAKE_MS)

    async def _compile(self) -> Compilation:
        """The world compiled with everything it refers to."""
        world = self._parts.world
        for _ in range(_MAX_ROUNDS):
            for name, version, text in world.books.unread():
                world.books.took(name, version, await asyncio.to_thread(read_book, text))
            frozen, now_ms = world.freeze(), self._now_ms()
            started = time.perf_counter()
            # In a thread: a second of thinking must not hold up the Lease, the probes or the events.
            compilation = await asyncio.to_thread(_compiled, frozen, now_ms)
            COMPILE_SECONDS.observe(time.perf_counter() - started)
            world.follow(compilation.secret_refs, compilation.config_map_refs)
            if not world.unknown():
                return compilation
            await self._parts.reader.unknown()
        message = "references keep changing while they are read"
        raise ClusterError(message, transient=True)

    async def _publish(self, snapshot: Snapshot) -> tuple[int | None, str | None]:
        """Write what changed, the index last; the publication's number, or None and why there is none."""
        try:
            encoded = await asyncio.to_thread(codec.encode, snapshot)
        except SnapshotInvalidError as error:
            PUBLISH_FAILURES.labels("size").inc()
            log.error("publish.refused", extra={"error": str(error)})  # noqa: TRY400  # the message says it all
            return None, f"Not published, the last good revision stays: {error}"
        changed = [part for part in codec.PARTS if self._differs(part, encoded[part])]
        await each(changed, lambda part: self._write(part, encoded[part]), at_once=_AT_ONCE)
        index, at_ms = encoded[codec.INDEX], None
        if self._differs(codec.INDEX, index):
            at_ms = self._now_ms()
            await self._write(codec.INDEX, index)
        before, sequence = self._parts.revisions.sequence, 0
        sequence = self._parts.revisions.published(codec.revision_of(index), at_ms)
        if sequence != before:
            PUBLISHED.inc()
            log.info("published", extra={"revision": self._parts.revisions.newest, "changed": len(changed)})
            self.published.fire()
        return sequence, None

    def _pressing(self) -> bool:
        return self._pace.urgent_ms is not None

    def _differs(self, part: str, data: bytes) -> bool:
        return self._parts.world.parts.get(part, (0, None))[1] != codec.digest(data)

    async def _write(self, part: str, data: bytes) -> None:
        manifest = manifests.compiled_part(
            namespace=self._namespace, release=self._release, part=part, data=data, account_uid=self.account_uid
        )
        written = await self._parts.cluster.apply(manifest)
        self._parts.world.wrote_part(part, int(written["metadata"]["resourceVersion"]), codec.digest(data))

    def _say(self, compilation: Compilation, sequence: int | None, refused: str | None) -> None:
        parts = self._parts
        why = parts.keys.refused
        verdicts = [_amended(verdict, why.get(verdict.ref.uid)) for verdict in compilation.verdicts]
        withheld = frozenset(want.owner.uid for want in compilation.wanted_secrets) - why.keys()
        parts.scribe.write(parts.statuses.judge(verdicts, sequence=sequence, refused=refused, withheld=withheld))
        self._say_of_books(compilation)
        for kind in RESOURCE_KINDS:
            OBJECTS.labels(kind).set(parts.world.count(kind))

    def _say_of_books(self, compilation: Compilation) -> None:
        """Tell of what is wrong with price books: each trouble once, until it is another."""
        told = book_notices(self._parts.world.books, compilation.conflicts)
        PRICE_BOOK_TROUBLES.set(len(told))
        for notice in told:
            if notice not in self._told_of_books:
                log.warning("pricebook.refused", extra={"object": str(notice.ref), "error": notice.message})
                self._parts.scribe.tell(notice)
        self._told_of_books = frozenset(told)


def _compiled(frozen: Frozen, now_ms: int) -> Compilation:
    return compile_inventory(frozen.inventory(now_ms))


def _amended(verdict: Verdict, refusal: str | None) -> Verdict:
    """*verdict* with what the compiler could not know: that the key's Secret cannot be made."""
    if refusal is None:
        return verdict
    others = tuple(finding for finding in verdict.findings if finding.type != "ResolvedRefs")
    finding = Finding("ResolvedRefs", holds=False, reason="SecretNotOurs", message=refusal)
    return replace(verdict, findings=(*others[:1], finding, *others[1:]))

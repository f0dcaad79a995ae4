"""The composition root: starts a data plane, drains it, lets it go.

Every task has its owner here: one TaskGroup.  A background task that dies takes the process down loudly.
"""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from typing import Final

import msgspec

from sluice_contract.errors import SnapshotInvalidError
from sluice_dataplane.app.listen import listening
from sluice_dataplane.app.plane import DataPlane, wall_ms
from sluice_dataplane.config.cache import SnapshotCache
from sluice_dataplane.config.source import Bundle, SnapshotSource
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import HoldStore
from sluice_dataplane.settings import Settings
from sluice_dataplane.surface.host import LeanHost
from sluice_dataplane.telemetry.log import LineWriter, install
from sluice_dataplane.usage.export import Exporter

log = logging.getLogger("sluice.app")

CLOSE_SECONDS: Final = 5.0  # for whatever must be told or written at the end, each
LEAST_IDLE_SECONDS: Final = 1.0  # a connection quiet for less than this may well have a call on its way to us
JOIN_SECONDS: Final = 8.0  # how long a start waits for a store that is catching up: longer than a fence lasts
SOURCE_FIRST_SECONDS: Final = 2.0  # how long a start waits for the source before it trusts its own last copy


async def run(
    settings: Settings,
    source: SnapshotSource,
    *,
    stop: asyncio.Event | None = None,
    started: Callable[[], None] | None = None,
    clock_ms: Callable[[], int] = wall_ms,
) -> None:
    """Serve until SIGTERM, SIGINT or *stop*; then drain and return.  *started* is called once both ports listen.

    *clock_ms* tells the time by which windows, expiries and records go, in milliseconds since 1970.

    Raises:
        OSError: a port cannot be bound.
        JournalError: the journal cannot be read or written.
    """
    lines = LineWriter(sys.stdout.fileno())
    lines.later = asyncio.get_running_loop().call_later
    install(lines, settings.log_level)
    stop = stop or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        plane = DataPlane(settings, lines, clock_ms)
        replayed = plane.ledger.replay()
        log.info("journal.replayed", extra=msgspec.structs.asdict(replayed))
        await _serve(plane, source, stop, started or (lambda: None))
    finally:
        lines.close()


async def _serve(plane: DataPlane, source: SnapshotSource, stop: asyncio.Event, started: Callable[[], None]) -> None:
    async with asyncio.TaskGroup() as tasks:
        cache = SnapshotCache(plane.settings.data_dir / "snapshot")
        carrying = tasks.create_task(_carry(plane.store), name="store")
        background = [
            tasks.create_task(_follow(plane, cache, source), name="follow-source"),
            tasks.create_task(_fall_back(plane, cache), name="fall-back"),
            tasks.create_task(plane.ledger.run(), name="ledger"),
            tasks.create_task(_export(plane.exporter), name="export"),
            tasks.create_task(plane.http.run(), name="names"),
            tasks.create_task(plane.identities.run(), name="identities"),
        ]
        await plane.ledger.joined(JOIN_SECONDS)
        async with listening(plane) as front:
            log.info("app.listening", extra={"port": plane.settings.port, "admin_port": plane.settings.admin_port})
            started()
            _calm_the_collector()
            await stop.wait()
            await _drain(plane, front)
        for task in background:
            task.cancel()
        if plane.exporter is not None:
            await plane.exporter.close(CLOSE_SECONDS)
        await plane.ledger.close(CLOSE_SECONDS)
        carrying.cancel()
    await plane.upstreams.close()
    await plane.store.close()
    plane.tracer.close()
    log.info("app.stopped")


async def _carry(store: HoldStore) -> None:
    if isinstance(store, RedisStore):  # counters in memory need nobody to carry calls to them
        await store.run()


async def _export(exporter: Exporter | None) -> None:
    if exporter is not None:
        await asyncio.to_thread(exporter.open)
        await exporter.run()


async def _follow(plane: DataPlane, cache: SnapshotCache, source: SnapshotSource) -> None:
    """Put in force what the source brings; keep a copy of what was good."""
    async for bundle in source.bundles():
        if _offer(plane, bundle):
            await asyncio.to_thread(cache.save, bundle)


async def _fall_back(plane: DataPlane, cache: SnapshotCache) -> None:
    """Put the last good snapshot in force if the source brings none in time: it may know keys revoked since."""
    await asyncio.sleep(SOURCE_FIRST_SECONDS)
    last_good = None if plane.holder.ready else await asyncio.to_thread(cache.load)
    if last_good is not None and not plane.holder.ready:
        _offer(plane, last_good)


def _offer(plane: DataPlane, bundle: Bundle) -> bool:
    before = plane.holder.current().revision
    try:
        table = plane.holder.offer(bundle.index, bundle.parts)
    except SnapshotInvalidError as error:
        plane.metrics.config_rejected.inc()
        log.error("snapshot.rejected", extra={"reason": str(error), "kept": before})  # noqa: TRY400  # no traceback: it may quote
        return False
    if table.revision != before:
        plane.health.retain(table.served())
        plane.metrics.now_serving(table.revision)
        facts = {"revision": table.revision, "models": len(table.served()), "keys": len(table.proofs)}
        log.info("snapshot.accepted", extra=facts)
    return True


async def _drain(plane: DataPlane, front: LeanHost) -> None:
    """Unready, and each answer is its connection's last; then closed to new connections; then until all are gone."""
    settings = plane.settings
    plane.stopping = True
    plane.door.closing = True
    log.info("app.draining", extra={"inflight": plane.door.inflight})
    front.drain(idle_seconds=max(LEAST_IDLE_SECONDS, settings.shutdown_delay_seconds))
    await asyncio.sleep(settings.shutdown_delay_seconds)
    front.stop()
    try:
        async with asyncio.timeout(settings.shutdown_grace_seconds):
            await front.gone()
            await plane.door.idle()
    except TimeoutError:
        log.warning("app.drain_timeout", extra={"inflight": plane.door.inflight})


def _calm_the_collector() -> None:
    """What was built at the start lives to the end: keep the garbage collector from walking it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)

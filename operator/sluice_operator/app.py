"""The composition root: builds the parts, wires them, runs them while the Lease is held."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Final

import aiohttp

from sluice_operator import manifests
from sluice_operator.cluster import Cluster, Manifest
from sluice_operator.cluster.connection import Connection, connect
from sluice_operator.cluster.door import KubernetesCluster
from sluice_operator.cluster.lease import Lease
from sluice_operator.errors import ClusterError
from sluice_operator.handlers import Watching
from sluice_operator.inventory import ObjectName
from sluice_operator.probes import probes
from sluice_operator.publisher.accounting import Accounting
from sluice_operator.publisher.acknowledge import Acknowledger
from sluice_operator.publisher.keymaker import KeyMaker
from sluice_operator.publisher.objects import Change
from sluice_operator.publisher.publish import Parts, Publisher
from sluice_operator.publisher.reading import Reader
from sluice_operator.publisher.revisions import Revisions
from sluice_operator.publisher.scribe import Scribe
from sluice_operator.publisher.statuses import Statuses
from sluice_operator.publisher.world import World
from sluice_operator.replicas import Replicas, ReplicaSpend
from sluice_operator.settings import Settings
from sluice_operator.spend import RedisSpend, SpendSource
from sluice_operator.telemetry import LEADING

_PEPPER_BYTES: Final = 32
_BEGIN_RETRY_SECONDS: Final = 2.0
_SETTLE_SECONDS: Final = 5.0
# What kopf lists when it starts shows nothing of what went while it was not watching: look soon, and then regularly.
_SOON_SECONDS: Final = (1.0, 3.0, 8.0)

log = logging.getLogger(__name__)


def now_ms() -> int:
    """Milliseconds since 1970 UTC: the one clock of the process, handed to all that need one."""
    return time.time_ns() // 1_000_000


class Leader:
    """What only the holder of the Lease does."""

    def __init__(self, settings: Settings, cluster: Cluster, replicas: Replicas, source: SpendSource | None) -> None:
        self._settings: Final = settings
        self._cluster: Final = cluster
        self._world: Final = World(
            namespace=settings.namespace,
            release=settings.release,
            identity_namespaces=settings.identities_from,
        )
        self._revisions: Final = Revisions()
        self._statuses: Final = Statuses(self._revisions)
        self._scribe: Final = Scribe(cluster, self._world, self._statuses, reporter=settings.pod_name, now_ms=now_ms)
        self._reader: Final = Reader(
            cluster, self._world, scopes=settings.scopes, home=settings.namespace, release=settings.release
        )
        keys = KeyMaker(cluster, self._world, random_bytes=secrets.token_bytes, tell=self._scribe.tell)
        self._publisher: Final = Publisher(
            Parts(
                cluster=cluster,
                world=self._world,
                reader=self._reader,
                keys=keys,
                revisions=self._revisions,
                statuses=self._statuses,
                scribe=self._scribe,
            ),
            namespace=settings.namespace,
            release=settings.release,
            debounce_ms=settings.debounce_ms,
            now_ms=now_ms,
        )
        self._acknowledger: Final = Acknowledger(
            cluster, replicas, self._revisions, published=self._publisher.published, changed=self._reprogrammed,
            now_ms=now_ms,
        )  # fmt: skip
        self._accounting: Final = Accounting(
            source or ReplicaSpend(replicas, self._addresses),
            replicas,
            world=self._world,
            statuses=self._statuses,
            scribe=self._scribe,
            now_ms=now_ms,
        )
        self._relist_soon: Final = asyncio.Event()
        self.ready = True  # so is who stands by: it is there when it is needed

    async def run(self) -> None:
        """Lead until cancelled.  Nothing is published before everything has been read once."""
        LEADING.set(1)
        self.ready = False
        await self._begin()
        self.ready = True
        settings = self._settings
        watching = Watching(namespaces=settings.watch_namespaces, heard=self._heard, deaf=self._relist_soon.set)
        self._publisher.changed(Change(dirty=True, urgent=True))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watching.run(), name="watch")
            tasks.create_task(self._publisher.run(), name="publish")
            tasks.create_task(self._write_statuses(), name="write-statuses")
            tasks.create_task(
                self._acknowledger.run(
                    namespace=settings.namespace,
                    selector=settings.dataplane_selector,
                    every_seconds=settings.pods_seconds,
                ),
                name="acknowledge",
            )
            tasks.create_task(
                self._accounting.run(
                    lambda: self._publisher.snapshot,
                    self._addresses,
                    every_seconds=settings.spend_seconds,
                ),
                name="account",
            )
            tasks.create_task(self._relist(), name="relist")

    async def _write_statuses(self) -> None:
        # What is live must not be called otherwise only because we have just begun to ask.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self._acknowledger.settled.wait()
        await self._scribe.run()

    async def _begin(self) -> None:
        while True:
            try:
                await self._make_pepper()
                self._publisher.account_uid = await self._find_account()
                await self._reader.begin()
            except ClusterError as error:
                log.warning("begin.failed", extra={"error": str(error)})
                await asyncio.sleep(_BEGIN_RETRY_SECONDS)
            else:
                return

    async def _make_pepper(self) -> None:
        namespace, release = self._settings.namespace, self._settings.release
        name = ObjectName(namespace, manifests.pepper_name(release))
        if await self._cluster.get("Secret", name) is None:
            pepper = secrets.token_bytes(_PEPPER_BYTES)
            await self._cluster.create(manifests.pepper_secret(namespace=namespace, release=release, pepper=pepper))

    async def _find_account(self) -> str | None:
        name = ObjectName(self._settings.namespace, manifests.account_name(self._settings.release))
        account = await self._cluster.get("ServiceAccount", name)
        return None if account is None else str(account["metadata"]["uid"])

    async def _relist(self) -> None:
        soon = deque(_SOON_SECONDS)
        while True:
            try:
                async with asyncio.timeout(soon.popleft() if soon else self._settings.relist_seconds):
                    await self._relist_soon.wait()
            except TimeoutError:
                pass
            else:
                self._relist_soon.clear()
                soon = deque(_SOON_SECONDS)
            try:
                await self._make_pepper()
                self._publisher.changed(await self._reader.relist())
            except ClusterError as error:
                log.warning("relist.failed", extra={"error": str(error)})

    def _addresses(self) -> Collection[str]:
        return self._acknowledger.addresses.values()

    def _heard(self, kind: str, manifest: Manifest, deleted: bool) -> None:  # noqa: FBT001  # the shape of Heard
        self._publisher.changed(self._world.hear(kind, manifest, deleted=deleted))

    def _reprogrammed(self) -> None:
        flipped, counted = self._statuses.reprogrammed()
        self._scribe.write(flipped)
        self._scribe.write_lazily(counted)


async def operate(settings: Settings) -> None:
    """Stand by, lead when the Lease is ours, until cancelled.

    Raises:
        LeaseLostError: somebody else may lead now; the process has to end at once.
        ClusterError: there are no credentials for the API server.
    """
    async with AsyncExitStack() as stack:
        connection = Connection(await connect())
        stack.push_async_callback(connection.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        source = await stack.enter_async_context(RedisSpend(settings.redis_url)) if settings.redis_url else None
        replicas = Replicas(session, admin_port=settings.admin_port)
        leader = Leader(settings, KubernetesCluster(connection), replicas, source)
        await stack.enter_async_context(
            probes(host=settings.health_host, port=settings.health_port, ready=lambda: leader.ready)
        )
        name = manifests.account_name(settings.release)  # one name for all that is the operator's
        lease = Lease(connection.api, name=name, namespace=settings.namespace, holder=settings.pod_name)
        await lease.lead(leader.run)

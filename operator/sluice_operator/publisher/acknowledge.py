"""Asks each data-plane replica what it serves, as long as there is one, and again at each publication."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from sluice_operator.cluster import Cluster, Manifest
from sluice_operator.errors import ClusterError
from sluice_operator.publisher.revisions import Revisions
from sluice_operator.publisher.signal import Signal
from sluice_operator.replicas import Replicas, ReplicaUnreachableError
from sluice_operator.telemetry import PROPAGATION_SECONDS, REPLICAS

WAIT_MS: Final = 10_000
_ASK_AGAIN_SECONDS: Final = 10.0  # a container that restarted in its pod may serve something older
_PATIENCE_MS: Final = 30_000  # a replica that was current and does not answer is believed this long
_RETRY_SECONDS: Final = 0.5

log = logging.getLogger(__name__)


def ready_addresses(pods: tuple[Manifest, ...]) -> dict[str, str]:
    """Pod uid → address, of pods that traffic is sent to: running, ready and not on their way out."""
    return {
        pod["metadata"]["uid"]: pod["status"]["podIP"]
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
        and pod.get("status", {}).get("phase") == "Running"
        and pod["status"].get("podIP")
        and _ready(pod["status"])
    }


def _ready(status: Mapping[str, Any]) -> bool:
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())


class Acknowledger:
    """One task for each replica; what it learns goes into *revisions*, and *changed* is called when that is news."""

    def __init__(
        self,
        cluster: Cluster,
        replicas: Replicas,
        revisions: Revisions,
        *,
        published: Signal,
        changed: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._cluster: Final = cluster
        self._replicas: Final = replicas
        self._revisions: Final = revisions
        self._published: Final = published
        self._changed: Final = changed
        self._now_ms: Final = now_ms
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._heard: set[str] = set()
        self.settled: Final = asyncio.Event()  # every replica there is has answered once, or failed to
        self.addresses: Mapping[str, str] = {}

    async def run(self, *, namespace: str, selector: str, every_seconds: float) -> None:
        """Follow the pods that *selector* finds until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    pods = await self._cluster.list_all("Pod", namespace=namespace, selector=selector)
                except ClusterError as error:
                    log.warning("pods.unreadable", extra={"error": str(error)})
                else:
                    self._follow(tasks, ready_addresses(pods.items))
                await asyncio.sleep(every_seconds)

    def _follow(self, tasks: asyncio.TaskGroup, addresses: dict[str, str]) -> None:
        self.addresses = addresses
        for uid in self._asking.keys() - addresses.keys():
            self._asking.pop(uid).cancel()
        for uid in addresses.keys() - self._asking.keys():
            self._asking[uid] = tasks.create_task(self._ask_on(uid, addresses[uid]))
        # Who came counts from now on, but is told of with its first answer, not as one that serves nothing yet.
        if self._revisions.replicas(frozenset(addresses)):
            self._news()
        self._heard &= addresses.keys()
        self._settle()

    async def _ask_on(self, uid: str, address: str) -> None:
        answered, answered_ms = False, self._now_ms()
        while True:
            newest = self._revisions.newest
            if newest is None:
                await self._published.wait()
                continue
            try:
                # A publication meanwhile ends the question: the replica may go past *newest* without ever serving it.
                async with self._published.interrupting():
                    served = await self._replicas.revision(address, wait=newest, timeout_ms=WAIT_MS)
            except TimeoutError:
                continue
            except ReplicaUnreachableError as error:
                log.info("replica.unreachable", extra={"replica": address, "error": str(error)})
                if self._now_ms() - answered_ms > _PATIENCE_MS or not answered:
                    self._take(uid, None)
                await self._published.wait(seconds=_RETRY_SECONDS)
                continue
            answered, answered_ms = True, self._now_ms()
            self._take(uid, served.revision)
            current = served.revision == self._revisions.newest
            await self._published.wait(seconds=_ASK_AGAIN_SECONDS if current else _RETRY_SECONDS)

    def _take(self, uid: str, revision: str | None) -> None:
        news = revision is None or self._revisions.serves(uid) != revision
        for seconds in self._revisions.served(uid, revision, self._now_ms()):
            PROPAGATION_SECONDS.observe(seconds)
        if news:
            self._news()
        self._heard.add(uid)
        self._settle()

    def _settle(self) -> None:
        if self._heard >= self.addresses.keys():
            self.settled.set()

    def _news(self) -> None:
        for state, count in self._revisions.counts().items():
            REPLICAS.labels(state).set(count)
        self._changed()

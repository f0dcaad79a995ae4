"""Asking replicas what they serve."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sluice_operator.publisher.acknowledge import Acknowledger, ready_addresses
from sluice_operator.publisher.revisions import Revisions
from sluice_operator.publisher.signal import Signal
from sluice_operator.replicas import ReplicaUnreachableError, Served
from support.desk import Clock, until
from support.fake_cluster import FakeCluster


def pod(name: str, **status: Any) -> dict[str, Any]:
    """A ready pod, or what else it is said to be."""
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "home", "uid": name, "labels": {"app": "dataplane"}},
        "status": {"phase": "Running", "podIP": f"10.0.0.{name[-1]}", "conditions": ready, **status},
    }


class Answers:
    """Replicas that answer what they are told to, by address; None is no answer."""

    def __init__(self) -> None:
        self.served: dict[str, str | None] = {}
        self.asked: list[tuple[str, str]] = []
        self.changed = asyncio.Condition()

    async def revision(self, address: str, *, wait: str, timeout_ms: int) -> Served:
        """As soon as it is served, or never."""
        self.asked.append((address, wait))
        if address not in self.served:
            raise ReplicaUnreachableError(address)
        async with self.changed:
            await self.changed.wait_for(lambda: self.served.get(address) == wait)
        return Served(self.served[address])

    async def serve(self, revision: str, *addresses: str) -> None:
        """These serve *revision* from now on."""
        async with self.changed:
            self.served |= dict.fromkeys(addresses, revision)
            self.changed.notify_all()


class Asking:
    """An acknowledger at work."""

    def __init__(self) -> None:
        self.cluster, self.answers = FakeCluster(), Answers()
        self.revisions, self.published = Revisions(), Signal()
        self.news = 0
        self.acknowledger = Acknowledger(
            self.cluster,
            self.answers,  # type: ignore[arg-type]  # it is asked for revisions only
            self.revisions,
            published=self.published,
            changed=self._changed,
            now_ms=Clock().now_ms,
        )

    def _changed(self) -> None:
        self.news += 1

    def publish(self, revision: str) -> None:
        """Replicas find *revision* from now on."""
        self.revisions.published(revision, 0)
        self.published.fire()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Asking"]:
        """Follow pods while the block runs."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(
                self.acknowledger.run(namespace="home", selector="app=dataplane", every_seconds=0.01)
            )
            try:
                yield self
            finally:
                task.cancel()


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    """Two pods, nothing published yet."""
    asking = Asking()
    for name in ("pod-1", "pod-2"):
        asking.cluster.put(pod(name))
    asking.answers.served = {"10.0.0.1": "old", "10.0.0.2": "old"}
    async with asking.running():
        yield asking


def everywhere(asking: Asking, sequence: int) -> Callable[[], bool]:
    """Whether a publication is served by both."""
    return lambda: asking.revisions.programmed(sequence).everywhere and asking.revisions.programmed(sequence).total == 2


async def test_each_replica_is_asked_and_waited_for(asking: Asking) -> None:
    """A publication is complete when every replica has answered that it serves it, and that is news."""
    asking.publish("r1")
    await asking.answers.serve("r1", "10.0.0.1")
    await until(lambda: asking.revisions.programmed(1).current == 1)
    half = asking.revisions.programmed(1)
    await asking.answers.serve("r1", "10.0.0.2")
    await until(everywhere(asking, 1))

    assert (half.current, half.total) == (1, 2)
    assert asking.news >= 2


async def test_a_newer_publication_ends_the_question(asking: Asking) -> None:
    """A replica that goes past a revision is not waited for until the time-out."""
    asking.publish("r1")
    await until(lambda: ("10.0.0.1", "r1") in asking.answers.asked and ("10.0.0.2", "r1") in asking.answers.asked)
    asking.publish("r2")
    await asking.answers.serve("r2", "10.0.0.1", "10.0.0.2")

    await until(everywhere(asking, 2))


async def test_a_new_replica_is_asked_and_a_gone_one_is_not_counted(asking: Asking) -> None:
    """Pods that come are asked, pods that go do not count any more."""
    asking.publish("r1")
    await asking.answers.serve("r1", "10.0.0.1", "10.0.0.2", "10.0.0.3")
    await until(everywhere(asking, 1))

    asking.cluster.put(pod("pod-3"))
    await until(lambda: asking.revisions.programmed(1).current == 3)
    del asking.cluster.objects["Pod", "home", "pod-1"]
    await until(lambda: asking.revisions.programmed(1).total == 2)
    asking.publish("r2")
    await asking.answers.serve("r2", "10.0.0.1", "10.0.0.2", "10.0.0.3")
    await until(everywhere(asking, 2))

    assert ("10.0.0.1", "r2") not in asking.answers.asked


async def test_a_replica_that_never_answered_counts_as_serving_nothing(asking: Asking) -> None:
    """A ready pod whose admin port is closed keeps Programmed False."""
    asking.cluster.put(pod("pod-3"))
    asking.publish("r1")
    await asking.answers.serve("r1", "10.0.0.1", "10.0.0.2")
    await until(lambda: asking.revisions.programmed(1).total == 3)
    await until(lambda: asking.revisions.programmed(1).current == 2)

    await until(asking.acknowledger.settled.is_set)
    assert not asking.revisions.programmed(1).everywhere


async def test_a_replica_that_falls_silent_is_believed_for_a_while(asking: Asking) -> None:
    """One missed answer does not take back what a replica has said: revisions only go forward."""
    asking.publish("r1")
    await asking.answers.serve("r1", "10.0.0.1", "10.0.0.2")
    await until(everywhere(asking, 1))
    del asking.answers.served["10.0.0.2"]
    asked = len(asking.answers.asked)

    asking.publish("r2")
    await until(lambda: ("10.0.0.2", "r2") in asking.answers.asked[asked:])

    assert asking.revisions.programmed(1).everywhere


async def test_it_is_settled_when_everyone_was_heard_once() -> None:
    """Statuses wait for the first answers; with no replica there is nobody to wait for."""
    asking = Asking()
    async with asking.running():
        await until(asking.acknowledger.settled.is_set)


async def test_a_server_that_is_away_does_not_end_the_asking(asking: Asking) -> None:
    """When pods cannot be listed, those that are known are asked on."""
    asking.publish("r1")
    with asking.cluster.unreachable():
        await asking.answers.serve("r1", "10.0.0.1", "10.0.0.2")
        await until(everywhere(asking, 1))


def test_only_pods_that_get_traffic_count() -> None:
    """Pods that are not ready, have no address, ended, or are on their way out do not count."""
    leaving = pod("pod-5")
    leaving["metadata"]["deletionTimestamp"] = "2026-09-01T00:00:00Z"
    pods = (pod("pod-1"), pod("pod-2", conditions=[]), pod("pod-3", podIP=""), pod("pod-4", phase="Failed"), leaving)

    assert ready_addresses(pods) == {"pod-1": "10.0.0.1"}

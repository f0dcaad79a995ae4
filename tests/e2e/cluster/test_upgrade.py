"""Upgrading, restarting and failing over: callers and statuses do not notice."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import httpx

from sluice_contract import codec, names
from support.doors import Doors, clients, open_doors
from support.kube import Cluster, Manifest
from support.release import Release, Values, helm_upgrade
from support.tenants import Team, chat, code_of, echo_model, resource
from support.waiting import until

CALLERS: Final = 8
STREAM_WORDS: Final = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"

NEW_PODS: Final[Values] = {program: {"podAnnotations": {"pods": "new"}} for program in ("operator", "dataplane")}
# A busy node forgets endpoints slowly, and so does a busy client send what it has begun.
PATIENT: Final[Values] = {"dataplane": {"shutdown": {"preStopSeconds": 4, "delaySeconds": 2}}}

Install = Callable[[str, Values], Release]
Figure = Callable[[str, object], None]


class Traffic:
    """Calls through the Service, half of them streams, half over connections that are kept."""

    def __init__(self, url: str, secret: str) -> None:
        self.outcomes: Final[Counter[str]] = Counter()
        self._url: Final = url
        self._secret: Final = secret

    async def run(self, client: httpx.AsyncClient) -> None:
        """Call until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(CALLERS):
                tasks.create_task(self._caller(client, streamed=number % 2 == 0, kept=number < CALLERS // 2))

    async def _caller(self, client: httpx.AsyncClient, *, streamed: bool, kept: bool) -> None:
        while True:
            if kept:
                self.outcomes[await self._outcome(client, streamed=streamed)] += 1
            else:
                async with clients() as fresh:
                    self.outcomes[await self._outcome(fresh, streamed=streamed)] += 1
            await asyncio.sleep(0.05)

    async def _outcome(self, client: httpx.AsyncClient, *, streamed: bool) -> str:
        try:
            answer = await chat(client, self._url, self._secret, STREAM_WORDS, "slow", stream=streamed)
        except httpx.TransportError as error:
            return f"{type(error).__name__} {error}"
        if answer.status_code != 200:
            return f"{answer.status_code} {code_of(answer)}"
        return "200" if not streamed or answer.text.endswith("data: [DONE]\n\n") else "cut stream"


async def test_upgrade_fails_no_call(
    cluster: Cluster, new_team: Callable[[str], Team], install: Install, images: Values, figure: Figure
) -> None:
    """From two replicas to three with new pods, and back to two: no call fails, no stream is cut."""
    home, tenant = new_team("home"), new_team("tenant")
    values: Values = {"watchNamespaces": [home.namespace, tenant.namespace], **PATIENT}
    release = await asyncio.to_thread(install, home.namespace, values)
    traffic, doors = await ready_for_traffic(cluster, release, tenant)

    began = time.monotonic()
    async with clients() as client, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(traffic.run(client))
        await until(lambda: traffic.outcomes["200"] > CALLERS, why="calls are answered")
        for replicas in (3, 2):
            upgrade: Values = {"dataplane": {"replicas": replicas}}
            await asyncio.to_thread(helm_upgrade, cluster, release, images, values, NEW_PODS, upgrade)
        await gone(cluster, release, {door.name for door in doors.each})
        await tenant.apply(resource("VirtualKey", "after"))
        running.cancel()

    figure(f"calls during two upgrades, {time.monotonic() - began:.0f} s", dict(traffic.outcomes))
    assert set(traffic.outcomes) == {"200"}


async def ready_for_traffic(cluster: Cluster, release: Release, tenant: Team) -> tuple[Traffic, Doors]:
    """A slow stream, a key, and ways to the release."""
    headers = {"chunk-delay-ms": "50"}
    targets = [{"name": "echo", "provider": {"type": "Echo", "headers": headers}}]
    await tenant.apply(echo_model("slow", targets=targets), resource("VirtualKey", "caller"))
    doors = await open_doors(cluster, release)
    return Traffic(doors.any.url, await tenant.secret("caller")), doors


async def gone(cluster: Cluster, release: Release, pods: set[str]) -> None:
    """Return when none of *pods* is there any more, drained or not."""

    async def none_left() -> bool:
        listed = await asyncio.to_thread(cluster.list, "pods", namespace=release.namespace)
        return not pods & {pod["metadata"]["name"] for pod in listed}

    await until(none_left, seconds=60, why=f"{pods} have gone")


async def test_takeover_by_another_operator_rewrites_nothing(
    cluster: Cluster, new_team: Callable[[str], Team], install: Install, figure: Figure
) -> None:
    """One of two operators leads; when its pod goes the other takes over, writes nothing anew, and goes on working."""
    home, tenant = new_team("home"), new_team("tenant")
    values: Values = {
        "watchNamespaces": [home.namespace, tenant.namespace],
        "operator": {"replicas": 2},
        "dataplane": {"replicas": 1},
    }
    release = await asyncio.to_thread(install, home.namespace, values)
    model, key = echo_model(), resource("VirtualKey", "caller")
    await tenant.apply(model, key)
    await tenant.wait("Ready", model, key)
    leader = await holder(home, release)
    before = await written(home, tenant, release)

    began = time.monotonic()
    await home.api.delete("Pod", leader)
    await until(lambda: holder_other_than(home, release, leader), seconds=40, why="the other one leads")
    led_seconds = time.monotonic() - began
    await tenant.apply(resource("VirtualKey", "after"))
    worked_seconds = time.monotonic() - began

    figure("another operator leads after", f"{led_seconds:.1f} s; a change is live after {worked_seconds:.1f} s")
    after = await written(home, tenant, release)
    changed = {name for name in before if before[name] != after[name]}
    shards = {names.object_name(release.name, part) for part in (*codec.KEY_SHARDS, codec.INDEX)}
    assert changed <= shards  # the new key's
    assert len(changed) == 2


async def holder(home: Team, release: Release) -> str:
    """The pod that leads; empty while none does."""
    lease = await asyncio.to_thread(home.cluster.get, f"lease/{release.name}-operator", namespace=home.namespace)
    return str(lease["spec"].get("holderIdentity") or "")


async def holder_other_than(home: Team, release: Release, pod: str) -> str:
    """The pod that leads, if it is another one."""
    found = await holder(home, release)
    return found if found != pod else ""


async def written(home: Team, tenant: Team, release: Release) -> dict[str, Any]:
    """What operators write: versions of the compiled objects, and the statuses of the tenant's first resources."""
    compiled: list[Manifest] = [*await home.api.items("ConfigMap"), *await home.api.items("Secret")]
    versions: dict[str, Any] = {
        each["metadata"]["name"]: each["metadata"]["resourceVersion"]
        for each in compiled
        if each["metadata"]["name"].startswith(f"{release.name}-snapshot-")
    }
    for kind, name in (("ModelDeployment", "echo"), ("VirtualKey", "caller")):
        found = await tenant.api.get(kind, name)
        versions[f"{kind}/{name}"] = found and found["status"]
    return versions

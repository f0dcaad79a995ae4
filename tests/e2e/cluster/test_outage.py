"""Neither the operator nor the API server is needed to go on serving, nor to start again."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpx

from support.doors import Door, Doors
from support.kube import Cluster
from support.release import Release, scale_operator
from support.tenants import Team, chat, code_of, echo_model, resource
from support.waiting import until

PAUSE_SECONDS: Final = 0.02
KEY_LIVES_SECONDS: Final = 15
RESTART_SECONDS: Final = 60

Figure = Callable[[str, object], None]


class Load:
    """One call after the other at one replica; how each ended."""

    def __init__(self, client: httpx.AsyncClient, door: Door, secret: str) -> None:
        self.outcomes: Final[Counter[str]] = Counter()
        self.last = ""
        self._client: Final = client
        self._door: Final = door
        self._secret: Final = secret

    async def run(self) -> None:
        """Call until cancelled."""
        while True:
            self.last = await outcome(self._client, self._door, self._secret)
            self.outcomes[self.last] += 1
            await asyncio.sleep(PAUSE_SECONDS)


async def outcome(client: httpx.AsyncClient, door: Door, secret: str) -> str:
    """How one call ends: status and code, or ``unreachable``."""
    try:
        answer = await chat(client, door.url, secret)
    except httpx.TransportError:
        return "unreachable"
    return f"{answer.status_code} {code_of(answer)}".strip()


@contextlib.asynccontextmanager
async def nobody_in_control(cluster: Cluster, gateway: Release) -> AsyncIterator[None]:
    """Neither operator nor API server while the block runs; both again afterwards."""
    await asyncio.to_thread(scale_operator, cluster, gateway, 0)
    try:
        await asyncio.to_thread(cluster.stop, "apiserver")
        try:
            yield
        finally:
            await asyncio.to_thread(cluster.start, "apiserver")
    finally:
        await asyncio.to_thread(scale_operator, cluster, gateway, 1)


async def test_data_plane_serves_and_starts_with_nobody_in_control(
    cluster: Cluster,
    gateway: Release,
    new_team: Callable[[str], Team],
    doors: Doors,
    client: httpx.AsyncClient,
    figure: Figure,
) -> None:
    """Without operator and API server one replica serves all the time, another one starts again and serves the same."""
    team = new_team("outage")
    await team.apply(echo_model(), resource("VirtualKey", "caller"))
    await team.apply(resource("VirtualKey", "brief", ttl=f"{KEY_LIVES_SECONDS}s"))
    secrets = await team.secrets(["caller", "brief"])
    steady, crashed = doors.each
    loads = [Load(client, door, secrets["caller"]) for door in (steady, crashed)]

    async with asyncio.TaskGroup() as tasks:
        calling = [tasks.create_task(load.run()) for load in loads]
        async with nobody_in_control(cluster, gateway):
            before = await revision(client, crashed)
            await asyncio.to_thread(cluster.crash, crashed.pod, "sluice_dataplane")
            began = time.monotonic()
            await until(lambda: loads[1].last == "unreachable", why="it is gone")
            await until(lambda: loads[1].last == "200", seconds=RESTART_SECONDS, why="it serves again")
            down_seconds = time.monotonic() - began
            assert await revision(client, crashed) == before
            await expired(client, doors, secrets["brief"])
        began = time.monotonic()
        await served_anew(team, client, doors)
        anew_seconds = time.monotonic() - began
        for task in calling:
            task.cancel()

    figure("replica killed without an API server serves again after", f"{down_seconds:.1f} s")
    figure("a change is live everywhere after the operator is back in", f"{anew_seconds:.1f} s")
    figure("calls meanwhile, at the other replica", dict(loads[0].outcomes))
    assert set(loads[0].outcomes) == {"200"}
    assert set(loads[1].outcomes) <= {"200", "unreachable", "503 not_ready"}


async def revision(client: httpx.AsyncClient, door: Door) -> str:
    """What a replica serves."""
    return str((await client.get(f"{door.admin_url}/revision")).json()["revision"])


async def expired(client: httpx.AsyncClient, doors: Doors, secret: str) -> None:
    """Return when *secret* is refused everywhere: that its time is over nobody has to say."""
    for door in doors.each:
        await until(
            lambda: refused(client, door, secret),  # noqa: B023  # called before the next
            seconds=KEY_LIVES_SECONDS + 5,
            why="the key is over",
        )


async def refused(client: httpx.AsyncClient, door: Door, secret: str) -> bool:
    """Whether *door* refuses *secret* as invalid."""
    return await outcome(client, door, secret) == "401 invalid_api_key"


async def served_anew(team: Team, client: httpx.AsyncClient, doors: Doors) -> None:
    """Return when a change made after the outage is live in every replica."""
    await team.apply(resource("VirtualKey", "after"))
    secret = await team.secret("after")
    for door in doors.each:
        assert await outcome(client, door, secret) == "200"

"""A key that is taken away stops working everywhere at once, under load, and nobody else notices."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
import pytest

from support.doors import Door, Doors
from support.figures import percentile, spread
from support.tenants import Team, chat, echo_model, resource

VICTIMS: Final = 20  # of each way to take a key away
BYSTANDERS: Final = 10
CALLS_PER_SECOND: Final = 100
LIMIT_SECONDS: Final = 1.0
GIVE_UP_SECONDS: Final = 20.0

Figure = Callable[[str, object], None]


class Load:
    """Calls of all *secrets*, in turn at each replica, for as long as a key is in it."""

    def __init__(self, client: httpx.AsyncClient, doors: Doors, secrets: dict[str, str]) -> None:
        self.secrets: Final = dict(secrets)
        self.answered = 0
        self.wrong: Final[list[str]] = []
        self._client: Final = client
        self._doors: Final = doors

    async def run(self) -> None:
        """Call until cancelled, CALLS_PER_SECOND of them."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for number, name in enumerate(list(self.secrets)):
                    door = self._doors.each[number % len(self._doors.each)]
                    tasks.create_task(self._call(name, door))
                    await asyncio.sleep(1 / CALLS_PER_SECOND)

    async def _call(self, name: str, door: Door) -> None:
        secret = self.secrets.get(name)
        if secret is None:
            return
        answer = await chat(self._client, door.url, secret)
        self.answered += 1
        if answer.status_code != 200 and name in self.secrets:
            self.wrong.append(f"{name} at {door.name}: {answer.status_code} {answer.text}")


async def first(status: int, client: httpx.AsyncClient, door: Door, secret: str, began: float) -> float:
    """Seconds from *began* until the first answer with *status*, at one replica."""
    while time.monotonic() - began < GIVE_UP_SECONDS:
        answer = await chat(client, door.url, secret)
        took = time.monotonic() - began
        if answer.status_code == status:
            return took
        await asyncio.sleep(0.005)
    pytest.fail(f"{door.name} has not answered {status} for {GIVE_UP_SECONDS} s")


async def test_revoked_keys_are_refused_by_every_replica(
    new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient, figure: Figure
) -> None:
    """Deleting or suspending a key under load: 401 on every replica in a second (p99), no other key errs."""
    team = new_team("revocation")
    await team.apply(echo_model())
    names = [f"victim-{number}" for number in range(2 * VICTIMS)] + [f"other-{number}" for number in range(BYSTANDERS)]
    keys = [resource("VirtualKey", name) for name in names]
    await team.apply(*keys)
    load = Load(client, doors, await team.secrets(names))

    async def delete(name: str) -> None:
        await team.api.delete("VirtualKey", name)

    async def suspend(name: str) -> None:
        await team.api.patch("VirtualKey", name, {"spec": {"suspended": True}})

    took: dict[str, list[float]] = {"delete": [], "suspend": []}
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(load.run())
        for number, name in enumerate(names[: 2 * VICTIMS]):
            how, revoke = (("delete", delete), ("suspend", suspend))[number % 2]
            took[how] += await revoked(client, doors, load.secrets.pop(name), lambda: revoke(name))  # noqa: B023
        running.cancel()

    for how, seconds in took.items():
        figure(f"401 everywhere after {how}", spread(seconds))
    figure("calls of other keys meanwhile", f"{load.answered}, {len(load.wrong)} errors")
    assert load.wrong == []
    assert load.answered > 100
    assert percentile(took["delete"], 99) <= LIMIT_SECONDS
    assert percentile(took["suspend"], 99) <= LIMIT_SECONDS


async def revoked(
    client: httpx.AsyncClient, doors: Doors, secret: str, revoke: Callable[[], Awaitable[None]]
) -> list[float]:
    """Seconds from the call of *revoke* to the first 401, for each replica; it worked until then and never again."""
    for door in doors.each:
        assert (await chat(client, door.url, secret)).status_code == 200
    began = time.monotonic()
    revoking = asyncio.ensure_future(revoke())
    seconds = await asyncio.gather(*(first(401, client, door, secret, began) for door in doors.each))
    await revoking
    for door in doors.each:
        assert (await chat(client, door.url, secret)).status_code == 401
    return list(seconds)


async def test_new_key_is_usable_at_once(
    new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient, figure: Figure
) -> None:
    """A new key answers on every replica within a second of its creation."""
    team = new_team("addition")
    await team.apply(echo_model())

    took: list[float] = []
    for number in range(VICTIMS):
        began = time.monotonic()
        await team.api.create("VirtualKey", f"new-{number}", spec={})
        secret = await team.secret(f"new-{number}")
        took += await asyncio.gather(*(first(200, client, door, secret, began) for door in doors.each))

    figure("200 everywhere after create", spread(took))
    assert percentile(took, 99) <= LIMIT_SECONDS

"""What goes wrong, when: drawn from a seed, one fault after the other, some while others last."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from simulator.places import RedisPlace
from simulator.plane import Plane
from simulator.scenario import TTL_MS

if TYPE_CHECKING:
    from simulator.world import World

LONG_S: Final = 2 * TTL_MS / 1000
REMEMBER_EVERY_S: Final = 7.0


class Faults:
    """The seed's bad luck."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._kinds: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "kill": self._kill,
            "torn": self._doom,
            "disk": self._lose,
            "pause": self._pause,
            "apart": self._part,
            "away": self._leave,
            "rewind": self._rewind,
            "wipe": self._wipe,
            "flush": self._flush,
            "restart": self._restart,
            "spoil": self._spoil,
        }

    async def run(self) -> None:
        """Strike until cancelled."""
        weather, rng = self._world.plan.weather, self._rng
        kinds = [kind for kind in self._kinds if getattr(weather, kind) > 0]
        weights = [getattr(weather, kind) for kind in kinds]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._remember())
            while kinds:
                await asyncio.sleep(rng.expovariate(1 / weather.faults_every_s))
                kind = rng.choices(kinds, weights)[0]
                group.create_task(self._kinds[kind](), name=kind)

    async def _remember(self) -> None:
        """Redis writes its memory to its disk, now and then."""
        place = self._world.place
        while isinstance(place, RedisPlace) and self._world.plan.weather.rewind:
            await asyncio.sleep(self._rng.uniform(0.1, REMEMBER_EVERY_S))
            if not place.away:
                place.remember()

    def _alive(self) -> Plane | None:
        alive = [plane for plane in self._world.planes if plane.life is not None]
        return self._rng.choice(alive) if alive else None

    async def _return(self, plane: Plane) -> None:
        await asyncio.sleep(self._rng.choice((0.01, 1, 4, LONG_S)) * self._rng.random())
        if plane.life is None and not self._world.calm:
            self._world.start(plane)

    async def _kill(self) -> None:
        plane = self._alive()
        if plane is not None:
            self._world.say(f"kill {plane.name}")
            plane.kill()
            await self._return(plane)

    async def _doom(self) -> None:
        plane = self._alive()
        life = None if plane is None else plane.life
        if plane is None or life is None:
            return
        self._world.say(f"{plane.name} will die writing")
        life.doomed = True
        await life.ended.wait()
        await self._return(plane)

    async def _lose(self) -> None:
        plane = self._alive()
        if plane is None:
            return
        self._world.say(f"kill {plane.name} and take its disk")
        plane.kill()
        plane.lose_disk()
        if self._world.plan.shared == "none":  # where nobody else counts, everything is lost
            self._world.forget("nothing is left")
            self._world.watch.losses.buried()
        await self._return(plane)

    async def _pause(self) -> None:
        plane = self._alive()
        if plane is None or plane.life is None:
            return
        self._world.say(f"stop {plane.name}")
        self._world.tally["pauses"] += 1
        life = plane.life
        life.way.gate.clear()
        await asyncio.sleep(self._rng.uniform(0.1, LONG_S))
        if life.alive:
            self._world.say(f"{plane.name} goes on")
            life.way.gate.set()

    async def _part(self) -> None:
        plane = self._alive()
        if plane is None or plane.life is None:
            return
        self._world.say(f"cut {plane.name} off")
        self._world.tally["partitions"] += 1
        way = plane.life.way
        way.cut = True
        await asyncio.sleep(self._rng.choice((0.5, 4, LONG_S)) * self._rng.random())
        self._world.say(f"{plane.name} is connected again")
        way.cut = False

    async def _gone(self, most_s: float) -> bool:
        """The store goes away for a while; False where it is away already."""
        place = self._world.place
        if place.away:
            return False
        place.away = True
        self._world.say("the store is away")
        await asyncio.sleep(self._rng.uniform(0.01, most_s))
        return True

    async def _leave(self) -> None:
        if await self._gone(self._rng.choice((0.5, 3, LONG_S))):
            self._world.say("the store is back")
            self._world.tally["absences"] += 1
            self._world.place.come_back()

    async def _rewind(self) -> None:
        place = self._world.place
        if isinstance(place, RedisPlace) and await self._gone(self._rng.choice((0.05, 2))):
            self._world.read_stream()
            if place.rewind(self._rng):
                self._world.tally["rewinds"] += 1
                self._world.forget("the store is back, as it was before")
            place.come_back()

    async def _wipe(self) -> None:
        place = self._world.place
        if isinstance(place, RedisPlace) and await self._gone(self._rng.choice((0.05, 2))):
            self._world.read_stream()
            place.wipe()
            self._world.tally["wipes"] += 1
            self._world.forget("the store is back, empty")
            place.come_back()

    async def _flush(self) -> None:
        place = self._world.place
        if isinstance(place, RedisPlace) and not place.away:
            self._world.read_stream()
            place.flush()
            self._world.tally["flushes"] += 1
            self._world.forget("somebody emptied the store")

    async def _spoil(self) -> None:
        place, accounts = self._world.place, sorted(self._world.bill.accounts())
        if isinstance(place, RedisPlace) and accounts and not place.away and not place.spoilt:
            spoilt = self._rng.choice(accounts)
            self._world.say(f"{spoilt} is spoilt")
            self._world.tally["spoilt accounts"] += 1
            place.spoil(spoilt)
            self._taint(spoilt)
            await asyncio.sleep(self._rng.uniform(0.1, LONG_S))
            self._taint(spoilt)
            self._world.say("nothing is spoilt")
            place.heal()

    def _taint(self, account: str) -> None:
        for attempt, _ in self._world.bill.on(account):
            attempt.tainted = True

    async def _restart(self) -> None:
        place = self._world.place
        if isinstance(place, RedisPlace) and await self._gone(self._rng.choice((0.05, 2))):
            place.restart()
            self._world.tally["restarts"] += 1
            self._world.say("the store is back, in a new process")
            place.come_back()

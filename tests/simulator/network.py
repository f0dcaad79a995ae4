"""The way between one data plane and the store, on which a seed decides what is lost, late, doubled or cut off.

It carries parcels: things to be done at the store, all or the first few of them, and the answers on their way back.
What the sender is told never says more than a socket would.  What was answered does not come a second time: TCP does
not repeat it, and our link only repeats what was not answered.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from simulator.scenario import Weather

PATIENCE_S: Final = 1.0  # after which a sender gives a conversation up
LATE_S: Final = 25.0

Work = Callable[[], object]  # at the store; returns the answer, an error among answers


class Place(Protocol):
    """Where the store is."""

    away: bool
    epoch: int  # counts its processes

    def whenever(self, work: Callable[[], None]) -> None:
        """Do *work* now, or as soon as the store is there again."""
        ...


class CutError(Exception):
    """The conversation broke down; the sender cannot know what was done."""


class Way:
    """One data plane's.  ``cut``: a partition; ``gate`` is closed while the data plane is stopped, and once it died."""

    def __init__(self, place: Place, weather: Weather, rng: random.Random, tally: Counter[str]) -> None:
        self._place = place
        self._weather = weather
        self._rng = rng
        self._tally = tally
        self.cut = False
        self.calm = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def carry(self, parcel: Sequence[Work], epoch: int) -> list[object]:
        """The answers to all of *parcel*, over a connection to the process *epoch*.

        Raises:
            CutError: after all, some or none of it was done, or while some of it will be done later.
        """
        await self.gate.wait()
        await asyncio.sleep(self._delay())
        if self._place.away or self.cut or self._place.epoch != epoch:
            await self._give_up()
        fate = "fine" if self.calm else self._fate()
        if fate == "lost":
            done = self._rng.randint(0, len(parcel) - 1)
            self._do(parcel[:done])
            await self._give_up()
        if fate == "late":
            for _ in range(self._rng.choice((1, 1, 2))):
                self._later(parcel)
            await self._give_up()
        if fate == "twice":  # the answers to the first time were lost, and it was sent again
            self._do(parcel[: self._rng.randint(1, len(parcel))])
            await asyncio.sleep(self._delay())
        answers = self._do(parcel)
        await asyncio.sleep(self._delay())
        if fate == "deaf" or self.cut:
            self._tally["lost replies"] += 1
            await self._give_up()
        await self.gate.wait()
        return answers

    def _do(self, parcel: Sequence[Work]) -> list[object]:
        return [work() for work in parcel]

    def _later(self, parcel: Sequence[Work]) -> None:
        epoch = self._place.epoch

        def arrive() -> None:
            if self._place.epoch == epoch:  # what was on its way to a process ends with its connections
                self._tally["late arrivals"] += len(parcel)
                self._do(parcel)

        loop = asyncio.get_running_loop()
        loop.call_later(self._rng.uniform(0.01, LATE_S), lambda: self._place.whenever(arrive))

    def _fate(self) -> str:
        drawn = self._rng.random()
        for fate in ("lost", "deaf", "late", "twice"):
            share: float = getattr(self._weather, fate)
            if drawn < share:
                self._tally[fate] += 1
                return fate
            drawn -= share
        return "fine"

    def _delay(self) -> float:
        """Seconds; now and then longer than a caller waits."""
        drawn = self._rng.random()
        if drawn < 0.01:
            return self._rng.uniform(0.05, 0.3)
        return self._rng.uniform(0.005, 0.02) if drawn < 0.1 else self._rng.uniform(0.0001, 0.004)

    async def _give_up(self) -> None:
        """A reset is noticed at once; silence, when patience ends."""
        await asyncio.sleep(PATIENCE_S if self._rng.random() < 0.5 else 0.001)
        await self.gate.wait()
        raise CutError

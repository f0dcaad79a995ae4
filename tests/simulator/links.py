"""A data plane's store: the production code over a simulated way.

For Redis all but the socket is production's: scripts, encoding, batching, breaker, greeting.  For a store in memory
the way carries calls in place of commands.
"""

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from simulator.network import CutError, Way
from simulator.places import MemoryPlace, RedisPlace
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.batcher import Reply
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.refusals import refusal
from sluice_dataplane.limits.scripts import Command, Scripts
from sluice_dataplane.limits.store import Account, Checkpoint, Entry, Held, Refused, Reservation, Standing

Answer = TypeVar("Answer")


class SimulatedLink:
    """A link like RedisLink: connects when it must, greets first, hangs up in doubt, replaces what died while idle."""

    def __init__(
        self, way: Way, place: RedisPlace, greeting: Callable[[], Command], greeted: Callable[[Reply], None]
    ) -> None:
        self._way = way
        self._place = place
        self._greeting = greeting
        self._greeted = greeted
        self._epoch = 0  # of the store's process at the other end; 0: nobody

    async def exchange(self, commands: Sequence[Command]) -> Sequence[Reply]:
        """As :meth:`Link.exchange`."""
        try:
            await self._way.gate.wait()
            if self._epoch != self._place.epoch:
                await self._connect()
            return await self._carry(commands, self._epoch) if commands else []
        except CutError:
            await self.close()
            raise StoreError("Redis: ConnectionError", transient=True) from None
        except BaseException:
            await self.close()
            raise

    async def _connect(self) -> None:
        epoch = self._place.epoch
        replies = await self._carry([self._greeting()], epoch)
        self._greeted(replies[0])
        self._epoch = epoch

    async def _carry(self, commands: Sequence[Command], epoch: int) -> list[Reply]:
        def work(command: Command) -> Callable[[], object]:
            return lambda: self._place.do(command)

        replies = await self._way.carry([work(command) for command in commands], epoch)
        return [refusal(str(reply)) if isinstance(reply, Exception) else reply for reply in replies]

    async def close(self) -> None:
        """As :meth:`Link.close`."""
        self._epoch = 0


def redis_store(way: Way, place: RedisPlace, scripts: Scripts, rng: random.Random) -> RedisStore:
    """A RedisStore at the other end of *way*."""

    def connect(url: str, scripts: Scripts, /, **options: Any) -> SimulatedLink:
        return SimulatedLink(way, place, options["greeting"], options["greeted"])

    return RedisStore(
        "unix:///nowhere",
        monotonic_ms=lambda: int(place.loop.now_s * 1000),
        draw=rng.random,
        scripts=scripts,
        connect=connect,
    )


class FarMemory:
    """A HoldStore: a MemoryStore at the other end of a way."""

    def __init__(self, way: Way, place: MemoryPlace) -> None:
        self._way = way
        self._place = place

    async def _ask(self, work: Callable[[MemoryStore], Coroutine[Any, Any, Answer]]) -> Answer:
        def do() -> object:
            try:
                return _at_once(work(self._place.store))
            except StoreError as error:
                return error

        try:
            (answer,) = await self._way.carry([do], self._place.epoch)
        except CutError:
            raise StoreError("the connection broke", transient=True) from None
        if isinstance(answer, StoreError):
            raise answer
        return answer  # type: ignore[return-value]

    async def hello(self, source: str) -> Standing:
        """As HoldStore."""
        return await self._ask(lambda store: store.hello(source))

    async def reserve(self, reservation: Reservation, *, source: str = "", forced: bool = False) -> Held | Refused:
        """As HoldStore."""
        return await self._ask(lambda store: store.reserve(reservation, source=source, forced=forced))

    async def apply(self, source: str, entries: Sequence[Entry]) -> tuple[StoreError | None, ...]:
        """As HoldStore."""
        return await self._ask(lambda store: store.apply(source, entries))

    async def caught_up(self, source: str) -> bool:
        """As HoldStore."""
        return await self._ask(lambda store: store.caught_up(source))

    async def extend(self, source: str, hold_ids: Sequence[str], ttl_ms: int) -> tuple[str, ...]:
        """As HoldStore."""
        return await self._ask(lambda store: store.extend(source, hold_ids, ttl_ms))

    async def reap(self) -> int:
        """As HoldStore."""
        return await self._ask(lambda store: store.reap())

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As HoldStore."""
        return await self._ask(lambda store: store.accounts(names))

    async def checkpoint(self) -> Checkpoint | None:
        """As HoldStore."""
        return await self._ask(lambda store: store.checkpoint())

    async def restore(self, checkpoint: Checkpoint) -> bool:
        """As HoldStore."""
        return await self._ask(lambda store: store.restore(checkpoint))

    async def close(self) -> None:
        """Nothing to let go of."""


def _at_once(work: Coroutine[Any, Any, Answer]) -> Answer:
    """What *work*, which waits for nothing, comes to."""
    try:
        work.send(None)
    except StopIteration as done:
        answer: Answer = done.value
        return answer
    raise AssertionError("a store in memory waits for nothing")

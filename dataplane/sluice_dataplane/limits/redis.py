"""The counters in Redis, shared by every replica.

Every change is one script, so that it happens whole or not at all; time is Redis's own.  Each carries the name of the
*run* that this store greeted: one that has lost something since begins another, and answers nothing but that.  Nothing
but StoreError leaves this module, and no error's text holds the URL.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from sluice_contract.names import STORE
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import commands as lua
from sluice_dataplane.limits.batcher import Batcher, Link, Reply
from sluice_dataplane.limits.breaker import Breaker
from sluice_dataplane.limits.link import RedisLink
from sluice_dataplane.limits.refusals import is_away
from sluice_dataplane.limits.scripts import Command, Scripts
from sluice_dataplane.limits.store import (
    Account,
    Checkpoint,
    Entry,
    Held,
    Refused,
    Reservation,
    Standing,
    UngreetedError,
)

EXCHANGE_DEADLINES: Final = 4  # how long the link itself waits: its callers have long been let go by then
BULK_DEADLINE_S: Final = 1.0  # for what reads or writes everything; nobody's call waits for that
RECORDS_KEPT: Final = 100_000


class Connect(Protocol):
    """Makes a link, not yet connected: see :class:`RedisLink`."""

    def __call__(
        self,
        url: str,
        scripts: Scripts,
        /,
        *,
        deadline_s: float,
        greeting: Callable[[], Command],
        greeted: Callable[[Reply], None],
    ) -> Link:
        """As :class:`RedisLink`."""
        ...


class RedisStore:
    """A HoldStore in one Redis; :meth:`run` belongs into the application's task group.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, with user, password and database if there are any.
        monotonic_ms: a clock that never goes back, for the breaker.
        draw: numbers in [0, 1), for the breaker's jitter.
        deadline_ms: how long one call may take, waiting included.
        records_kept: about how many usage records the stream holds; 0 for none.
        scripts: those beside this module unless given.
        connect: how to talk to it, unless over a connection of our own.
    """

    def __init__(
        self,
        url: str,
        *,
        monotonic_ms: Callable[[], int],
        draw: Callable[[], float],
        deadline_ms: int = 50,
        records_kept: int = RECORDS_KEPT,
        scripts: Scripts | None = None,
        connect: Connect = RedisLink,
    ) -> None:
        self._scripts = scripts or Scripts.load()
        patience_s = deadline_ms * EXCHANGE_DEADLINES / 1000
        self._link = connect(
            url, self._scripts, deadline_s=patience_s, greeting=self._greeting, greeted=self._on_greeted
        )
        self._batcher = Batcher(self._link, deadline_s=deadline_ms / 1000)
        self._breaker = Breaker(monotonic_ms, draw)
        self._records_kept = records_kept
        self._source = ""
        self._run = ""  # the one that our owner greeted; a new connection alone does not change it
        self._greetings = 0
        self._standing: Standing | None = None

    @property
    def available(self) -> bool:
        """Whether the store answered when it was last asked."""
        return not self._breaker.open

    @property
    def standing(self) -> Standing | None:
        """What the store said when it was last greeted, by our owner or over a new connection; None before."""
        return self._standing

    async def run(self) -> None:
        """Carry calls to Redis until cancelled; without it every call runs into its deadline."""
        with contextlib.suppress(StoreError):  # connected before the first call needs it, if Redis is there
            await self._link.exchange(())
        await self._batcher.run()

    async def hello(self, source: str) -> Standing:
        """As :meth:`HoldStore.hello`."""
        self._source = source
        self._run, self._standing = lua.greeted(await self._one(self._greeting()))
        return self._standing

    def _greeting(self) -> Command:
        self._greetings += 1
        return lua.hello(self._scripts.hello, self._source, f"{self._source}.{self._greetings}")

    def _on_greeted(self, reply: Reply) -> None:
        _, self._standing = lua.greeted(_checked(reply))

    async def reserve(self, reservation: Reservation, *, source: str = "", forced: bool = False) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        if forced:
            reservation = msgspec.structs.replace(reservation, rates=())
        for index, rate in enumerate(reservation.rates):
            if rate.amount <= 0:
                return Refused("rate", index, None)
        command = lua.reserve(self._scripts.reserve, self._known(), reservation, source=source, forced=forced)
        return lua.reserved(reservation, await self._one(command))

    async def apply(self, source: str, entries: Sequence[Entry]) -> tuple[StoreError | None, ...]:
        """As :meth:`HoldStore.apply`."""
        ask = (lua.apply(self._scripts, self._run, source, entry, records_kept=self._records_kept) for entry in entries)
        replies = await self._ask(list(ask)) if self._run else [UngreetedError()]
        errors = [_applied(reply) for reply in replies]
        for error in errors:
            if isinstance(error, UngreetedError):
                return (error,) * len(entries)
        return tuple(errors)

    async def caught_up(self, source: str) -> bool:
        """As :meth:`HoldStore.caught_up`."""
        reply = await self._one(lua.caught_up(self._scripts.caught_up, self._known(), source))
        return lua.number("caught_up", reply) == 1

    async def extend(self, source: str, hold_ids: Sequence[str], ttl_ms: int) -> tuple[str, ...]:
        """As :meth:`HoldStore.extend`."""
        unknown: list[str] = []
        for start in range(0, max(len(hold_ids), 1), lua.EXTEND_LIMIT):
            part = hold_ids[start : start + lua.EXTEND_LIMIT]
            command = lua.extend(self._scripts.extend, self._known(), source, part, ttl_ms)
            unknown += lua.extended(await self._one(command))
        return tuple(unknown)

    async def reap(self) -> int:
        """As :meth:`HoldStore.reap`."""
        return lua.number("reap", await self._one(lua.reap(self._scripts.reap, self._known())))

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As :meth:`HoldStore.accounts`."""
        asked: list[Command] = [("HGET", STORE, "run"), *(("HGETALL", name) for name in names)]
        known = self._known()
        run, *replies = [_checked(reply) for reply in await self._ask(asked)]
        if run != known.encode():
            raise UngreetedError
        return tuple(map(lua.account, replies))

    async def checkpoint(self) -> Checkpoint | None:
        """As :meth:`HoldStore.checkpoint`."""
        command = lua.checkpoint(self._scripts.checkpoint, self._known())
        return lua.read_checkpoint(await self._one(command, BULK_DEADLINE_S))

    async def restore(self, checkpoint: Checkpoint) -> bool:
        """As :meth:`HoldStore.restore`."""
        command = lua.restore(self._scripts.restore, self._known(), checkpoint)
        return lua.number("restore", await self._one(command, BULK_DEADLINE_S)) == 1

    async def close(self) -> None:
        """As :meth:`HoldStore.close`; :meth:`run` must have ended."""
        await self._link.close()

    def _known(self) -> str:
        """The run that was greeted.

        Raises:
            UngreetedError: none was.
        """
        if not self._run:
            raise UngreetedError
        return self._run

    async def _one(self, command: Command, deadline_s: float | None = None) -> Any:  # noqa: ANN401  as Redis makes it
        return _checked((await self._ask([command], deadline_s))[0])

    async def _ask(self, commands: Sequence[Command], deadline_s: float | None = None) -> list[Reply]:
        if not self._breaker.may_pass():
            return [StoreError("Redis is away", transient=True, maybe_done=False)] * len(commands)
        before = self._breaker.failures
        replies = await self._batcher.call_all(commands, deadline_s)
        if any(isinstance(reply, StoreError) and is_away(reply) for reply in replies):
            if self._breaker.failures == before:  # calls that were on their way together fail together: one failure
                self._breaker.failed()
        else:
            self._breaker.succeeded()
        return replies


def _checked(reply: Reply) -> Any:  # noqa: ANN401  as above
    if isinstance(reply, StoreError):
        raise reply
    return reply


def _applied(reply: Reply) -> StoreError | None:
    """What kept a settlement from being counted."""
    if isinstance(reply, StoreError):
        return reply
    return None if isinstance(reply, int) else lua.unexpected("apply", reply)

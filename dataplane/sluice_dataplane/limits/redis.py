"""The counters in Redis, shared by every replica.

Every change is one script, so that it happens whole or not at all; time is Redis's own.  Nothing but StoreError
leaves this module, and no error's text holds the URL.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import scripts as lua
from sluice_dataplane.limits.batcher import Batcher, Reply
from sluice_dataplane.limits.breaker import Breaker
from sluice_dataplane.limits.link import RedisLink
from sluice_dataplane.limits.scripts import Command, Scripts
from sluice_dataplane.limits.store import Account, Held, Refused, Reservation, Settlement

EXCHANGE_DEADLINES: Final = 4  # how long the link itself waits: its callers have long been let go by then


class RedisStore:
    """A HoldStore in one Redis; :meth:`run` belongs into the application's task group.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, with user, password and database if there are any.
        monotonic_ms: a clock that never goes back, for the breaker.
        draw: numbers in [0, 1), for the breaker's jitter.
        deadline_ms: how long one call may take, waiting included.
        scripts: those beside this module unless given.
    """

    def __init__(
        self,
        url: str,
        *,
        monotonic_ms: Callable[[], int],
        draw: Callable[[], float],
        deadline_ms: int = 50,
        scripts: Scripts | None = None,
    ) -> None:
        self._scripts = scripts or Scripts.load()
        self._link = RedisLink(url, self._scripts, deadline_s=deadline_ms * EXCHANGE_DEADLINES / 1000)
        self._batcher = Batcher(self._link, deadline_s=deadline_ms / 1000)
        self._breaker = Breaker(monotonic_ms, draw)

    @property
    def available(self) -> bool:
        """Whether the store answered when it was last asked."""
        return not self._breaker.open

    async def run(self) -> None:
        """Carry calls to Redis until cancelled; without it every call runs into its deadline."""
        with contextlib.suppress(StoreError):  # connected before the first call needs it, if Redis is there
            await self._link.exchange(())
        await self._batcher.run()

    async def reserve(self, reservation: Reservation) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        for index, rate in enumerate(reservation.rates):
            if rate.amount <= 0:
                return Refused("rate", index, None)
        return lua.reserved(reservation, await self._one(lua.reserve(self._scripts.reserve, reservation)))

    async def settle(self, settlement: Settlement) -> None:
        """As :meth:`HoldStore.settle`."""
        await self._one(lua.settle(self._scripts.settle, settlement))

    async def settle_all(self, settlements: Sequence[Settlement]) -> tuple[StoreError | None, ...]:
        """As :meth:`HoldStore.settle_all`."""
        replies = await self._ask([lua.settle(self._scripts.settle, settlement) for settlement in settlements])
        return tuple(reply if isinstance(reply, StoreError) else None for reply in replies)

    async def extend(self, hold_ids: Sequence[str], ttl_ms: int) -> None:
        """As :meth:`HoldStore.extend`."""
        for start in range(0, len(hold_ids), lua.EXTEND_LIMIT):
            part = hold_ids[start : start + lua.EXTEND_LIMIT]
            await self._one(lua.extend(self._scripts.extend, part, ttl_ms))

    async def reap(self) -> int:
        """As :meth:`HoldStore.reap`."""
        return int(await self._one(lua.reap(self._scripts.reap)))

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As :meth:`HoldStore.accounts`."""
        replies = await self._ask([("HMGET", name, "posted", "held", "orphaned") for name in names])
        return tuple(Account(*(int(figure or 0) for figure in _checked(reply))) for reply in replies)

    async def close(self) -> None:
        """As :meth:`HoldStore.close`; :meth:`run` must have ended."""
        await self._link.close()

    async def _one(self, command: Command) -> Any:  # noqa: ANN401  a reply is what Redis makes it
        return _checked((await self._ask([command]))[0])

    async def _ask(self, commands: Sequence[Command]) -> list[Reply]:
        if not self._breaker.may_pass():
            return [StoreError("Redis is away", transient=True, maybe_done=False)] * len(commands)
        before = self._breaker.failures
        replies = await self._batcher.call_all(commands)
        if any(isinstance(reply, StoreError) and reply.transient for reply in replies):
            if self._breaker.failures == before:  # calls that were on their way together fail together: one failure
                self._breaker.failed()
        else:
            self._breaker.succeeded()
        return replies


def _checked(reply: Reply) -> Any:  # noqa: ANN401  as above
    if isinstance(reply, StoreError):
        raise reply
    return reply

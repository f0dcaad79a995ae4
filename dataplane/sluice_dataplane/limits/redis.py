"""The counters in Redis, shared by every replica.  The only module of the data plane that knows Redis.

Every change is one script, so that it happens whole or not at all; time is Redis's own.  Nothing but StoreError
leaves this module, and no error's text holds the URL.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis import exceptions
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits import scripts as lua
from sluice_dataplane.limits.batcher import Batcher, Reply
from sluice_dataplane.limits.breaker import Breaker
from sluice_dataplane.limits.scripts import Command, Scripts
from sluice_dataplane.limits.store import Account, Held, Refused, Reservation, Settlement

CONNECT_S: Final = 1.0
REPLY_S: Final = 1.0  # callers wait less; a connection is given up only when it is surely in doubt
EXCHANGE_DEADLINES: Final = 4  # how long the link itself waits: its callers have long been let go by then

_PASSING: Final = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    OSError,  # TimeoutError too
)
_LASTING: Final = (exceptions.AuthenticationError, exceptions.AuthorizationError)
_PASSING_CODES: Final = ("BUSY", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "UNKILLABLE")


def store_error(error: BaseException, *, maybe_done: bool = True) -> StoreError:
    """*error* of the client library or the operating system, as callers know it."""
    code = str(error).partition(" ")[0]
    passing = isinstance(error, _PASSING) or code in _PASSING_CODES
    transient = passing and not isinstance(error, _LASTING)
    said = f" ({code})" if code.isalpha() and code.isupper() else ""
    return StoreError(f"Redis: {type(error).__name__}{said}", transient=transient, maybe_done=maybe_done)


class RedisLink:
    """One connection, made when it is needed and dropped when it is in doubt."""

    def __init__(self, url: str, scripts: Scripts, *, deadline_s: float) -> None:
        self._scripts = scripts
        self._patience_s = max(REPLY_S, deadline_s)
        self._pool = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=None,  # patience is with the whole batch
            socket_connect_timeout=CONNECT_S,
            retry=Retry(NoBackoff(), 0),
            **({} if url.startswith("unix:") else {"socket_keepalive": True}),
        )
        self._connection: Connection | None = None

    async def exchange(self, commands: Sequence[Command]) -> Sequence[Reply]:
        """As :meth:`Link.exchange`.  A connection that died while idle is replaced once: commands bear repeating."""
        fresh = self._connection is None
        try:
            return await self._exchange(commands)
        except (exceptions.ConnectionError, OSError) as error:
            if fresh or type(error) is not exceptions.ConnectionError:
                raise store_error(error) from None
        except Exception as error:  # noqa: BLE001  whatever the library raises, callers know StoreError only
            raise store_error(error) from None
        try:
            return await self._exchange(commands)
        except Exception as error:  # noqa: BLE001  as above
            raise store_error(error) from None

    async def _exchange(self, commands: Sequence[Command]) -> Sequence[Reply]:
        try:
            connection = self._connection or await self._connect()
            async with asyncio.timeout(self._patience_s):
                replies = await _roundtrip(connection, commands)
                missing = [n for n, reply in enumerate(replies) if isinstance(reply, exceptions.NoScriptError)]
                if missing:
                    await self._load(connection)
                    again = await _roundtrip(connection, [commands[n] for n in missing])
                    for n, reply in zip(missing, again, strict=True):
                        replies[n] = reply
        except BaseException:
            await self.close()
            raise
        if any(isinstance(reply, exceptions.ReadOnlyError) for reply in replies):
            await self.close()  # a fail-over: the primary is elsewhere now
        return [store_error(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def _connect(self) -> Connection:
        connection: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        self._connection = connection
        async with asyncio.timeout(CONNECT_S):
            await connection.connect()  # type: ignore[no-untyped-call]
            await self._load(connection)
        return connection

    async def _load(self, connection: Connection) -> None:
        for reply in await _roundtrip(connection, [("SCRIPT", "LOAD", script.text) for script in self._scripts.all()]):
            if isinstance(reply, Exception):
                raise reply

    async def close(self) -> None:
        """As :meth:`Link.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.disconnect(nowait=True)
            except (exceptions.RedisError, OSError):
                return  # it is gone all the same


async def _roundtrip(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies: list[Any] = []
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except exceptions.ResponseError as error:
            replies.append(error)
    return replies


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

"""One conversation with Redis: connect, load the scripts, greet, and then commands and replies.

Knows the client library and nothing of what the commands mean.  Nothing but StoreError leaves this module, and no
error's text holds the URL.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis import exceptions
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.batcher import Reply
from sluice_dataplane.limits.refusals import refusal
from sluice_dataplane.limits.scripts import Command, Scripts

CONNECT_S: Final = 1.0
REPLY_S: Final = 1.0  # callers wait less; a connection is given up only when it is surely in doubt

# The library takes the code off the texts of these.
_CODES: Final = (
    (exceptions.AuthenticationError, "NOAUTH"),
    (exceptions.AuthorizationError, "NOPERM"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.NoScriptError, "NOSCRIPT"),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.MovedError, "MOVED"),
)


def store_error(error: BaseException) -> StoreError:
    """*error* of the client library or the operating system, as callers know it."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return refusal(code)
    if isinstance(error, StoreError):
        return error
    if isinstance(error, exceptions.ResponseError):
        return refusal(str(error))
    passing = isinstance(error, (exceptions.ConnectionError, exceptions.TimeoutError, OSError))
    return StoreError(f"Redis: {type(error).__name__}", transient=passing)


class RedisLink:
    """One connection, made when it is needed and dropped when it is in doubt.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        scripts: loaded before anything is asked.
        deadline_s: how long callers wait at least.
        greeting: the command that is the first word of every connection, after the scripts; made for each anew.
        greeted: gets the reply to it (a StoreError where it was refused); raises StoreError to have no conversation.
    """

    def __init__(
        self,
        url: str,
        scripts: Scripts,
        *,
        deadline_s: float,
        greeting: Callable[[], Command] | None = None,
        greeted: Callable[[Reply], None] | None = None,
    ) -> None:
        self._scripts = scripts
        self._greeting = greeting
        self._greeted = greeted
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
        return [_plain(reply) for reply in replies]

    async def _connect(self) -> Connection:
        connection: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        self._connection = connection
        async with asyncio.timeout(CONNECT_S):
            await connection.connect()  # type: ignore[no-untyped-call]
            await self._load(connection)
            if self._greeting is not None:
                replies = await _roundtrip(connection, [self._greeting()])
                if self._greeted is not None:
                    self._greeted(_plain(replies[0]))
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


def _plain(reply: Reply) -> Reply:
    return store_error(reply) if isinstance(reply, Exception) else reply


async def _roundtrip(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies: list[Any] = []
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except exceptions.ResponseError as error:
            replies.append(error)
    return replies

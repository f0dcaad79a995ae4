"""One conversation with Redis: connect to the right one, load the scripts, greet, and then commands and replies.

Knows nothing of what the commands mean.  Nothing but StoreError leaves this module, and no error's text holds the URL.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from sluice_contract import redis_url
from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.batcher import Reply
from sluice_dataplane.limits.link_route import NowhereError, Router
from sluice_dataplane.limits.link_wire import LostError, ReplyError, Wire
from sluice_dataplane.limits.refusals import refusal
from sluice_dataplane.limits.scripts import Command, Scripts

REPLY_S: Final = 1.0  # callers wait less; a connection is given up only when it is surely in doubt
ARRIVE_S: Final = 3.0  # to find the right Redis, be let in and greet it
MAX_TURNS: Final = 2  # in one exchange: scripts that were forgotten, somebody who has moved

_ELSEWHERE: Final = frozenset({"MOVED", "READONLY"})  # what we need is at another node by now, or soon
_AGAIN: Final = _ELSEWHERE | {"NOSCRIPT"}
_PASSING_TEXTS: Final = (
    "ERR max number of clients reached",
    "ERR Script attempted to access a non local key",  # our slot is on its way to another node
)


def store_error(error: Exception, *, sent: bool = True) -> StoreError:
    """*error* of a connection as callers know it; *sent* says whether anything was asked of Redis."""
    match error:
        case StoreError():
            return error
        case ReplyError():
            if str(error).startswith(_PASSING_TEXTS):
                return StoreError("Redis refused: ERR", transient=True, maybe_done=sent)
            return refusal(str(error))
        case NowhereError():
            return StoreError(f"Redis: {error}", transient=True, maybe_done=sent)
        case LostError():
            return StoreError("Redis: the connection was lost", transient=True, maybe_done=sent)
        case _:
            passing = isinstance(error, OSError)  # TimeoutError and ssl.SSLError too
            return StoreError(f"Redis: {type(error).__name__}", transient=passing, maybe_done=sent)


class RedisLink:
    """One connection, made when it is needed and dropped when it is in doubt.

    Args:
        url: any form that :mod:`sluice_contract.redis_url` reads.
        scripts: loaded before anything is asked; None for who only reads.
        deadline_s: how long callers wait at least.
        greeting: the command that is the first word of every connection, after the scripts; made for each anew.
        greeted: gets the reply to it (a StoreError where it was refused); raises StoreError to have no conversation.

    Raises:
        RedisUrlInvalidError: *url* cannot be used.
    """

    def __init__(
        self,
        url: str,
        scripts: Scripts | None,
        *,
        deadline_s: float,
        greeting: Callable[[], Command] | None = None,
        greeted: Callable[[Reply], None] | None = None,
    ) -> None:
        loaded = () if scripts is None else scripts.all()
        self._loads: Sequence[Command] = [("SCRIPT", "LOAD", script.text) for script in loaded]
        self._greeting = greeting
        self._greeted = greeted
        self._patience_s = max(REPLY_S, deadline_s)
        self._router = Router(redis_url.parse(url))
        self._wire: Wire | None = None

    async def exchange(self, commands: Sequence[Command]) -> Sequence[Reply]:
        """As :meth:`Link.exchange`.  A connection that died while idle is replaced once: commands bear repeating."""
        wire = self._wire
        stood = wire is not None and not wire.lost
        try:
            if wire is not None and stood:
                try:
                    return await self._converse(wire, commands)
                except LostError:
                    self._drop()
            return await self._converse(await self._arrive(sent=stood), commands)
        except Exception as error:  # noqa: BLE001  whatever went wrong, callers know StoreError only
            self._drop()
            raise store_error(error) from None
        except BaseException:  # given up: what is still to come belongs to nobody
            self._drop()
            raise

    async def close(self) -> None:
        """As :meth:`Link.close`."""
        self._drop()

    async def _converse(self, wire: Wire, commands: Sequence[Command]) -> Sequence[Reply]:
        replies = await wire.ask(commands, self._patience_s)
        for _ in range(MAX_TURNS):
            again = [n for n, reply in enumerate(replies) if isinstance(reply, ReplyError) and reply.code in _AGAIN]
            if not again:
                break
            try:
                wire = await self._turn(wire, replies[again[0]])
                more = await wire.ask([commands[n] for n in again], self._patience_s)
            except (StoreError, LostError, OSError):
                self._drop()
                break  # the others were answered
            for n, reply in zip(again, more, strict=True):
                replies[n] = reply
        if any(isinstance(reply, ReplyError) and reply.code in _ELSEWHERE for reply in replies):
            self._drop()
        return [_plain(reply) for reply in replies]

    async def _turn(self, wire: Wire, why: ReplyError) -> Wire:
        """A connection on which it is worth asking again, after the error *why*."""
        if why.code == "NOSCRIPT":
            for reply in await wire.ask(self._loads, self._patience_s):
                _raise(reply)
            return wire
        self._drop()
        self._router.moved(str(why))
        return await self._arrive(sent=False)

    async def _arrive(self, *, sent: bool) -> Wire:
        """A new connection, greeted; raises StoreError."""
        try:
            async with asyncio.timeout(ARRIVE_S):
                return await self._connect()
        except Exception as error:  # noqa: BLE001  as above
            raise store_error(error, sent=sent) from None

    async def _connect(self) -> Wire:
        for _ in range(MAX_TURNS):
            wire = self._wire = await self._router.connect()
            moved = await self._greet(wire)
            if moved is None:
                return wire
            self._drop()
            self._router.moved(str(moved))
        raise NowhereError("cluster nodes send us to each other")

    async def _greet(self, wire: Wire) -> ReplyError | None:
        """Load the scripts and say hello; the answer, where it was that somebody else should be greeted."""
        greetings = [] if self._greeting is None else [self._greeting()]
        replies = await wire.ask([*self._loads, *greetings], self._patience_s)
        for reply in replies[: len(self._loads)]:
            _raise(reply)
        for reply in replies[len(self._loads) :]:
            if isinstance(reply, ReplyError) and reply.code == "MOVED":
                return reply
            if self._greeted is not None:
                self._greeted(_plain(reply))
        return None

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.drop()


def _plain(reply: Any) -> Reply:  # noqa: ANN401  what Redis answers
    return store_error(reply) if isinstance(reply, ReplyError) else reply


def _raise(reply: Any) -> None:  # noqa: ANN401  as above
    if isinstance(reply, ReplyError):
        raise reply

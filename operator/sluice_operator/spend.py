"""Reads what was spent: from Redis, the only counters that several replicas share.  Writes nothing.

The one module that knows Redis here.  Without it the single replica's own counters are asked (:mod:`replicas`);
both answer the same question.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

import msgspec
from redis import asyncio as redis
from redis.exceptions import RedisError

from sluice_contract import names
from sluice_operator.errors import SpendUnavailableError

_CHUNK: Final = 500  # commands in one round trip
_DEADLINE_SECONDS: Final = 10
_SCAN_COUNT: Final = 1000
_MAX_SCANS: Final = 200  # rounds of SCAN: more users than that are not counted here
_ACCOUNT_FIELDS: Final = ("posted", "held", "orphaned")
_USAGE_FIELDS: Final = ("requests", "input", "output", "cost", "last_ms")


class Account(msgspec.Struct, frozen=True):
    """One budget account, in the budget's own unit.

    Where the window rolls, what is posted is in ``buckets`` (by number), some of which may not count any more: see
    :func:`sluice_contract.windows.counted`.
    """

    posted: int = 0
    held: int = 0
    orphaned: int = 0
    buckets: dict[int, int] | None = None

    @property
    def taken(self) -> int:
        """What counts against the limit."""
        return self.posted + self.held + self.orphaned


class Usage(msgspec.Struct, frozen=True):
    """One key's month: calls, tokens, nano-USD, and when it was last used (milliseconds since 1970)."""

    requests: int = 0
    input: int = 0
    output: int = 0
    cost: int = 0
    last_ms: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """What to read: accounts by name, keys of one month by id, and every account whose name begins so."""

    accounts: tuple[str, ...] = ()
    month: str = ""
    key_ids: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is counted; what is not in here was never charged."""

    accounts: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, Usage] = field(default_factory=dict)


class SpendSource(Protocol):
    """Where the counters are."""

    async def read(self, question: Question) -> Answer:
        """The counters now.

        Raises:
            SpendUnavailableError: they cannot be read, or not all of them; nothing is known then, rather than zero.
        """
        ...


class RedisSpend:
    """The counters in Redis."""

    def __init__(self, url: str) -> None:
        self._redis: Final[redis.Redis] = redis.Redis.from_url(
            url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def read(self, question: Question) -> Answer:
        """See :class:`SpendSource`."""
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                found = await self._scan(question.prefixes)
                accounts = sorted({*question.accounts, *found})
                held = await self._hashes(accounts, _ACCOUNT_FIELDS)
                usage_names = [names.key_usage(key_id, question.month) for key_id in question.key_ids]
                used = await self._hashes(usage_names, _USAGE_FIELDS)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            message = f"Redis: {type(error).__name__}"
            raise SpendUnavailableError(message) from error
        return Answer(
            accounts={
                name: Account(posted, kept, orphaned)
                for name, (posted, kept, orphaned) in zip(accounts, held, strict=True)
                if posted or kept or orphaned
            },
            keys={key_id: Usage(*row) for key_id, row in zip(question.key_ids, used, strict=True) if any(row)},
        )

    async def _hashes(self, keys: Sequence[str], fields: Sequence[str]) -> list[list[int]]:
        """The integer *fields* of each hash, in order; zero where there is none."""
        rows: list[list[int]] = []
        for start in range(0, len(keys), _CHUNK):
            pipe = self._redis.pipeline(transaction=False)
            for key in keys[start : start + _CHUNK]:
                pipe.hmget(key, list(fields))
            answers: list[list[Any]] = await pipe.execute()
            rows += [[int(value or 0) for value in answer] for answer in answers]
        return rows

    async def _scan(self, prefixes: Iterable[str]) -> set[str]:
        """Account names that begin with one of *prefixes*: one walk over all keys, bounded."""
        wanted = tuple(prefixes)
        if not wanted:
            return set()
        found, cursor = set[str](), 0
        for _ in range(_MAX_SCANS):
            cursor, batch = await self._redis.scan(cursor, match=names.account("*", "*", "*"), count=_SCAN_COUNT)
            found |= {name for name in map(str, batch) if name.startswith(wanted)}
            if not cursor:
                break
        return found

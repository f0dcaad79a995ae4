"""Reads what was spent: from Redis, the only counters that several replicas share.  Writes nothing.

The one module that knows Redis here.  Without it the single replica's own counters are asked (:mod:`replicas`);
both answer the same question.
"""

import asyncio
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

import msgspec
from redis import asyncio as redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisClusterException, RedisError

from sluice_contract import names, redis_url
from sluice_contract.redis_url import Login, RedisAddress
from sluice_operator.errors import SpendUnavailableError

_CHUNK: Final = 500  # commands in one round trip
_DEADLINE_SECONDS: Final = 10
_SOCKET_SECONDS: Final = 5
_SCAN_COUNT: Final = 1000
_MAX_SCANS: Final = 500  # rounds over the index: with more accounts than that nothing is known of users
_USERS_SECONDS: Final = 6.0  # of one reading, after which accounts of users are left; the rest of it takes far less
_FENCED_MS: Final = 10_000  # longer than data planes take to tell a server what it has lost
# Which run of the counters this is: '' while data planes have not greeted this server, or have yet to tell it what it
# has lost: what it says was spent is too little then, or nothing.
_RUN: Final = """
local store, time = redis.call('HMGET', KEYS[1], 'run', 'fence'), redis.call('TIME')
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') .. ':'
local age_ms = time[1] * 1000 + math.floor(time[2] / 1000) - (store[2] or 0)
local known = store[1] and string.sub(store[1], 1, #id) == id
return known and (not store[2] or math.abs(age_ms) > ARGV[1] + 0) and store[1] or ''
"""
_ACCOUNT_FIELDS: Final = ("posted", "held", "orphaned")
_BUCKET: Final = re.compile(r"b[0-9]+")  # what was posted in one bucket of a rolling window
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
    def used(self) -> int:
        """What was spent, or may have been: what is kept for calls in flight comes and goes."""
        return self.posted + self.orphaned

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
    """What is counted; what is not in here was never charged.

    ``unread`` are those prefixes of the question that had too many accounts to read: nothing is known of these.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, Usage] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()


class SpendSource(Protocol):
    """Where the counters are."""

    async def read(self, question: Question) -> Answer:
        """The counters now.

        Raises:
            SpendUnavailableError: they cannot be read, or not all that are named; nothing is known then, rather than
                zero.
        """
        ...


class RedisSpend:
    """The counters in Redis, wherever *url* says that it is (:mod:`sluice_contract.redis_url`).

    Raises:
        RedisUrlInvalidError: *url* cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._stack: Final = AsyncExitStack()
        self._redis: Final[Any] = _client(redis_url.parse(url), self._stack)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def read(self, question: Question) -> Answer:
        """See :class:`SpendSource`."""
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                run = await self._run()
                until = asyncio.get_running_loop().time() + _USERS_SECONDS
                accounts = await self._accounts(sorted(set(question.accounts)))
                asked = [names.key_usage(key_id, question.month) for key_id in question.key_ids]
                used = await self._ask([("HMGET", name, *_USAGE_FIELDS) for name in asked])
                usages = [Usage(*(int(value or 0) for value in row)) for row in used]
                users, unread = await self._users(question.prefixes, until)
                whole = run != "" and await self._run() == run
        except (RedisError, RedisClusterException, OSError, ValueError) as error:  # TimeoutError too
            message = f"Redis: {type(error).__name__}"
            raise SpendUnavailableError(message) from None  # its text may quote what it was told
        if not whole:
            message = "Redis: the data plane has not told it yet what was spent"
            raise SpendUnavailableError(message)
        return Answer(
            accounts=accounts | users,
            keys={key_id: row for key_id, row in zip(question.key_ids, usages, strict=True) if row != Usage()},
            unread=unread,
        )

    async def _run(self) -> str:
        return str(await self._redis.eval_ro(_RUN, 1, names.STORE, _FENCED_MS))

    async def _ask(self, commands: Sequence[tuple[str, ...]]) -> list[Any]:
        """One reply per command, in order."""
        replies: list[Any] = []
        for start in range(0, len(commands), _CHUNK):
            pipe = self._redis.pipeline(transaction=False)
            for command in commands[start : start + _CHUNK]:
                pipe.execute_command(*command)
            replies += await pipe.execute()
        return replies

    async def _accounts(self, wanted: Sequence[str]) -> dict[str, Account]:
        """Those of *wanted* that were ever charged."""
        held = await self._ask([("HGETALL", name) for name in wanted])
        accounts = {name: _account(fields) for name, fields in zip(wanted, held, strict=True)}
        return {name: account for name, account in accounts.items() if account != Account()}

    async def _users(self, prefixes: Sequence[str], until: float) -> tuple[dict[str, Account], frozenset[str]]:
        """The accounts that begin with *prefixes*, and those of these that had too many to be read by *until*.

        The few are read before the many: one Budget with very many users hides no other, as long as the index of all
        accounts can be walked at all.
        """
        found = await self._beginning_with(prefixes, until)
        if found is None:
            return {}, frozenset(prefixes)
        accounts: dict[str, Account] = {}
        unread: list[str] = []
        for prefix, wanted in sorted(found.items(), key=lambda item: len(item[1])):
            read = await self._accounts_by(wanted, until)
            if read is None:
                unread.append(prefix)
            else:
                accounts |= read
        return accounts, frozenset(unread)

    async def _accounts_by(self, wanted: Sequence[str], until: float) -> dict[str, Account] | None:
        """As ``_accounts``; None when *until* (of the loop's clock) came first."""
        accounts: dict[str, Account] = {}
        for start in range(0, len(wanted), _CHUNK):
            if asyncio.get_running_loop().time() >= until:
                return None
            accounts |= await self._accounts(wanted[start : start + _CHUNK])
        return accounts

    async def _beginning_with(self, prefixes: Sequence[str], until: float) -> dict[str, list[str]] | None:
        """Accounts by which of *prefixes* their names begin with: one walk over the index of all accounts.

        None when the walk had to end before its end: what it had not come to is not known.
        """
        found = {prefix: set[str]() for prefix in prefixes}
        ordered, cursor = sorted(found), 0
        for _ in range(_MAX_SCANS if ordered else 0):
            if asyncio.get_running_loop().time() >= until:
                return None
            cursor, batch = await self._redis.zscan(names.ACCOUNTS, cursor, count=_SCAN_COUNT)
            for name, _score in batch:
                prefix = ordered[bisect_right(ordered, name) - 1]
                if name.startswith(prefix):
                    found[prefix].add(name)
            if not cursor:
                break
        return None if cursor else {prefix: sorted(mine) for prefix, mine in found.items()}


def _account(fields: Mapping[str, str]) -> Account:
    """The account that Redis has as *fields*.  Raises ValueError where a figure is no whole number."""
    buckets = {int(name[1:]): int(value) for name, value in fields.items() if _BUCKET.fullmatch(name)}
    posted, held, orphaned = (int(fields.get(name, 0)) for name in _ACCOUNT_FIELDS)
    return Account(posted, held, orphaned, buckets or None)


def _client(address: RedisAddress, stack: AsyncExitStack) -> Any:  # noqa: ANN401  of one of two unrelated classes
    """A client of the Redis at *address*, not yet connected; *stack* closes it."""
    client: redis.Redis | RedisCluster
    options = _options(address, address.login)
    match address.kind:
        case "Sentinel":
            asked = _options(address, address.sentinel_login)
            sentinel = Sentinel(  # type: ignore[no-untyped-call]
                address.nodes, sentinel_kwargs=asked, db=address.database, **options
            )
            for one in sentinel.sentinels:
                stack.push_async_callback(one.aclose)
            client = sentinel.master_for(address.master)
        case "Cluster":
            nodes = [ClusterNode(host, port) for host, port in address.nodes]
            client = RedisCluster(startup_nodes=nodes, require_full_coverage=False, **options)
        case "Socket":
            client = redis.Redis(unix_socket_path=address.socket_path, db=address.database, **options)
        case _:
            ((host, port),) = address.nodes
            client = redis.Redis(host=host, port=port, db=address.database, **options)
    stack.push_async_callback(client.aclose)
    return client


def _options(address: RedisAddress, login: Login) -> dict[str, Any]:
    options = {
        "username": login.username or None,
        "password": login.password or None,
        "client_name": address.client_name or None,
        "decode_responses": True,
        "protocol": 2,  # nothing needs more, and a user of few rights may not say HELLO
        "socket_timeout": _SOCKET_SECONDS,
        "socket_connect_timeout": _SOCKET_SECONDS,
    }
    if address.tls is not None:
        options |= {
            "ssl": True,
            "ssl_ca_certs": address.tls.ca_path or None,
            "ssl_certfile": address.tls.cert_path or None,
            "ssl_keyfile": address.tls.key_path or None,
            "ssl_check_hostname": address.tls.check_hostname,
        }
    return options

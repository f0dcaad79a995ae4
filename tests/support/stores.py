"""Both implementations of HoldStore behind one handle whose clock a test moves."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from sluice_contract import names
from sluice_dataplane.limits.commands import FENCE_MIN_MS
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.scripts import Script, Scripts
from sluice_dataplane.limits.store import (
    Account,
    Charge,
    Entry,
    HoldStore,
    KeyUsage,
    Rate,
    Reservation,
    Settlement,
    Slot,
)
from support.forgetful import ForgetfulStore
from support.redis import RedisServer

CLOCK_KEY = "{sluice}:test-clock"
SOURCE = "source"
FAR_MS = 32_503_680_000_000  # the year 3000
DAY_MS = 86_400_000


def start_ms() -> int:
    """A moment near the real one: Redis lets keys expire by its own clock."""
    return time.time_ns() // 1_000_000


class Stand:
    """A store that SOURCE has greeted and that admits, and the time it believes in."""

    def __init__(
        self, store: HoldStore | None = None, server: RedisServer | None = None, began_ms: int | None = None
    ) -> None:
        self.now_ms = self.began_ms = began_ms or start_ms()
        self.store = store or ForgetfulStore(lambda: self.now_ms)
        self.n = 0  # the last settlement of SOURCE
        self._server = server
        self.advance(0)

    @classmethod
    async def memory(cls, began_ms: int | None = None) -> "Stand":
        """One in memory; *began_ms* is when, unless now."""
        stand = cls(began_ms=began_ms)
        await stand.open()
        return stand

    @classmethod
    @contextlib.asynccontextmanager
    async def redis(cls, server: RedisServer) -> AsyncIterator["Stand"]:
        """One in *server*, emptied, whose scripts ask the test for the time instead of Redis."""
        server.client.flushall()
        async with running(redis_store(server, scripts=_clocked())) as store:
            stand = cls(store, server)
            await stand.open()
            yield stand

    async def open(self, source: str = SOURCE) -> None:
        """Greet as *source*, and wait until the store admits."""
        await self.store.hello(source)
        self.advance(FENCE_MIN_MS)
        assert await self.store.caught_up(source)

    async def wipe(self) -> None:
        """Let the store forget everything."""
        if self._server is None:
            assert isinstance(self.store, ForgetfulStore)
            self.store.wipe()
        else:
            self._server.client.flushall()
            self.advance(0)

    async def settle(self, settlement: Settlement) -> None:
        """Let SOURCE settle once more.

        Raises:
            StoreError: what kept it from being counted.
        """
        self.n += 1
        await self.apply(Entry(self.n, settlement))

    async def apply(self, *entries: Entry, source: str = SOURCE) -> None:
        """Let *source* settle *entries*.

        Raises:
            StoreError: what kept the first of those that were refused from being counted.
        """
        for error in await self.store.apply(source, entries):
            if error is not None:
                raise error

    def advance(self, ms: int) -> None:
        """Let *ms* pass."""
        self.now_ms += ms
        if self._server is not None:
            moment = {"s": self.now_ms // 1000, "us": self.now_ms % 1000 * 1000}
            self._server.client.hset(CLOCK_KEY, mapping=moment)

    async def account(self, name: str = "a") -> Account:
        """The figures of one account."""
        return (await self.store.accounts([account(name)]))[0]

    def usage(self, key_id: str, month: str) -> KeyUsage | None:
        """The sums of one key and month, as the store keeps them."""
        if self._server is None:
            assert isinstance(self.store, MemoryStore)
            return self.store.key_usage().get((key_id, month))
        found: dict[bytes, bytes] = self._server.client.hgetall(names.key_usage(key_id, month))
        if not found:
            return None
        figures = [int(found[field]) for field in (b"requests", b"input", b"output", b"cost", b"last_ms")]
        return KeyUsage(key_id, month, *figures)


def redis_store(server: RedisServer, **options: Any) -> RedisStore:
    """A store on *server* with a deadline no busy machine runs into, and no jitter."""
    base: dict[str, Any] = {"monotonic_ms": lambda: time.monotonic_ns() // 1_000_000, "draw": lambda: 0.0}
    return RedisStore(server.url, **{**base, "deadline_ms": 10_000, **options})


@contextlib.asynccontextmanager
async def running(store: RedisStore) -> AsyncIterator[RedisStore]:
    """*store* with its task, until the end of the ``with``."""
    task = asyncio.get_running_loop().create_task(store.run())
    try:
        yield store
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await store.close()


async def greet(store: RedisStore, server: RedisServer, source: str = SOURCE) -> None:
    """Let *source* greet a store on Redis's own clock, and take its fence away."""
    await store.hello(source)
    server.client.hdel(names.STORE, "fence")


def _clocked() -> Scripts:
    asked = f"redis.call('HMGET', '{CLOCK_KEY}', 's', 'us')"
    plain = Scripts.load()
    texts = [script.text for script in plain.all()]
    assert all(text.count("redis.call('TIME')") == 1 for text in texts)
    return Scripts(*(Script.of(text.replace("redis.call('TIME')", asked)) for text in texts))


def account(name: str) -> str:
    """The account of a budget called *name*."""
    return names.account(name, "2026-09", "-")


def rate(cost: int = 1, *, amount: int = 60, window_ms: int = 60_000, burst: int = 60, name: str = "vk") -> Rate:
    """A rate on one bucket."""
    return Rate(names.bucket(name, "Requests", window_ms), cost, amount, window_ms, burst)


def slot(limit: int, *, name: str = "vk") -> Slot:
    """A slot of one set."""
    return Slot(names.slots(name), limit)


def charge(
    amount: int,
    limit: int = 1_000,
    *,
    name: str = "a",
    enforced: bool = True,
    bucket: int | None = None,
    oldest: int = 0,
) -> Charge:
    """A charge on one account."""
    return Charge(account(name), amount, limit, FAR_MS, enforced, bucket, oldest)


def take(hold_id: str, *parts: Rate | Slot | Charge, ttl_ms: int = 60_000) -> Reservation:
    """A reservation of *parts*."""
    return Reservation(
        hold_id,
        tuple(part for part in parts if isinstance(part, Rate)),
        tuple(part for part in parts if isinstance(part, Slot)),
        tuple(part for part in parts if isinstance(part, Charge)),
        ttl_ms,
    )


def end(
    reservation: Reservation, *spent: int, used: tuple[int, ...] | None = None, usage: KeyUsage | None = None
) -> Settlement:
    """A settlement at *spent*; every rate used what it cost unless *used* says otherwise."""
    used = tuple(rate.cost for rate in reservation.rates) if used is None else used
    return Settlement(reservation, used, spent, usage)


def void(reservation: Reservation) -> Settlement:
    """A settlement that gives everything back."""
    return Settlement(reservation, (0,) * len(reservation.rates), (0,) * len(reservation.charges))

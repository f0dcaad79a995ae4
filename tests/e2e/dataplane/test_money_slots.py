"""What a call takes besides money is given back, however it ends; what is refused takes nothing."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sluice_contract.snapshot import Key, Limit, Model, Retry, Snapshot, Timeouts
from support.bill import Script
from support.bill_client import Call, perform
from support.bill_load import provider
from support.bill_redis import live_slots
from support.builders import key
from support.process import PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import one_provider, served
from support.waiting import until

SLOTS = 40
EACH = 334  # calls for each of three ways to end: 1,002
PATIENT_MS = 5_000
STUCK = Script(chunks=2, gap_ms=60_000)  # one chunk, then nothing for a minute
SILENT = Script(chunks=1, hang_after=0)
HASTY = Timeouts(first_token_ms=300, request_ms=20_000)
REFUSED = 1_000
TPM = Limit(name="tpm", unit="TotalTokens", amount=1_000, window_ms=60_000, burst=1_000)
RPM = Limit(name="rpm", unit="Requests", amount=50, window_ms=1_000, burst=5)
WINDOWS = 4
CALLERS = 12


def world(base_url: str, *models: Model, holder: Key) -> Snapshot:
    """One provider and one key."""
    return one_provider(base_url, *(models or (served("chat"),)), keys=(holder,))


class Crowd:
    """Calls in numbers that fill the slots."""

    def __init__(self, plane: PlaneProcess, redis: RedisServer) -> None:
        self.plane = plane
        self._redis = redis
        self._number = 0

    def begin(self, count: int, script: Script, model: str = "chat") -> list[asyncio.Task[Call]]:
        """*count* calls, under way."""
        self._number += 1
        calls = [Call(f"call-{self._number}-{n}", model=model, scripts=(script,)) for n in range(count)]
        return [asyncio.ensure_future(perform(call, self.plane.port)) for call in calls]

    async def taken(self, count: int) -> None:
        """Wait until *count* slots are taken."""
        await until(lambda: live_slots(self._redis.client) == count, why=f"there are not {count} calls in flight")

    async def full(self) -> list[asyncio.Task[Call]]:
        """Fill every slot; five calls over it are refused, so the limit holds."""
        holding = self.begin(SLOTS, STUCK)
        await self.taken(SLOTS)
        over = await asyncio.gather(*self.begin(5, STUCK))
        assert Counter(call.code for call in over) == {"too_many_parallel_requests": 5}
        assert {call.status for call in over} == {429}
        return holding


async def leave(calls: list[asyncio.Task[Call]]) -> None:
    """Every client resets its connection."""
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


def batches() -> list[int]:
    """How many calls at a time make EACH."""
    return [SLOTS] * (EACH // SLOTS) + [EACH % SLOTS]


async def test_a_thousand_ends_give_their_slots_back(
    tmp_path: Path, redis: RedisServer, figure: Callable[[str, object], None]
) -> None:
    """334 calls killed, 334 left by their clients, 334 timed out upstream: all slots are free again, and hold."""
    models = (served("chat"), served("hasty", timeouts=HASTY, retry=Retry(attempts=0)))
    holder = key(max_parallel_requests=SLOTS)
    settings: dict[str, Any] = {"redis_url": redis.url, "store_deadline_ms": PATIENT_MS, "hold_ttl_seconds": 5}
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up.base_url, *models, holder=holder), **settings) as planes,
    ):
        crowd = Crowd(planes[0], redis)
        for count in batches():
            calls = crowd.begin(count, STUCK)
            await crowd.taken(count)
            await planes[0].kill()
            await asyncio.gather(*calls)
            await planes[0].start(planes.revision)
            await crowd.taken(0)
        await leave(await crowd.full())
        for count in batches():
            calls = crowd.begin(count, STUCK)
            await crowd.taken(count)
            await leave(calls)
            await crowd.taken(0)
        await leave(await crowd.full())
        timed_out: Counter[int] = Counter()
        for count in batches():
            timed_out += Counter(call.status for call in await asyncio.gather(*crowd.begin(count, SILENT, "hasty")))
            await crowd.taken(0)
        await leave(await crowd.full())
        await crowd.taken(0)

    assert timed_out == {504: EACH}
    figure("calls that were killed, left and timed out", 3 * EACH)


async def test_a_slot_of_a_replica_that_stays_away_ends_by_itself(tmp_path: Path, redis: RedisServer) -> None:
    """Killed and not started again: its slots end with their leases, and another replica fills them."""
    holder = key(max_parallel_requests=SLOTS)
    settings: dict[str, Any] = {"redis_url": redis.url, "store_deadline_ms": PATIENT_MS, "hold_ttl_seconds": 2}
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up.base_url, holder=holder), count=2, **settings) as planes,
    ):
        gone = Crowd(planes[0], redis).begin(SLOTS, STUCK)
        crowd = Crowd(planes[1], redis)
        await crowd.taken(SLOTS)
        await planes[0].kill()
        await asyncio.gather(*gone)
        await crowd.taken(0)
        await leave(await crowd.full())


async def test_refused_tokens_leave_no_debit(tmp_path: Path, redis: RedisServer) -> None:
    """A thousand calls that the tpm limit refuses take nothing of it: a call that fits passes right afterwards."""
    settings: dict[str, Any] = {"redis_url": redis.url, "store_deadline_ms": PATIENT_MS}
    small = Script(chunks=1, tokens=300)
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up.base_url, holder=key(limits=(TPM,))), **settings) as planes,
    ):
        port = planes[0].port
        first = await perform(Call("first", stream=False, scripts=(small,), max_tokens=300), port)
        statuses: Counter[str] = Counter()
        for batch in range(REFUSED // SLOTS):
            calls = [Call(f"refused-{batch}-{n}", stream=False, max_tokens=950) for n in range(SLOTS)]
            statuses += Counter(
                f"{c.status} {c.code}" for c in await asyncio.gather(*(perform(c, port) for c in calls))
            )
        last = await perform(Call("last", stream=False, scripts=(small,), max_tokens=500), port)
        asked = [line.marker for line in up.bill.entries()]

    assert first.status == 200
    assert statuses == {"429 rate_limit_exceeded": REFUSED}
    assert last.status == 200, last.body
    assert asked == ["first", "last"]


async def test_a_rate_over_the_edges_of_its_windows(
    tmp_path: Path, redis: RedisServer, figure: Callable[[str, object], None]
) -> None:
    """Asked as often as two replicas can: in no span of one window are more admitted than the limit and its burst."""
    admitted: list[tuple[float, float]] = []
    refused = 0
    settings: dict[str, Any] = {"redis_url": redis.url, "store_deadline_ms": PATIENT_MS}
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up.base_url, holder=key(limits=(RPM,))), count=2, **settings) as planes,
    ):
        ends = time.monotonic() + WINDOWS * RPM.window_ms / 1000

        async def caller(number: int) -> None:
            nonlocal refused
            turn = 0
            while (began := time.monotonic()) < ends:
                turn += 1
                script = Script(chunks=1)
                call = Call(f"rpm-{number}-{turn}", stream=False, scripts=(script,), max_tokens=10)
                await perform(call, planes[turn % 2].port)
                assert call.status in (200, 429), call.body
                if call.status == 200:
                    admitted.append((began, time.monotonic()))
                refused += call.status == 429

        await asyncio.gather(*map(caller, range(CALLERS)))

    most = max(_surely_within(admitted, began) for began, _ in admitted)
    assert refused > 0
    assert len(admitted) >= RPM.amount * (WINDOWS - 1), "the limit was not reached: this proves nothing"
    assert most <= RPM.amount + RPM.burst
    figure("admitted in any one window, 50 allowed with a burst of 5", f"{most}, of {len(admitted) + refused} asked")


def _surely_within(admitted: list[tuple[float, float]], from_s: float) -> int:
    """How many calls began and ended, and so were admitted, in the window that begins at *from_s*."""
    until_s = from_s + RPM.window_ms / 1000
    return sum(from_s <= began and ended <= until_s for began, ended in admitted)

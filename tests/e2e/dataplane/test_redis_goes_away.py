"""Redis away: what must not be overspent is refused quickly, the rest goes on, and its spend is posted afterwards."""

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from sluice_contract.snapshot import Limit, Snapshot
from sluice_contract.windows import Period
from support.builders import budget, key
from support.process import PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import chat, one_provider, other_key, served
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

PATH = "/v1/chat/completions"
CALLS = 20
ONCE = Period()


def world(base_url: str) -> Snapshot:
    """Four keys: a Closed budget, an Open one, only a rate, and nothing at all."""
    closed = budget(id="closed", name="closed", amount=10**12, period=ONCE)
    opened = budget(id="open", name="open", amount=10**12, period=ONCE, failure_mode="Open")
    rpm = Limit(name="rpm", unit="Requests", amount=6, window_ms=60_000, burst=5)
    return one_provider(
        base_url,
        served(),
        served("drip"),
        budgets=(closed, opened),
        keys=(
            key(),
            other_key("closed", budget_ids=("closed",)),
            other_key("open", budget_ids=("open",)),
            other_key("rate", limits=(rpm,)),
        ),
    )


@contextlib.asynccontextmanager
async def away(redis: RedisServer, how: str) -> AsyncIterator[None]:
    """Redis is gone, or hangs, inside the block; then it is back, empty if it was gone."""
    if how == "killed":
        redis.kill()
        try:
            yield
        finally:
            redis.start()
    else:
        with redis.paused():
            yield


async def timed(plane: PlaneProcess, secret: str) -> tuple[httpx.Response, float]:
    """One call and the milliseconds that it took."""
    began = time.monotonic()
    answer = await plane.post(PATH, chat(), secret=secret)
    return answer, (time.monotonic() - began) * 1000


@pytest.mark.parametrize("how", ["killed", "hanging"])
async def test_what_may_go_on_goes_on(
    tmp_path: Path, redis: RedisServer, upstream: ScriptedUpstream, how: str, figure: Callable[[str, object], None]
) -> None:
    """Closed budgets answer 503 at once; Open budgets, rates and unlimited keys are served; nothing is lost."""
    async with fleet(tmp_path, world(upstream.base_url), redis_url=redis.url) as planes:
        plane = planes[0]
        await until(lambda: _ok(plane, "sk-closed"), why="Redis was never there")
        async with away(redis, how):
            refused = [await timed(plane, "sk-closed") for _ in range(CALLS)]
            spending = [await timed(plane, "sk-open") for _ in range(CALLS)]
            plain = [await timed(plane, "sk-vktest-secret") for _ in range(CALLS)]
            limited = Counter([(await plane.post(PATH, chat(), secret="sk-rate")).status_code for _ in range(CALLS)])
            assert (await plane.admin.get("/readyz")).status_code == 200
        owed = sum(record.input_tokens + record.output_tokens for record in list(upstream.bill)[-1:]) * CALLS
        await until(lambda: _posted(redis, "open") == owed, why="spend of the Open budget was not posted")
        await until(lambda: _ok(plane, "sk-closed"), why="the Closed budget does not serve again")

    assert {answer.status_code for answer, _ in refused} == {503}
    assert {answer.json()["error"]["code"] for answer, _ in refused} == {"budget_store_unavailable"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer, _ in refused)
    assert {answer.status_code for answer, _ in (*spending, *plain)} == {200}
    assert limited[200] >= 5
    assert limited[429] > 0, "a rate has to hold, on this replica alone"
    slowest = max(ms for _, ms in refused)
    figure(
        f"503 while Redis is {how}",
        f"median {statistics.median(ms for _, ms in refused):.0f} ms, slowest {slowest:.0f} ms",
    )
    assert statistics.median(ms for _, ms in refused) < 100


async def test_a_start_without_redis(tmp_path: Path, redis: RedisServer, upstream: ScriptedUpstream) -> None:
    """A replica that starts while Redis is away is ready, serves what it may, and uses Redis once it comes."""
    redis.kill()
    async with fleet(tmp_path, world(upstream.base_url), redis_url=redis.url) as planes:
        plane = planes[0]
        away_statuses = [
            (await plane.post(PATH, chat(), secret=f"sk-{name}")).status_code for name in ("closed", "open")
        ]
        redis.start()
        await until(lambda: _ok(plane, "sk-closed"), why="Redis is not used")

    assert away_statuses == [503, 200]


async def test_calls_in_flight_when_redis_dies_are_settled(
    tmp_path: Path, redis: RedisServer, upstream: ScriptedUpstream
) -> None:
    """Redis dies between a call's hold and its settlement and comes back empty: what was used is posted, once."""
    upstream.models["drip"] = Fault(chunks=20, chunk_delay_ms=50)
    async with fleet(tmp_path, world(upstream.base_url), redis_url=redis.url, store_deadline_ms=5_000) as planes:
        plane = planes[0]
        async with asyncio.TaskGroup() as tasks:
            body = chat("x", "drip", stream=True)
            calls = [tasks.create_task(plane.post(PATH, body, secret="sk-closed")) for _ in range(5)]
            await until(lambda: len(upstream.seen) == 5)
            redis.kill()
        answers = [call.result() for call in calls]
        redis.start()
        owed = sum(billed.input_tokens + billed.output_tokens for billed in upstream.bill)
        await until(lambda: _posted(redis, "closed") == owed, why="not all was posted")

    assert {answer.status_code for answer in answers} == {200}


async def _ok(plane: PlaneProcess, secret: str) -> bool:
    return (await plane.post(PATH, chat(), secret=secret)).status_code == 200


def _posted(redis: RedisServer, budget_id: str) -> int:
    return int(redis.client.hget(f"{{sluice}}:account:{budget_id}:once:-", "posted") or 0)

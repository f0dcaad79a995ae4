"""Two replicas and one Redis: what a limit allows, both together allow, and not one call more."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest

from sluice_contract import names
from sluice_contract.snapshot import Limit
from support.builders import SECRET, key
from support.process import Fleet, PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import chat, one_provider, served
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

CALLS = 200
PATH = "/v1/chat/completions"
PATIENT_MS = 5_000  # a deadline that a busy machine does not run into


async def at_once(planes: Fleet, count: int, **fields: object) -> list[httpx.Response]:
    """*count* calls at the same time, half of them to each replica."""
    return await asyncio.gather(*(planes[number % 2].post(PATH, chat(**fields)) for number in range(count)))  # type: ignore[arg-type]


async def hung_up(plane: PlaneProcess) -> None:
    """Begin a stream and leave after its first bytes."""
    body = chat(model_name="long", stream=True)
    async with plane.client.stream("POST", PATH, json=body, headers={"authorization": f"Bearer {SECRET}"}) as answer:
        assert answer.status_code == 200
        await anext(answer.aiter_raw())


@pytest.mark.parametrize("burst", [60, 10])
async def test_a_rate_admits_its_burst_over_both(
    tmp_path: Path, redis: RedisServer, upstream: ScriptedUpstream, burst: int
) -> None:
    """Of 200 calls at once a limit of 60 a minute admits its burst and what refills meanwhile, not the double."""
    rpm = Limit(name="rpm", unit="Requests", amount=60, window_ms=60_000, burst=burst)
    world = one_provider(upstream.base_url, keys=(key(limits=(rpm,)),))
    async with fleet(tmp_path, world, count=2, redis_url=redis.url, store_deadline_ms=PATIENT_MS) as planes:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answers = await at_once(planes, CALLS)
        refilled = int(loop.time() - began)  # one a second

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 429}
    assert burst <= statuses[200] <= burst + refilled
    assert len(upstream.seen) == statuses[200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["error"]["code"] for answer in refused} == {"rate_limit_exceeded"}
    assert all(int(answer.headers["retry-after-ms"]) >= 1 for answer in refused)


async def test_calls_in_flight_are_counted_over_both(
    tmp_path: Path, redis: RedisServer, upstream: ScriptedUpstream
) -> None:
    """Four slots serve four of forty calls at once; they are free again after answers, hang-ups and a kill."""
    upstream.models["held"] = Fault(stall_before_head=True)
    upstream.models["slow"] = Fault(first_byte_ms=1_000)
    upstream.models["long"] = Fault(chunks=1_000, chunk_delay_ms=50)
    models = (served("held"), served("slow"), served("long"), served())
    world = one_provider(upstream.base_url, *models, keys=(key(max_parallel_requests=4),))
    async with fleet(
        tmp_path, world, count=2, redis_url=redis.url, store_deadline_ms=PATIENT_MS, hold_ttl_seconds=3
    ) as planes:
        answers = await at_once(planes, 40, model_name="slow")
        assert Counter(answer.status_code for answer in answers) == {200: 4, 429: 36}
        codes = {answer.json()["error"]["code"] for answer in answers if answer.status_code == 429}
        assert codes == {"too_many_parallel_requests"}
        await until(lambda: _slots(redis) == 0, why="slots were not given back after the answers")

        await asyncio.gather(*(hung_up(planes[number % 2]) for number in range(4)))
        await until(lambda: _slots(redis) == 0, why="slots were not given back after clients hung up")

        asked = len(upstream.seen)
        hanging = asyncio.gather(
            *(planes[n % 2].post(PATH, chat(model_name="held")) for n in range(4)), return_exceptions=True
        )
        await until(lambda: _slots(redis) == 4 and len(upstream.seen) == asked + 4, why="four calls are not in flight")
        await planes[1].kill()
        await until(lambda: _slots(redis) == 2, seconds=10, why="the killed replica's slots did not end by themselves")
        assert (await planes[0].post(PATH, chat())).status_code == 200
        hanging.cancel()


def _slots(redis: RedisServer) -> int:
    """How many leases have not ended."""
    seconds, micros = redis.client.time()
    return int(redis.client.zcount(names.slots("vktest"), seconds * 1000 + micros // 1000, "+inf"))

"""Journals and Redis are equal to the last unit: while calls are made, after a crash, and whoever is asked."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx

from sluice_contract import names
from sluice_contract.windows import Period
from support.builders import budget, key
from support.process import PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import chat, one_provider
from support.upstream import ScriptedUpstream
from support.waiting import until

PATH = "/v1/chat/completions"
ROUNDS = 5
CALLERS = 8
PATIENT_MS = 5_000


async def _usage(*args: object) -> tuple[int, dict[str, Any], str]:
    """The exit status of ``sluice usage``, what it said, and what it warned of."""
    command = [sys.executable, "-P", "-m", "sluice_cli", "usage", *map(str, args), "--format", "json"]
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    said, warned = await child.communicate()
    return child.returncode or 0, json.loads(said), warned.decode()


async def _call_until(stop: asyncio.Event, plane: PlaneProcess, number: int) -> None:
    while not stop.is_set():
        try:
            await plane.post(PATH, chat(max_tokens=10, stream=number % 2 == 0))
        except httpx.TransportError:  # it was killed
            return


async def test_journals_and_redis_agree_to_the_last_unit(
    tmp_path: Path, redis: RedisServer, upstream: ScriptedUpstream
) -> None:
    """Asked under load, after a SIGKILL and at rest, no figure differs; one nano-USD that is wrong is found."""
    month = budget(amount=10**12, period=Period(unit="Month"))
    rolling = budget(id="rolling", name="rolling", amount=10**12, unit="TotalTokens", period=Period(rolling_ms=60_000))
    world = one_provider(upstream.base_url, keys=(key(budget_ids=(month.id, rolling.id)),), budgets=(month, rolling))
    async with fleet(tmp_path, world, count=2, redis_url=redis.url, store_deadline_ms=PATIENT_MS) as planes:
        inputs = [*(plane.data_dir for plane in planes), "--redis", redis.url]
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for number in range(CALLERS):
                tasks.create_task(_call_until(stop, planes[number % 2], number))
            under_load = [await _usage(*inputs, "--reconcile") for _ in range(ROUNDS)]
            await planes[1].kill()
            crashed = await _usage(*inputs, "--reconcile")
            stop.set()
        await planes[1].start(planes.revision)

        async def settled() -> bool:
            metrics = [await plane.metrics() for plane in planes]
            return all(each["sluice_settlements_waiting"] == each["sluice_running_holds"] == 0 for each in metrics)

        await until(settled)
        at_rest = await _usage(*inputs, "--reconcile")
        sums = await _usage(*inputs)
        stream = await _usage("--redis", redis.url)
        (account,) = [name for name in redis.client.zrange(names.ACCOUNTS, 0, -1) if month.id.encode() in name]
        posted = int(redis.client.hget(account, "posted"))
        redis.client.hincrby(account, "posted", 1)
        spoilt = await _usage(*inputs, "--reconcile")

    for code, said, warned in (*under_load, crashed, at_rest):
        assert (code, said["differences"], warned) == (0, [], "")
    assert said["compared"] >= 2
    assert sums[0] == stream[0] == 0
    assert sums[1]["total"] == stream[1]["total"]
    assert sums[1]["total"]["requests"] > CALLERS
    assert sums[1]["total"]["cost_usd"] == f"0.{posted:09d}".removesuffix("000")
    assert (spoilt[0], [row["difference"] for row in spoilt[1]["differences"]]) == (1, [1])

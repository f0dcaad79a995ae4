"""Killed again and again in the middle of calls: what was answered is billed once, nothing stays held or resets."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sluice_contract.windows import Period
from support.builders import SECRET, budget, key
from support.journals import records
from support.process import PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import chat, one_provider, served
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

PATH = "/v1/chat/completions"
ROUNDS = 20
CALLS = 8  # in each round
SEED = 20_260_921
ONCE = Period()
ACCOUNT = "{sluice}:account:bud1:once:-"


@dataclass(frozen=True)
class Finished:
    """A call whose client has its whole answer: our id of it, and the provider's."""

    id: str
    upstream_id: str


async def call(plane: PlaneProcess, *, stream: bool) -> Finished | None:
    """One call; None if the answer did not come whole."""
    model, text = ("drip", "x") if stream else ("slow", "a plain question")
    body = json.dumps(chat(text, model, stream=stream, max_tokens=100)).encode()
    headers = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}
    try:
        async with plane.client.stream("POST", PATH, content=body, headers=headers) as answer:
            whole = b"".join([chunk async for chunk in answer.aiter_raw()])
    except httpx.TransportError:
        return None
    assert answer.status_code == 200, whole
    if stream and not whole.endswith(b"data: [DONE]\n\n"):
        return None
    first = whole.removeprefix(b"data: ").partition(b"\n")[0]
    return Finished(answer.headers["x-request-id"], json.loads(first)["id"])


async def account_of(plane: PlaneProcess, redis: RedisServer | None) -> dict[str, int]:
    """What the budget has come to."""
    if redis is None:
        found: dict[str, Any] = (await plane.spend())["accounts"].get(ACCOUNT, {})
    else:
        found = {field.decode(): value for field, value in redis.client.hgetall(ACCOUNT).items()}
    return {field: int(found.get(field, 0)) for field in ("posted", "held", "orphaned")}


@pytest.mark.parametrize("store", ["memory", "redis"])
async def test_killed_in_the_middle_of_calls(
    tmp_path: Path,
    upstream: ScriptedUpstream,
    store: str,
    request: pytest.FixtureRequest,
    figure: Callable[[str, object], None],
) -> None:
    """Killed with calls at the provider: one record for each answered call at its price, no hold, no step back."""
    redis: RedisServer | None = request.getfixturevalue("redis") if store == "redis" else None
    shared: dict[str, Any] = {"redis_url": redis.url, "store_deadline_ms": 5_000} if redis is not None else {}
    draw = random.Random(SEED)
    upstream.models["slow"] = Fault(first_byte_ms=30)
    upstream.models["drip"] = Fault(chunks=10, chunk_delay_ms=10)
    held = budget(amount=10**12, period=ONCE)
    world = one_provider(
        upstream.base_url, served("slow"), served("drip"), keys=(key(budget_ids=(held.id,)),), budgets=(held,)
    )
    finished: list[Finished] = []
    posted = [0]
    async with fleet(tmp_path, world, **shared) as planes:
        plane = planes[0]
        for _ in range(ROUNDS):
            seen = len(upstream.seen)
            calls = [asyncio.ensure_future(call(plane, stream=bool(number % 2))) for number in range(CALLS)]
            await until(lambda seen=seen: len(upstream.seen) >= seen + CALLS)  # type: ignore[misc]
            enough = draw.randrange(CALLS - 1)
            await until(lambda calls=calls, enough=enough: sum(each.done() for each in calls) >= enough)  # type: ignore[misc]
            await plane.kill()
            finished += [answer for answer in await asyncio.gather(*calls) if answer is not None]
            await plane.start(planes.revision)
            await until(lambda: _nothing_held(plane, redis), why="something is still held")
            posted.append((await account_of(plane, redis))["posted"])

    told = records(plane.data_dir)
    times = Counter(record.id for record in told)
    bill = {billed.request_id: billed.input_tokens + billed.output_tokens for billed in upstream.bill}
    assert 0 < len(finished) < ROUNDS * CALLS, "every kill, or none, came after all answers: this proves nothing"
    assert {times[each.id] for each in finished} == {1}
    costs = {record.id: record.cost_nusd for record in told}
    assert [costs[each.id] for each in finished] == [bill[each.upstream_id] for each in finished]
    assert posted == sorted(posted)
    assert posted[-1] >= sum(bill.values())
    figure(f"{ROUNDS} kills, {store}", f"{len(finished)} of {len(upstream.seen)} calls answered, all billed once")
    figure(f"posted over the provider's bill, {store}", f"{posted[-1] / sum(bill.values()):.2f}")


async def _nothing_held(plane: PlaneProcess, redis: RedisServer | None) -> bool:
    account = await account_of(plane, redis)
    return account["held"] == account["orphaned"] == 0


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_restart_resets_no_budget(tmp_path: Path, upstream: ScriptedUpstream, end: str) -> None:
    """Without Redis too: a budget of three requests that is spent is spent after a crash and after a restart."""
    held = budget(unit="Requests", amount=3, period=ONCE)
    world = one_provider(upstream.base_url, keys=(key(budget_ids=(held.id,)),), budgets=(held,))
    async with fleet(tmp_path, world) as planes:
        plane = planes[0]
        statuses = [(await plane.post(PATH, chat())).status_code for _ in range(2)]
        await getattr(plane, end)()
        await plane.start(planes.revision)
        statuses += [(await plane.post(PATH, chat())).status_code for _ in range(2)]
        await getattr(plane, end)()
        await plane.start(planes.revision)
        statuses.append((await plane.post(PATH, chat())).status_code)
        month = next(iter((await plane.spend())["keys"]["vktest"].values()))

    assert statuses == [200, 200, 200, 429, 429]
    assert month["requests"] == len(upstream.bill) == 3

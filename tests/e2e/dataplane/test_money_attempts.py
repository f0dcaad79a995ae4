"""What each attempt costs: retried ones that were billed, dearer targets, and clients that leave in any phase."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluice_contract.snapshot import Price, Retry, Snapshot, Timeouts
from support.bill import Script
from support.bill_books import PRICE, all_records, compare, cost_of, posted_by, three_budgets
from support.bill_client import Call, perform
from support.bill_load import Provider, provider
from support.bill_redis import counted, live_slots
from support.builders import budget, key
from support.process import PlaneProcess, fleet
from support.redis import RedisServer
from support.scenes import one_provider, served, target
from support.scenes import provider as upstream_at
from support.waiting import until

HASTY = Timeouts(first_token_ms=400, request_ms=10_000)
ONCE_MORE = Retry(attempts=1)
GOOD = Script(chunks=3, gap_ms=10)
CEILING = 50
DEAR = Price(version="dear", output_nusd_per_mtok=40_000_000_000)
CHEAP = Price(version="cheap", output_nusd_per_mtok=4_000_000_000)
PATIENT: dict[str, Any] = {"store_deadline_ms": 5_000}


def world(up: Provider) -> Snapshot:
    """A model that is tried twice, and a Budget in each unit."""
    budgets = three_budgets(failure_mode="Closed")
    holder = key(budget_ids=tuple(each.id for each in budgets), max_parallel_requests=100)
    model = served("chat", target(price=PRICE), timeouts=HASTY, retry=ONCE_MORE)
    return one_provider(up.base_url, model, keys=(holder,), budgets=budgets)


async def settled(up: Provider, plane: PlaneProcess, redis: RedisServer) -> bool:
    """Nothing is being answered, in flight, or posted and not written down."""
    written = posted_by(all_records([plane.data_dir]))
    return up.bill.live() == 0 and live_slots(redis.client) == 0 and counted(redis.client).posted == written


# What the first of two attempts comes to: a stream or not, how, and whether the provider bills it.  A plain call has
# the time of the whole request, so that nobody tries again after one that is never answered.
FIRST = {
    "stream never answered": (True, Script(chunks=5, hang_after=0), True),
    "stream reset before the head": (True, Script(chunks=5, reset_after=0), True),
    "stream refused with 500": (True, Script(status=500), False),
    "plain reset before the head": (False, Script(chunks=5, reset_after=0), True),
    "plain refused with 500": (False, Script(status=500), False),
}


@pytest.mark.parametrize("first", FIRST)
async def test_each_billed_attempt_is_a_record_of_its_own(tmp_path: Path, redis: RedisServer, first: str) -> None:
    """An attempt that may have been billed is written down at its bound, and the one that answered as it was billed."""
    stream, script, billed = FIRST[first]
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up), redis_url=redis.url, **PATIENT) as planes,
    ):
        call = Call("call", stream=stream, scripts=(script, GOOD), max_tokens=CEILING)
        await perform(call, planes[0].port)
        await until(lambda: settled(up, planes[0], redis), why="not settled")
        found = all_records([planes[0].data_dir])
        told = compare(up.bill, found, [call])
        entries = up.bill.entries()

    assert call.status == 200
    assert len(entries) == 2
    assert told.exact == 1
    assert told.crashed == (1 if billed else 0)
    if billed:
        lost, answered = sorted(found, key=lambda record: record.attempt)
        assert lost.flags == ("unanswered",)
        assert (lost.outcome, lost.attempt, answered.attempt) == ("failed", 1, 2)
        assert lost.usage.output == CEILING, "not at its bound"
        assert answered.flags == ()


async def test_a_dearer_fallback_stays_within_the_budget(
    tmp_path: Path, redis: RedisServer, figure: Callable[[str, object], None]
) -> None:
    """Calls that all fall back to a target ten times as dear: the bill at their own prices is within the Budget."""
    held = budget(amount=12 * cost_of(0, CEILING, DEAR))
    async with provider(tmp_path) as up:
        upstreams = (upstream_at(up.base_url, "cheap"), upstream_at(up.base_url, "dear"))
        targets = (
            target("cheap", model="cheap", price=CHEAP, priority=0),
            target("dear", model="dear", price=DEAR, priority=1),
        )
        world = one_provider(
            up.base_url,
            served("chat", *targets, retry=ONCE_MORE, timeouts=HASTY),
            upstreams=upstreams,
            keys=(key(budget_ids=(held.id,)),),
            budgets=(held,),
        )
        async with fleet(tmp_path, world, count=2, redis_url=redis.url, **PATIENT) as planes:
            failing = (
                Script(model="cheap", status=503),
                Script(model="dear", chunks=1, tokens=CEILING, first_ms=300),
            )
            calls = [Call(f"call-{n}", stream=False, scripts=failing, max_tokens=CEILING, text="x") for n in range(60)]
            await asyncio.gather(*(perform(call, planes[n % 2].port) for n, call in enumerate(calls)))
            await until(lambda: up.bill.live() == 0)
            spent = sum(cost_of(0, line.output, DEAR) for line in up.bill.entries() if line.model == "dear")
            posted = sum(record.cost_nusd for record in all_records([plane.data_dir for plane in planes]))

    assert {call.status for call in calls} == {200, 429}
    assert {call.code for call in calls if call.status == 429} == {"insufficient_quota"}
    assert 0 < spent <= held.amount
    assert posted == spent
    figure("spent of a Budget by calls that all fell back", f"{100 * spent / held.amount:.0f} %")


async def left(call: Call, plane: PlaneProcess, when: Callable[[], object]) -> Call:
    """*call*, whose client resets its connection once *when* is true."""
    going = asyncio.ensure_future(perform(call, plane.port))
    await until(when, why=f"{call.marker}: the moment to leave does not come")
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    return call


async def half_a_body(call: Call, plane: PlaneProcess) -> None:
    """*call*, whose client resets its connection in the middle of its body."""
    _, writer = await asyncio.open_connection("127.0.0.1", plane.port)
    writer.write(call.request()[:-20])
    await writer.drain()
    await until(lambda: inflight(plane, 1))
    writer.transport.abort()


async def inflight(plane: PlaneProcess, calls: int) -> bool:
    """Whether so many calls are being answered."""
    return (await plane.metrics()).get("sluice_inflight_requests") == calls


@pytest.mark.parametrize("lean", [True, False], ids=["lean", "aiohttp"])
async def test_clients_that_leave_in_any_phase(tmp_path: Path, redis: RedisServer, lean: bool) -> None:
    """Before the body's end, at the store, before the head, in silence between chunks: billed once or not at all."""
    slow, silent = Script(chunks=4, first_ms=300), Script(chunks=3, gap_ms=60_000)
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up), redis_url=redis.url, lean_front=lean, **PATIENT) as planes,
    ):
        plane = planes[0]

        def at_the_provider(call: Call) -> bool:
            return bool(up.bill.entries(call.marker))

        await half_a_body(Call("half"), plane)
        calls = []
        with redis.paused():
            calls.append(await left(Call("store", scripts=(slow,)), plane, lambda: inflight(plane, 1)))
        for stream in (True, False):
            call = Call(f"head-{stream}", stream=stream, scripts=(slow,))
            calls.append(await left(call, plane, lambda call=call: at_the_provider(call)))  # type: ignore[misc]
        quiet = Call("silence", scripts=(silent,))
        calls.append(await left(quiet, plane, lambda: quiet.chunks == 1))
        await until(lambda: settled(up, plane, redis), seconds=10, why="something of a call is left")
        found = all_records([plane.data_dir])
        told = compare(up.bill, found, calls)
        assert counted(redis.client).open == 0
        assert await inflight(plane, 0)

    assert {record.user for record in found} >= {"head-True", "head-False", "silence"}
    assert told.unbilled == 0

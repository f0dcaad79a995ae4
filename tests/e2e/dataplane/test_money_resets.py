"""A client that resets its connection after any chunk is billed for what it got, once, and the provider is let go."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from sluice_contract.snapshot import Snapshot
from support.bill import Line, Script
from support.bill_books import PRICE, all_records, compare, delivered, posted_by, three_budgets
from support.bill_client import Call, perform
from support.bill_load import provider
from support.bill_redis import counted
from support.builders import key
from support.process import fleet
from support.redis import RedisServer
from support.scenes import one_provider, served, target
from support.waiting import until

CHUNKS = 20
SCRIPT = Script(chunks=CHUNKS, tokens=3, gap_ms=40)


def world(base_url: str) -> Snapshot:
    """One model, one key, and a Budget in each unit."""
    budgets = three_budgets()
    held = key(budget_ids=tuple(each.id for each in budgets), max_parallel_requests=CHUNKS + 1)
    return one_provider(base_url, served("chat", target(price=PRICE)), keys=(held,), budgets=budgets)


@pytest.mark.parametrize("lean", [True, False], ids=["lean", "aiohttp"])
async def test_reset_after_every_chunk(
    tmp_path: Path, redis: RedisServer, lean: bool, figure: Callable[[str, object], None]
) -> None:
    """For every k of 20: one record, for at least the k chunks; the provider sees the close before it is through."""
    async with (
        provider(tmp_path) as up,
        fleet(tmp_path, world(up.base_url), redis_url=redis.url, store_deadline_ms=5_000, lean_front=lean) as planes,
    ):
        plane = planes[0]
        asked = [Call(f"reset-{k:02d}", scripts=(SCRIPT,), leave_after=k) for k in range(CHUNKS + 1)]
        calls = await asyncio.gather(*(perform(call, plane.port) for call in asked))
        await until(lambda: up.bill.live() == 0, why="the provider is still asked")
        await until(lambda: counted(redis.client).slots == 0, why="slots were not given back")
        found = all_records([plane.data_dir])
        told = compare(up.bill, found, calls)
        await until(lambda: counted(redis.client).posted == posted_by(found), why="not all is posted")
        entries = {line.marker: line for line in up.bill.entries()}

    for record in found:
        (call,) = [call for call in calls if call.marker == record.user]
        assert record.usage.output >= delivered(call)
    for call in calls[1 : CHUNKS - 5]:
        entry = entries[call.marker]
        assert entry.state == "gone", f"the provider was not let go: {entry}"
    figure("billed by the provider after the client was gone, tokens at most", _most_after(entries.values(), calls))
    figure("records", f"{told.exact} exact, {told.estimated} estimated")


def _most_after(entries: Iterable[Line], calls: list[Call]) -> int:
    got = {call.marker: delivered(call) for call in calls}
    return max(entry.output - got[entry.marker] for entry in entries)

"""A month ends under two hundred calls in flight: each belongs to the month that it was admitted in."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sluice_contract import names
from sluice_contract.snapshot import Snapshot
from sluice_contract.usage import UsageRecord
from sluice_contract.windows import Period, window_at
from sluice_dataplane.app.plane import wall_ms
from support.bill import Script
from support.bill_books import PRICE, all_records, compare
from support.bill_client import Call, perform
from support.bill_load import Provider, provider
from support.bill_redis import live_slots
from support.builders import budget, key
from support.process import fleet
from support.redis import RedisServer
from support.scenes import one_provider, served, target
from support.waiting import until

IN_FLIGHT = 200
LATER = 100  # calls after the month's end
START_MS = 15_000  # in which the replicas have started
BEFORE_MS = 5_000  # the load begins so long before the month's end
KATHMANDU = "Asia/Kathmandu"  # a quarter of an hour off the full: no window of UTC ends with its months
# The end of a leap year's February there; the same moment is in the middle of February's last day in UTC.
EDGE_MS = int(datetime(2028, 3, 1, tzinfo=ZoneInfo(KATHMANDU)).timestamp() * 1000)
MONTH = Period(unit="Month", time_zone=KATHMANDU)
UTC_MONTH = Period(unit="Month")
UNITS = ("Cost", "TotalTokens", "Requests")
MUCH: dict[str, Any] = {"amount": 10**15, "failure_mode": "Closed"}  # so that nothing is held in advance
LONG = Script(chunks=100, gap_ms=80)  # 8 s: in flight when the month ends
SHORT = Script(chunks=3, gap_ms=20)


def world(up: Provider) -> Snapshot:
    """One key, a monthly Budget there in each unit, and one by UTC's months."""
    budgets = [budget(id=f"b{unit}", name=unit.lower(), unit=unit, period=MONTH, **MUCH) for unit in UNITS]
    budgets.append(budget(id="butc", name="utc", unit="Requests", period=UTC_MONTH, **MUCH))
    holder = key(budget_ids=tuple(each.id for each in budgets), max_parallel_requests=1_000)
    model = served("chat", target(price=PRICE))
    return one_provider(up.base_url, model, keys=(holder,), budgets=tuple(budgets))


def posted(server: Any, held: str, period: Period, at_ms: int) -> int:
    """What a Budget's account of the window of *at_ms* has posted; nothing is held of it."""
    account = names.account(held, window_at(period, at_ms).id, "-")
    figures = {name.decode(): int(value) for name, value in server.hgetall(account).items()}
    assert figures.get("held", 0) == figures.get("orphaned", 0) == 0
    return figures["posted"]


def sums(found: Sequence[UsageRecord]) -> dict[str, int]:
    """What records come to, by unit."""
    return {
        "Cost": sum(record.cost_nusd for record in found),
        "TotalTokens": sum(record.usage.total for record in found),
        "Requests": len(found),
    }


async def test_each_call_is_billed_to_its_own_month(
    tmp_path: Path, redis: RedisServer, figure: Callable[[str, object], None]
) -> None:
    """200 streams run over a month's end, 100 calls follow: both months have what was admitted in them, to the unit."""
    async with provider(tmp_path) as up:
        shift_ms = EDGE_MS - BEFORE_MS - START_MS - wall_ms()

        def there_ms() -> int:
            return wall_ms() + shift_ms

        async with fleet(tmp_path, world(up), count=2, shift_ms=shift_ms, redis_url=redis.url) as planes:
            await until(lambda: there_ms() >= EDGE_MS - BEFORE_MS, seconds=30)
            early = [Call(f"early-{n}", scripts=(LONG,)) for n in range(IN_FLIGHT)]
            running = [asyncio.ensure_future(perform(call, planes[n % 2].port)) for n, call in enumerate(early)]
            await until(lambda: sum(call.chunks > 0 for call in early) == IN_FLIGHT, seconds=20)
            begun_ms = there_ms()
            await until(lambda: there_ms() >= EDGE_MS, seconds=20)
            in_flight = live_slots(redis.client)
            late = [Call(f"late-{n}", scripts=(SHORT,)) for n in range(LATER)]
            await asyncio.gather(*(perform(call, planes[n % 2].port) for n, call in enumerate(late)))
            await asyncio.gather(*running)
            await until(lambda: up.bill.live() == 0 and live_slots(redis.client) == 0)
            found = all_records([plane.data_dir for plane in planes])
            told = compare(up.bill, found, [*early, *late])
            accounts = {
                unit: [posted(redis.client, f"b{unit}", MONTH, at_ms) for at_ms in (EDGE_MS - 1, EDGE_MS)]
                for unit in UNITS
            }
            utc = posted(redis.client, "butc", UTC_MONTH, EDGE_MS)

    by_month = [[record for record in found if (record.user or "").startswith(name)] for name in ("early", "late")]
    assert begun_ms < EDGE_MS, "the load came too late"
    assert in_flight == IN_FLIGHT
    assert Counter(call.status for call in (*early, *late)) == {200: IN_FLIGHT + LATER}
    assert told.exact == IN_FLIGHT + LATER
    assert accounts == {unit: [sums(month)[unit] for month in by_month] for unit in UNITS}
    assert utc == IN_FLIGHT + LATER, "UTC's month went on"
    early_ms, late_ms = ([record.admitted_ms for record in month] for month in by_month)
    assert 0 < max(early_ms) < EDGE_MS <= min(late_ms)
    assert min(record.at_ms for record in found) >= EDGE_MS, "all of them ended in the new month"
    figure("in flight over the month's end", in_flight)

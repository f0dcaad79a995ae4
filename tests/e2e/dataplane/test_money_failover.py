"""The Redis that counts dies and its replica takes over, by Sentinel and in a Cluster: the totals come out exact."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.bill import Script
from support.bill_books import PRICE, Journals, compare, posted_by, three_budgets
from support.bill_client import Call
from support.bill_load import Load, provider
from support.bill_redis import counted
from support.builders import key
from support.process import fleet
from support.redis import RedisServer
from support.redis_cluster import running_cluster
from support.redis_sentinel import running_sentinels
from support.scenes import one_provider, served, target
from support.waiting import until

REPLICAS = 2
CALLERS = 8
SERVED = 100  # calls, before the master dies and after another one is there
EXACT_SECONDS = 30.0


class Pair:
    """A master, and who takes over."""

    def __init__(
        self,
        url: str,
        master: RedisServer,
        heir: RedisServer,
        *,
        ready: Callable[[], bool],
        failed_over: Callable[[], bool],
    ) -> None:
        self.url = url
        self.master = master
        self.heir = heir
        self.ready = ready
        self.failed_over = failed_over


@contextlib.contextmanager
def pair(kind: str) -> Iterator[Pair]:
    """One of the *kind*."""
    if kind == "sentinel":
        with running_sentinels(fails_over=True) as watched:
            yield Pair(
                watched.url(), watched.master, watched.replica, ready=watched.ready, failed_over=watched.failed_over
            )
    else:
        with running_cluster(fails_over=True) as cluster:
            yield Pair(
                cluster.url, cluster.owner, cluster.replica, ready=cluster.ready, failed_over=cluster.failed_over
            )


def small(number: int) -> Call:
    """A short stream, or a plain call."""
    return Call(f"call-{number}", stream=bool(number % 2), scripts=(Script(chunks=3, gap_ms=10),), max_tokens=30)


@pytest.mark.parametrize("kind", ["sentinel", "cluster"])
async def test_totals_are_exact_after_a_fail_over(
    tmp_path: Path, kind: str, figure: Callable[[str, object], None]
) -> None:
    """No call is answered 500; what the new master counts is what the journals and the provider's bill say."""
    budgets = three_budgets()
    holder = key(budget_ids=tuple(each.id for each in budgets))
    with pair(kind) as redis:
        await until(redis.ready, seconds=30)
        async with provider(tmp_path) as up:
            world = one_provider(up.base_url, served("chat", target(price=PRICE)), keys=(holder,), budgets=budgets)
            async with fleet(tmp_path, world, count=REPLICAS, redis_url=redis.url) as planes:
                running = list(planes)
                async with Load(CALLERS, small, lambda number: running[number // 2 % REPLICAS]) as load:

                    def served_since(before: int) -> bool:
                        return sum(call.status == 200 for call in load.calls[before:]) >= SERVED

                    await until(lambda: served_since(0))
                    redis.master.kill()
                    died = time.monotonic()
                    await until(redis.failed_over, seconds=40, why="nobody took over")
                    took_over = time.monotonic()
                    seen = len(load.calls)
                    await until(lambda: served_since(seen), seconds=EXACT_SECONDS, why="calls are not served")
                    await load.stop()
                await until(lambda: up.bill.live() == 0)
                journals = Journals(plane.data_dir for plane in running)
                await until(
                    lambda: counted(redis.heir.client).posted == posted_by(journals.records()),
                    seconds=EXACT_SECONDS,
                    why="the totals are not exact",
                )
                exact = time.monotonic()
                compare(up.bill, journals.records(), load.calls)

    statuses = Counter(f"{call.status} {call.code}".strip() for call in load.calls)
    assert set(statuses) <= {"200", "503 budget_store_unavailable"}
    figure(f"{kind}: took over after", f"{took_over - died:.1f} s")
    figure(f"{kind}: from there to exact totals, calls served meanwhile", f"{exact - took_over:.1f} s")
    figure(f"{kind}: answers", dict(statuses))

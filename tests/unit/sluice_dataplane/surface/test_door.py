"""The door: ids, who is inside, and when nobody more is let in."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.holder import Holder
from sluice_dataplane.config.table import Table
from sluice_dataplane.errors import UnavailableError
from sluice_dataplane.surface.door import Door
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.telemetry.observer import Observer
from sluice_dataplane.telemetry.tracing import NoTracer
from support.builders import NOW_MS
from support.front import Rooms, echo


def door(*, ready: bool = True, max_inflight: int = 10, draw_hex: Callable[[int], str] | None = None) -> Door:
    """A door; ready means that a snapshot is in force."""
    metrics, holder = Metrics(), Holder(lambda: NOW_MS)
    if ready:
        holder._table = Table.build(Snapshot(), revision="r1")
    draws = itertools.count()
    return Door(
        Rooms(echo),
        holder,
        Observer(metrics, NoTracer(), None, lambda: NOW_MS),
        metrics,
        clock_ms=lambda: NOW_MS,
        monotonic_ms=lambda: 7.0,
        max_inflight=max_inflight,
        draw_hex=draw_hex or (lambda count: f"{next(draws):0{count * 2}x}"),
    )


def test_every_request_has_its_own_id() -> None:
    """Also when the random digits that were drawn ahead have been used up; ids sort by time."""
    made = door(draw_hex=None)
    drawn = iter(range(10_000))
    made._draw_hex = lambda count: "".join(f"{next(drawn):016x}" for _ in range(count // 8))
    ids = [made.arrive().id for _ in range(1_000)]

    assert len(set(ids)) == 1_000
    assert {len(each) for each in ids} == {len("req_") + 11 + 16}
    assert all(each.startswith(f"req_{NOW_MS:011x}") for each in ids)


def test_an_arrival_knows_both_clocks() -> None:
    """When by the wall, and from when its time is counted."""
    arrival = door().arrive()

    assert (arrival.at_ms, arrival.started_ms) == (NOW_MS, 7.0)


def test_nobody_is_let_in_before_there_is_a_configuration() -> None:
    """Not ready is closed, and says when to try again."""
    made = door(ready=False)

    assert not made.is_open
    with pytest.raises(UnavailableError) as caught:
        made.check_open()
    assert caught.value.headers == (("retry-after", "1"),)


def test_one_call_too_many_is_turned_away() -> None:
    """At the limit the next is refused; when one leaves there is room again."""
    made = door(max_inflight=2)
    for _ in range(2):
        assert made.is_open
        made.arrive()
        made.check_open()
    assert not made.is_open
    made.arrive()
    with pytest.raises(UnavailableError, match="as many calls as it may"):
        made.check_open()
    made.leave()
    made.check_open()


async def test_idle_is_when_the_last_one_has_left() -> None:
    """Draining waits for everybody inside, and for nobody if there is none."""
    made = door()
    await made.idle()
    made.arrive()
    made.arrive()
    made.closing = True
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(made.idle())
        made.leave()
        await asyncio.sleep(0)
        assert not waiting.done()
        made.leave()


async def test_one_who_left_before_does_not_end_the_wait() -> None:
    """While draining nobody may be inside for a while, and then somebody again: who is there now is waited for."""
    made = door()
    made.closing = True
    made.arrive()
    made.leave()
    made.arrive()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(made.idle())
        await asyncio.sleep(0)
        assert not waiting.done()
        made.leave()

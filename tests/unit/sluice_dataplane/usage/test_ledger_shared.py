"""The ledger on counters that are somewhere else: what is away comes back, and everything is counted once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sluice_dataplane.errors import JournalError, StoreError
from sluice_dataplane.limits.store import Account, Held, Refused
from sluice_dataplane.usage import outbox, replay, upkeep
from sluice_dataplane.usage.lines import DropLine, HoldLine, SettleLine
from support.ledgers import Clock, Faraway, Life, draft, far, full_disk, record, used
from support.redis import running_redis
from support.stores import account, charge, rate, redis_store, running, slot, take, void
from support.waiting import until


class Scene:
    """A store, a clock, and the lives of one journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.far: Faraway = far(self.clock)

    async def life(self, **options: Any) -> Life:
        """The next life, in step with the store."""
        return await Life.joined(self.folder, self.far, self.clock, **options)

    def born(self) -> Life:
        """The next life, which the store has not seen yet."""
        return Life(self.folder, self.far, clock=self.clock)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A store that nobody has greeted, and an empty journal."""
    return Scene(tmp_path)


def _kinds(life: Life) -> list[type]:
    """What kinds of lines were written since the last segment began."""
    return [type(line) for line in replay.read(life.journal.segments()[-1], lambda *_: None)][1:]


@contextlib.asynccontextmanager
async def kept(life: Life) -> AsyncIterator[None]:
    """The ledger's task, for the length of a ``with``."""
    task = asyncio.get_running_loop().create_task(life.ledger.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_settlements_reach_the_store(scene: Scene) -> None:
    """A call is settled at once for its caller, and soon for everybody."""
    life = await scene.life()
    reservation = take("h", charge(100))
    async with kept(life):
        await life.ledger.open(reservation)
        while_open = scene.far.figures()
        life.ledger.settle(used(reservation, 30), record("h"))
        await until(lambda: life.ledger.figures().waiting == 0)
    await life.ledger.close(1)

    assert while_open == Account(0, 100, 0)
    assert scene.far.figures() == Account(30, 0, 0)
    assert (dict(life.ledger.accounts()), dict(life.ledger.key_usage())) == ({}, {})


async def test_the_hold_is_written_down_before_the_store_is_asked(scene: Scene) -> None:
    """Whatever the store grants, the journal knows that it was asked."""
    life = await scene.life()
    seen: list[list[type]] = []
    reserve = scene.far.reserve

    async def watched(reservation: Any, **options: Any) -> Held | Refused:
        seen.append(_kinds(life))
        return await reserve(reservation, **options)

    scene.far.reserve = watched  # type: ignore[method-assign]
    await life.ledger.open(take("h", charge(100)), draft=draft("h"))
    life.crash()

    assert seen == [[HoldLine]]


async def test_a_segment_that_begins_while_the_store_is_asked_knows_the_hold(scene: Scene) -> None:
    """A call is not forgotten by a rotation before its answer: its accounts are found again with its settlement."""
    life = await scene.life(segment_bytes=1)
    reserve = scene.far.reserve

    async def slow(reservation: Any, **options: Any) -> Held | Refused:
        await life.ledger.tick()  # the segment is over its size
        return await reserve(reservation, **options)

    scene.far.reserve = slow  # type: ignore[method-assign]
    reservation = take("h", charge(100))
    await life.ledger.open(reservation, draft=draft("h"))
    life.ledger.settle(used(reservation, 30), record("h"))
    newest = life.journal.segments()[-1:]
    life.crash()
    (entry,) = replay.settlements(newest, after=0, until=1, limit=2)

    assert (entry.settlement.reservation, entry.settlement.spent) == (reservation, (30,))


async def test_what_was_refused_leaves_nothing(scene: Scene) -> None:
    """A refused call ends with a line that says so: no settlement, nothing held, nothing for the next life."""
    life = await scene.life()
    refused = await life.ledger.open(take("h", charge(1_001)), draft=draft("h"))
    written = _kinds(life)
    waiting = life.ledger.figures().waiting
    life.crash()
    again = await scene.life()
    again.crash()

    assert isinstance(refused, Refused)
    assert (written, waiting) == ([HoldLine, DropLine], 0)
    assert (again.replayed.crashed, again.replayed.voided) == (0, 0)
    assert scene.far.figures() == Account(0, 0, 0)


async def test_a_lost_answer_is_voided(scene: Scene) -> None:
    """When the store may have taken the hold and did not say so, the caller is refused and the hold given back."""
    life = await scene.life()
    scene.far.deaf = True
    with pytest.raises(StoreError):
        await life.ledger.open(take("h", rate(60), slot(1), charge(100)))
    taken = scene.far.figures()
    scene.far.deaf = False
    await life.drain()
    held = await life.ledger.open(take("i", rate(60), slot(1)))
    life.crash()

    assert taken == Account(0, 100, 0)
    assert scene.far.figures() == Account(0, 0, 0)
    assert isinstance(held, Held)


async def test_a_void_survives_a_crash(scene: Scene) -> None:
    """A void that was not answered when the process died is sent by the next life."""
    life = await scene.life()
    scene.far.deaf = True
    with pytest.raises(StoreError):
        await life.ledger.open(take("h", charge(100)))
    life.crash()
    scene.far.deaf = False
    again = await scene.life()
    again.crash()

    assert scene.far.figures() == Account(0, 0, 0)
    assert (again.replayed.crashed, again.replayed.voided) == (0, 0)


async def test_a_caller_who_leaves_while_asking_is_voided(scene: Scene) -> None:
    """A client that disconnects while its reservation is on the way leaves no hold."""
    life = await scene.life()
    reserve, asked = scene.far.reserve, asyncio.Event()

    async def slow(reservation: Any, **options: Any) -> Held | Refused:
        await reserve(reservation, **options)
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    scene.far.reserve = slow  # type: ignore[method-assign]
    opening = asyncio.ensure_future(life.ledger.open(take("h", charge(100))))
    await asked.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await life.drain()
    life.crash()

    assert scene.far.figures() == Account(0, 0, 0)


async def test_a_store_that_is_away_refuses_and_leaves_nothing_behind(scene: Scene) -> None:
    """While the store is surely away a budgeted call is refused, and nothing waits to be sent for it."""
    life = await scene.life()
    scene.far.away = True
    with pytest.raises(StoreError):
        await life.ledger.open(take("h", charge(100)))
    written = _kinds(life)
    life.crash()

    assert written == [HoldLine, DropLine]
    assert life.ledger.figures().waiting == 0


async def test_a_store_that_may_forget_admits_no_strict_call(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Where Redis evicts, calls whose Budgets fail closed are refused as if it were away; it is said once."""
    scene.far.unsafe = "maxmemory-policy is allkeys-lru"
    life = await scene.life()
    await life.ledger.rejoin.look()
    with pytest.raises(StoreError) as caught:
        await life.ledger.open(take("h", charge(100)), away="Closed")
    others = [
        await life.ledger.open(take("i", charge(100)), away="Lease"),
        await life.ledger.open(take("j", rate(1)), away="Closed"),
    ]
    figures = life.ledger.figures()
    life.crash()

    assert (caught.value.transient, caught.value.maybe_done) == (True, False)
    assert [type(result) for result in others] == [Held, Held]
    assert figures.store_unsafe == "maxmemory-policy is allkeys-lru"
    assert [entry.levelname for entry in caplog.records if entry.message == "ledger.store_unsafe"] == ["ERROR"]


async def test_a_call_that_may_fail_open_is_counted_here_and_posted_later(scene: Scene) -> None:
    """Without the store such calls keep their rates and slots in this process; what they spent is posted afterwards."""
    life = await scene.life()
    scene.far.away = True
    calls = [take(f"h{n}", rate(20), slot(2), charge(100)) for n in range(4)]
    opened = [await life.ledger.open(call, away="Open") for call in calls]
    life.ledger.settle(used(calls[0], 30), record("h0"))
    opened.append(await life.ledger.open(calls[2], away="Open"))
    opened.append(await life.ledger.open(calls[3], away="Open"))
    scene.far.away = False
    life.ledger.settle(used(calls[1], 30), record("h1"))
    life.ledger.settle(used(calls[2], 30), record("h2"))
    await life.join()
    await life.drain()
    life.crash()

    assert [type(result) for result in opened] == [Held, Held, Refused, Refused, Held, Refused]
    assert [result.kind for result in opened if isinstance(result, Refused)] == ["slot", "slot", "rate"]
    assert scene.far.figures() == Account(90, 0, 0)


async def test_local_limits_are_divided_by_the_replicas_alive(scene: Scene, tmp_path: Path) -> None:
    """While the store is away, all replicas together grant what the limit allows, and at most one more each."""
    lives = [await Life.joined(tmp_path / str(n), scene.far, scene.clock) for n in range(3)]
    for life in lives:
        await life.ledger.rejoin.look()
    scene.far.away = True
    granted = 0
    for number, life in enumerate(lives):
        for n in range(10):
            result = await life.ledger.open(take(f"{number}-{n}", rate(1, amount=10, burst=10)), away="Open")
            granted += isinstance(result, Held)
        life.crash()

    assert [life.ledger.figures().sources for life in lives] == [3, 3, 3]
    assert granted == 12


async def test_what_only_this_process_counted_is_asserted_when_the_store_is_back(scene: Scene) -> None:
    """A running call that the store never saw is held there as soon as it answers again."""
    life = await scene.life()
    scene.far.away = True
    await life.ledger.open(take("h", charge(100)), away="Open")
    without = scene.far.figures()
    scene.far.away = False
    await life.ledger.rejoin.step()
    asserted = scene.far.figures()
    life.crash()

    assert (without, asserted) == (Account(0, 0, 0), Account(0, 100, 0))


async def test_only_what_was_not_counted_is_sent_again(scene: Scene) -> None:
    """A life that ended in peace leaves nothing to send; one that crashed leaves what the store does not have."""
    life = await scene.life()
    for n in range(10):
        await life.ledger.open(take(f"h{n}", charge(10)))
        life.ledger.settle(used(take(f"h{n}", charge(10)), 1), record(f"h{n}"))
    await life.drain()
    await life.ledger.close(1)
    (scene.folder / "acknowledged").unlink()
    scene.far.batches.clear()
    second = await scene.life()
    await second.ledger.open(take("i", charge(10)))
    second.ledger.settle(used(take("i", charge(10)), 1), record("i"))
    second.crash()
    third = await scene.life()
    await third.ledger.close(1)

    assert scene.far.batches == [["i"]]
    assert scene.far.figures() == Account(11, 0, 0)


async def test_a_hold_that_cannot_be_written_is_not_asked_for(scene: Scene) -> None:
    """With the disk full the store is not even asked."""
    life = await scene.life()
    for n in range(40):
        await life.ledger.open(take(f"h{n}", charge(10)))
    scene.far.calls.clear()
    with full_disk(life.journal.segments()[0]), pytest.raises(JournalError):
        await life.ledger.open(take("late", charge(10)))
    life.crash()

    assert scene.far.calls == []
    assert scene.far.figures() == Account(0, 400, 0)


async def test_running_calls_are_extended_and_the_dead_reaped(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upkeep extends this process's calls in the store, and orphans those that nobody extends."""
    life = await scene.life()
    monkeypatch.setattr(upkeep, "REAP_EVERY_TICKS", 1)
    await life.ledger.open(take("ours", charge(100), ttl_ms=9_000))
    await scene.far.reserve(take("theirs", charge(7), ttl_ms=9_000), source=life.ledger.source)
    for _ in range(6):
        scene.clock.now_ms += 3_000
        await life.ledger.tick()
    life.crash()

    assert scene.far.figures() == Account(0, 100, 7)


async def test_a_hold_that_the_store_does_not_know_is_asserted_again(scene: Scene) -> None:
    """What the heartbeat finds missing is held again, whatever is left: it was granted."""
    life = await scene.life()
    await life.ledger.open(take("h", charge(600)))
    await life.ledger.open(take("i", charge(300)))
    scene.far.near._holds.pop("h")
    scene.far.near._accounts[account("a")].held -= 600
    scene.far.near._accounts[account("a")].posted += 700
    await life.ledger.tick()
    await life.ledger.rejoin.step()
    life.crash()

    assert scene.far.figures() == Account(700, 900, 0)


async def test_upkeep_goes_on_without_the_store(scene: Scene) -> None:
    """A store that is away does not keep segments from rotating, nor end the task."""
    life = await scene.life(segment_bytes=100)
    await life.ledger.open(take("h", charge(100)))
    scene.far.away = True
    await life.ledger.tick()
    life.crash()

    assert len(life.journal.segments()) == 2


async def test_closing_leaves_the_rest_to_the_next_life(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A close that runs out of time loses nothing."""
    monkeypatch.setattr(outbox, "PAUSE_S", 0.001)
    life = await scene.life()
    await life.ledger.open(take("h", charge(100)))
    scene.far.away = True
    life.ledger.settle(used(take("h", charge(100)), 30), record("h"))
    await life.ledger.close(0.02)
    scene.far.away = False
    again = await scene.life()
    again.crash()

    assert scene.far.figures() == Account(30, 0, 0)


async def _crash_at(scene: Scene, step: str) -> Life:
    """A life that dies when a call has come as far as *step*; the next one, in step with the store."""
    life = await scene.life()
    reservation = take("h", rate(5), slot(1), charge(1_040, 5_000))
    if step == "asking":  # the store took it, and its answer found nobody
        life.ledger._writer.hold(life.ledger._call(reservation, draft("h")).line)
        await scene.far.reserve(reservation, source=life.ledger.source)
        life.crash()
        return await scene.life()
    await life.ledger.open(reservation, draft=draft("h"))
    if step != "opened":
        life.ledger.sent("h")
    if step in ("streaming", "stalled", "settled", "sent on"):
        life.ledger.saw("h", 8, stalled=step == "stalled")
    if step in ("settled", "sent on"):
        life.ledger.settle(used(reservation, 130), record("h"))
    if step == "sent on":
        await life.drain()
    life.crash()
    return await scene.life()


@pytest.mark.parametrize(
    ("step", "posted"),
    [
        ("asking", 0),
        ("opened", 0),
        ("sent", 10 + 256),
        ("streaming", 10 + 264),
        ("stalled", 1_040),
        ("settled", 130),
        ("sent on", 130),
    ],
)
async def test_a_crash_at_any_step_settles_or_voids(scene: Scene, step: str, posted: int) -> None:
    """Wherever a call was when its process died, the next life bills it what it can have come to, and once."""
    again = await _crash_at(scene, step)
    further = await again.ledger.open(take("i", slot(1)))
    again.crash()
    last = await scene.life()
    last.crash()

    assert scene.far.figures() == Account(posted, 0, 0)
    assert isinstance(further, Held)


async def test_a_crashed_call_has_one_record(scene: Scene) -> None:
    """What a crash cost is in the journal as a usage record like any other, numbered after those before it."""
    life = await scene.life()
    await life.ledger.open(take("h0", charge(1_040, 5_000)), draft=draft("h0"))
    life.ledger.settle(used(take("h0", charge(1_040, 5_000)), 30), record("h0"))
    await life.ledger.open(take("h1", charge(1_040, 5_000)), draft=draft("h1"))
    life.ledger.sent("h1")
    life.ledger.saw("h1", 8)
    life.crash()
    for _ in range(2):
        again = await scene.life()
        again.crash()
    lines = [line for path in life.journal.segments() for line in replay.read(path, lambda *_: None)]
    records = [line.record for line in lines if isinstance(line, SettleLine) and line.record is not None]

    assert [(written.id, written.sequence, written.flags) for written in records] == [
        ("h0", 1, ()),
        ("h1", 2, ("crashed",)),
    ]
    assert (records[1].cost_nusd, records[1].usage.estimated) == (274, True)
    assert scene.far.near.key_usage()[("vk", "2026-09")].cost_nusd == 30 + 274


async def test_without_a_slot_a_call_is_billed_at_its_bound(scene: Scene) -> None:
    """A call of which no progress could be kept may have been anything up to its bound."""
    life = await scene.life(ledger={"slots_count": 1})
    for name in ("watched", "not"):
        await life.ledger.open(take(name, charge(1_040, 5_000, name=name)), draft=draft(name))
        life.ledger.sent(name)
        life.ledger.saw(name, 8)
    life.crash()
    again = await scene.life()
    again.crash()

    assert scene.far.figures("watched").posted == 274
    assert scene.far.figures("not").posted == 1_040


async def test_after_a_machine_died_nothing_is_taken_for_unsent(scene: Scene) -> None:
    """Where memory was lost with the machine, open calls are billed their bounds, and no number is given twice."""
    life = await scene.life(ledger={"boot_id": lambda: "boot-1"})
    for n in range(3):
        await life.ledger.open(take(f"h{n}", charge(1_040, 9_000)), draft=draft(f"h{n}"))
        life.ledger.settle(used(take(f"h{n}", charge(1_040, 9_000)), 100), record(f"h{n}"))
        if n == 0:
            on_disk = life.journal.segments()[-1].stat().st_size
    await life.drain()
    await life.ledger.open(take("open", charge(1_040, 9_000, name="b")), draft=draft("open"))
    path = life.journal.segments()[-1]
    life.crash()
    written = path.read_bytes()
    # Two settlements that the store has counted are gone; the file of progress shows nothing of the last call.
    path.write_bytes(written[:on_disk] + written.splitlines(keepends=True)[-1])
    again = await scene.life(ledger={"boot_id": lambda: "boot-2"})
    await again.ledger.open(take("new", charge(10, 9_000)), draft=draft("new"))
    again.ledger.settle(used(take("new", charge(10, 9_000)), 7), record("new"))
    await again.drain()
    again.crash()

    assert scene.far.figures("b") == Account(1_040, 0, 0)
    assert scene.far.figures() == Account(307, 0, 0)


async def test_a_start_without_the_store_catches_up_later(scene: Scene) -> None:
    """A data plane that starts while the store is away settles what its last life left, and tells it afterwards."""
    life = await scene.life()
    await life.ledger.open(take("h", charge(1_040, 5_000)), draft=draft("h"))
    life.ledger.sent("h")
    life.crash()
    scene.far.away = True
    again = scene.born()
    joined = await again.ledger.rejoin.step()
    waiting = again.ledger.figures().waiting
    scene.far.away = False
    await again.join()
    again.crash()

    assert (joined, waiting) == (False, 1)
    assert scene.far.figures() == Account(266, 0, 0)


async def test_waiting_for_the_store_has_an_end(scene: Scene) -> None:
    """A start waits for a store that catches up, and not for one that is away."""
    scene.far.away = True
    away = scene.born()
    async with kept(away):
        waited_away = await away.ledger.joined(30)
    away.crash()
    scene.far.away = False
    back = await scene.life()
    async with kept(back):
        waited = await back.ledger.joined(30)
    back.crash()

    assert (waited_away, waited) == (False, True)


async def test_a_real_redis_that_hangs_is_caught_up_with(tmp_path: Path) -> None:
    """While Redis hangs, calls that run are settled without waiting; when it answers again, its figures are exact."""
    with running_redis() as server:
        async with running(redis_store(server, deadline_ms=200)) as store:
            life = Life(tmp_path, store)
            calls = [take(f"h{n}", charge(10, 10**6)) for n in range(300)]
            async with asyncio.timeout(60), kept(life):
                await until(lambda: life.ledger.rejoin.joined)
                for call in calls:
                    while True:
                        with contextlib.suppress(StoreError):
                            await life.ledger.open(call)
                            break
                with server.paused():
                    for call in calls:
                        life.ledger.settle(used(call, 3), record(call.id))
                    with pytest.raises(StoreError):
                        await life.ledger.open(take("late", charge(10, 10**6)))
                    waiting = life.ledger.figures().waiting
                await until(lambda: life.ledger.figures().waiting == 0)
            await life.ledger.close(30)
        posted = {field: int(server.client.hget(account("a"), field)) for field in ("posted", "held")}

    assert waiting >= 300
    assert posted == {"posted": 900, "held": 0}


async def test_a_void_gives_back_rates(scene: Scene) -> None:
    """A call that was settled at nothing leaves no debit."""
    life = await scene.life()
    reservation = take("h", rate(60), charge(1))
    await life.ledger.open(reservation)
    life.ledger.settle(void(reservation), None)
    await life.drain()
    held = await life.ledger.open(take("i", rate(60)))
    life.crash()

    assert isinstance(held, Held)

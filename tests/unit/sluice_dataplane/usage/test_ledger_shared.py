"""The ledger on counters that are somewhere else: what is away comes back, and everything is counted once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluice_dataplane.errors import JournalError, StoreError
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Account, Held, Refused
from sluice_dataplane.usage import ledger as ledgers
from sluice_dataplane.usage import outbox
from support.ledgers import Faraway, Life, full_disk, record, used
from support.redis import running_redis
from support.stores import account, charge, rate, redis_store, running, slot, start_ms, take
from support.waiting import until


def _far() -> Faraway:
    return Faraway(MemoryStore(start_ms))


def _figures(far: Faraway, name: str = "a") -> Account:
    return far.near.all_accounts().get(account(name), Account(0, 0, 0))


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


async def _answered(life: Life) -> None:
    await until(lambda: life.ledger.figures().waiting == 0)


async def test_settlements_reach_the_store(tmp_path: Path) -> None:
    """A call is settled at once for its caller, and soon for everybody."""
    far = _far()
    life = Life(tmp_path, far)
    reservation = take("h", charge(100))
    async with kept(life):
        await life.ledger.open(reservation)
        while_open = _figures(far)
        life.ledger.settle(used(reservation, 30), record("h"))
        await _answered(life)
    await life.ledger.close(1)

    assert while_open == Account(0, 100, 0)
    assert _figures(far) == Account(30, 0, 0)
    assert (dict(life.ledger.accounts()), dict(life.ledger.key_usage())) == ({}, {})


async def test_a_lost_answer_is_voided(tmp_path: Path) -> None:
    """When the store may have taken the hold and did not say so, the caller is refused and the hold given back."""
    far = _far()
    life = Life(tmp_path, far)
    far.deaf = True
    async with kept(life):
        with pytest.raises(StoreError):
            await life.ledger.open(take("h", rate(60), slot(1), charge(100)))
        taken = _figures(far)
        far.deaf = False
        await _answered(life)
        held = await life.ledger.open(take("i", rate(60), slot(1)))
    life.crash()

    assert taken == Account(0, 100, 0)
    assert _figures(far) == Account(0, 0, 0)
    assert isinstance(held, Held)


async def test_a_void_survives_a_crash(tmp_path: Path) -> None:
    """A void that was not answered when the process died is sent by the next life."""
    far = _far()
    life = Life(tmp_path, far)
    far.deaf = True
    with pytest.raises(StoreError):
        await life.ledger.open(take("h", charge(100)))
    life.crash()
    far.deaf = False
    again = Life(tmp_path, far)
    async with kept(again):
        await _answered(again)
    again.crash()

    assert _figures(far) == Account(0, 0, 0)
    assert again.replayed.crashed == 0


async def test_a_caller_who_leaves_while_asking_is_voided(tmp_path: Path) -> None:
    """A client that disconnects while its reservation is on the way leaves no hold."""
    far = _far()
    life = Life(tmp_path, far)
    reserve, asked = far.reserve, asyncio.Event()

    async def slow(reservation: object) -> Held | Refused:
        await reserve(reservation)  # type: ignore[arg-type]
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    far.reserve = slow  # type: ignore[method-assign]
    async with kept(life):
        opening = asyncio.get_running_loop().create_task(life.ledger.open(take("h", charge(100))))
        await asked.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await _answered(life)
    life.crash()

    assert _figures(far) == Account(0, 0, 0)


async def test_a_store_that_is_away_refuses_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """While the store is surely away a budgeted call is refused, and its refusal costs no line in the journal."""
    far = _far()
    life = Life(tmp_path, far)
    size = life.journal.segments()[0].stat().st_size
    far.away = True
    with pytest.raises(StoreError):
        await life.ledger.open(take("h", charge(100)))
    life.crash()

    assert life.journal.segments()[0].stat().st_size == size
    assert life.ledger.figures().waiting == 0


async def test_a_call_that_may_fail_open_is_counted_here_and_posted_later(tmp_path: Path) -> None:
    """Without the store such calls keep their rates and slots in this process; what they spent is posted afterwards."""
    far = _far()
    life = Life(tmp_path, far)
    far.away = True
    calls = [take(f"h{n}", rate(20), slot(2), charge(100)) for n in range(4)]
    opened = [await life.ledger.open(call, closed=False) for call in calls]
    life.ledger.settle(used(calls[0], 30), record("h0"))
    opened.append(await life.ledger.open(calls[2], closed=False))
    opened.append(await life.ledger.open(calls[3], closed=False))
    far.away = False
    async with kept(life):
        life.ledger.settle(used(calls[1], 30), record("h1"))
        life.ledger.settle(used(calls[2], 30), record("h2"))
        await _answered(life)
    life.crash()

    assert [type(result) for result in opened] == [Held, Held, Refused, Refused, Held, Refused]
    assert [result.kind for result in opened if isinstance(result, Refused)] == ["slot", "slot", "rate"]
    assert _figures(far) == Account(90, 0, 0)


async def test_a_crashed_call_is_charged_in_the_store(tmp_path: Path) -> None:
    """The next life settles what the last one left open at what it held, in the store too."""
    far = _far()
    life = Life(tmp_path, far)
    await life.ledger.open(take("h", charge(100)))
    life.crash()
    for _ in range(2):
        again = Life(tmp_path, far)
        async with kept(again):
            await _answered(again)
        again.crash()

    assert _figures(far) == Account(100, 0, 0)


async def test_only_what_was_not_acknowledged_is_sent_again(tmp_path: Path) -> None:
    """A life that ended in peace leaves nothing to send; one that crashed leaves what was not answered."""
    far = _far()
    life = Life(tmp_path, far)
    async with kept(life):
        for n in range(10):
            await life.ledger.open(take(f"h{n}", charge(10)))
            life.ledger.settle(used(take(f"h{n}", charge(10)), 1), record(f"h{n}"))
        await _answered(life)
    await life.ledger.close(1)
    far.batches.clear()
    second = Life(tmp_path, far)
    far.away = True
    async with kept(second):
        far.away = False
        await second.ledger.open(take("i", charge(10)))
        far.away = True
        second.ledger.settle(used(take("i", charge(10)), 1), record("i"))
    second.crash()
    far.away = False
    far.batches.clear()
    third = Life(tmp_path, far)
    async with kept(third):
        await _answered(third)
    await third.ledger.close(1)

    assert far.batches == [["i"]]
    assert _figures(far) == Account(11, 0, 0)


async def test_a_lost_mark_is_found_in_the_journal(tmp_path: Path) -> None:
    """Without the acknowledged mark a start sends again what was settled since the last segment began, not all."""
    far = _far()
    life = Life(tmp_path, far)
    async with kept(life):
        for n in range(20):
            await life.ledger.open(take(f"h{n}", charge(10)))
            life.ledger.settle(used(take(f"h{n}", charge(10)), 1), record(f"h{n}"))
            await _answered(life)
            if n == 14:
                life.ledger._rotate()
    life.crash()
    (tmp_path / "acknowledged").unlink(missing_ok=True)
    far.batches.clear()
    again = Life(tmp_path, far)
    async with kept(again):
        await _answered(again)
    again.crash()

    assert [hold_id for batch in far.batches for hold_id in batch] == [f"h{n}" for n in range(15, 20)]
    assert _figures(far) == Account(20, 0, 0)


async def test_a_hold_that_cannot_be_written_is_given_back(tmp_path: Path) -> None:
    """With the disk full the store's hold is voided: nothing stays held for a call that never began."""
    far = _far()
    life = Life(tmp_path, far)
    for n in range(40):
        await life.ledger.open(take(f"h{n}", charge(10)))
    async with kept(life):
        with full_disk(life.journal.segments()[0]), pytest.raises(JournalError):
            await life.ledger.open(take("late", charge(10)))
        await _answered(life)
    life.crash()

    assert _figures(far) == Account(0, 400, 0)


async def test_running_calls_are_extended_and_the_dead_reaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upkeep extends this process's calls in the store, and orphans those that nobody extends."""
    far = _far()
    life = Life(tmp_path, far)
    far.near = MemoryStore(life.clock_ms)
    monkeypatch.setattr(ledgers, "REAP_EVERY_TICKS", 1)
    await life.ledger.open(take("ours", charge(100), ttl_ms=9_000))
    await far.reserve(take("theirs", charge(7), ttl_ms=9_000))
    for _ in range(6):
        life.now_ms += 3_000
        await life.ledger.tick()
    life.crash()

    assert _figures(far) == Account(0, 100, 7)


async def test_upkeep_goes_on_without_the_store(tmp_path: Path) -> None:
    """A store that is away does not keep segments from rotating, nor end the task."""
    far = _far()
    life = Life(tmp_path, far, segment_bytes=100)
    await life.ledger.open(take("h", charge(100)))
    far.away = True
    await life.ledger.tick()
    life.crash()

    assert len(life.journal.segments()) == 2


async def test_closing_leaves_the_rest_to_the_next_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A close that runs out of time loses nothing."""
    monkeypatch.setattr(outbox, "PAUSE_S", 0.001)
    far = _far()
    life = Life(tmp_path, far)
    await life.ledger.open(take("h", charge(100)))
    far.away = True
    life.ledger.settle(used(take("h", charge(100)), 30), record("h"))
    await life.ledger.close(0.02)
    far.away = False
    again = Life(tmp_path, far)
    await again.ledger.close(30)

    assert _figures(far) == Account(30, 0, 0)


async def test_a_real_redis_that_hangs_is_caught_up_with(tmp_path: Path) -> None:
    """While Redis hangs, calls that run are settled without waiting; when it answers again, its figures are exact."""
    with running_redis() as server:
        async with running(redis_store(server, deadline_ms=200)) as store:
            life = Life(tmp_path, store)
            calls = [take(f"h{n}", charge(10, 10**6)) for n in range(300)]
            async with asyncio.timeout(60), kept(life):
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
                await _answered(life)
            await life.ledger.close(30)
        posted = {field: int(server.client.hget(account("a"), field)) for field in ("posted", "held")}

    assert waiting >= 300
    assert posted == {"posted": 900, "held": 0}

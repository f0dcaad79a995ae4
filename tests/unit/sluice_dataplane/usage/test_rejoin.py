"""Back in step with a store that has forgotten something: the totals are exact when all sources have joined."""

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.commands import FENCE_MAX_MS
from sluice_dataplane.limits.store import Account, Held
from sluice_dataplane.usage import checkpoints, upkeep
from sluice_dataplane.usage.rejoin import ASSERTED_AT_ONCE
from support.ledgers import Clock, Faraway, Life, draft, far, record, used
from support.stores import account, charge, rate, slot, take

LIMIT = 10**9


class Fleet:
    """Data planes that share a store and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.far: Faraway = far(self.clock)
        self.lives: list[Life] = []
        self.spent = 0
        self.calls = 0

    async def begin(self, count: int) -> None:
        """*count* of them, in step with the store."""
        for n in range(count):
            self.lives.append(Life(self.folder / str(n), self.far, clock=self.clock))
        await self.join()

    async def join(self) -> None:
        """Let all be in step, step by step in turns."""
        for life in self.lives:
            await life.ledger.rejoin.look()
        for _ in range(40):
            joined = [await life.ledger.rejoin.step() for life in self.lives]
            if all(joined):
                return
            self.clock.now_ms += FENCE_MAX_MS // 10
        raise AssertionError("the store does not admit all of them")

    async def spend(self, life: Life, amount: int = 7) -> None:
        """One call that ends."""
        self.calls += 1
        call = take(f"c{self.calls}", charge(10, LIMIT))
        await life.ledger.open(call, away="Open")
        life.ledger.settle(used(call, amount), record(call.id))
        self.spent += amount

    async def drain(self) -> None:
        """Let all that waits be counted."""
        for life in self.lives:
            await life.drain()

    async def checkpoint(self, life: Life) -> None:
        """As *life* does from time to time."""
        saved = await self.far.checkpoint()
        assert saved is not None
        checkpoints.save(life.journal.directory, saved)

    def end(self) -> None:
        """All processes are killed."""
        for life in self.lives:
            life.crash()


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Nobody yet."""
    return Fleet(tmp_path)


@given(seed=st.integers(0, 2**32))
async def test_a_rewind_to_any_point_is_made_good(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Wherever the store goes back to, and however often: once all have joined, its figures are the journals'."""
    draw, fleet = random.Random(seed), Fleet(tmp_path_factory.mktemp("fleet"))
    await fleet.begin(draw.randint(1, 3))
    images = [fleet.far.near.image()]
    running = []
    for n in range(draw.randint(5, 60)):
        life = draw.choice(fleet.lives)
        match draw.randrange(10):
            case 0:
                images.append(fleet.far.near.image())
            case 1:
                fleet.far.near.rewind(draw.choice(images))
            case 2:
                await fleet.join()
            case 3 | 4:
                await life.ledger.outbox.step()
            case 5:
                call = take(f"r{n}", charge(3, LIMIT))
                if isinstance(await life.ledger.open(call, away="Open"), Held):
                    running.append((life, call))
            case 6 if running:
                life, call = running.pop(draw.randrange(len(running)))
                life.ledger.settle(used(call, 2), record(call.id))
                fleet.spent += 2
                fleet.calls += 1
            case _:
                await fleet.spend(life)
    await fleet.join()
    await fleet.drain()
    await fleet.join()
    fleet.end()

    assert fleet.far.figures() == Account(fleet.spent, 3 * len(running), 0)
    requests = [usage.requests for usage in fleet.far.near.key_usage().values()]
    assert sum(requests) == fleet.calls


async def test_after_a_wipe_two_sources_make_everything_good(fleet: Fleet) -> None:
    """With a checkpoint in one journal's folder, nothing is lost of what both spent, before it and after it."""
    await fleet.begin(2)
    for n in range(20):
        await fleet.spend(fleet.lives[n % 2])
    await fleet.drain()
    await fleet.checkpoint(fleet.lives[0])
    for n in range(20):
        await fleet.spend(fleet.lives[n % 2])
    await fleet.drain()
    fleet.far.near.wipe()
    await fleet.join()
    await fleet.spend(fleet.lives[0])
    await fleet.drain()
    fleet.end()

    assert "restore" in fleet.far.calls
    assert fleet.far.figures() == Account(fleet.spent, 0, 0)


async def test_a_checkpoint_brings_back_what_no_journal_has(fleet: Fleet) -> None:
    """What a data plane spent that is gone with its disk is in the checkpoint of another one."""
    await fleet.begin(2)
    for life in fleet.lives:
        await fleet.spend(life)
    await fleet.drain()
    await fleet.checkpoint(fleet.lives[0])
    fleet.lives.pop().crash()
    fleet.far.near.wipe()
    await fleet.join()
    await fleet.drain()
    fleet.end()

    assert fleet.far.figures() == Account(14, 0, 0)


async def test_a_wipe_without_a_checkpoint_is_made_good_from_the_journals(fleet: Fleet) -> None:
    """Journals that have everything are enough; of one that has forgotten its beginning, the rest is told."""
    await fleet.begin(2)
    for n in range(20):
        await fleet.spend(fleet.lives[n % 2])
    await fleet.drain()
    forgetful = fleet.lives[1]
    forgetful.ledger._upkeep._rotate()
    forgetful.journal.segments()[0].unlink()
    lost = 10 * 7
    await fleet.spend(forgetful)
    fleet.far.near.wipe()
    await fleet.join()
    await fleet.drain()
    fleet.end()

    assert fleet.far.figures() == Account(fleet.spent - lost, 0, 0)


async def test_a_smaller_checkpoint_is_not_restored(fleet: Fleet) -> None:
    """A store that knows more than a checkpoint keeps what it knows."""
    await fleet.begin(1)
    await fleet.spend(fleet.lives[0])
    await fleet.drain()
    await fleet.checkpoint(fleet.lives[0])
    await fleet.spend(fleet.lives[0])
    await fleet.drain()
    fleet.far.near.rewind(fleet.far.near.image())
    await fleet.join()
    fleet.end()

    assert "restore" not in fleet.far.calls
    assert fleet.far.figures() == Account(14, 0, 0)


async def test_what_runs_is_held_again_after_a_wipe(fleet: Fleet) -> None:
    """Running calls are held in spite of fence and limits, however many they are; their settlements end them."""
    await fleet.begin(1)
    (life,) = fleet.lives
    calls = [take(f"h{n}", rate(0), slot(1_000), charge(3, 3 * 300)) for n in range(2 * ASSERTED_AT_ONCE + 3)]
    for call in calls:
        await life.ledger.open(call)
    fleet.far.near.wipe()
    await life.ledger.rejoin.look()
    await life.ledger.rejoin.step()
    asserted = fleet.far.figures()
    await fleet.join()
    for call in calls:
        life.ledger.settle(used(call, 1), record(call.id))
    await fleet.drain()
    fleet.end()

    assert asserted == Account(0, 3 * len(calls), 0)
    assert fleet.far.figures() == Account(len(calls), 0, 0)


async def test_nobody_is_admitted_before_everything_was_told(fleet: Fleet) -> None:
    """Between the loss and the last settlement told, a call that a Budget must hold is refused."""
    await fleet.begin(2)
    await fleet.spend(fleet.lives[1], amount=10)
    await fleet.drain()
    fleet.far.near.wipe()
    outcomes: list[object] = []
    for _ in range(12):
        try:
            outcomes.append(await fleet.lives[0].ledger.open(take(f"t{len(outcomes)}", charge(LIMIT, LIMIT))))
        except StoreError as error:
            outcomes.append(error)
        for life in fleet.lives:
            await life.ledger.rejoin.step()
            await life.ledger.tick()
        fleet.clock.now_ms += 1_000
    fleet.end()

    assert not any(isinstance(outcome, Held) for outcome in outcomes)
    assert fleet.far.figures().posted == 10


async def test_a_store_that_lost_something_unnoticed_is_found_out(fleet: Fleet) -> None:
    """A look now and then finds a store whose mark went back under the same name, and tells it again."""
    await fleet.begin(1)
    (life,) = fleet.lives
    image = fleet.far.near.image()
    for _ in range(5):
        await fleet.spend(life)
    await fleet.drain()
    greeted, current = dict(fleet.far.near._greeted), fleet.far.near._current
    fleet.far.near.rewind(image)
    fleet.far.near._greeted, fleet.far.near._current = greeted, current
    for _ in range(upkeep.LOOK_EVERY_TICKS):
        await life.ledger.tick()
    await fleet.join()
    fleet.end()

    assert fleet.far.figures() == Account(35, 0, 0)


async def test_a_hole_that_nobody_expects_is_found_out(fleet: Fleet) -> None:
    """A store that misses one settlement below its mark is told it again."""
    await fleet.begin(1)
    (life,) = fleet.lives
    for _ in range(5):
        await fleet.spend(life)
    await fleet.drain()
    fleet.far.near._marks._holes[life.ledger.source] = {3}
    fleet.far.near._accounts[account("a")].posted -= 7
    await fleet.join()
    fleet.end()

    assert fleet.far.figures() == Account(35, 0, 0)


async def test_a_journal_that_is_behind_its_store_takes_higher_numbers(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the store has counted more than the journal knows, new settlements are counted all the same; it is said."""
    await fleet.begin(1)
    await fleet.spend(fleet.lives[0])
    await fleet.drain()
    fleet.lives[0].ledger._writer.n = 0
    fleet.lives[0].ledger.outbox._n = 0
    fleet.lives[0].ledger.rejoin.lost()
    await fleet.join()
    await fleet.spend(fleet.lives[0])
    await fleet.drain()
    fleet.end()

    assert fleet.far.figures() == Account(14, 0, 0)
    assert "ledger.journal_behind" in caplog.text


async def test_checkpoints_are_taken_from_time_to_time(fleet: Fleet) -> None:
    """Upkeep keeps a copy of the store's counters beside the journal."""
    await fleet.begin(1)
    (life,) = fleet.lives
    await fleet.spend(life)
    await fleet.drain()
    for _ in range(upkeep.CHECKPOINT_EVERY_TICKS):
        await life.ledger.tick()
    saved = checkpoints.load(life.journal.directory)
    fleet.end()

    assert saved is not None
    assert saved.total == 1


async def test_a_silent_data_plane_is_not_waited_for_for_ever(fleet: Fleet) -> None:
    """One that does not come back keeps nobody out for longer than a fence lasts."""
    await fleet.begin(2)
    fleet.lives.pop().crash()
    fleet.far.near.rewind(fleet.far.near.image())
    begun = fleet.clock.now_ms
    await fleet.join()
    waited = fleet.clock.now_ms - begun
    fleet.end()

    assert waited <= FENCE_MAX_MS + FENCE_MAX_MS // 10


async def test_steps_go_on_while_calls_come(fleet: Fleet) -> None:
    """Calls that find the store ungreeted while it is being greeted do not keep the greeting from its end."""
    await fleet.begin(1)
    (life,) = fleet.lives

    async def call(n: int) -> object:
        try:
            return await life.ledger.open(take(f"x{n}", charge(1, LIMIT)), draft=draft(f"x{n}"))
        except StoreError as error:
            return error

    fleet.far.near.wipe()
    for n in range(30):
        await asyncio.gather(call(3 * n), life.ledger.rejoin.step(), call(3 * n + 1))
        fleet.clock.now_ms += 300
    last = await call(1_000)
    fleet.end()

    assert isinstance(last, Held)
    assert fleet.far.near.all_accounts()[account("a")].held > 0

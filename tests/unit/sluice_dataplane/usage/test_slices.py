"""Slices: what may be spent while the store is away was held before it went away."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.commands import FENCE_MAX_MS
from sluice_dataplane.limits.store import Account, Held, Refused, Reservation
from sluice_dataplane.usage import slices
from sluice_dataplane.usage.slices import Use, worth
from support.ledgers import Clock, Faraway, Life, draft, far, record, used
from support.stores import account, charge, rate, take, void

LIMIT = 100_000
SMALL = 600  # of which calls of up to 20 are soon too many


class Fleet:
    """Ledgers that share a store; each reaches it by a line of its own, which may be cut."""

    def __init__(self, folder: Path, count: int) -> None:
        self.clock = Clock()
        self.store = far(self.clock)
        self.lines = [Faraway(self.store.near) for _ in range(count)]
        self.lives = [Life(folder / str(n), line, clock=self.clock) for n, line in enumerate(self.lines)]

    async def join(self) -> None:
        """Let all be in step."""
        for life in self.lives:
            await life.ledger.rejoin.look()
        for _ in range(40):
            if all([await life.ledger.rejoin.step() for life in self.lives]):
                return
            self.clock.now_ms += FENCE_MAX_MS // 10
        raise AssertionError("the store does not admit all of them")

    async def tick(self, *, away: bool | None = None) -> None:
        """A second passes; then the store goes *away* from all, or comes back."""
        self.clock.now_ms += 1_000
        for line, life in zip(self.lines, self.lives, strict=True):
            await life.ledger.tick()
            await life.ledger.rejoin.step()
            if away is not None:
                line.away = away

    async def settle_all(self) -> None:
        """Send everything."""
        for life in self.lives:
            await life.drain()

    def end(self) -> None:
        """All processes are killed."""
        for life in self.lives:
            life.crash()


@pytest.fixture
async def fleet(tmp_path: Path) -> Fleet:
    """One ledger, in step with its store."""
    fleet = Fleet(tmp_path, 1)
    await fleet.join()
    return fleet


async def _spend(life: Life, name: str, *, bound: int = 100, spent: int = 30, limit: int = LIMIT) -> Held | Refused:
    call = take(name, charge(bound, limit))
    result = await life.ledger.open(call, draft=draft(name), away="Lease")
    if isinstance(result, Held):
        life.ledger.settle(used(call, spent), record(name))
    return result


async def _warm(fleet: Fleet, calls: int = 5) -> None:
    """Let every ledger use the account, and hold a slice of it."""
    for life in fleet.lives:
        for n in range(calls):
            await _spend(life, f"{life.ledger.source}-w{n}")
    await fleet.settle_all()
    await fleet.tick()


@given(
    remaining=st.integers(-10, 10**6),
    lately=st.integers(0, 10**6),
    before=st.integers(0, 10**6),
    bound=st.integers(0, 10**4),
    held=st.integers(0, 10**4),
)
def test_a_slice_is_worth_a_hundredth_of_what_remains_or_a_minutes_use(
    remaining: int, lately: int, before: int, bound: int, held: int
) -> None:
    """No more than either, and nothing where not even one more call would fit it."""
    use = Use(charge(bound), remaining, 60_000)
    use.lately, use.before = lately, before
    amount = worth(use, held)

    assert amount == 0 or bound <= amount <= min((remaining + held) // 100, lately + before)
    assert amount or min(max(remaining + held, 0) // 100, lately + before) in range(bound + 1)


async def test_while_the_store_is_away_calls_are_admitted_from_the_slice(fleet: Fleet) -> None:
    """Calls go on until the slice is spent, then they are refused; afterwards every one was counted, once."""
    await _warm(fleet)
    (life,) = fleet.lives
    part = fleet.store.figures().held
    fleet.lines[0].away = True
    granted = 0
    for n in range(50):
        try:
            granted += isinstance(await _spend(life, f"a{n}"), Held)
        except StoreError:
            break
    fleet.lines[0].away = False
    await fleet.tick()
    await fleet.settle_all()
    figures = life.ledger.figures()
    fleet.end()

    assert part == 500
    assert granted == (part - 100) // 30 + 1
    assert fleet.store.figures().posted == 30 * (5 + granted)
    assert figures.joined


async def test_without_a_slice_that_holds_it_a_call_is_refused(fleet: Fleet) -> None:
    """A call that does not fit, or of whose Budgets one has no slice, is refused, and takes nothing of any slice."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].away = True
    refused = []
    for call in (take("big", charge(501, LIMIT)), take("two", charge(9, LIMIT), charge(9, LIMIT, name="other"))):
        with pytest.raises(StoreError):
            refused.append(await life.ledger.open(call, away="Lease"))
    with pytest.raises(StoreError):
        refused.append(await life.ledger.open(take("closed", charge(9, LIMIT)), away="Closed"))
    left = next(iter(life.ledger.slices._slices.values())).left
    fleet.end()

    assert (refused, left) == ([], 500)


async def test_local_rates_hold_while_calls_come_from_slices(fleet: Fleet) -> None:
    """A slice lifts no rate: what this process counts refuses, and nothing is drawn."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].away = True
    results = [
        await life.ledger.open(take(f"r{n}", rate(1, amount=2, burst=2), charge(100, LIMIT)), away="Lease")
        for n in range(3)
    ]
    left = next(iter(life.ledger.slices._slices.values())).left
    fleet.end()

    assert [type(result) for result in results] == [Held, Held, Refused]
    assert left == 300


async def test_budgets_that_only_observe_need_no_slice(fleet: Fleet) -> None:
    """What refuses nobody does not keep a call out while the store is away."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].away = True
    call = take("o", charge(100, LIMIT), charge(10**9, 0, name="watched", enforced=False))
    held = await life.ledger.open(call, away="Lease")
    fleet.end()

    assert isinstance(held, Held)


async def test_a_reserve_that_timed_out_and_was_then_admitted_is_not_voided(fleet: Fleet) -> None:
    """The store may hold it: the call's own settlement resolves that, and what it spent is posted."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].deaf = True
    call = take("h", charge(100, LIMIT))
    held = await life.ledger.open(call, draft=draft("h"), away="Lease")
    there = fleet.store.near.holds("h")
    fleet.lines[0].deaf = False
    await fleet.tick()
    await fleet.settle_all()
    running = fleet.store.near.holds("h")
    life.ledger.settle(used(call, 60), record("h"))
    await fleet.settle_all()
    fleet.end()

    assert isinstance(held, Held)
    assert (there, running) == (True, True)
    assert fleet.store.figures().posted == 5 * 30 + 60


async def test_a_slice_that_was_drawn_on_is_given_back_after_what_was_drawn(fleet: Fleet) -> None:
    """First the running calls are asserted, then the slice goes: at no moment is what may be spent not counted."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].away = True
    await _spend(life, "ended")
    running = take("running", charge(200, LIMIT))
    await life.ledger.open(running, draft=draft("running"), away="Lease")
    fleet.lines[0].away = False
    counted = []
    apply, reserve = fleet.lines[0].apply, fleet.lines[0].reserve

    def note() -> None:
        figures = fleet.store.figures()
        counted.append(figures.posted + figures.held)

    async def applied(*args: Any) -> Any:
        for entry in args[1]:
            errors = await apply(args[0], [entry])
            note()
        return errors * len(args[1])

    async def reserved(*args: Any, **options: Any) -> Any:
        result = await reserve(*args, **options)
        note()
        return result

    fleet.lines[0].apply, fleet.lines[0].reserve = applied, reserved  # type: ignore[method-assign, assignment]
    await life.ledger.rejoin.step()
    await fleet.settle_all()
    figures = fleet.store.figures()
    fleet.end()

    assert min(counted) >= 5 * 30 + 30 + 200
    assert figures == Account(5 * 30 + 30, 200, 0)
    assert len(life.ledger.slices) == 0


async def test_a_slice_stays_while_the_store_does_not_know_what_was_drawn(fleet: Fleet) -> None:
    """Where a running call cannot be asserted, the slice it came from counts for it until it has ended."""
    await _warm(fleet)
    (life,), (line,) = fleet.lives, fleet.lines
    line.away = True
    running = take("running", charge(200, LIMIT))
    await life.ledger.open(running, draft=draft("running"), away="Lease")
    line.away = False
    reserve = line.reserve

    async def spoilt(reservation: Reservation, *, source: str = "", forced: bool = False) -> Held | Refused:
        if reservation.id == "running":
            raise StoreError("spoilt", transient=False)
        return await reserve(reservation, source=source, forced=forced)

    line.reserve = spoilt  # type: ignore[method-assign]
    await fleet.tick()
    await fleet.settle_all()
    held = fleet.store.figures().held
    life.ledger.settle(used(running, 120), record("running"))
    await life.ledger.rejoin.step()
    await fleet.settle_all()
    fleet.end()

    assert held == 500
    assert fleet.store.figures() == Account(5 * 30 + 120, 0, 0)


async def test_a_refused_call_gets_no_slice_that_was_drawn_on(fleet: Fleet) -> None:
    """What a slice still counts for is not given to another call."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].away = True
    await life.ledger.open(take("running", charge(200, LIMIT)), draft=draft("running"), away="Lease")
    fleet.lines[0].away = False
    posted = fleet.store.figures().posted
    refused = await life.ledger.open(take("all", charge(LIMIT - posted, LIMIT)), away="Lease")
    fleet.end()

    assert isinstance(refused, Refused)
    assert fleet.store.figures().held == 500


async def test_a_spent_slice_is_replaced(fleet: Fleet) -> None:
    """After an outage a new slice is taken, for the next one."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].away = True
    await _spend(life, "ended")
    fleet.lines[0].away = False
    await fleet.tick()
    await fleet.tick()
    new = life.ledger.slices.reservations()
    await fleet.settle_all()
    fleet.end()

    assert [part.charges[0].amount for part in new] == [fleet.store.figures().held]


async def test_a_slice_is_given_back_when_it_is_what_a_call_lacks(fleet: Fleet) -> None:
    """A call is not refused for what this process holds in advance: the slice goes, and the call is tried once more."""
    await _warm(fleet)
    (life,) = fleet.lives
    posted = fleet.store.figures().posted
    fits = await life.ledger.open(take("all", charge(LIMIT - posted, LIMIT)), away="Lease")
    held = fleet.store.figures()
    too_much = await life.ledger.open(take("more", charge(1, LIMIT)), away="Lease")
    fleet.end()

    assert isinstance(fits, Held)
    assert held == Account(posted, LIMIT - posted, 0)
    assert isinstance(too_much, Refused)


async def test_a_refusal_without_a_slice_asks_no_second_time(fleet: Fleet) -> None:
    """Where nothing was held in advance, a refusal is a refusal."""
    fleet.lines[0].calls.clear()
    refused = await fleet.lives[0].ledger.open(take("more", charge(LIMIT + 1, LIMIT)), away="Lease")
    fleet.end()

    assert isinstance(refused, Refused)
    assert fleet.lines[0].calls == ["reserve"]


async def test_what_is_not_used_is_given_back(fleet: Fleet) -> None:
    """An account that nobody used for a minute holds nothing in advance."""
    await _warm(fleet)
    held = fleet.store.figures().held
    for _ in range(2 * slices.HALF_MS // 1_000 + 2):
        await fleet.tick()
    await fleet.settle_all()
    fleet.end()

    assert held == 500
    assert fleet.store.figures() == Account(5 * 30, 0, 0)


async def test_a_slice_follows_the_use(fleet: Fleet) -> None:
    """When an account is used much more, what is held in advance of it grows, up to a hundredth of what remains."""
    await _warm(fleet, calls=1)
    for n in range(20):
        await _spend(fleet.lives[0], f"m{n}")
    for _ in range(2):
        await fleet.settle_all()
        await fleet.tick()
    fleet.end()

    assert 900 <= fleet.store.figures().held <= LIMIT // 100


async def test_a_slice_lives_as_long_as_its_owner(fleet: Fleet) -> None:
    """It is extended like any hold, and orphaned, still counted, when nobody extends it."""
    await _warm(fleet)
    (life,) = fleet.lives
    for n in range(90):
        await _spend(life, f"k{n}")
        await fleet.tick()
        await fleet.settle_all()
    alive = fleet.store.figures()
    life.crash()
    fleet.clock.now_ms += 120_000
    fleet.store.near.reap_now()

    assert (alive.held > 0, alive.orphaned) == (True, 0)
    assert fleet.store.figures().orphaned == alive.held


async def test_a_crash_gives_slices_back_after_its_calls(tmp_path: Path, fleet: Fleet) -> None:
    """The next life settles what was drawn, then gives back what it was drawn from."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.lines[0].away = True
    await _spend(life, "ended", bound=100, spent=40)
    await life.ledger.open(take("sent", charge(200, LIMIT)), draft=draft("sent"), away="Lease")
    life.ledger.sent("sent")
    life.ledger.saw("sent", 8)
    life.crash()
    fleet.lines[0].away = False
    again = Life(tmp_path / "0", fleet.lines[0], clock=fleet.clock)
    await again.join()
    sent = fleet.lines[0].batches[-1]
    again.crash()

    assert (again.replayed.crashed, again.replayed.voided) == (1, 0)
    assert sent[:2] == ["ended", "sent"]
    assert sent[2].startswith(life.ledger.source)
    assert fleet.store.figures() == Account(5 * 30 + 40 + 274, 0, 0)


async def test_closing_gives_slices_back(fleet: Fleet) -> None:
    """A data plane that ends in peace leaves nothing held in advance."""
    await _warm(fleet)
    await fleet.lives[0].ledger.close(5)

    assert fleet.store.figures() == Account(5 * 30, 0, 0)


async def test_closing_keeps_what_still_counts_for_a_call(fleet: Fleet) -> None:
    """A call that is cut off by the end, and that the store never saw, is counted by its slice until the next start."""
    await _warm(fleet)
    (life,), (line,) = fleet.lives, fleet.lines
    line.away = True
    await life.ledger.open(take("cut", charge(200, LIMIT)), draft=draft("cut"), away="Lease")
    await life.ledger.close(0.01)

    assert fleet.store.figures().held == 500


async def test_closing_tells_a_store_that_has_just_forgotten(fleet: Fleet) -> None:
    """The end is not left to the next start where the store can be told now."""
    await _warm(fleet)
    fleet.store.near.wipe()
    await fleet.lives[0].ledger.rejoin.look()
    await fleet.lives[0].ledger.close(5)

    assert fleet.store.figures() == Account(5 * 30, 0, 0)


async def test_slices_are_held_again_after_a_wipe(fleet: Fleet) -> None:
    """What this process may spend from is counted in a store that has forgotten it."""
    await _warm(fleet)
    fleet.store.near.wipe()
    await fleet.join()
    await fleet.settle_all()
    fleet.end()

    assert fleet.store.figures() == Account(5 * 30, 500, 0)


async def test_a_slice_that_the_store_does_not_know_is_held_again(fleet: Fleet) -> None:
    """What the heartbeat finds missing is asserted: it may be spent from at any moment."""
    await _warm(fleet)
    (life,) = fleet.lives
    (part,) = life.ledger.slices.reservations()
    del fleet.store.near._holds[part.id]
    fleet.store.near._accounts[account("a")].held -= 500
    await fleet.tick()
    fleet.end()

    assert fleet.store.figures().held == 500


async def test_while_the_store_catches_up_slices_go_on(fleet: Fleet) -> None:
    """A fence keeps out what is not counted; a slice is."""
    await _warm(fleet)
    (life,) = fleet.lives
    fleet.store.near.wipe()
    await life.ledger.rejoin.look()
    await life.ledger.rejoin.step()
    held = await _spend(life, "fenced")
    fenced = life.ledger.figures().fenced
    await fleet.join()
    await fleet.settle_all()
    fleet.end()

    assert isinstance(held, Held)
    assert fenced
    assert fleet.store.figures().posted == 6 * 30


async def _outage(fleet: Fleet, draw: random.Random, ids: range) -> list[tuple[Life, Reservation]]:
    """Lines are cut and mended in any order while calls come and go; those that run at the end."""
    running: list[tuple[Life, Reservation]] = []
    for n in ids:
        number = draw.randrange(len(fleet.lives))
        life, line = fleet.lives[number], fleet.lines[number]
        match draw.randrange(12):
            case 0:
                line.away = not line.away
            case 1:
                line.deaf = not line.deaf
            case 2:
                fleet.clock.now_ms += 1_000
                await life.ledger.tick()
            case 3 | 4:
                await life.ledger.rejoin.step()
            case 5:
                await life.ledger.outbox.step()
            case 6 | 7 if running:
                owner, call = running.pop(draw.randrange(len(running)))
                spent = call.charges[0].amount - draw.choice((0, 0, 0, 1, call.charges[0].amount))
                owner.ledger.settle(used(call, spent), record(call.id))
            case _:
                call = take(f"o{n}", charge(draw.randint(1, 20), SMALL))
                try:
                    result = await life.ledger.open(call, draft=draft(call.id), away="Lease")
                except StoreError:
                    continue
                if isinstance(result, Held):
                    running.append((life, call))
    return running


@given(seed=st.integers(0, 2**32))
async def test_however_lines_are_cut_no_limit_is_passed(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Three data planes, a store that each can or cannot reach, in any order: what was spent and what runs never comes
    to more than the limit, and in the end every call is counted, once, and nothing stays held.
    """
    draw, fleet = random.Random(seed), Fleet(tmp_path_factory.mktemp("fleet"), 3)
    await fleet.join()
    books: dict[str, int] = {}
    worst = 0
    for life in fleet.lives:
        opened, settled = life.ledger.open, life.ledger.settle

        async def noted(reservation: Reservation, opened: Any = opened, **options: Any) -> Held | Refused:
            nonlocal worst
            result: Held | Refused = await opened(reservation, **options)
            if isinstance(result, Held):
                books[reservation.id] = reservation.charges[0].amount
                worst = max(worst, sum(books.values()))
            return result

        def ended(settlement: Any, written: Any, settled: Any = settled) -> None:
            books[settlement.reservation.id] = settlement.spent[0]
            settled(settlement, written)

        life.ledger.open, life.ledger.settle = noted, ended  # type: ignore[method-assign, assignment]
    running = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SHARE", 4)  # large slices: a mistake with them shows
        for number in range(4):
            running += await _outage(fleet, draw, range(60 * number, 60 * number + 60))
    for owner, call in running:
        owner.ledger.settle(void(call), None)
    for line in fleet.lines:
        line.away = line.deaf = False
    await fleet.tick()
    await fleet.join()
    for life in fleet.lives:
        life.ledger.slices.close(life.ledger._calls)
    await fleet.settle_all()
    fleet.end()

    assert worst <= SMALL
    assert fleet.store.figures() == Account(sum(books.values()), 0, 0)
    assert fleet.store.near.all_accounts()[account("a")].posted <= SMALL

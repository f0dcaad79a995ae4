"""What both stores promise.  The same tests run against memory and against a real Redis."""

import asyncio
import random

import pytest

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.store import Account, Entry, Held, KeyUsage, RateState, Refused
from support.stores import SOURCE, Stand, charge, end, rate, slot, take, void


async def test_reserve_says_what_is_left(stand: Stand) -> None:
    """A hold names what is left of every rate and charge after it."""
    held = await stand.store.reserve(take("h", rate(), slot(1), charge(100), charge(1, 50, name="b")))

    assert held == Held((RateState(59, 1_000),), (900, 49))


async def test_two_hundred_at_once_get_what_ten_can_have(stand: Stand) -> None:
    """A budget that affords ten calls admits exactly ten of two hundred that come together."""
    results = await asyncio.gather(*(stand.store.reserve(take(f"h{n}", charge(100))) for n in range(200)))

    assert sum(isinstance(result, Held) for result in results) == 10
    assert await stand.account() == Account(0, 1_000, 0)


async def test_refused_charge_leaves_nothing(stand: Stand) -> None:
    """A call its budget refuses leaves no debit on its rate, no slot and no hold on its other budgets."""
    refused = await stand.store.reserve(take("h", rate(5), slot(1), charge(10), charge(51, 50, name="b")))
    held = await stand.store.reserve(take("i", rate(1), slot(1), charge(10)))

    assert refused == Refused("charge", 1, None, 50)
    assert held == Held((RateState(59, 1_000),), (990,))


async def test_refused_rate_leaves_nothing(stand: Stand) -> None:
    """A call its rate refuses leaves no hold, and no debit on its other rates."""
    await stand.store.reserve(take("h", rate(60)))
    await stand.store.reserve(take("i", rate(1, name="other"), rate(1), charge(10)))
    again = await stand.store.reserve(take("j", rate(1, name="other")))

    assert await stand.account() == Account(0, 0, 0)
    assert again == Held((RateState(59, 1_000),), ())


async def test_a_thousand_refusals_leave_no_debit(stand: Stand) -> None:
    """Calls over the limit of tokens, or over a budget with tokens to spare, do not use up any."""
    await stand.store.reserve(take("h", rate(50)))
    for n in range(500):
        over = await stand.store.reserve(take(f"rate{n}", rate(11), charge(1)))
        broke = await stand.store.reserve(take(f"budget{n}", rate(10), charge(1_001)))
        assert (type(over), type(broke)) == (Refused, Refused)

    assert await stand.store.reserve(take("i", rate(10), charge(1_000))) == Held((RateState(0, 60_000),), (0,))


@pytest.mark.parametrize("seed", range(5))
async def test_no_minute_holds_more_than_limit_and_burst(stand: Stand, seed: int) -> None:
    """Over any edge of a window, wherever one looks: at most the limit and the burst were admitted within a minute."""
    draw, admitted = random.Random(seed), list[int]()
    amount, burst = draw.randint(5, 30), draw.randint(1, 30)
    for n in range(400):
        stand.advance(draw.choice((0, 0, 1, 50, 900, 7_000)))
        if isinstance(await stand.store.reserve(take(f"h{n}", rate(amount=amount, burst=burst))), Held):
            admitted.append(stand.now_ms)

    assert len(admitted) > amount
    for start_ms in admitted:
        assert sum(start_ms <= at_ms < start_ms + 60_000 for at_ms in admitted) <= amount + burst


async def test_refused_slot_names_itself(stand: Stand) -> None:
    """With all slots taken the next call is refused, without a promise of when it may try again."""
    await stand.store.reserve(take("h", slot(9, name="other"), slot(1)))

    assert await stand.store.reserve(take("i", slot(9, name="other"), slot(1))) == Refused("slot", 1, None)


async def test_repeating_takes_nothing_more(stand: Stand) -> None:
    """The same id reserved twice is one hold."""
    reservation = take("h", rate(), slot(1), charge(100))
    first = await stand.store.reserve(reservation)

    assert await stand.store.reserve(reservation) == first
    assert await stand.account() == Account(0, 100, 0)


async def test_late_arrival_takes_nothing(stand: Stand) -> None:
    """A reservation that arrives after its void takes nothing and says so: its caller gave up on it."""
    reservation = take("h", rate(), slot(1), charge(100))
    await stand.settle(void(reservation))

    with pytest.raises(StoreError) as caught:
        await stand.store.reserve(reservation)
    assert not caught.value.transient
    assert await stand.account() == Account(0, 0, 0)
    assert await stand.store.reserve(take("i", rate(), slot(1))) == Held((RateState(59, 1_000),), ())


async def test_void_gives_everything_back(stand: Stand) -> None:
    """A void leaves rate, slot and budget as if the call had never been."""
    reservation = take("h", rate(60), slot(1), charge(1_000))
    await stand.store.reserve(reservation)
    await stand.settle(void(reservation))

    assert await stand.store.reserve(take("i", rate(), slot(1), charge(1))) == Held((RateState(59, 1_000),), (999,))


async def test_settling_twice_counts_once(stand: Stand) -> None:
    """A number counts once, however often it comes."""
    reservation = take("h", rate(10), slot(2), charge(100))
    usage = KeyUsage("vk", "2026-09", 1, 2, 3, 4, 5)
    await stand.store.reserve(reservation)
    for _ in range(2):
        await stand.apply(Entry(1, end(reservation, 30, used=(4,), usage=usage)))

    assert await stand.account() == Account(30, 0, 0)
    assert stand.usage("vk", "2026-09") == usage
    assert await stand.store.reserve(take("i", rate())) == Held((RateState(55, 5_000),), ())


async def test_settling_may_spend_more_than_was_held(stand: Stand) -> None:
    """What was really spent is posted, also where it is more than was held."""
    reservation = take("h", charge(100))
    await stand.store.reserve(reservation)
    await stand.settle(end(reservation, 250))

    assert await stand.account() == Account(250, 0, 0)


async def test_lost_hold_is_posted(stand: Stand) -> None:
    """A store that forgot a hold still posts what the call spent, and gives nothing back that it never took."""
    reservation = take("h", rate(50), slot(1), charge(100))
    await stand.store.reserve(take("other", rate(55)))
    await stand.settle(end(reservation, 40, used=(0,)))

    assert await stand.account() == Account(40, 0, 0)
    assert await stand.store.reserve(take("i", rate(0))) == Held((RateState(5, 55_000),), ())


async def test_all_settlements_of_a_batch_count(stand: Stand) -> None:
    """A batch settles each of its holds and names no error."""
    reservations = [take(f"h{n}", charge(10)) for n in range(50)]
    for reservation in reservations:
        await stand.store.reserve(reservation)
    errors = await stand.store.apply(SOURCE, [Entry(n + 1, end(each, 3)) for n, each in enumerate(reservations)])

    assert errors == (None,) * 50
    assert await stand.account() == Account(150, 0, 0)


async def test_observed_charge_never_refuses(stand: Stand) -> None:
    """A charge that is not enforced counts, over its limit too, and says by how much."""
    held = await stand.store.reserve(take("h", charge(1_500, enforced=False)))

    assert held == Held((), (-500,))
    assert await stand.account() == Account(0, 1_500, 0)


async def test_limit_is_reached_and_not_passed(stand: Stand) -> None:
    """A budget can be held to its last unit, and not one further."""
    assert await stand.store.reserve(take("h", charge(1_000))) == Held((), (0,))
    assert await stand.store.reserve(take("i", charge(1))) == Refused("charge", 0, None, 0)


@pytest.mark.parametrize("amount", [7, 60, 700])
async def test_rate_admits_its_burst_and_says_when_to_come_back(stand: Stand, amount: int) -> None:
    """A bucket gives exactly its burst at once; a millisecond before the time it names it refuses, at it it admits."""
    one = rate(amount=amount, burst=amount)
    results = [await stand.store.reserve(take(f"h{n}", one)) for n in range(amount + 1)]
    refused = results.pop()

    assert all(isinstance(result, Held) for result in results)
    assert isinstance(refused, Refused)
    assert refused.retry_after_ms is not None
    stand.advance(refused.retry_after_ms - 1)
    assert isinstance(await stand.store.reserve(take("early", one)), Refused)
    stand.advance(1)
    assert isinstance(await stand.store.reserve(take("in time", one)), Held)


async def test_large_cost_needs_a_full_bucket_and_leaves_debt(stand: Stand) -> None:
    """A cost over the burst is admitted by a full bucket only, and the rate still holds over time."""
    held = await stand.store.reserve(take("h", rate(120)))
    refused = await stand.store.reserve(take("i", rate(120)))
    stand.advance(120_000)

    assert held == Held((RateState(0, 120_000),), ())
    assert refused == Refused("rate", 0, 120_000)
    assert isinstance(await stand.store.reserve(take("j", rate(120))), Held)


async def test_unused_rate_is_given_back(stand: Stand) -> None:
    """Tokens that were reserved and not used are there for the next call."""
    reservation = take("h", rate(50))
    await stand.store.reserve(reservation)
    await stand.settle(end(reservation, used=(20,)))

    assert await stand.store.reserve(take("i", rate(0))) == Held((RateState(40, 20_000),), ())


async def test_rate_used_beyond_its_cost_delays_the_next(stand: Stand) -> None:
    """Tokens used beyond the reservation are debited: the bucket may go into debt."""
    reservation = take("h", rate(10))
    await stand.store.reserve(reservation)
    await stand.settle(end(reservation, used=(90,)))

    assert await stand.store.reserve(take("i", rate(1))) == Refused("rate", 0, 31_000)


async def test_refund_never_fills_a_bucket_beyond_its_burst(stand: Stand) -> None:
    """A refund to a bucket that has filled up meanwhile adds nothing."""
    reservation = take("h", rate(50))
    await stand.store.reserve(reservation)
    stand.advance(50_000)
    await stand.settle(void(reservation))

    assert await stand.store.reserve(take("i", rate(60))) == Held((RateState(0, 60_000),), ())
    assert isinstance(await stand.store.reserve(take("j", rate(1))), Refused)


async def test_editing_a_limit_forgets_nothing(stand: Stand) -> None:
    """The debt of a bucket stays when its amount changes."""
    await stand.store.reserve(take("h", rate(60)))

    assert isinstance(await stand.store.reserve(take("i", rate(1, amount=30, burst=30))), Refused)


async def test_amount_of_zero_admits_nothing(stand: Stand) -> None:
    """A rate of zero refuses every call and names no time to come back."""
    assert await stand.store.reserve(take("h", rate(amount=0, burst=0))) == Refused("rate", 0, None)


async def test_slots_come_back(stand: Stand) -> None:
    """Every settled call gives its slot back, once."""
    for n in range(30):
        reservation = take(f"h{n}", slot(1))
        assert isinstance(await stand.store.reserve(reservation), Held)
        await stand.settle(end(reservation))
        await stand.settle(end(reservation))
    await stand.store.reserve(take("a", slot(1)))

    assert isinstance(await stand.store.reserve(take("b", slot(1))), Refused)


async def test_slot_of_a_dead_call_heals_itself(stand: Stand) -> None:
    """A slot whose call never came back is free again when its lease ends, reaped or not."""
    await stand.store.reserve(take("h", slot(1), ttl_ms=5_000))
    stand.advance(4_999)
    before = await stand.store.reserve(take("i", slot(1)))
    stand.advance(1)

    assert isinstance(before, Refused)
    assert isinstance(await stand.store.reserve(take("j", slot(1))), Held)


async def test_extended_call_keeps_its_slot_and_its_hold(stand: Stand) -> None:
    """A call that is extended is neither reaped nor loses its slot, however long it runs."""
    await stand.store.reserve(take("h", slot(1), charge(100), ttl_ms=5_000))
    for _ in range(5):
        stand.advance(4_000)
        await stand.store.extend(SOURCE, ["h", "unknown"], 5_000)
        assert await stand.store.reap() == 0

    assert await stand.account() == Account(0, 100, 0)
    assert isinstance(await stand.store.reserve(take("i", slot(1))), Refused)


async def test_expired_hold_stays_counted(stand: Stand) -> None:
    """A hold past its deadline is orphaned, not released: the budget still counts it."""
    await stand.store.reserve(take("h", charge(1_000), ttl_ms=5_000))
    stand.advance(5_000)

    assert await stand.store.reap() == 1
    assert await stand.store.reap() == 0
    assert await stand.account() == Account(0, 0, 1_000)
    assert isinstance(await stand.store.reserve(take("i", charge(1))), Refused)


async def test_owner_settles_an_orphan(stand: Stand) -> None:
    """An orphan's owner that comes back replaces it by what was spent."""
    reservation = take("h", rate(60), charge(1_000), ttl_ms=5_000)
    await stand.store.reserve(reservation)
    stand.advance(5_000)
    await stand.store.reap()
    await stand.store.extend(SOURCE, ["h"], 60_000)
    await stand.settle(end(reservation, 250, used=(30,)))

    assert await stand.account() == Account(250, 0, 0)
    assert await stand.store.reserve(take("i", rate(0))) == Held((RateState(35, 25_000),), ())


async def test_an_orphan_is_not_brought_back(stand: Stand) -> None:
    """Extending a hold that was orphaned leaves it orphaned, and takes no slot that may be another's by now."""
    await stand.store.reserve(take("h", slot(1), charge(10), ttl_ms=5_000))
    stand.advance(5_000)
    await stand.store.reap()
    await stand.store.extend(SOURCE, ["h"], 60_000)

    assert isinstance(await stand.store.reserve(take("i", slot(1))), Held)
    assert await stand.account() == Account(0, 0, 10)


async def test_reaping_takes_at_most_a_hundred(stand: Stand) -> None:
    """One reap does a bounded piece of work, the oldest first."""
    for n in range(130):
        await stand.store.reserve(take(f"h{n}", charge(1), ttl_ms=1_000))
    stand.advance(1_000)

    assert [await stand.store.reap() for _ in range(3)] == [100, 30, 0]
    assert await stand.account() == Account(0, 0, 130)


async def test_usage_of_a_key_adds_up(stand: Stand) -> None:
    """A month's figures are the sums of its calls; the last use is the latest, in whatever order they settle."""
    for n, at_ms in enumerate((50, 90, 70)):
        usage = KeyUsage("vk", "2026-09", 1, 10, 20, 300, at_ms)
        await stand.settle(end(take(f"h{n}"), usage=usage))

    assert stand.usage("vk", "2026-09") == KeyUsage("vk", "2026-09", 3, 30, 60, 900, 90)


async def test_unknown_account_is_all_zeros(stand: Stand) -> None:
    """Accounts come in the order asked for; one that was never charged has zeros."""
    await stand.store.reserve(take("h", charge(5, name="b")))
    figures = await stand.store.accounts([charge(0, name=name).account for name in ("x", "b", "y")])

    assert figures == (Account(0, 0, 0), Account(0, 5, 0), Account(0, 0, 0))

"""Attempts over the real ledger: what each takes, what each is billed, and what is left when all is over."""

from pathlib import Path

import pytest

from sluice_contract.snapshot import Limit, Model, Price, Retry, Target
from sluice_dataplane.config.table import Table
from support.builders import PRICE, budget, key, model, table, upstream
from support.rooms import RESET, SLOW, UNREACHABLE, Reply, Rooms, answer

DEAR = Price(version="dear", input_nusd_per_mtok=1_500_000_000, output_nusd_per_mtok=6_000_000_000)
ONE_A_MINUTE = Limit(name="one", unit="Requests", amount=1, window_ms=60_000, burst=1)
CEILING = 100


def two(*, limits: tuple[Limit, ...] = (), retry: int = 2) -> Model:
    """A model on a cheap and a dear target."""
    targets = (
        Target(name="a", upstream_id="a", price=PRICE, limits=limits),
        Target(name="b", upstream_id="b", price=DEAR, priority=1, limits=limits),
    )
    return model(targets=targets, retry=Retry(attempts=retry))


def world(the_model: Model, amount: int = 10**9) -> Table:
    """One key with one Budget in money."""
    return table(
        models=(the_model,),
        upstreams=(upstream(id="a"), upstream(id="b")),
        keys=(key(budget_ids=("bud1",), max_parallel_requests=1),),
        budgets=(budget(amount=amount),),
    )


def most(price: Price, rooms: Rooms) -> int:
    """What one attempt comes to at most."""
    record = next(record for record in rooms.records() if "unanswered" in record.flags)
    return (
        record.usage.input * price.input_nusd_per_mtok + record.usage.output * price.output_nusd_per_mtok
    ) // 1_000_000


async def test_an_attempt_that_timed_out_is_billed_beside_the_one_that_answered(tmp_path: Path) -> None:
    """Two records, one exchange: the lost one at its bound, the other as reported; nothing stays held."""
    rooms = Rooms(tmp_path, world(two()))
    rooms.upstreams.script("a", SLOW)
    rooms.upstreams.script("b", answer((10, 5)))
    told = await rooms.call({"max_tokens": CEILING})
    lost, last = rooms.records()

    assert told.status == 200
    assert (lost.attempt, lost.flags, lost.target, lost.usage.output) == (1, ("unanswered",), "a", CEILING)
    assert (last.attempt, last.flags, last.target) == (2, (), "b")
    assert lost.id == last.id == "req_1"
    assert last.cost_nusd == 10 * 1_500 + 5 * 6_000
    assert lost.cost_nusd == most(PRICE, rooms)
    assert (rooms.posted(), rooms.held(), rooms.running()) == (lost.cost_nusd + last.cost_nusd, 0, 0)


@pytest.mark.parametrize(
    "failure", [UNREACHABLE, Reply(500), Reply(429), Reply(503)], ids=["refused", "500", "429", "503"]
)
async def test_an_attempt_that_was_refused_costs_nothing(tmp_path: Path, failure: object) -> None:
    """A connection that failed and a status of failure: one record, of what answered."""
    rooms = Rooms(tmp_path, world(two()))
    rooms.upstreams.script("a", failure)
    rooms.upstreams.script("b", answer((10, 5)))
    await rooms.call({"max_tokens": CEILING})
    (record,) = rooms.records()

    assert (record.attempt, record.attempts, record.target, record.flags) == (2, 2, "b", ())
    assert (rooms.posted(), rooms.held(), rooms.running()) == (record.cost_nusd, 0, 0)


async def test_a_budget_that_holds_one_attempt_lets_no_second_be_lost(tmp_path: Path) -> None:
    """Both must fit, or the second is not made: the client hears what became of the first."""
    probe = Rooms(tmp_path / "probe", world(two()))
    probe.upstreams.script("a", SLOW)
    probe.upstreams.script("b", answer())
    await probe.call({"max_tokens": CEILING})
    dearest = most(DEAR, probe)

    for amount, asked in ((2 * dearest, ["a", "b"]), (2 * dearest - 1, ["a"])):
        rooms = Rooms(tmp_path / str(amount), world(two(retry=1), amount))
        rooms.upstreams.script("a", SLOW)
        rooms.upstreams.script("b", answer())
        told = await rooms.call({"max_tokens": CEILING})

        assert rooms.upstreams.asked == asked
        assert told.status == (200 if len(asked) == 2 else 504)
        assert rooms.posted() <= amount
        assert (rooms.held(), rooms.running()) == (0, 0)


async def test_every_attempt_lost_is_every_attempt_billed(tmp_path: Path) -> None:
    """Three resets: three records, each at its bound, numbered; the client hears of the last."""
    rooms = Rooms(tmp_path, world(two()))
    for name in ("a", "b"):
        rooms.upstreams.script(name, RESET)
    told = await rooms.call({"max_tokens": CEILING})
    records = rooms.records()

    assert (told.status, rooms.upstreams.asked) == (502, ["a", "b", "a"])
    assert [(record.attempt, record.attempts, record.target) for record in records] == [
        (1, 3, "a"),
        (2, 3, "b"),
        (3, 3, "a"),
    ]
    assert {record.flags for record in records} == {("unanswered",)}
    assert rooms.posted() == sum(record.cost_nusd for record in records)
    assert (rooms.held(), rooms.running()) == (0, 0)
    usage = next(iter(rooms.life.ledger.key_usage().values()))
    assert (usage.requests, usage.cost_nusd) == (1, rooms.posted())


async def test_each_attempt_takes_its_targets_limit(tmp_path: Path) -> None:
    """One request a minute for each target: the call that falls back uses up both, and the next finds neither."""
    rooms = Rooms(tmp_path, world(two(limits=(ONE_A_MINUTE,))))
    rooms.upstreams.script("a", Reply(500))
    rooms.upstreams.script("b", answer())
    first, second = await rooms.call({"max_tokens": CEILING}), await rooms.call({"max_tokens": CEILING})

    assert (first.status, second.status, second.code) == (200, 429, "rate_limit_exceeded")
    assert rooms.upstreams.asked == ["a", "b"]
    assert (rooms.held(), rooms.running()) == (0, 0)


async def test_slots_last_as_long_as_the_exchange(tmp_path: Path) -> None:
    """Several holds are one call in flight, and none when it is over."""
    rooms = Rooms(tmp_path, world(two()))
    rooms.upstreams.script("a", SLOW)
    rooms.upstreams.script("b", answer())
    for _ in range(3):
        assert (await rooms.call({"max_tokens": CEILING})).status == 200

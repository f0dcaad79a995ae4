"""Admission over the real ledger: other targets, lower ceilings, cheaper models, and stores that are away."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sluice_contract.snapshot import Limit, Model, Price, Target
from sluice_contract.windows import Period
from sluice_dataplane.config.table import Table
from support.builders import NOW_MS, PRICE, budget, key, model, table, upstream
from support.ledgers import Clock, far, full_disk
from support.rooms import Rooms, Told, answer
from support.waiting import until

RPM = Limit(name="rpm", unit="Requests", amount=60, window_ms=60_000, burst=1)
DEAR = Price(version="dear", input_nusd_per_mtok=15_000_000_000, output_nusd_per_mtok=60_000_000_000)
USD = 1_000_000_000


def world(*budgets: Any, models: tuple[Model, ...] = (), **of_key: Any) -> Table:
    """One key under *budgets*."""
    the_key = key(budget_ids=tuple(each.id for each in budgets), **of_key)
    return table(
        models=models or (model(),),
        upstreams=(upstream(), upstream(id="a"), upstream(id="b")),
        keys=(the_key,),
        budgets=budgets,
    )


def dear_and_cheap(**of_cheap: Any) -> tuple[Model, Model]:
    """``echo``, which is dear, and ``small``, which costs a hundredth."""
    dear = model("echo", targets=(Target(name="d", upstream_id="a", price=DEAR),))
    return dear, model("small", targets=(Target(name="c", upstream_id="b", price=PRICE),), **of_cheap)


class TestTargets:
    """Limits of targets."""

    @staticmethod
    def targets(*amounts: int) -> Model:
        """A model whose targets allow so many requests a minute."""
        limits = [Limit(name="own", unit="Requests", amount=n, window_ms=60_000, burst=n) for n in amounts]
        return model(
            targets=tuple(
                Target(name=name, upstream_id=name, price=PRICE, limits=(limit,), priority=n)
                for n, (name, limit) in enumerate(zip("ab", limits, strict=True))
            )
        )

    async def test_a_target_over_its_limit_is_passed_over(self, tmp_path: Path) -> None:
        """The next candidate serves; with none left the client hears the shortest wait."""
        rooms = Rooms(tmp_path, world(models=(self.targets(1, 2),)))
        rooms.upstreams.script("a", answer())
        rooms.upstreams.script("b", answer())
        told = [await rooms.call() for _ in range(4)]

        assert [each.status for each in told] == [200, 200, 200, 429]
        assert rooms.upstreams.asked == ["a", "b", "b"]
        assert (told[-1].code, told[-1].headers["retry-after"]) == ("rate_limit_exceeded", "30")
        assert rooms.running() == 0

    async def test_a_refused_call_takes_nothing_of_any_target(self, tmp_path: Path) -> None:
        """The key's own limit refuses: the targets' limits stay as they were."""
        rooms = Rooms(tmp_path, world(models=(self.targets(1, 1),), limits=(RPM,)))
        rooms.upstreams.script("a", answer())
        rooms.upstreams.script("b", answer())
        assert [(await rooms.call()).status for _ in range(3)] == [200, 429, 429]

        rooms.clock.now_ms += 1_000
        assert (await rooms.call()).status == 200
        assert rooms.upstreams.asked == ["a", "b"]


class TestCeilings:
    """What is left decides how long an answer may be."""

    async def test_the_last_of_a_budget_is_used_up(self, tmp_path: Path) -> None:
        """Calls that name no ceiling get what fits, are told so, and are refused below 256 tokens."""
        rooms = Rooms(tmp_path, world(budget(unit="OutputTokens", amount=10_000)))
        rooms.upstreams.script("up", answer((1, 2_000)))
        told = [await rooms.call() for _ in range(6)]

        assert [each.status for each in told] == [200] * 5 + [429]
        assert [each.headers.get("x-sluice-output-clamped") for each in told[:5]] == [None, None, None, "4000", "2000"]
        assert [body["max_tokens"] for body in rooms.upstreams.bodies] == [4_096, 4_096, 4_096, 4_000, 2_000]
        assert rooms.posted() == 10_000

    async def test_a_ceiling_that_the_client_named_is_its_own(self, tmp_path: Path) -> None:
        """It is not lowered behind its back: the call is refused."""
        rooms = Rooms(tmp_path, world(budget(unit="OutputTokens", amount=1_000)))
        told = await rooms.call({"max_tokens": 1_001})

        assert (told.status, told.code) == (429, "insufficient_quota")
        assert rooms.upstreams.asked == []

    async def test_several_budgets_clamp_one_after_the_other(self, tmp_path: Path) -> None:
        """The lowest of what fits into each."""
        budgets = (
            budget(id="b1", unit="OutputTokens", amount=900),
            budget(id="b2", unit="OutputTokens", amount=600),
            budget(id="b3", unit="OutputTokens", amount=300),
        )
        rooms = Rooms(tmp_path, world(*budgets))
        told = await rooms.call()

        assert told.headers["x-sluice-output-clamped"] == "300"
        assert rooms.running() == 0


class TestDowngrades:
    """Budgets that name a cheaper model."""

    async def test_what_a_budget_does_not_hold_the_cheaper_model_serves(self, tmp_path: Path) -> None:
        """The dear model does not fit any more, the cheap one does; the record says what was asked and what served."""
        spent = budget(amount=USD // 10, on_exhausted="Downgrade", downgrade_model="small")
        rooms = Rooms(tmp_path, world(spent, models=dear_and_cheap()))
        rooms.upstreams.script("a", answer((500, 1_400)))
        rooms.upstreams.script("b", answer((500, 400)))
        told = [await rooms.call({"max_tokens": 1_500}) for _ in range(2)]
        first, second = rooms.records()

        assert [each.status for each in told] == [200, 200]
        assert [each.headers.get("x-sluice-downgraded") for each in told] == [None, "small"]
        assert (first.model, first.target, first.flags) == ("echo", "d", ())
        assert (second.model, second.target, second.upstream_model, second.flags) == (
            "echo",
            "c",
            "small",
            ("downgraded",),
        )
        assert rooms.upstreams.bodies[1]["model"] == "small"
        assert rooms.posted() == first.cost_nusd + second.cost_nusd <= spent.amount

    async def test_a_budget_that_holds_neither_refuses(self, tmp_path: Path) -> None:
        """And so does any other Budget of the call that does not hold the cheaper one."""
        empty = budget(amount=0, on_exhausted="Downgrade", downgrade_model="small")
        rooms = Rooms(tmp_path, world(empty, models=dear_and_cheap()))
        assert (await rooms.call()).code == "insufficient_quota"

        other = budget(id="other", name="other", unit="Requests", amount=0)
        both = Rooms(
            tmp_path / "both",
            world(
                budget(amount=USD // 100, on_exhausted="Downgrade", downgrade_model="small"),
                other,
                models=dear_and_cheap(),
            ),
        )
        told = await both.call()
        assert told.headers["x-sluice-budget"] == "team/other"
        assert (both.posted(), both.held(), both.running()) == (0, 0, 0)

    async def test_from_a_share_on_the_cheaper_model_serves_straight_away(self, tmp_path: Path) -> None:
        """Below half of the Budget the dear one, from half on the cheap one, to the call."""
        half = budget(unit="Requests", amount=10, downgrade_percent=50, downgrade_model="small")
        rooms = Rooms(tmp_path, world(half, models=dear_and_cheap()))
        rooms.upstreams.script("a", answer())
        rooms.upstreams.script("b", answer())
        told = [await rooms.call() for _ in range(11)]

        assert rooms.upstreams.asked == ["a"] * 5 + ["b"] * 5
        assert [each.status for each in told] == [200] * 10 + [429]
        assert (rooms.posted(), rooms.held(), rooms.running()) == (10, 0, 0)

    async def test_a_replica_that_has_heard_nothing_yet_asks_once_and_changes_over(self, tmp_path: Path) -> None:
        """What others spent it learns from the store's first answer; the hold for the dear model is given back."""
        half = budget(unit="Requests", amount=10, downgrade_percent=50, downgrade_model="small")
        rooms = Rooms(tmp_path, world(half, models=dear_and_cheap()))
        rooms.upstreams.script("a", answer())
        rooms.upstreams.script("b", answer())
        for _ in range(6):
            await rooms.call()
        rooms.pipeline._admission._shares.clear()
        told = await rooms.call()

        assert told.headers["x-sluice-downgraded"] == "small"
        assert rooms.upstreams.asked == ["a"] * 5 + ["b"] * 2
        assert (rooms.posted(), rooms.held(), rooms.running()) == (7, 0, 0)

    @pytest.mark.parametrize(
        ("period", "later_ms"), [(Period(unit="Day"), 86_400_000), (Period(rolling_ms=60_000), 62_000)]
    )
    async def test_a_new_window_begins_with_the_model_that_was_asked_for(
        self, tmp_path: Path, period: Period, later_ms: int
    ) -> None:
        """What was used of the last window says nothing of this one; of a rolling one it flows back."""
        half = budget(unit="Requests", amount=2, period=period, downgrade_percent=50, downgrade_model="small")
        rooms = Rooms(tmp_path, world(half, models=dear_and_cheap()))
        rooms.upstreams.script("a", answer())
        rooms.upstreams.script("b", answer())
        for wait_ms in (0, 0, later_ms, 0):
            rooms.clock.now_ms += wait_ms
            await rooms.call()

        assert rooms.upstreams.asked == ["a", "b", "a", "b"]

    async def test_what_was_held_and_given_back_does_not_send_calls_away(self, tmp_path: Path) -> None:
        """Calls in flight held the Budget's half, and used little of it: the next call gets what it asked for."""
        half = budget(unit="OutputTokens", amount=1_000, downgrade_percent=50, downgrade_model="small")
        rooms = Rooms(tmp_path, world(half, models=dear_and_cheap()))
        rooms.upstreams.script("a", answer((1, 1)))
        rooms.upstreams.script("b", answer((1, 1)))
        gate = rooms.upstreams.gates["a"] = asyncio.Event()
        calls = [asyncio.ensure_future(rooms.call({"max_tokens": 300})) for _ in range(3)]
        await until(lambda: any(call.done() for call in calls))
        gate.set()
        await asyncio.gather(*calls)
        assert sorted(rooms.upstreams.asked) == ["a", "a", "b"]
        told = await rooms.call({"max_tokens": 300})

        assert "x-sluice-downgraded" not in told.headers
        assert (rooms.posted(), rooms.held(), rooms.running()) == (4, 0, 0)

    async def test_the_key_needs_no_grant_for_it(self, tmp_path: Path) -> None:
        """The Budget's owner gives it; asked for by itself the model is still not there for this key."""
        empty = budget(amount=USD // 100, on_exhausted="Downgrade", downgrade_model="small")
        rooms = Rooms(tmp_path, world(empty, models=dear_and_cheap(), allow=("echo",)))
        rooms.upstreams.script("b", answer())

        assert (await rooms.call()).status == 200
        assert (await rooms.call({"model": "small"})).status == 404

    @pytest.mark.parametrize("name", ["gone", "echo"])
    async def test_a_model_that_is_not_there_serves_nobody(self, tmp_path: Path, name: str) -> None:
        """A name that leads nowhere, or back, is a refusal as if there were none."""
        spent = budget(amount=USD // 100, on_exhausted="Downgrade", downgrade_model=name)
        rooms = Rooms(tmp_path, world(spent, models=dear_and_cheap()))

        assert (await rooms.call({"max_tokens": 4_096})).code == "insufficient_quota"

    async def test_a_cheaper_model_is_held_by_the_budgets_of_both(self, tmp_path: Path) -> None:
        """A Budget that covers only the model that was asked for pays for what stands in for it."""
        spent = budget(amount=USD // 10, models=("echo",), on_exhausted="Downgrade", downgrade_model="small")
        other = budget(id="small", models=("small",), unit="Requests", amount=5)
        rooms = Rooms(tmp_path, world(spent, other, models=dear_and_cheap()))
        rooms.upstreams.script("b", answer((500, 400)))
        await rooms.call({"max_tokens": 4_096})
        (record,) = rooms.records()

        assert record.budget_ids == ("bud1", "small")
        assert rooms.posted() == record.cost_nusd + 1


class TestAway:
    """Stores and journals that are not there."""

    @staticmethod
    async def rooms(folder: Path, *budgets: Any) -> Rooms:
        """A data plane in step with a store that is somewhere else."""
        clock = Clock()
        store = far(clock)
        made = Rooms(folder, world(*budgets), store=store, clock=clock)
        await made.life.join()
        return made

    @staticmethod
    def cut(rooms: Rooms, *, away: bool = True) -> None:
        """The store is away, or back."""
        rooms.life.store.away = away  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("mode", "status"), [("Closed", 503), ("Lease", 503), ("Open", 200)], ids=["Closed", "Lease", "Open"]
    )
    async def test_what_is_done_without_the_store_is_the_budgets_choice(
        self, tmp_path: Path, mode: str, status: int
    ) -> None:
        """Closed refuses, Lease does where it holds no slice, Open goes on; a refusal says when to come back."""
        rooms = await self.rooms(tmp_path, budget(failure_mode=mode))
        self.cut(rooms)
        told = await rooms.call()

        assert told.status == status
        if status == 503:
            assert (told.code, told.headers["retry-after"]) == ("budget_store_unavailable", "3")
        assert rooms.running() == 0

    async def test_without_budgets_nobody_notices(self, tmp_path: Path) -> None:
        """There is nothing that must be held."""
        rooms = await self.rooms(tmp_path)
        self.cut(rooms)

        assert (await rooms.call()).status == 200

    async def test_a_call_from_a_slice_is_the_same_to_its_client(self, tmp_path: Path) -> None:
        """What is held in advance serves while the store is away: same status, same headers, posted when it is back."""
        rooms = await self.rooms(tmp_path, budget(amount=1_000 * USD, header_percents=(80,)))
        before = [await rooms.call() for _ in range(3)]
        await rooms.life.ledger.tick()
        assert rooms.life.ledger.figures().slices == 1
        self.cut(rooms)
        during = await rooms.call()

        assert (during.status, set(during.headers)) == (200, set(before[0].headers))
        assert len(rooms.records()) == 4

    async def test_a_journal_that_is_full_admits_nobody(self, tmp_path: Path) -> None:
        """What cannot be written down is not begun: 503, and a time to come back."""
        rooms = Rooms(tmp_path, world(budget()))
        with full_disk(rooms.life.journal.segments()[-1]):
            told = await rooms.call()

        assert (told.status, told.code, told.headers["retry-after"]) == (503, "journal_unavailable", "3")
        assert (rooms.upstreams.asked, rooms.held(), rooms.running()) == ([], 0, 0)


async def test_a_call_that_never_fits_is_not_told_when_to_come_back(tmp_path: Path) -> None:
    """Larger than the whole Budget: the reset would not help, and none is named."""
    told = await Rooms(tmp_path, world(budget(unit="InputTokens", amount=9))).call()

    assert (told.status, told.code) == (429, "insufficient_quota")
    assert not {"retry-after", "retry-after-ms", "x-sluice-budget-reset"} & told.headers.keys()


async def test_a_hundred_at_once_never_overspend(tmp_path: Path) -> None:
    """A Budget for ten, a hundred clients: ten are served, the others hear which Budget and when it resets."""
    rooms = Rooms(tmp_path, world(budget(unit="Requests", amount=10)))
    gate = rooms.upstreams.gates["up"] = asyncio.Event()
    calls = [asyncio.ensure_future(rooms.call()) for _ in range(100)]
    await until(lambda: sum(call.done() for call in calls) == 90)
    assert len(rooms.upstreams.asked) == 10
    gate.set()
    told: list[Told] = await asyncio.gather(*calls)

    refused = [each for each in told if each.status == 429]
    assert (len(refused), {each.code for each in refused}) == (90, {"insufficient_quota"})
    assert {each.headers["x-should-retry"] for each in refused} == {"false"}
    assert {each.headers["x-sluice-budget-reset"] for each in refused} == {"2026-10-01T00:00:00+00:00"}
    assert (rooms.posted(), rooms.held(), rooms.running()) == (10, 0, 0)
    assert rooms.clock.now_ms == NOW_MS

"""The tab: closed once, with what was really used, whatever number of attempts that took."""

from typing import Any

import pytest

from sluice_contract.snapshot import Limit, Price, Target
from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.exchange import Ask, Candidate, Exchange, Principal
from sluice_dataplane.limits.store import Charge, Reservation, Settlement
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.demand import Demand, Demands
from sluice_dataplane.pipeline.resolve import resolve
from sluice_dataplane.pipeline.settle import Books, Result, Tab
from support.builders import NOW_MS, PRICE, budget, exchange, key, model, table

USAGE = TokenUsage(input=100, output=50)
DEAR = Price(version="dear", input_nusd_per_mtok=1_500_000_000, output_nusd_per_mtok=6_000_000_000)
TPM = Limit(name="tpm", unit="TotalTokens", amount=1, window_ms=1_000, burst=1)
RPM = Limit(name="rpm", unit="Requests", amount=1, window_ms=1_000, burst=1)
TARGETS = (
    Target(name="a", upstream_id="up", model="m", price=PRICE, limits=(RPM, TPM)),
    Target(name="b", upstream_id="up", model="m", price=DEAR, priority=1, limits=(TPM,)),
)


class Kept:
    """One exchange's tab, and what it settles and tells."""

    def __init__(self, ask: Ask | None = None, *, ends_ms: int = NOW_MS) -> None:
        self.settled: list[tuple[Settlement, UsageRecord | None]] = []
        self.told: list[tuple[UsageRecord, Result]] = []
        limits = tuple(
            Limit(name=unit, unit=unit, amount=1, window_ms=1_000, burst=1)
            for unit in ("Requests", "TotalTokens", "InputTokens", "OutputTokens")
        )
        budgets = (budget(), budget(id="b2", unit="TotalTokens"))
        the_key = key(budget_ids=("bud1", "b2"), limits=limits)
        of = table(keys=(the_key,), budgets=budgets, models=(model(targets=TARGETS),))
        ask, principal = ask or Ask(model="echo", max_output_tokens=60), Principal(the_key, "c1")
        made = exchange(of=of)
        plan = resolve(of, principal, ask, draw=lambda: 0.5)
        demands = Demands(hold_ttl_ms=1, default_ceiling=60)
        self.demand: Demand = demands.of(Call(made, principal, ask, NOW_MS), plan)
        self.a, self.b = plan.candidates
        books = Books(self._settle, self._tell, lambda: ends_ms, lambda: 250.0)
        self.tab = Tab(made, self.demand, books)

    def _settle(self, settlement: Settlement, record: UsageRecord | None) -> None:
        self.settled.append((settlement, record))

    def _tell(self, record: UsageRecord, made: Exchange, result: Result, of: object) -> None:
        self.told.append((record, result))

    def further(self, candidate: Candidate, hold_id: str, *, charged: bool) -> None:
        """A further hold for an attempt at *candidate*, with its limits."""
        charges: tuple[Charge, ...] = self.demand.reservation.charges if charged else ()
        made = Reservation(hold_id, (), (), charges, 1)
        self.tab.take(made, candidate.target.limits, candidate, charged=charged)

    def by_hold(self) -> dict[str, tuple[Settlement, UsageRecord | None]]:
        """What was settled, by the holds' ids."""
        return {settlement.reservation.id: (settlement, record) for settlement, record in self.settled}


def good(kept: Kept, **changes: Any) -> Result:
    """The result of a good call of one attempt."""
    fields: dict[str, Any] = {"status": 200, "outcome": "ok", "attempts": 1, "candidate": kept.a, "usage": USAGE}
    return Result(**{**fields, **changes})


def test_a_good_call_is_charged_what_it_used_in_every_unit() -> None:
    """Budgets get cost and tokens, rates get back what was over their guess, the key its figures."""
    kept = Kept()
    kept.tab.sent(kept.a, 1)
    kept.tab.close(good(kept))
    settlement, record = kept.settled[0]

    assert settlement.spent == (45_000, 150)  # 100 × 0.15 + 50 × 0.60 USD per million
    assert settlement.used == (1, 150, 100, 50, 1, 150)
    assert settlement.usage is not None
    assert (settlement.usage.month, settlement.usage.cost_nusd, settlement.usage.requests) == ("2026-09", 45_000, 1)
    assert record is not None
    assert (record.cost_nusd, record.price_version, record.duration_ms, record.flags) == (45_000, "p1", 250, ())


def test_every_record_says_when_the_call_was_admitted() -> None:
    """A month later, attempts that answered and those nobody saw end are the month's that Budgets charge them to."""
    kept = Kept(ends_ms=NOW_MS + 30 * 86_400_000)
    kept.tab.sent(kept.a, 1)
    kept.tab.over(billed=True)
    kept.further(kept.b, "req_1~2", charged=True)
    kept.tab.sent(kept.b, 2)
    kept.tab.close(good(kept, candidate=kept.b, attempts=2))

    assert len(kept.settled) == 2
    for settlement, record in kept.settled:
        assert record is not None
        assert (record.admitted_ms, record.at_ms) == (NOW_MS, NOW_MS + 30 * 86_400_000)
        assert settlement.usage is not None
        assert (settlement.usage.month, settlement.usage.at_ms) == ("2026-09", record.at_ms)


def test_a_tab_closes_once() -> None:
    """Whoever closes first decides; every later close does nothing."""
    kept = Kept()
    kept.tab.close(good(kept))
    kept.tab.close(Result(499, "aborted", 1))

    assert len(kept.settled) == len(kept.told) == 1
    assert kept.told[0][0].status == 200


def test_a_call_that_came_to_nothing_gives_everything_back() -> None:
    """Budgets and tokens get all of it back and no usage is recorded; the request itself was made."""
    kept = Kept()
    kept.tab.sent(kept.a, 1)
    kept.tab.over(billed=False)
    kept.tab.close(Result(502, "failed", 1, kept.a, code="upstream_error"))
    settlement, record = kept.settled[0]

    assert (settlement.spent, settlement.used, settlement.usage, record) == ((0, 0), (1, 0, 0, 0, 1, 0), None, None)
    assert kept.told[0][0].status == 502


def test_a_call_that_was_never_sent_used_nothing_of_its_target() -> None:
    """Every target was full: the key made a request, the target saw none."""
    kept = Kept()
    kept.tab.close(Result(503, "failed", 0, code="overloaded"))

    assert kept.settled[0][0].used == (1, 0, 0, 0, 0, 0)
    assert kept.told[0][0].target == ""


def test_what_the_provider_says_is_kept_beside_what_we_charge() -> None:
    """The service decides the price; the provider's own cost is written down and never charged."""
    kept = Kept()
    kept.tab.close(good(kept, service_tier="flex", provider_cost_nusd=7))
    record = kept.told[0][0]

    assert (record.service_tier, record.provider_cost_nusd, record.cost_nusd) == ("flex", 7, 45_000)


@pytest.mark.parametrize(("tier", "flags"), [("priority", ("tier_unpriced",)), ("flex", ()), ("default", ())])
def test_a_service_tier_that_nobody_prices_is_charged_the_list_price_and_flagged(
    tier: str, flags: tuple[str, ...]
) -> None:
    """It may have cost more than we know: whoever compares bills must find it."""
    kept = Kept()
    kept.tab.close(good(kept, service_tier=tier))
    record = kept.told[0][0]

    assert (record.cost_nusd, record.flags) == (45_000, flags)


def test_more_than_was_held_is_posted_truly_and_flagged() -> None:
    """The provider ignored the ceiling: the Budget is charged all of it, and the record says so."""
    kept = Kept()
    kept.tab.close(good(kept, usage=TokenUsage(input=100, output=5_000)))
    settlement, record = kept.settled[0]

    assert settlement.spent == (3_015_000, 5_100)
    assert record is not None
    assert record.flags == ("over_hold",)


def test_another_target_served_it_at_its_own_price() -> None:
    """The first attempt was refused with a status: one record, of the target that answered."""
    kept = Kept()
    kept.tab.sent(kept.a, 1)
    kept.tab.over(billed=False)
    assert kept.tab.lacks(kept.b, limited=True) == (True, False)
    kept.further(kept.b, "req_1~2", charged=False)
    kept.tab.sent(kept.b, 2)
    kept.tab.close(good(kept, candidate=kept.b, attempts=2))
    found = kept.by_hold()
    (first, record), (second, nothing) = found["req_1"], found["req_1~2"]

    assert record is not None
    assert (record.target, record.price_version, record.cost_nusd) == ("b", "dear", 450_000)
    assert (record.attempt, record.attempts, nothing) == (2, 2, None)
    assert first.spent == (450_000, 150)
    assert first.used == (1, 150, 100, 50, 1, 0), "the first target answered with a failure: a request, no tokens"
    assert second.used == (150,)
    assert len(kept.told) == 1


def test_an_attempt_that_nobody_saw_end_is_a_record_of_its_own() -> None:
    """It timed out, and may be billed: at its bound, flagged, beside the attempt that answered; both were held."""
    kept = Kept()
    kept.tab.sent(kept.a, 1)
    kept.tab.over(billed=True, status=504, code="upstream_timeout")
    assert kept.tab.lacks(kept.a, limited=True) == (True, True)
    kept.further(kept.b, "req_1~2", charged=True)
    assert kept.tab.hold_id == "req_1~2"
    kept.tab.sent(kept.b, 2)
    kept.tab.close(good(kept, candidate=kept.b, attempts=2))
    found = kept.by_hold()
    (first, lost), (second, last) = found["req_1"], found["req_1~2"]
    bound = 188

    assert lost is not None
    assert last is not None
    assert (lost.attempt, lost.attempts, lost.outcome, lost.status) == (1, 2, "failed", 504)
    assert (lost.flags, lost.target, lost.usage.estimated) == (("unanswered",), "a", True)
    assert (lost.usage.input, lost.usage.output) == (bound, 60)
    assert first.spent == (lost.cost_nusd, bound + 60) == (bound * 150 + 60 * 600, bound + 60)
    assert (last.attempt, last.flags, second.spent) == (2, (), (450_000, 150))
    assert first.used[:4] == (1, bound + 60 + 150, bound + 100, 60 + 50), "the key's limits see what both came to"
    assert (first.used[4:], second.used) == ((1, bound + 60), (150,))
    assert [usage.requests for each, _ in (found["req_1"], found["req_1~2"]) if (usage := each.usage)] == [0, 1]
    assert [(record.attempt, result.code) for record, result in kept.told] == [(1, "unanswered"), (2, "")]


def test_the_last_attempt_may_be_the_one_nobody_saw_end() -> None:
    """One record, which is that of the whole exchange: what the client was told, and the most it can have cost."""
    kept = Kept()
    kept.tab.sent(kept.a, 1)
    kept.tab.over(billed=True, status=504, code="upstream_timeout")
    kept.tab.close(Result(504, "failed", 1, kept.a, code="upstream_timeout"))
    ((settlement, record),) = kept.settled

    assert record is not None
    assert (record.status, record.outcome, record.flags) == (504, "failed", ("unanswered",))
    assert settlement.spent == (record.cost_nusd, 248)
    assert [each for each, _ in kept.told] == [record]


def test_a_client_that_leaves_before_the_answer_leaves_its_bill() -> None:
    """The request is at the provider: what becomes of it nobody sees."""
    kept = Kept()
    kept.tab.sent(kept.a, 1)
    kept.tab.close(Result(499, "aborted", 0, code="client_gone"))
    ((_, record),) = kept.settled

    assert record is not None
    assert (record.status, record.outcome, record.flags, record.attempt) == (499, "aborted", ("unanswered",), 1)
    assert (record.target, record.usage.output) == ("a", 60)


def test_a_failure_after_a_lost_attempt_leaves_the_lost_ones_bill() -> None:
    """The second target refused with a status: the first attempt is charged, the second costs nothing."""
    kept = Kept()
    kept.tab.sent(kept.a, 1)
    kept.tab.over(billed=True)
    kept.further(kept.b, "req_1~2", charged=True)
    kept.tab.sent(kept.b, 2)
    kept.tab.over(billed=False)
    kept.tab.close(Result(502, "failed", 2, kept.b, code="upstream_error"))
    found = kept.by_hold()

    assert found["req_1"][1] is not None
    assert found["req_1"][0].spent[1] == 248
    assert (found["req_1~2"][0].spent, found["req_1~2"][1]) == ((0, 0), None)
    assert [(record.attempt, record.status) for record, _ in kept.told] == [(1, 504), (2, 502)]
    assert found["req_1"][0].usage is not None
    assert found["req_1"][0].usage.requests == 1


@pytest.mark.parametrize("limited", [True, False])
def test_a_first_attempt_at_another_target_needs_that_targets_limits(limited: bool) -> None:
    """The first one was full here: what was taken for it does not count for the next."""
    kept = Kept()

    assert kept.tab.lacks(kept.a, limited=True) == (False, False)
    assert kept.tab.lacks(kept.b, limited=limited) == (limited, False)

"""What a call takes at most, and what the client is told when it cannot have it."""

from typing import Any

import pytest

from sluice_contract import names
from sluice_contract.snapshot import Adjustment, Limit, Price, Target
from sluice_contract.windows import Period
from sluice_dataplane.errors import ForbiddenError, InvalidRequestError
from sluice_dataplane.exchange import Ask, Principal
from sluice_dataplane.limits.store import Held, RateState, Refused
from sluice_dataplane.pipeline.admit import Demand, Demands, granted_headers, refusal
from sluice_dataplane.pipeline.resolve import resolve
from support.builders import NOW_MS, PRICE, budget, exchange, key, model, table

RPM = Limit(name="rpm", unit="Requests", amount=60, window_ms=60_000, burst=60)


def demand(
    the_key: Any = None, the_budgets: tuple[Any, ...] = (), ask: Ask | None = None, the_model: Any = None
) -> Demand:
    """What one chat call takes under the given key, budgets and model."""
    the_key = the_key or key(budget_ids=tuple(b.id for b in the_budgets))
    of = table(keys=(the_key,), budgets=the_budgets, models=(the_model or model(),))
    call, ask, principal = exchange(of=of), ask or Ask(model="echo"), Principal(the_key, "c1")
    plan = resolve(of, principal, ask, draw=lambda: 0.5)
    return Demands(hold_ttl_ms=60_000, default_ceiling=4_096).of(call, principal, ask, plan, now_ms=NOW_MS)


def test_a_key_without_rules_takes_nothing_and_its_body_is_left_alone() -> None:
    """No budget, no limit: no counter is touched and no ceiling is set."""
    found = demand()

    assert (found.reservation.rates, found.reservation.slots, found.reservation.charges) == ((), (), ())
    assert found.ceiling is None


def test_a_cost_budget_holds_the_dearest_target_at_the_ceiling() -> None:
    """The hold is bytes in and ceiling out at the highest price of the plan, times the choices."""
    dear = Price(version="d", input_nusd_per_mtok=1_000_000_000, output_nusd_per_mtok=2_000_000_000)
    targets = (
        Target(name="a", upstream_id="up", price=PRICE),
        Target(name="b", upstream_id="up", price=dear, priority=1),
    )
    ask = Ask(model="echo", max_output_tokens=100, choices=3)
    found = demand(the_budgets=(budget(),), ask=ask, the_model=model(targets=targets))
    body_bytes = len(exchange().body)

    assert found.ceiling == 100
    assert found.reservation.charges[0].amount == body_bytes * 1_000 + 300 * 2_000
    assert found.reservation.charges[0].account == names.account("bud1", "2026-09", "-")


@pytest.mark.parametrize(
    ("of_key", "of_model", "asked", "expected"),
    [(None, None, None, 4_096), (None, 500, None, 500), (50, 500, None, 50), (50, 500, 20, 20), (50, 500, 9_999, 50)],
)
def test_a_budgeted_call_always_has_a_ceiling(
    of_key: int | None, of_model: int | None, asked: int | None, expected: int
) -> None:
    """The least of key's, model's and client's; a default when nobody names one."""
    found = demand(
        key(budget_ids=("bud1",), max_tokens_per_request=of_key),
        (budget(),),
        Ask(model="echo", max_output_tokens=asked),
        model(max_output_tokens=of_model),
    )

    assert found.ceiling == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("Requests", 1), ("InputTokens", 60), ("OutputTokens", 10), ("TotalTokens", 70)],
)
def test_every_unit_is_held_in_its_own_measure(unit: str, expected: int) -> None:
    """Requests count one, tokens their bounds (the body has 60 bytes)."""
    found = demand(the_budgets=(budget(unit=unit),), ask=Ask(model="echo", max_output_tokens=10))

    assert len(exchange().body) == 60
    assert found.reservation.charges[0].amount == expected


def test_adjustments_raise_a_limit_until_they_expire() -> None:
    """A time-boxed raise counts to its last millisecond and needs nobody to end it."""
    raises = (
        Adjustment(amount=5, expires_at_ms=NOW_MS + 1),
        Adjustment(amount=70, expires_at_ms=NOW_MS),
        Adjustment(amount=900),
    )
    found = demand(the_budgets=(budget(amount=1_000, adjustments=raises),))

    assert found.reservation.charges[0].limit == 1_905


def test_a_new_window_begins_with_the_first_call_in_it() -> None:
    """What is remembered from call to call ends with the window: the next month has its own account."""
    the_key = key(budget_ids=("bud1",))
    of = table(keys=(the_key,), budgets=(budget(),))
    call, ask, principal = exchange(of=of), Ask(model="echo"), Principal(the_key, "c1")
    plan = resolve(of, principal, ask, draw=lambda: 0.5)
    demands = Demands(hold_ttl_ms=60_000, default_ceiling=4_096)
    end_ms = 1_790_812_800_000  # the first of October
    found = [demands.of(call, principal, ask, plan, now_ms=now_ms) for now_ms in (NOW_MS, end_ms - 1, end_ms)]
    accounts = [each.reservation.charges[0].account for each in found]

    assert accounts == [names.account("bud1", month, "-") for month in ("2026-09", "2026-09", "2026-10")]


@pytest.mark.parametrize(("per", "subject"), [("Subject", "-"), ("VirtualKey", "vktest")])
def test_per_decides_who_shares_an_account(per: str, subject: str) -> None:
    """One pot for all, or one for each key."""
    found = demand(the_budgets=(budget(per=per),))

    assert found.reservation.charges[0].account.endswith(f":{subject}")


def test_a_users_name_never_becomes_part_of_a_counters_name() -> None:
    """Per User, accounts are told apart by digest: hostile names cannot collide with anything."""
    hostile = "}{:*\n"
    first = demand(the_budgets=(budget(per="User"),), ask=Ask(model="echo", user=hostile))
    second = demand(the_budgets=(budget(per="User"),), ask=Ask(model="echo", user="ann"))
    accounts = [d.reservation.charges[0].account for d in (first, second)]

    assert accounts[0] != accounts[1]
    assert hostile not in accounts[0]


@pytest.mark.parametrize(
    ("changes", "enforced"),
    [({}, True), ({"mode": "Observe"}, False), ({"on_exhausted": "Warn"}, False), ({"mode": "PostCharge"}, True)],
)
def test_only_a_budget_that_rejects_is_enforced(changes: dict[str, Any], enforced: bool) -> None:
    """Observe and Warn count and never refuse; PostCharge refuses once it is spent."""
    charge = demand(the_budgets=(budget(**changes),)).reservation.charges[0]

    assert charge.enforced is enforced
    assert (charge.amount == 1) is (changes.get("mode") == "PostCharge")


def test_an_unpriced_target_is_no_target_for_a_cost_budget() -> None:
    """Unknown is not free: what has no price is left out, and with nothing left the call is a clear 400."""
    unpriced = Target(name="u", upstream_id="up")
    both = (unpriced, Target(name="t", upstream_id="up", price=PRICE, priority=1))
    found = demand(the_budgets=(budget(),), the_model=model(targets=both))

    assert [c.target.name for c in found.plan.candidates] == ["t"]
    with pytest.raises(InvalidRequestError, match="no price") as caught:
        demand(the_budgets=(budget(),), the_model=model(targets=(unpriced,)))
    assert caught.value.code == "model_unpriced"


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        (Target(name="f", upstream_id="up", free=True), {}),
        (Target(name="u", upstream_id="up"), {"unpriced_allowed": True}),
    ],
    ids=["free", "unpriced allowed"],
)
def test_what_is_said_to_be_free_is_free(target: Target, changes: dict[str, Any]) -> None:
    """``free: true`` and ``unpricedModels: Allow`` hold nothing and pass."""
    found = demand(the_budgets=(budget(**changes),), the_model=model(targets=(target,)))

    assert found.reservation.charges[0].amount == 0


def test_a_key_whose_budget_is_missing_is_refused_not_let_loose() -> None:
    """A Budget that was deleted does not turn its keys into unlimited ones."""
    with pytest.raises(ForbiddenError, match="team/month") as caught:
        demand(key(missing_budgets=("team/month",)))

    assert caught.value.code == "budget_not_found"


@pytest.mark.parametrize(("mode", "expected"), [("Closed", True), ("Open", False)])
def test_failure_mode_decides_whether_the_store_is_needed(mode: str, expected: bool) -> None:
    """One closed budget is enough; without budgets the call may go on."""
    assert demand(the_budgets=(budget(failure_mode=mode),)).terms.needs_store is expected
    assert demand().terms.needs_store is False


def test_a_spent_budget_says_which_and_when_it_resets() -> None:
    """429 insufficient_quota, no retry, the budget's name, what is left, and the end of the window."""
    found = demand(the_budgets=(budget(),))
    error = refusal(found, Refused("charge", 0, None, available=1_500_000), now_ms=NOW_MS)
    headers = dict(error.headers)

    assert (error.status, error.code) == (429, "insufficient_quota")
    assert "team/month" in error.message
    assert "0.001500 USD are left of 1.000000 USD" in error.message
    assert headers["x-should-retry"] == "false"
    assert headers["x-sluice-budget-reset"] == "2026-10-01T00:00:00+00:00"
    assert int(headers["retry-after"]) == -(-(1_790_812_800_000 - NOW_MS) // 1000)


def test_a_budget_without_an_end_names_no_reset() -> None:
    """A period of type Once never resets and does not pretend to."""
    error = refusal(demand(the_budgets=(budget(period=Period()),)), Refused("charge", 0, None), now_ms=NOW_MS)

    assert "does not reset" in error.message
    assert "retry-after" not in dict(error.headers)


def test_a_rate_refusal_carries_the_exact_wait() -> None:
    """retry-after rounds up to whole seconds, retry-after-ms is exact, x-ratelimit-* says nothing is left."""
    error = refusal(demand(key(limits=(RPM,))), Refused("rate", 0, 1_234), now_ms=NOW_MS)
    headers = dict(error.headers)

    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1234")
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("60", "0")


def test_an_admitted_call_is_told_its_rates_and_warned_of_budgets() -> None:
    """x-ratelimit-* headers always; a budget's header once a threshold for it is passed."""
    found = demand(key(budget_ids=("bud1",), limits=(RPM,)), (budget(amount=100, header_percents=(80, 90)),))
    quiet = dict(granted_headers(found, Held((RateState(59, 1_000),), (21,))))
    loud = dict(granted_headers(found, Held((RateState(59, 1_000),), (20,))))

    assert quiet["x-ratelimit-remaining-requests"] == "59"
    assert "x-sluice-budget-warning" not in quiet
    assert loud["x-sluice-budget-warning"] == "team/month; used=80%"

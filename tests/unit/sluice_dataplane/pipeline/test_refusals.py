"""What a client is told of its limits and Budgets."""

from typing import Any

import pytest

from sluice_contract.snapshot import Limit, Target
from sluice_contract.windows import Period, counts_until_ms, rolling_bucket
from sluice_dataplane.errors import JournalError
from sluice_dataplane.exchange import Ask, Principal
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Held, RateState, Refused
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.demand import Demand, Demands
from sluice_dataplane.pipeline.refusals import granted_headers, journal_away, refusal, store_away
from sluice_dataplane.pipeline.resolve import resolve
from support.builders import NOW_MS, PRICE, budget, exchange, key, model, table

RPM = Limit(name="rpm", unit="Requests", amount=60, window_ms=60_000, burst=60)


def demand(the_key: Any = None, the_budgets: tuple[Any, ...] = (), the_model: Any = None) -> Demand:
    """What one chat call takes under the given key, budgets and model."""
    the_key = the_key or key(budget_ids=tuple(b.id for b in the_budgets))
    of = table(keys=(the_key,), budgets=the_budgets, models=(the_model or model(),))
    ask, principal = Ask(model="echo"), Principal(the_key, "c1")
    plan = resolve(of, principal, ask, draw=lambda: 0.5)
    return Demands(hold_ttl_ms=60_000, default_ceiling=4_096).of(Call(exchange(of=of), principal, ask, NOW_MS), plan)


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
    mine = found.reservation.charges[0].amount
    quiet = dict(granted_headers(found, Held((RateState(59, 1_000),), (21 - mine,))))
    loud = dict(granted_headers(found, Held((RateState(59, 1_000),), (20 - mine,))))

    assert quiet["x-ratelimit-remaining-requests"] == "59"
    assert "x-sluice-budget-warning" not in quiet
    assert loud["x-sluice-budget-warning"] == "team/month; used=80%"


@pytest.mark.parametrize(("used", "warning"), [(0, None), (99, None), (100, "used=100%"), (250, "used=250%")])
def test_a_warning_does_not_count_the_call_it_is_told_with(used: int, warning: str | None) -> None:
    """The hold is the most that the call may come to: the first call to a small Budget has used nothing of it."""
    found = demand(the_budgets=(budget(amount=100, on_exhausted="Warn"),))
    mine = found.reservation.charges[0].amount
    told = dict(granted_headers(found, Held((), (100 - used - mine,)))).get("x-sluice-budget-warning")

    assert mine > 100
    assert told == (None if warning is None else f"team/month; {warning}")


def test_a_rolling_budget_frees_gradually() -> None:
    """Nothing resets: the client hears when enough of what was spent no longer counts, and not to retry before."""
    period = Period(rolling_ms=86_400_000)
    found = demand(the_budgets=(budget(period=period),))
    bucket = rolling_bucket(period, NOW_MS)[0] - 20
    error = refusal(found, Refused("charge", 0, None, available=0, bucket=bucket), now_ms=NOW_MS)
    headers = dict(error.headers)

    assert "in the last 1 day, 0:00:00; it frees gradually, enough for this call at" in error.message
    assert (error.code, headers["x-should-retry"]) == ("insufficient_quota", "false")
    assert int(headers["retry-after-ms"]) == counts_until_ms(period, bucket) - NOW_MS
    assert headers["x-sluice-budget-reset"] in error.message


def test_a_day_that_was_spent_a_moment_ago_is_over_tomorrow() -> None:
    """A store that knows buckets, and a client that is told of them: a day, and not minutes."""
    store, found = MemoryStore(lambda: NOW_MS), demand(the_budgets=(budget(period=Period(rolling_ms=86_400_000)),))
    (charge,) = found.reservation.charges
    store.post(charge.account, charge.limit, charge.expires_at_ms, charge.bucket)
    refused = store.reserve_now(found.reservation)

    assert isinstance(refused, Refused)
    wait_ms = int(dict(refusal(found, refused, now_ms=NOW_MS).headers)["retry-after-ms"])
    assert 86_400_000 < wait_ms <= 86_400_000 * 61 // 60


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": 1_000}, "0.000001 USD, and this call may come to 0.002485800 USD."),
        (
            {"amount": 1_000, "period": Period(rolling_ms=60_000)},
            "0.000001 USD, and this call may come to 0.002485800 USD.",
        ),
        ({"unit": "TotalTokens", "amount": 9}, "9 TotalTokens, and this call may come to 4284 TotalTokens."),
        ({"mode": "PostCharge", "amount": 0}, "its whole limit is 0.000000 USD."),
    ],
)
def test_a_call_that_never_fits_is_not_told_to_wait(changes: dict[str, Any], told: str) -> None:
    """It may come to more than the whole limit: the reset would not help, so none is named."""
    found = demand(the_budgets=(budget(**changes),))
    error = refusal(found, Refused("charge", 0, None, available=3), now_ms=NOW_MS, ever=False)

    assert error.code == "insufficient_quota"
    assert error.message.startswith("The Budget team/month never holds this call")
    assert error.message.endswith(told)
    assert dict(error.headers) == {"x-should-retry": "false", "x-sluice-budget": "team/month"}


def test_a_target_over_its_own_limit_names_it_but_not_as_the_keys() -> None:
    """The wait is exact; the client's own x-ratelimit headers say nothing of a limit that is not its."""
    the_model = model(targets=(Target(name="t", upstream_id="up", price=PRICE, limits=(RPM,)),))
    found = demand(key(limits=(RPM,)), the_model=the_model)
    own, its = (refusal(found, Refused("rate", index, 2_500), now_ms=NOW_MS) for index in (0, 1))

    assert dict(own.headers)["x-ratelimit-remaining-requests"] == "0"
    assert (its.status, its.code, dict(its.headers)) == (
        429,
        "rate_limit_exceeded",
        {"retry-after": "3", "retry-after-ms": "2500"},
    )
    assert "'echo'" in its.message


def test_a_full_slot_says_how_many_there_are() -> None:
    """Calls in flight end at any time: worth another try in a second."""
    error = refusal(demand(key(max_parallel_requests=3)), Refused("slot", 0, None), now_ms=NOW_MS)

    assert (error.code, dict(error.headers)["retry-after"]) == ("too_many_parallel_requests", "1")
    assert "3 calls" in error.message


def test_headers_tell_only_of_the_clients_own_limits() -> None:
    """A target's limits are the operator's."""
    the_model = model(targets=(Target(name="t", upstream_id="up", price=PRICE, limits=(RPM,)),))
    found = demand(key(limits=(RPM,)), the_model=the_model)
    headers = granted_headers(found, Held((RateState(41, 1), RateState(7, 1)), ()))

    assert [value for name, value in headers if name == "x-ratelimit-remaining-requests"] == ["41"]


@pytest.mark.parametrize(("drawn", "seconds"), [(0.0, "1"), (0.5, "3"), (0.999, "5")])
def test_who_is_turned_away_by_an_outage_does_not_come_back_with_all_others(drawn: float, seconds: str) -> None:
    """Between one and five seconds, drawn for each."""
    store, journal = store_away(lambda: drawn), journal_away(JournalError("The disk is full."), lambda: drawn)

    assert (store.status, store.code, dict(store.headers)) == (
        503,
        "budget_store_unavailable",
        {"retry-after": seconds},
    )
    assert (journal.status, journal.code, dict(journal.headers)) == (
        503,
        "journal_unavailable",
        {"retry-after": seconds},
    )
    assert journal.message == "The disk is full."

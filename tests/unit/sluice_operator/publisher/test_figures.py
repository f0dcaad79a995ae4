"""From counters to what a status says of them."""

import datetime as dt

import pytest

from sluice_contract import names
from sluice_contract.snapshot import Adjustment, Budget, Key, Snapshot
from sluice_contract.windows import Period
from sluice_operator.publisher import figures
from sluice_operator.publisher.conditions import NO_FACTS, Facts
from sluice_operator.spend import Account, Usage

USD = 1_000_000_000
DAY_MS = 86_400_000
NOW = int(dt.datetime(2026, 9, 16, tzinfo=dt.UTC).timestamp() * 1000)  # half of September is over


def budget(**given: object) -> Budget:
    """A monthly budget of 50 USD, unless something else is given."""
    values: dict[str, object] = {
        "id": "b1", "namespace": "team", "name": "month", "unit": "Cost", "amount": 50 * USD,
        "period": Period(unit="Month"), **given,
    }  # fmt: skip
    return Budget(**values)  # type: ignore[arg-type]


def key(key_id: str, *budget_ids: str) -> Key:
    """A key that these budgets cover."""
    return Key(id=key_id, namespace="team", name=key_id, budget_ids=budget_ids)


def reasons(facts: Facts) -> dict[str, tuple[str, str]]:
    """Status and reason by condition."""
    return {condition.type: (condition.status, condition.reason) for condition in facts.conditions}


def test_money_is_shown_exactly() -> None:
    """Spent, held, orphaned and what remains, in the budget's unit, with the window they are about."""
    facts, period, percent = figures.budget_facts(budget(), [Account(20 * USD, 4 * USD, 1 * USD)], NOW)

    assert (period, percent) == ("2026-09", 42)
    assert facts.fields.items() >= {
        "effectiveLimit": "50.000000", "spent": "20.000000", "held": "4.000000", "orphaned": "1.000000",
        "remaining": "25.000000", "usedPercent": 50, "at": "2026-09-16T00:00:00Z",
        "period": {"id": "2026-09", "start": "2026-09-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"},
    }.items()  # fmt: skip
    assert reasons(facts) == {"WithinBudget": ("True", "WithinBudget"), "Fresh": ("True", "Read")}


def test_what_is_told_of_is_what_was_used_most() -> None:
    """The percentage for thresholds leaves out holds, and is of the one who used most, not of whoever holds most."""
    facts, _, percent = figures.budget_facts(
        budget(per="User", amount=100), [Account(10, held=80), Account(30, orphaned=5)], NOW
    )

    assert (facts.fields["usedPercent"], percent) == (90, 35)


def test_tokens_and_requests_are_whole_numbers() -> None:
    """Other units than money are plain counts, and a budget without periods has no end."""
    facts, period, percent = figures.budget_facts(
        budget(unit="Requests", amount=3, period=Period()), [Account(1, 0, 0)], NOW
    )

    assert (facts.fields["spent"], facts.fields["remaining"], percent) == ("1", "2", 33)
    assert (period, facts.fields["period"]) == ("once", {"id": "once"})
    assert facts.fields["projectedExhaustion"] is None


@pytest.mark.parametrize(("amount", "posted"), [(50, 50), (50, 60), (0, 0)])
def test_nothing_left_is_not_within_budget(amount: int, posted: int) -> None:
    """A spent, an overspent and a zero budget have nothing left, and the condition says until when."""
    facts, _, percent = figures.budget_facts(budget(amount=amount * USD), [Account(posted * USD)], NOW)

    within = next(condition for condition in facts.conditions if condition.type == "WithinBudget")
    assert (within.status, within.reason, percent) == ("False", "Exhausted", 100)
    assert within.message.endswith("until 2026-10-01T00:00:00Z")
    assert facts.fields["remaining"] == "0.000000"


def test_a_raise_counts_until_it_ends() -> None:
    """Adjustments add to the limit as long as they hold."""
    raised = budget(adjustments=(Adjustment(amount=5, expires_at_ms=NOW), Adjustment(amount=7)), amount=100)

    assert figures.effective_limit(raised, NOW - 1) == 112
    assert figures.effective_limit(raised, NOW) == 107


def test_exhaustion_is_projected_from_the_pace_so_far() -> None:
    """Two thirds after half of the month is all of it after three quarters; slower spending has no such day."""
    fast, _, _ = figures.budget_facts(budget(amount=60), [Account(40)], NOW)
    slow, _, _ = figures.budget_facts(budget(amount=60), [Account(10)], NOW)
    young, _, _ = figures.budget_facts(budget(amount=60), [Account(40)], NOW - 15 * DAY_MS + 60_000)

    assert fast.fields["projectedExhaustion"] == "2026-09-23T12:00:00Z"
    assert slow.fields["projectedExhaustion"] is None
    assert young.fields["projectedExhaustion"] is None


def test_exhaustion_is_projected_from_when_the_budget_was_made() -> None:
    """A Budget made five days ago spends since then; one made before its period spends since that began."""
    made, _, _ = figures.budget_facts(budget(amount=60), [Account(40)], NOW, created_ms=NOW - 5 * DAY_MS)
    older, _, _ = figures.budget_facts(budget(amount=60), [Account(40)], NOW, created_ms=NOW - 99 * DAY_MS)
    young, _, _ = figures.budget_facts(budget(amount=60), [Account(40)], NOW, created_ms=NOW - 60_000)

    assert made.fields["projectedExhaustion"] == "2026-09-18T12:00:00Z"
    assert older.fields["projectedExhaustion"] == "2026-09-23T12:00:00Z"
    assert young.fields["projectedExhaustion"] is None


def test_a_limit_for_each_shows_who_used_most() -> None:
    """Where each key has the whole limit, what remains is what the one who used most has left."""
    each = budget(per="VirtualKey", amount=10, unit="Requests")
    keys_of = figures.covered([key("vk1", "b1"), key("vk2", "b1"), key("vk3", "b2")])
    counted = {names.account("b1", "2026-09", "vk1"): Account(3), names.account("b1", "2026-09", "vk2"): Account(7)}

    accounts = figures.accounts_for(each, keys_of, counted, NOW)
    facts, _, percent = figures.budget_facts(each, accounts, NOW)

    assert accounts == [Account(3), Account(7)]
    assert (facts.fields["spent"], facts.fields["remaining"], percent) == ("7", "3", 70)


def test_users_are_found_among_what_was_counted() -> None:
    """A budget per user has the accounts that begin as its users' do, and none of another window."""
    each = budget(per="User")
    counted = {
        names.account("b1", "2026-09", "u00"): Account(1),
        names.account("b1", "2026-08", "u00"): Account(2),
        names.account("b2", "2026-09", "u00"): Account(4),
    }

    assert figures.accounts_for(each, {}, counted, NOW) == [Account(1)]


def test_what_is_asked_is_what_is_needed() -> None:
    """One account where all share it, one for each covered key, prefixes for users, and the month's keys."""
    budgets = (budget(), budget(id="b2", per="VirtualKey"), budget(id="b3", per="User"))
    snapshot = Snapshot(budgets=budgets, keys=(key("vk1", "b2"), key("vk2")))

    question = figures.question(snapshot, figures.covered(snapshot.keys), NOW)

    assert question.accounts == (names.account("b1", "2026-09", "-"), names.account("b2", "2026-09", "vk1"))
    assert question.prefixes == (names.account("b3", "2026-09", "u"),)
    assert (question.month, question.key_ids) == ("2026-09", ("vk1", "vk2"))


def test_a_keys_month_is_shown() -> None:
    """Calls, tokens, cost and the last use of a key."""
    facts = figures.key_facts(Usage(3, 30, 12, 1_842_100, NOW - 5000), NOW)

    assert facts.fields["lastUsedTime"] == "2026-09-15T23:59:55Z"
    assert facts.fields["usage"].items() >= {"period": "2026-09", "requests": 3, "cost": "0.001842100"}.items()


def test_what_cannot_be_read_is_kept_and_marked() -> None:
    """An unreadable counter leaves every figure as it was; only Fresh changes."""
    facts, _, _ = figures.budget_facts(budget(), [Account(20 * USD)], NOW)

    stale = figures.stale(facts, figures.unreadable("Redis: TimeoutError"), NOW, status={})

    assert stale.fields == facts.fields
    assert reasons(stale)["Fresh"] == ("False", "CountersUnavailable")
    assert reasons(stale)["WithinBudget"] == ("True", "WithinBudget")


def test_other_words_for_what_cannot_be_read_are_no_news() -> None:
    """An outage that is told in other words later says what it said first; another reason is said."""
    first = figures.stale(NO_FACTS, figures.unreadable("Redis: TimeoutError"), NOW, status={})

    assert figures.stale(first, figures.unreadable("Redis: ConnectionError"), NOW + 1, status={}) == first
    assert figures.stale(first, figures.USERS_UNREAD, NOW, status={}).conditions == (figures.USERS_UNREAD,)


def test_a_projection_does_not_outlive_its_time_though_nothing_can_be_read() -> None:
    """What should have come by now goes, whether we said it or whoever came before us; what is to come stays."""
    facts, _, _ = figures.budget_facts(budget(amount=60), [Account(40)], NOW)
    due, why = NOW + 8 * DAY_MS, figures.unreadable("Redis: TimeoutError")
    said = {"projectedExhaustion": "2026-09-23T12:00:00Z"}

    assert figures.stale(facts, why, NOW, status=said).fields == facts.fields
    assert figures.stale(facts, why, due, status=said).fields["projectedExhaustion"] is None
    assert figures.stale(NO_FACTS, why, due, status=said).fields == {"projectedExhaustion": None}
    assert figures.stale(NO_FACTS, why, NOW, status=said).fields == {}


def test_only_budgets_of_users_can_have_unread_ones() -> None:
    """A Budget per user is unread when its own accounts of this window are."""
    prefix = names.account("b1", "2026-09", "u")

    assert figures.unread(budget(per="User"), {prefix}, NOW)
    assert not figures.unread(budget(), {prefix}, NOW)
    assert not figures.unread(budget(id="b2", per="User"), {prefix}, NOW)


DAY = Period(rolling_ms=DAY_MS)
BUCKET_MS = DAY_MS // 60


def test_a_rolling_window_shows_what_still_counts() -> None:
    """Buckets that are a whole window old do not count any more, though the counters still have them."""
    now = NOW // BUCKET_MS
    account = Account(posted=99, held=1, buckets={now - 61: 5, now - 60: 7, now: 2})
    facts, period, percent = figures.budget_facts(budget(period=DAY, unit="Requests", amount=20), [account], NOW)

    assert (period, facts.fields["spent"], facts.fields["remaining"], percent) == ("rolling-24h", "9", "10", 45)
    assert facts.fields["projectedExhaustion"] is None


def test_a_rolling_window_says_when_the_first_flows_back() -> None:
    """Its end is when the oldest that counts will be gone; without anything that counts it has none."""
    now = NOW // BUCKET_MS
    spent, _, _ = figures.budget_facts(budget(period=DAY, amount=2), [Account(buckets={now - 30: 2})], NOW)
    fresh, _, _ = figures.budget_facts(budget(period=DAY, amount=2), [Account(buckets={now - 99: 2})], NOW)

    assert spent.fields["period"] == {"id": "rolling-24h", "end": "2026-09-16T12:24:00Z"}
    within = next(condition for condition in spent.conditions if condition.type == "WithinBudget")
    assert within.message.endswith("the first flows back at 2026-09-16T12:24:00Z")
    assert fresh.fields["period"] == {"id": "rolling-24h"}


def test_of_rolling_accounts_the_one_who_used_most_of_what_counts_is_shown() -> None:
    """Old buckets make nobody the greatest spender."""
    now = NOW // BUCKET_MS
    accounts = [Account(buckets={now - 99: 9, now: 1}), Account(buckets={now: 3})]
    facts, _, _ = figures.budget_facts(budget(period=DAY, per="User", unit="Requests", amount=20), accounts, NOW)

    assert facts.fields["spent"] == "3"

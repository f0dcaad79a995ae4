"""Terms: worked out once, and never kept past the moment they change."""

import gc

from sluice_contract import names
from sluice_contract.snapshot import Adjustment, Budget, Limit, Owner, Price, Target
from sluice_contract.windows import NEVER_MS, Period
from sluice_dataplane.config.table import Rules
from sluice_dataplane.exchange import Ask, Candidate
from sluice_dataplane.pipeline.terms import ACCOUNT_KEPT_MS, Terms, Windows, account_of, terms_of
from support.builders import NOW_MS, PRICE, budget, key, model, upstream

OCTOBER_MS = 1_790_812_800_000
MODEL = model()


def terms(*budgets: Budget, now_ms: int = NOW_MS, limits: tuple[Limit, ...] = ()) -> Terms:
    """The terms of a key under *budgets*."""
    rules = Rules(budgets, tuple(("vktest", limit) for limit in limits))
    return terms_of(rules, key(), MODEL, Windows(), asked="echo", now_ms=now_ms)


def test_terms_end_with_the_first_window() -> None:
    """A day's budget beside a month's: the terms hold for the day."""
    found = terms(budget(), budget(id="b2", period=Period(unit="Day")))
    line = found.lines[1]

    assert (found.from_ms, found.until_ms) == (line.window.start_ms, line.window.end_ms)
    assert found.hold_at(line.window.end_ms - 1, MODEL)
    assert not found.hold_at(line.window.end_ms, MODEL)


def test_terms_do_not_hold_before_their_window() -> None:
    """A clock that goes back finds the window of its time."""
    found = terms(budget(), now_ms=OCTOBER_MS)

    assert not found.hold_at(OCTOBER_MS - 1, MODEL)
    assert found.lines[0].account == names.account("bud1", "2026-10", "-")


def test_terms_end_with_an_adjustment() -> None:
    """The raise counts to its last millisecond; the terms after it know nothing of it, nor hold before."""
    raised = budget(amount=1, adjustments=(Adjustment(amount=5, expires_at_ms=NOW_MS + 1),))
    before, after = terms(raised), terms(raised, now_ms=NOW_MS + 1)

    assert (before.lines[0].limit, before.until_ms) == (6, NOW_MS + 1)
    assert after.lines[0].limit == 1
    assert not after.hold_at(NOW_MS, MODEL)


def test_terms_without_budgets_never_end() -> None:
    """There is nothing in them that time changes."""
    assert terms().until_ms == NEVER_MS


def test_terms_are_of_one_model() -> None:
    """Those of another model, equal or not, are worked out anew."""
    assert not terms().hold_at(NOW_MS, model())


def test_an_account_outlives_its_window() -> None:
    """Late settlements and statuses still find it."""
    assert terms(budget()).lines[0].expires_at_ms == OCTOBER_MS + ACCOUNT_KEPT_MS


def test_whom_a_key_is_given_to_is_its_user_whatever_the_body_says() -> None:
    """A user with a key of their own cannot spend what is another's, nor have a fresh Budget for each name."""
    anns = key(owner=Owner(user="ann"))
    (line,) = terms_of(Rules((budget(per="User"),), ()), anns, MODEL, Windows(), asked="echo", now_ms=NOW_MS).lines
    (shared,) = terms(budget(per="User")).lines
    accounts = {account_of(line, Ask(model="echo", user=user)) for user in (None, "ann", "bob")}

    assert accounts == {account_of(shared, Ask(model="echo", user="ann"))}


def test_accounts_of_users_are_named_by_call() -> None:
    """The body's user where the key is nobody's; nothing of it is remembered in the terms."""
    (line,) = terms(budget(per="User")).lines

    assert line.account is None
    assert account_of(line, Ask(model="echo", user="ann")) != account_of(line, Ask(model="echo"))


def test_only_limits_on_tokens_need_to_be_counted_anew() -> None:
    """A limit on requests takes one each time."""
    rpm = Limit(name="rpm", unit="Requests", amount=60, window_ms=60_000, burst=60)
    tpm = Limit(name="tpm", unit="TotalTokens", amount=60, window_ms=60_000, burst=60)
    found = terms(limits=(rpm,))

    assert (found.counts_tokens, found.rates[0].cost) == (False, 1)
    assert terms(limits=(rpm, tpm)).counts_tokens


def test_rules_and_their_terms_go_with_the_table() -> None:
    """Kept with the rules, the terms do not lead back to them: what the collector does not see must not be a cycle."""
    rules = Rules((budget(),), ())
    rules.prepared = terms_of(rules, key(), MODEL, Windows(), asked="echo", now_ms=NOW_MS)

    assert rules not in gc.get_referents(rules.prepared)
    assert not any(isinstance(each, Rules) for each in gc.get_referents(rules.prepared))


def test_terms_of_a_rolling_budget_end_with_its_bucket() -> None:
    """What is charged next belongs to the next bucket: kept terms would charge it to this one."""
    line = terms(budget(period=Period(rolling_ms=3_600_000))).lines[0]
    found = terms(budget(period=Period(rolling_ms=3_600_000)))

    assert found.until_ms - found.from_ms <= 60_000
    after = terms(budget(period=Period(rolling_ms=3_600_000)), now_ms=found.until_ms).lines[0]
    assert (after.bucket, after.oldest) != (line.bucket, line.oldest)


def test_a_rolling_account_outlives_all_that_counts_in_it() -> None:
    """What is spent last counts for a whole period more."""
    line = terms(budget(period=Period(rolling_ms=3_600_000))).lines[0]

    assert line.expires_at_ms >= NOW_MS + 3_600_000 + ACCOUNT_KEPT_MS


def test_the_most_that_candidates_cost_is_worked_out_once() -> None:
    """The dearest of each kind over all of them, remembered for the same candidates; none without prices."""
    dear = Price(version="d", input_nusd_per_mtok=1, output_nusd_per_mtok=9_000_000_000)
    first = Candidate(MODEL, MODEL.targets[0], upstream(), "m")
    second = Candidate(MODEL, Target(name="d", upstream_id="up", price=dear), upstream(), "m")
    free = Candidate(MODEL, Target(name="f", upstream_id="up", free=True), upstream(), "m")
    found = terms()
    sheet = found.sheet((first, second, free))

    assert sheet is not None
    assert (sheet[0].text, sheet[0].output) == (PRICE.input_nusd_per_mtok, 9_000_000_000)
    assert found.sheet((first, second, free)) is sheet
    assert found.sheet((first,)) is not sheet
    assert found.sheet((free,)) is None

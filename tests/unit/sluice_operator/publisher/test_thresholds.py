"""Which thresholds are told of."""

from sluice_operator.publisher.thresholds import Rules, Threshold, Told, notices, reached, told_before
from sluice_operator.verdicts import ResourceRef

REF = ResourceRef("Budget", "team", "month", "u1", 2)
RULES = Rules(
    (Threshold(90, "Event"), Threshold(50, "Event"), Threshold(80, "Event"), Threshold(80, "Downgrade")), "small"
)


def told(rules: Rules, before: int, percent: int) -> list[tuple[str, str]]:
    """Reason and percentage of each notice."""
    found = notices(REF, rules, window_id="2026-09", limit="5", before=before, percent=percent)
    return [(notice.reason, notice.message.split()[0]) for notice in found]


def test_each_threshold_is_told_when_it_is_passed() -> None:
    """Every threshold between what was told and what is, a downgrade and exhaustion by their own names."""
    assert told(RULES, 50, 100) == [
        ("BudgetDowngraded", "80"),
        ("BudgetThresholdReached", "80"),
        ("BudgetThresholdReached", "90"),
        ("BudgetExhausted", "100"),
    ]


def test_a_notice_says_what_happens_now() -> None:
    """Where calls go to another model, the notice names it; its name is single for the window and the limit."""
    swaps = Rules((Threshold(80, "Downgrade"),), "small", swaps=True)
    found = list(notices(REF, swaps, window_id="2026-09", limit="5", before=0, percent=100))

    assert [notice.message for notice in found] == [
        "80 % of the limit is used in period 2026-09: calls go to small from here on",
        "100 % of the limit is used in period 2026-09: calls go to small as long as it holds them",
    ]
    assert {notice.about for notice in found} == {"2026-09|5"}


def test_a_threshold_at_the_very_end_is_exhaustion() -> None:
    """100 % is told of once, however many say so."""
    assert told(Rules((Threshold(100, "Event"),)), 0, 100) == [("BudgetExhausted", "100")]


def test_a_threshold_that_was_told_is_not_told_again() -> None:
    """Figures that stay above a threshold are no news."""
    assert told(RULES, 80, 86) == []


def test_what_was_reached_in_a_period_stays_reached() -> None:
    """A threshold that was left and is passed again is not new."""
    first = reached(RULES, before=0, percent=81, rolls=False)
    after = reached(RULES, before=first, percent=40, rolls=False)

    assert (first, after) == (80, 80)
    assert reached(RULES, before=80, percent=95, rolls=False) == 90


def test_a_threshold_of_a_rolling_window_is_ready_again_well_below_it() -> None:
    """A window that rolls has no new period: a threshold is told again after it was left far behind, not before."""
    assert reached(RULES, before=90, percent=85, rolls=True) == 90
    assert reached(RULES, before=90, percent=80, rolls=True) == 80
    assert reached(RULES, before=80, percent=41, rolls=True) == 50
    assert reached(RULES, before=50, percent=10, rolls=True) == 0
    assert reached(Rules((Threshold(4, "Event"),)), before=4, percent=0, rolls=True) == 0


def known(told: Told | None, limit: str, percent: int, window_id: str = "2026-09") -> int:
    """What is not told again."""
    return told_before(told, RULES, window_id=window_id, limit=limit, percent=percent)


def test_what_was_told_is_known_at_the_same_limit_and_in_the_same_window_only() -> None:
    """The same window and limit keep what was told however little is used now; another window knows of nothing."""
    told = Told("2026-09", "100", 90)

    assert known(told, "100", 0) == 90
    assert known(told, "100", 95, window_id="2026-10") == 0
    assert known(None, "100", 95) == 0


def test_a_raised_limit_makes_thresholds_new_that_are_no_longer_reached() -> None:
    """After a top-up only thresholds that are still reached count as told."""
    told = Told("2026-09", "100", 100)

    assert known(told, "110", 91) == 90
    assert known(told, "150", 66) == 50
    assert known(told, "300", 33) == 0


def test_a_limit_that_comes_and_goes_tells_nothing_twice() -> None:
    """A limit that was the limit before finds what was told at it, however often it changes; the list is bounded."""
    told = Told("2026-09", "100", 90).with_percent(0, window_id="2026-09", limit="300")
    again = told.with_percent(90, window_id="2026-09", limit="100")
    many = again
    for number in range(99):
        many = many.with_percent(50, window_id="2026-09", limit=f"2{number}")

    assert known(told, "100", 95) == 90
    assert again.others == (("300", 0),)
    assert len(many.others) == 16
    assert again.with_percent(0, window_id="2026-10", limit="100") == Told("2026-10", "100", 0)

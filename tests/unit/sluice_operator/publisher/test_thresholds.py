"""Which thresholds are told of."""

from sluice_operator.publisher.thresholds import Rules, Threshold, notices, reached
from sluice_operator.verdicts import ResourceRef

REF = ResourceRef("Budget", "team", "month", "u1", 2)
RULES = Rules(
    (Threshold(90, "Event"), Threshold(50, "Event"), Threshold(80, "Event"), Threshold(80, "Downgrade")), "small"
)


def told(rules: Rules, before: int, percent: int) -> list[tuple[str, str]]:
    """Reason and percentage of each notice."""
    found = notices(REF, rules, window_id="2026-09", before=before, percent=percent)
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
    """Where calls go to another model, the notice names it; its name is single for the window."""
    swaps = Rules((Threshold(80, "Downgrade"),), "small", swaps=True)
    found = list(notices(REF, swaps, window_id="2026-09", before=0, percent=100))

    assert [notice.message for notice in found] == [
        "80 % of the limit is used in period 2026-09: calls go to small from here on",
        "100 % of the limit is used in period 2026-09: calls go to small as long as it holds them",
    ]
    assert {notice.about for notice in found} == {"2026-09"}


def test_a_threshold_at_the_very_end_is_exhaustion() -> None:
    """100 % is told of once, however many say so."""
    assert told(Rules((Threshold(100, "Event"),)), 0, 100) == [("BudgetExhausted", "100")]


def test_a_threshold_that_was_told_is_not_told_again() -> None:
    """Figures that stay above a threshold are no news."""
    assert told(RULES, 80, 86) == []


def test_what_was_reached_in_a_period_stays_reached() -> None:
    """A hold that was given back, and the same hold again, make no threshold new."""
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

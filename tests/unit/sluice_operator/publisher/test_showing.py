"""When figures are shown."""

import itertools

from sluice_operator.publisher.conditions import Condition, Facts
from sluice_operator.publisher.figures import rfc3339
from sluice_operator.publisher.showing import Shown, to_show

NOW = 1_795_219_200_000
HOUR_MS = 3_600_000


def show(
    shown: Shown | None, spent: int, now_ms: int, *, period: str = "2026-09", message: str = "", pressing: bool = False
) -> Shown | None:
    """Whether a budget of 100 that spent *spent* is to be shown."""
    within = Condition("WithinBudget", "True" if spent < 100 else "False", "Any", message)
    facts = Facts({"spent": spent, "at": now_ms}, (within,))
    return to_show(shown, facts, period=period, pressing=pressing, now_ms=now_ms)


def test_the_same_figures_are_not_shown_again() -> None:
    """That it was read again later is no reason to write."""
    assert show(show(None, 5, NOW), 5, NOW + 60_000) is None


def test_busy_figures_are_shown_every_half_minute_and_after_a_quiet_time_at_once() -> None:
    """The first change is seen at once, then one in thirty seconds, and after a pause at once again."""
    shown = show(None, 0, NOW)
    times = []
    for tick in range(1, 60):
        now_ms = NOW + tick * 5_000
        if (new := show(shown, tick, now_ms)) is not None:
            shown = new
            times.append(tick * 5)

    assert times[0] == 5
    assert {b - a for a, b in itertools.pairwise(times)} == {30}
    assert show(shown, 99, NOW + 600_000) is not None


def test_a_flip_a_new_period_and_what_presses_are_shown_at_once() -> None:
    """Exhaustion, another window and a threshold do not wait for their turn; then the next half minute begins."""
    first = show(None, 1, NOW)
    busy = show(first, 2, NOW)

    assert show(busy, 3, NOW + 1000) is None
    assert show(busy, 100, NOW + 1000) is not None
    assert show(busy, 3, NOW + 1000, period="2026-10") is not None
    pressed = show(busy, 3, NOW + 1000, pressing=True)
    assert pressed is not None
    assert show(pressed, 4, NOW + 30_999) is None
    assert show(pressed, 4, NOW + 31_000) is not None


def test_other_words_are_no_flip() -> None:
    """The sentence of a condition may hold a time; it waits with the figures."""
    busy = show(show(None, 100, NOW), 101, NOW, message="at one")

    assert show(busy, 101, NOW + 1000, message="at two") is None
    assert show(busy, 101, NOW + 30_000, message="at two") is not None


def foresee(shown: Shown | None, ahead_ms: int | None, now_ms: int) -> Shown | None:
    """Whether a budget that is used up in *ahead_ms* is to be shown."""
    projected = None if ahead_ms is None else rfc3339(now_ms + ahead_ms)
    return to_show(shown, Facts({"spent": 5, "projectedExhaustion": projected}), period="2026-09", now_ms=now_ms)


def test_a_projection_that_has_passed_or_no_longer_follows_is_shown_anew() -> None:
    """One that goes, comes, or should have come by now is a reason to write, though nothing was spent."""
    shown = foresee(None, 10 * HOUR_MS, NOW)

    assert foresee(shown, None, NOW + HOUR_MS) is not None
    assert foresee(foresee(None, None, NOW), HOUR_MS, NOW + HOUR_MS) is not None
    assert foresee(shown, 20 * HOUR_MS, NOW + 10 * HOUR_MS) is not None


def test_a_projection_that_drifts_is_seldom_written() -> None:
    """Without spending it moves on with every look: it is shown when that is a tenth of what is left until then."""
    shown = foresee(None, 10 * HOUR_MS, NOW)

    assert foresee(shown, 10 * HOUR_MS, NOW + HOUR_MS // 2) is None
    assert foresee(shown, 10 * HOUR_MS, NOW + HOUR_MS) is not None


def test_a_projection_waits_for_its_turn() -> None:
    """Also what comes and goes with every look is written once in thirty seconds."""
    shown = foresee(foresee(None, None, NOW), HOUR_MS, NOW)

    assert foresee(shown, None, NOW + 29_999) is None
    assert foresee(shown, None, NOW + 30_000) is not None

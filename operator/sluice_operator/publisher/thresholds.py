"""Which thresholds of a Budget are told of now, by whichever process.  Pure.

Each is told once in a period and at one limit: under a limit that was raised it may be reached again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from sluice_operator.manifests import Notice
from sluice_operator.verdicts import ResourceRef

EXHAUSTED_PERCENT: Final = 100
_MAX_LIMITS: Final = 16  # remembered of one period
_REARM_POINTS: Final = 10  # a rolling window has no new period: so far below a threshold it is ready to be told again


@dataclass(frozen=True, slots=True)
class Threshold:
    """At which share of the limit something is said or done."""

    percent: int
    action: Literal["Event", "Downgrade"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a Budget says of its thresholds; ``model`` is what it downgrades to, ``swaps`` whether also at the end."""

    thresholds: tuple[Threshold, ...] = ()
    model: str | None = None
    swaps: bool = False

    @property
    def percents(self) -> tuple[int, ...]:
        """Every share at which something is told."""
        return (*(each.percent for each in self.thresholds), EXHAUSTED_PERCENT)


@dataclass(frozen=True, slots=True)
class Told:
    """The highest threshold told of in a window at its limit; ``others``: at limits it had before, oldest first."""

    window_id: str
    limit: str
    percent: int
    others: tuple[tuple[str, int], ...] = ()

    def with_percent(self, percent: int, *, window_id: str, limit: str) -> "Told":
        """The same after *percent* is the highest in this window at this limit."""
        if self.window_id != window_id:
            return Told(window_id, limit, percent)
        if self.limit == limit:
            return replace(self, percent=percent)
        others = [each for each in (*self.others, (self.limit, self.percent)) if each[0] != limit]
        return Told(window_id, limit, percent, tuple(others[-_MAX_LIMITS:]))


def told_before(told: Told | None, rules: Rules, *, window_id: str, limit: str, percent: int) -> int:
    """The highest threshold that is not to be told again in this window at this limit; 0 is none.

    Another limit leaves what *percent* is still above, and what was told when it was the limit before.
    """
    if told is None or told.window_id != window_id:
        return 0
    if told.limit == limit:
        return told.percent
    still = max((each for each in rules.percents if each <= min(told.percent, percent)), default=0)
    return max(still, dict(told.others).get(limit, 0))


def reached(rules: Rules, *, before: int, percent: int, rolls: bool) -> int:
    """The highest threshold told of once *percent* is told of, *before* that being the highest; 0 is none.

    Within a period it only rises.
    """
    now = max((each for each in rules.percents if each <= percent), default=0)
    if not rolls:
        return max(before, now)
    kept = (each for each in rules.percents if each <= before and percent > max(each - _REARM_POINTS, each // 2))
    return max(now, *kept, 0)


def notices(
    ref: ResourceRef, rules: Rules, *, window_id: str, limit: str, before: int, percent: int
) -> Iterator[Notice]:
    """One notice for each threshold between *before* and *percent*; single for the window and limit by their names."""
    about = f"{window_id}|{limit}"
    for each in sorted(rules.thresholds, key=lambda each: (each.percent, each.action)):
        if before < each.percent <= percent and each.percent < EXHAUSTED_PERCENT:
            yield _notice(ref, window_id, each, rules.model, about)
    if before < EXHAUSTED_PERCENT <= percent:
        then = f": calls go to {rules.model} as long as it holds them" if rules.swaps and rules.model else ""
        message = f"{EXHAUSTED_PERCENT} % of the limit is used in period {window_id}{then}"
        yield Notice(ref, "Warning", "BudgetExhausted", message, about)


def _notice(ref: ResourceRef, window_id: str, threshold: Threshold, model: str | None, about: str) -> Notice:
    message = f"{threshold.percent} % of the limit is used in period {window_id}"
    if threshold.action == "Downgrade":
        return Notice(ref, "Warning", "BudgetDowngraded", f"{message}: calls go to {model} from here on", about)
    return Notice(ref, "Warning", "BudgetThresholdReached", message, about)

"""Which thresholds of a Budget are told of now.  Each is told once in a period, by whichever process.  Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sluice_operator.manifests import Notice
from sluice_operator.verdicts import ResourceRef

EXHAUSTED_PERCENT: Final = 100
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


def reached(rules: Rules, *, before: int, percent: int, rolls: bool) -> int:
    """The highest threshold told of once *percent* is told of, *before* that being the highest; 0 is none.

    Within a period it only rises: a hold that is given back makes no threshold new.
    """
    now = max((each for each in rules.percents if each <= percent), default=0)
    if not rolls:
        return max(before, now)
    kept = (each for each in rules.percents if each <= before and percent > max(each - _REARM_POINTS, each // 2))
    return max(now, *kept, 0)


def notices(ref: ResourceRef, rules: Rules, *, window_id: str, before: int, percent: int) -> Iterator[Notice]:
    """One notice for each threshold between *before* and *percent*; their names keep them single for the window."""
    for each in sorted(rules.thresholds, key=lambda each: (each.percent, each.action)):
        if before < each.percent <= percent and each.percent < EXHAUSTED_PERCENT:
            yield _notice(ref, window_id, each, rules.model)
    if before < EXHAUSTED_PERCENT <= percent:
        then = f": calls go to {rules.model} as long as it holds them" if rules.swaps and rules.model else ""
        message = f"{EXHAUSTED_PERCENT} % of the limit is used in period {window_id}{then}"
        yield Notice(ref, "Warning", "BudgetExhausted", message, about=window_id)


def _notice(ref: ResourceRef, window_id: str, threshold: Threshold, model: str | None) -> Notice:
    message = f"{threshold.percent} % of the limit is used in period {window_id}"
    if threshold.action == "Downgrade":
        return Notice(ref, "Warning", "BudgetDowngraded", f"{message}: calls go to {model} from here on", window_id)
    return Notice(ref, "Warning", "BudgetThresholdReached", message, window_id)

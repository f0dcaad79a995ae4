"""When figures that were read are shown: at once where somebody waits for them, else seldom.  Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.publisher.conditions import Facts
from sluice_operator.publisher.figures import PROJECTED, ms_of
from sluice_operator.publisher.thresholds import Told

INTERVAL_MS: Final = 30_000
_TIMES: Final = ("at", PROJECTED)  # that these are later than before is no reason to write
_MOVED: Final = 10  # by a tenth of the time to it: then a projection is another one


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown last of one object; ``next_ms`` is the earliest at which mere figures are shown again.

    ``told`` is which thresholds were told of; None where that is not known, or there are none.
    """

    facts: Facts
    period: str
    next_ms: int
    told: Told | None = None


def to_show(
    shown: Shown | None, facts: Facts, *, period: str, told: Told | None = None, pressing: bool = False, now_ms: int
) -> Shown | None:
    """What to remember when *facts* are to be shown now; None when what is shown is good enough.

    Another period, a condition that flips and what is *pressing* are shown at once; figures half a minute after what
    was shown before, at the earliest.
    """
    if shown is None:
        return Shown(facts, period, now_ms, told)
    if not pressing and _same(shown.facts, facts) and not _moved(shown.facts, facts, now_ms):
        return None
    if pressing or shown.period != period or _flips(shown.facts) != _flips(facts) or now_ms >= shown.next_ms:
        return Shown(facts, period, now_ms + INTERVAL_MS, told)
    return None


def _flips(facts: Facts) -> list[tuple[str, str, str]]:
    return [(condition.type, condition.status, condition.reason) for condition in facts.conditions]


def _same(shown: Facts, facts: Facts) -> bool:
    """Whether both say the same but for when it was read."""
    return shown.conditions == facts.conditions and _timeless(shown.fields) == _timeless(facts.fields)


def _moved(shown: Facts, facts: Facts, now_ms: int) -> bool:
    """Whether the projection that is shown has passed, or is not what now follows."""
    was, now = shown.fields.get(PROJECTED), facts.fields.get(PROJECTED)
    if was is None or now is None:
        return was is not now
    return abs(ms_of(now) - ms_of(was)) * _MOVED > max(0, ms_of(was) - now_ms)


def _timeless(fields: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in fields.items() if name not in _TIMES}
    if isinstance(usage := plain.get("usage"), Mapping):
        plain["usage"] = {name: value for name, value in usage.items() if name != "at"}
    return plain

"""Which targets may be tried: failures set one aside for a while, Retry-After lets one rest, calls in flight fill one.

Pure state over time passed in (monotonic milliseconds); knows no HTTP and does no I/O.  States belong to
(model uid, target name) and so survive a reload.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sluice_contract.snapshot import Model, Target

MAX_EJECTION_FACTOR: Final = 10  # the n-th ejection in a row lasts n times as long, up to this
MAX_REST_MS: Final = 60_000  # a provider's Retry-After may not take a target away for longer

_Identity = tuple[str, str]


@dataclass(slots=True)
class _State:
    failures: int = 0  # in a row, since the last success or ejection
    ejections: int = 0  # in a row, since the last success
    ejected_until_ms: int = 0
    resting_until_ms: int = 0
    in_flight: int = 0
    vanished: bool = False  # no longer in the table; kept only for the calls still in flight


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One target as status and metrics tell it."""

    model: Model
    target: Target
    ejected: bool
    resting: bool
    in_flight: int


class Health:
    """What is remembered of targets.  Unknown ones are healthy."""

    def __init__(self) -> None:
        self._states: dict[_Identity, _State] = {}

    def is_available(self, model: Model, target: Target, now_ms: int) -> bool:
        """Whether a call may be sent to *target*: neither ejected nor resting nor full.

        Ejections never take a model's last target; rests and full targets may: then nobody is available.
        """
        state = self._states.get((model.uid, target.name))
        if state is None:
            return target.max_concurrency is None or target.max_concurrency > 0
        state.resting_until_ms = min(state.resting_until_ms, now_ms + MAX_REST_MS)
        if state.ejected_until_ms > now_ms or state.resting_until_ms > now_ms:
            return False
        return target.max_concurrency is None or state.in_flight < target.max_concurrency

    def acquire(self, model: Model, target: Target) -> bool:
        """Count one more call in flight; False, and nothing counted, if *target* is full."""
        state = self._state(model, target)
        if target.max_concurrency is not None and state.in_flight >= target.max_concurrency:
            return False
        state.in_flight += 1
        return True

    def release(self, model: Model, target: Target) -> None:
        """One call of those acquired has ended, however it ended."""
        identity = (model.uid, target.name)
        state = self._states[identity]
        state.in_flight -= 1
        if state.vanished and state.in_flight == 0:
            del self._states[identity]

    def record(self, model: Model, target: Target, *, ok: bool, now_ms: int) -> None:
        """How a call ended.  Enough failures in a row eject the target, as far as its model may go without it.

        What ends while the target is ejected was sent before: a failure then counts no further, a success ends the
        row of ejections but not the ejection.
        """
        state = self._state(model, target)
        if ok:
            state.failures = state.ejections = 0
        elif state.ejected_until_ms <= now_ms:
            state.failures += 1
            if state.failures >= model.health.consecutive_failures and self._may_eject(model, target, now_ms):
                state.failures = 0
                state.ejections = min(state.ejections + 1, MAX_EJECTION_FACTOR)
                state.ejected_until_ms = now_ms + model.health.ejection_ms * state.ejections

    def rest(self, model: Model, target: Target, until_ms: int) -> None:
        """Leave *target* alone until then, as it asked; that is no failure.  Rests are never made shorter.

        A rest ends MAX_REST_MS after :meth:`is_available` first sees it, however long was asked for.
        """
        state = self._state(model, target)
        state.resting_until_ms = max(state.resting_until_ms, until_ms)

    def retain(self, models: Iterable[Model]) -> None:
        """Forget every target that is not among those of *models*: after a reload, all models of the new table."""
        served = {(model.uid, target.name) for model in models for target in model.targets}
        for identity, state in list(self._states.items()):
            state.vanished = identity not in served
            if state.vanished and state.in_flight == 0:
                del self._states[identity]

    def summary(self, models: Iterable[Model], now_ms: int) -> tuple[TargetHealth, ...]:
        """Each target of *models* that an upstream serves, in their order."""
        return tuple(
            TargetHealth(
                model=model,
                target=target,
                ejected=state.ejected_until_ms > now_ms,
                resting=state.resting_until_ms > now_ms,
                in_flight=state.in_flight,
            )
            for model in models
            for target in model.targets
            if target.model_ref is None
            for state in (self._states.get((model.uid, target.name)) or _State(),)
        )

    def _state(self, model: Model, target: Target) -> _State:
        identity = (model.uid, target.name)
        state = self._states.get(identity)
        if state is None:
            state = self._states[identity] = _State()
        return state

    def _may_eject(self, model: Model, target: Target, now_ms: int) -> bool:
        others = [self._states.get((model.uid, other.name)) for other in model.targets if other.name != target.name]
        ejected = 1 + sum(state is not None and state.ejected_until_ms > now_ms for state in others)
        count = len(model.targets)
        return ejected < count and ejected * 100 <= model.health.max_ejected_percent * count

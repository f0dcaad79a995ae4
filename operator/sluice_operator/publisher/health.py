"""What replicas see of a model's targets → what its status says of them.  Pure."""

from collections.abc import Mapping, Sequence

from sluice_contract.snapshot import Model
from sluice_operator.publisher.conditions import Condition, Facts
from sluice_operator.replicas import TargetState


def target_facts(model: Model, seen: Sequence[Mapping[str, TargetState]]) -> Facts:
    """Status fields and the condition TargetsHealthy of *model*.

    A target is healthy while any replica sends calls to it; one that no replica knows yet counts as healthy.
    """
    states = {
        target.name: _best([state[target.name] for state in seen if target.name in state]) for target in model.targets
    }
    healthy = sum(1 for state in states.values() if state.healthy)
    fields = {
        "targets": [{"name": name, "healthy": s.healthy, "reason": s.reason or "OK"} for name, s in states.items()],
        "targetSummary": f"{healthy}/{len(states)}",
    }
    return Facts(fields, (_condition(states, healthy),))


def _best(states: Sequence[TargetState]) -> TargetState:
    healthy = next((state for state in states if state.healthy), None)
    return healthy or next(iter(states), TargetState(healthy=True))


def _condition(states: Mapping[str, TargetState], healthy: int) -> Condition:
    if healthy == len(states):
        return Condition("TargetsHealthy", "True", "Healthy", f"{healthy} of {len(states)} targets take calls")
    bad = ", ".join(sorted(f"{name}: {state.reason}" for name, state in states.items() if not state.healthy))
    reason = "SomeUnhealthy" if healthy else "NoneHealthy"
    return Condition("TargetsHealthy", "False", reason, f"{healthy} of {len(states)} targets take calls; {bad}")

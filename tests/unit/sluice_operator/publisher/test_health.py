"""What replicas see of targets."""

from sluice_contract.snapshot import Model, Target
from sluice_operator.publisher.health import target_facts
from sluice_operator.replicas import TargetState

MODEL = Model(name="m", uid="u", namespace="n", resource="m", targets=(Target(name="a"), Target(name="b")))
UP, DOWN = TargetState(healthy=True), TargetState(healthy=False, reason="Ejected")


def test_a_target_is_healthy_while_any_replica_uses_it() -> None:
    """Replicas may differ; a target that one of them still calls is not down."""
    facts = target_facts(MODEL, [{"a": UP, "b": DOWN}, {"a": DOWN, "b": DOWN}])

    assert facts.fields["targets"] == [
        {"name": "a", "healthy": True, "reason": "OK"},
        {"name": "b", "healthy": False, "reason": "Ejected"},
    ]
    assert facts.fields["targetSummary"] == "1/2"
    condition = facts.conditions[0]
    assert (condition.status, condition.reason) == ("False", "SomeUnhealthy")
    assert "b: Ejected" in condition.message


def test_an_unknown_target_counts_as_healthy() -> None:
    """A target that no replica knows yet has not failed."""
    assert target_facts(MODEL, [{}]).conditions[0].status == "True"


def test_no_target_left_has_a_reason_of_its_own() -> None:
    """All targets down is told apart from some."""
    assert target_facts(MODEL, [{"a": DOWN, "b": DOWN}]).conditions[0].reason == "NoneHealthy"

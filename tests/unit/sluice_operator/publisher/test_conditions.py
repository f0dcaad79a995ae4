"""The status of one object."""

from typing import Any

from sluice_operator.publisher.conditions import Condition, Facts, compose, remembered, written_out
from sluice_operator.publisher.revisions import Programmed
from sluice_operator.verdicts import Finding, ResourceRef, Verdict

REF = ResourceRef("VirtualKey", "team", "checkout", "u1", 4)
LIVE = Programmed(2, 2, "9f31c2aa", 420)
THEN, NOW = "2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z"


def verdict(*, accepted: bool = True, active: bool = True, served: bool = True) -> Verdict:
    """A key's verdict."""
    findings = (
        Finding("Accepted", accepted, "Accepted" if accepted else "Conflicted", "m"),
        Finding("ResolvedRefs", True, "ResolvedRefs", "m"),
        Finding("Active", active, "Active" if active else "Suspended", "m"),
    )
    return Verdict(REF, findings, served, {"keyID": "vk1"})


def conditions(facts: Facts) -> dict[str, tuple[str, str]]:
    """Status and reason by type."""
    return {condition.type: (condition.status, condition.reason) for condition in facts.conditions}


def test_ready_is_accepted_resolved_and_programmed() -> None:
    """An object whose generation is live in every replica is Ready, and says where and how fast."""
    facts = compose(verdict(), LIVE, (), None)

    assert conditions(facts)["Ready"] == ("True", "Ready")
    assert facts.fields["programmed"] == {
        "current": 2, "total": 2, "revision": "9f31c2aa", "latencyMilliseconds": 420,
    }  # fmt: skip
    assert next(c.message for c in facts.conditions if c.type == "Programmed") == "2/2 at 9f31c2 in 420 ms"


def test_a_suspended_key_stays_ready() -> None:
    """Not being Active is what was asked for, and no failure."""
    facts = compose(verdict(active=False), LIVE, (), None)

    assert conditions(facts)["Active"] == ("False", "Suspended")
    assert conditions(facts)["Ready"][0] == "True"


def test_what_is_refused_is_neither_programmed_nor_ready() -> None:
    """The reason of the first thing that is missing is the reason for not being Ready."""
    facts = compose(verdict(accepted=False, served=False), LIVE, (), None)

    assert conditions(facts)["Programmed"] == ("False", "NotServed")
    assert conditions(facts)["Ready"] == ("False", "Conflicted")
    assert "programmed" not in facts.fields


def test_lagging_and_missing_replicas_are_told_apart() -> None:
    """Some replicas behind, no replica at all, and not published at all are three reasons."""
    found = [
        conditions(compose(verdict(), programmed, (), None))["Programmed"]
        for programmed in (Programmed(1, 2, "r", None), Programmed(0, 0, "r", None), None)
    ]

    assert found == [("False", "Pending"), ("False", "NoReplicas"), ("False", "NotPublished")]


def test_why_nothing_could_be_published_is_told() -> None:
    """A snapshot that was refused is explained where people look."""
    facts = compose(verdict(), None, (), "models: too large")

    assert next(c.message for c in facts.conditions if c.type == "Ready") == "models: too large"


def test_facts_are_added() -> None:
    """What is known at run time stands beside what was compiled."""
    within = Condition("WithinBudget", "True", "WithinBudget", "m")
    facts = compose(verdict(), LIVE, [Facts({"spent": "1"}, (within,))], None)

    assert facts.fields.items() >= {"keyID": "vk1", "spent": "1"}.items()
    assert conditions(facts)["WithinBudget"][0] == "True"


def status(facts: Facts, known: dict[str, Any], now: str = NOW) -> dict[str, Any]:
    """The status as written out."""
    return written_out(facts, generation=4, known=known, now=now)


def test_the_same_again_is_equal() -> None:
    """What is said already compares as equal, whenever it is asked: no write, no hot loop."""
    facts = compose(verdict(), LIVE, (), None)
    first = status(facts, {}, THEN)

    assert status(facts, first, NOW) == first


def test_the_time_of_a_condition_is_when_it_flipped() -> None:
    """LastTransitionTime moves only with the status; observedGeneration is on every condition."""
    before = status(compose(verdict(), Programmed(1, 2, "r", None), (), None), {}, THEN)
    after = status(compose(verdict(), LIVE, (), None), before, NOW)

    times = {item["type"]: item["lastTransitionTime"] for item in after["conditions"]}
    assert times == {"Accepted": THEN, "ResolvedRefs": THEN, "Active": THEN, "Programmed": NOW, "Ready": NOW}
    assert {item["observedGeneration"] for item in after["conditions"]} == {4}
    assert after["observedGeneration"] == 4


def test_what_is_not_known_now_stays() -> None:
    """Figures and conditions from before a restart are kept, each in its place; None takes a field away."""
    fresh = {"type": "Fresh", "status": "True", "reason": "Read", "message": "m", "lastTransitionTime": THEN}
    known = {"spent": "7", "projectedExhaustion": THEN, "conditions": [fresh]}

    after = status(compose(verdict(), LIVE, [Facts({"projectedExhaustion": None})], None), known)

    assert after["spent"] == "7"
    assert "projectedExhaustion" not in after
    assert [item["type"] for item in after["conditions"]] == [
        "Accepted", "ResolvedRefs", "Active", "Fresh", "Programmed", "Ready",
    ]  # fmt: skip


def test_a_restart_does_not_rewrite_what_is_live() -> None:
    """Where we only found the revision in force, what the status says of it already is kept."""
    known = status(compose(verdict(), LIVE, (), None), {}, THEN)
    found = Programmed(2, 2, "newer", None)

    assert remembered(found, generation=4, known=known) == LIVE
    assert remembered(found, generation=5, known=known) == found
    assert remembered(Programmed(1, 2, "newer", None), generation=4, known=known).everywhere is False
    assert remembered(Programmed(3, 3, "newer", None), generation=4, known=known).total == 3


def test_a_long_message_is_cut() -> None:
    """A message is never longer than the schema allows."""
    long = Facts({}, (Condition("Accepted", "False", "Invalid", "x" * 9000),))

    assert len(status(long, {})["conditions"][0]["message"]) <= 4096

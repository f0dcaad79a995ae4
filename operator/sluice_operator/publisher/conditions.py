"""Findings, acknowledgements and figures → the status of one object.  Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sluice_operator.publisher.revisions import Programmed
from sluice_operator.verdicts import Finding, Verdict

Status = Literal["True", "False", "Unknown"]
_ORDER: Final = (
    "Accepted", "ResolvedRefs", "Priced", "Active", "WithinBudget", "Fresh", "TargetsHealthy", "Programmed", "Ready",
)  # fmt: skip
_READY_NEEDS: Final = ("Accepted", "ResolvedRefs")
_MAX_MESSAGE_CHARS: Final = 4096


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it is to be said; when it last flipped is known by the status it is said in."""

    type: str
    status: Status
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at run time about one object: status fields and conditions, replaced as a whole."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()


NO_FACTS: Final = Facts()


def of_finding(finding: Finding) -> Condition:
    """A finding as a condition."""
    return Condition(finding.type, "True" if finding.holds else "False", finding.reason, finding.message)


def programmed_condition(programmed: Programmed | None, *, served: bool, refused: str | None) -> Condition:
    """Whether this generation is live in every replica.

    Args:
        programmed: how far its publication has come, None where it is in none yet.
        served: whether any part of it is published at all.
        refused: why the latest compilation could not be published, None if it was.
    """
    if programmed is None:
        return Condition("Programmed", "False", "NotPublished", refused or "Not published yet")
    if not served:
        return Condition("Programmed", "False", "NotServed", "Nothing of this object is published; see Accepted")
    if not programmed.total:
        return Condition("Programmed", "False", "NoReplicas", f"No data-plane replica is ready for {programmed}")
    if programmed.everywhere:
        return Condition("Programmed", "True", "Programmed", str(programmed))
    return Condition("Programmed", "False", "Pending", str(programmed))


def ready_condition(conditions: Sequence[Condition]) -> Condition:
    """True when what is asked for is live; a spent budget or a suspended key is still what was asked for."""
    for needed in (*_READY_NEEDS, "Programmed"):
        found = next((condition for condition in conditions if condition.type == needed), None)
        if found is not None and found.status != "True":
            return Condition("Ready", found.status, found.reason, found.message)
    return Condition("Ready", "True", "Ready", "Live in every replica")


def compose(verdict: Verdict, programmed: Programmed | None, facts: Iterable[Facts], refused: str | None) -> Facts:
    """The whole status of one object, without generation and times."""
    said = [of_finding(finding) for finding in verdict.findings]
    fields = dict(verdict.fields)
    for fact in facts:
        said += fact.conditions
        fields |= fact.fields
    live = programmed_condition(programmed, served=verdict.served, refused=refused)
    if programmed is not None and verdict.served:
        fields["programmed"] = {
            "current": programmed.current,
            "total": programmed.total,
            "revision": programmed.revision,
        } | ({} if programmed.latency_ms is None else {"latencyMilliseconds": programmed.latency_ms})
    said.append(live)
    return Facts(fields, (*said, ready_condition(said)))


def written_out(wanted: Facts, *, generation: int, known: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The whole status as it is to be; equal to *known* where that says so already.

    Fields and conditions that *wanted* does not have stay as they are: what was counted before a restart is not lost.
    A field that is None goes.

    Args:
        wanted: what is to be said.
        generation: of the spec it is said about.
        known: the status as it is.
        now: RFC 3339, for conditions whose status flips now.
    """
    before = {item.get("type"): item for item in known.get("conditions") or ()}
    conditions = [_written(condition, generation, before.get(condition.type), now) for condition in wanted.conditions]
    said = {condition.type for condition in wanted.conditions}
    conditions += [dict(item) for kind, item in before.items() if kind not in said]
    conditions.sort(key=_place)
    whole = {**known, **wanted.fields, "observedGeneration": generation, "conditions": conditions}
    return {name: value for name, value in whole.items() if value is not None}


def remembered(programmed: Programmed, *, generation: int, known: Mapping[str, Any]) -> Programmed:
    """*programmed*, or what the status *known* says of it already, where we only found what was published before us."""
    said = known.get("programmed") or {}
    live = any(
        item.get("type") == "Programmed"
        and item.get("status") == "True"
        and item.get("observedGeneration") == generation
        for item in known.get("conditions") or ()
    )
    if not (live and programmed.everywhere and programmed.latency_ms is None and said.get("total") == programmed.total):
        return programmed
    return Programmed(programmed.total, programmed.total, said.get("revision", ""), said.get("latencyMilliseconds"))


def _place(condition: Mapping[str, Any]) -> tuple[int, str]:
    kind = str(condition.get("type"))
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind


def _written(condition: Condition, generation: int, before: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    same = before is not None and before.get("status") == condition.status
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message[:_MAX_MESSAGE_CHARS],
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if same and before is not None else now,
    }

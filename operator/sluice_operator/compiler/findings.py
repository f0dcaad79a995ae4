"""The words of verdicts: what went wrong, and the conditions that say it.  Types and reasons never change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sluice_operator.verdicts import Finding, Kind

ACCEPTED: Final = "Accepted"
RESOLVED_REFS: Final = "ResolvedRefs"
PRICED: Final = "Priced"
ACTIVE: Final = "Active"

FINDING_TYPES: Final[dict[Kind, tuple[str, ...]]] = {
    "Budget": (ACCEPTED, RESOLVED_REFS),
    "ModelDeployment": (ACCEPTED, RESOLVED_REFS, PRICED),
    "ModelProvider": (ACCEPTED, RESOLVED_REFS),
    "VirtualKey": (ACCEPTED, RESOLVED_REFS, ACTIVE),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something cannot be had: a stable reason, and a sentence for whoever can mend it."""

    reason: str
    message: str


def accepted(problem: Problem | None = None) -> Finding:
    """Whether the resource itself is good."""
    if problem is None:
        return Finding(ACCEPTED, holds=True, reason="Accepted", message="The resource is valid.")
    return Finding(ACCEPTED, holds=False, reason=problem.reason, message=problem.message)


def resolved(problems: Sequence[Problem]) -> Finding:
    """Whether everything is there that the resource refers to; the reason is the first problem's."""
    if not problems:
        return Finding(RESOLVED_REFS, holds=True, reason="ResolvedRefs", message="All references are resolved.")
    said = " ".join(dict.fromkeys(problem.message for problem in problems))
    return Finding(RESOLVED_REFS, holds=False, reason=problems[0].reason, message=said)


def unseen(kind: Kind, problem: Problem) -> tuple[Finding, ...]:
    """All findings of a resource that could not even be read: nothing further is known of it."""
    rest = FINDING_TYPES[kind][1:]
    message = "Not looked at: the resource is not accepted."
    return (accepted(problem), *(Finding(type_, holds=False, reason="NotAccepted", message=message) for type_ in rest))

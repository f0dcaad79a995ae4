"""What the compiler found about one resource, and how that is written as status conditions.

A verdict knows nothing of replicas: ``Programmed`` and ``Ready`` are added by the publisher, which does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["ModelDeployment", "VirtualKey", "Budget", "ModelProvider"]


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """Which object a verdict, or an Event, is about, and which generation of it was read."""

    kind: Kind | Literal["ConfigMap"]
    namespace: str
    name: str
    uid: str
    generation: int

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition: a type that never changes, whether it holds, a stable reason, a sentence for people."""

    type: str
    holds: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One resource's findings (Accepted first) and the status fields that follow from its spec alone.

    ``served`` is whether any part of it is in the snapshot: what is not served is never Programmed.
    """

    ref: ResourceRef
    findings: tuple[Finding, ...]
    served: bool
    fields: Mapping[str, Any] = field(default_factory=dict)

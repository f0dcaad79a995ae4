"""Who is meant, and whether they may be: names, label selectors, namespaces that admit each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.moments import to_ms
from sluice_operator.inventory import ObjectName, SecretContent
from sluice_operator.resources import (
    Budget,
    Invalid,
    ModelDeployment,
    ModelProvider,
    NamespaceSelector,
    ObjectRef,
    VirtualKey,
)
from sluice_operator.resources.common import LabelRequirement, LabelSelector
from sluice_operator.verdicts import ResourceRef

Resource = Budget | ModelDeployment | ModelProvider | VirtualKey
Namespaces = Mapping[str, Mapping[str, str]]  # labels by name


def name_of(resource: Resource) -> ObjectName:
    """The resource's own name."""
    return ObjectName(resource.metadata.namespace, resource.metadata.name)


def ref_of(resource: Resource | Invalid) -> ResourceRef:
    """What a verdict on *resource* is about."""
    who = resource if isinstance(resource, Invalid) else resource.metadata
    return ResourceRef(resource.kind, who.namespace, who.name, who.uid, who.generation)


def created_ms(resource: Resource) -> int:
    """When the API server took the resource, in ms since 1970 UTC; 0 for one that came from a file."""
    moment = resource.metadata.creation_timestamp
    return 0 if moment is None else to_ms(moment)


def target_of(ref: ObjectRef, *, home: str) -> ObjectName:
    """The name that *ref* means in a resource of the namespace *home*."""
    return ObjectName(ref.namespace or home, ref.name)


def short_id(prefix: str, *identity: str) -> str:
    """An id that stands for *identity* in every run: ``up-`` and 12 hex digits, say."""
    return f"{prefix}-{sha256(chr(0).join(identity).encode()).hexdigest()[:12]}"


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether *labels* meet every condition of *selector*, as Kubernetes has it; no condition is met by all."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _meets(requirement, labels.get(requirement.key)) for requirement in selector.match_expressions
    )


def _meets(requirement: LabelRequirement, value: str | None) -> bool:
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":  # a label that is not there is not in either
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


def admits(selector: NamespaceSelector, *, home: str, guest: str, namespaces: Namespaces) -> bool:
    """Whether the namespace *guest* may refer to a resource of *home* that says *selector*.

    A resource's own namespace always may.  A namespace whose labels are not known has none.
    """
    if guest == home or selector.from_ == "All":
        return True
    if selector.from_ == "Same" or selector.selector is None:
        return False
    return selects(selector.selector, namespaces.get(guest, {}))


def admitted(selector: NamespaceSelector, *, home: str, namespaces: Namespaces) -> tuple[str, ...] | None:
    """The namespaces that *selector* of a resource of *home* admits, sorted; None: all there ever are."""
    if selector.from_ == "All":
        return None
    guests = {home, *namespaces} if selector.from_ == "Selector" else {home}
    return tuple(sorted(n for n in guests if admits(selector, home=home, guest=n, namespaces=namespaces)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a Secret or ConfigMap."""

    kind: Literal["Secret", "ConfigMap"]
    name: ObjectName
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, entry {self.key!r}"

    def read(self, contents: Mapping[ObjectName, SecretContent]) -> bytes | Problem:
        """Its bytes; *contents* are all Secrets, or all ConfigMaps, that there are."""
        content = contents.get(self.name)
        if content is None:
            return Problem(f"{self.kind}NotFound", f"{self.kind} {self.name} does not exist.")
        value = content.values.get(self.key)
        if value is None:
            return Problem(f"{self.kind}NotFound", f"{self.kind} {self.name} has no entry {self.key!r}.")
        return value

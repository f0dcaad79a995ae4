"""How the four kinds are named and listed in Kubernetes."""

from dataclasses import dataclass
from typing import Final, Literal

from sluice_operator.resources.budget import Budget
from sluice_operator.resources.common import Kind, Resource
from sluice_operator.resources.key import VirtualKey
from sluice_operator.resources.model import ModelDeployment
from sluice_operator.resources.provider import ModelProvider
from sluice_operator.resources.status import (
    BudgetStatus,
    ModelDeploymentStatus,
    ModelProviderStatus,
    Status,
    VirtualKeyStatus,
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ``kubectl get``; a wide one only with ``-o wide``."""

    name: str
    path: str
    type: Literal["string", "integer", "date"] = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind: its models, its names and its columns in order."""

    kind: Kind
    resource: type[Resource]
    status: type[Status]
    plural: str
    short_name: str
    columns: tuple[Column, ...]


def _condition(name: str, type_: str, member: str = "status", *, wide: bool = False) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{type_}")].{member}', wide=wide)


_READY: Final = _condition("Ready", "Ready")
_REASON: Final = _condition("Reason", "Ready", "reason", wide=True)
_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")

DEFINITIONS: Final = (
    Definition(
        kind="ModelDeployment",
        resource=ModelDeployment,
        status=ModelDeploymentStatus,
        plural="modeldeployments",
        short_name="mdep",
        columns=(
            Column("Model", ".status.modelName"),
            Column("Targets", ".status.targetSummary"),
            _condition("Programmed", "Programmed"),
            _READY,
            _AGE,
            Column("Aliases", ".spec.aliases", wide=True),
            _REASON,
        ),
    ),
    Definition(
        kind="VirtualKey",
        resource=VirtualKey,
        status=VirtualKeyStatus,
        plural="virtualkeys",
        short_name="vkey",
        columns=(
            Column("Team", ".spec.owner.team"),
            _condition("Active", "Active"),
            # A moment to come: kubectl prints dates as ages, and this one as <invalid>.
            Column("Expires", ".status.expiresAt"),
            Column("Last Used", ".status.lastUsedTime", "date"),
            Column("Cost", ".status.usage.cost"),
            _READY,
            _AGE,
            Column("KeyID", ".status.keyID", wide=True),
            _condition("Reason", "Active", "reason", wide=True),
        ),
    ),
    Definition(
        kind="Budget",
        resource=Budget,
        status=BudgetStatus,
        plural="budgets",
        short_name="bud",
        columns=(
            Column("Limit", ".spec.limit.amount"),
            Column("Spent", ".status.spent"),
            Column("Used%", ".status.usedPercent", "integer"),
            Column("Resets", ".status.period.end"),
            _condition("Within", "WithinBudget"),
            _READY,
            _AGE,
            Column("Unit", ".spec.limit.unit", wide=True),
            Column("Effective", ".status.effectiveLimit", wide=True),
            _REASON,
        ),
    ),
    Definition(
        kind="ModelProvider",
        resource=ModelProvider,
        status=ModelProviderStatus,
        plural="modelproviders",
        short_name="mprov",
        columns=(
            Column("Type", ".spec.type"),
            Column("Used By", ".status.usedBy", "integer"),
            _READY,
            _AGE,
            Column("URL", ".spec.baseURL", wide=True),
            _REASON,
        ),
    ),
)

"""What statuses may hold, for the schemas only: the publisher writes them, nobody here reads them."""

from typing import Annotated, Final, Literal

from pydantic import Field

from sluice_operator.resources.base import JSON_DEFAULT, ListOf, Value
from sluice_operator.resources.common import Moment

Short = Annotated[str, Field(max_length=253)]
Count = Annotated[int, Field(ge=0)]

# Given by the API server to what nobody has looked at yet: an operator that does not run can be seen.
PENDING: Final = tuple(
    {
        "type": type_,
        "status": "Unknown",
        "reason": "Pending",
        "message": "Waiting for the operator",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }
    for type_ in ("Accepted", "Ready")
)


class Condition(Value):
    """One finding; its type never changes meaning, and holding is always the good news."""

    type: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=64)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=128)]
    message: Annotated[str, Field(max_length=4096)]
    last_transition_time: Moment
    observed_generation: Count | None = None


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=16),
    ListOf(("type",)),
]


class Programmed(Value):
    """How many replicas serve this generation, of how many, in which revision, and how long that took."""

    current: Count
    total: Count
    revision: Short | None = None
    latency_milliseconds: Count | None = None


class Status(Value):
    """What every kind's status holds."""

    observed_generation: Count | None = None
    conditions: Annotated[Conditions, Field(json_schema_extra={JSON_DEFAULT: list(PENDING)})] = ()


class TargetStatus(Value):
    """How one target is doing."""

    name: Short
    healthy: bool
    reason: Short | None = None


class ModelDeploymentStatus(Status):
    """What is known of a model."""

    model_name: Short | None = None
    targets: Annotated[tuple[TargetStatus, ...], Field(max_length=16), ListOf(("name",))] = ()
    target_summary: Short | None = None
    """Healthy targets of all, such as 2/2."""
    programmed: Programmed | None = None


class SecretEntry(Value):
    """Where the key can be read."""

    name: Short
    key: Short


class CredentialStatus(Value):
    """One credential of a key."""

    id: Short
    state: Literal["Active", "Retiring"]
    created_at: Moment | None = None
    not_after: Moment | None = None


class KeyUsage(Value):
    """What a key used in one UTC month, read at ``at``."""

    period: Short
    requests: Count
    input_tokens: Count
    output_tokens: Count
    cost: Short
    currency: Short
    at: Moment


class EffectiveBudget(Value):
    """One Budget that holds for a key, and how it came to that."""

    namespace: Short
    name: Short
    via: Literal["Ref", "Selector", "Parent"]


class VirtualKeyStatus(Status):
    """What is known of a key; never the key."""

    key_id: Short | None = None
    """Stable for life: spend and limits hang on it."""
    secret_ref: SecretEntry | None = None
    credentials: Annotated[tuple[CredentialStatus, ...], Field(max_length=8), ListOf(("id",))] = ()
    expires_at: Moment | None = None
    last_used_time: Moment | None = None
    usage: KeyUsage | None = None
    effective_budgets: Annotated[tuple[EffectiveBudget, ...], Field(max_length=64)] = ()
    programmed: Programmed | None = None


class BudgetWindow(Value):
    """The window that is being spent from."""

    id: Short
    start: Moment | None = None
    end: Moment | None = None
    """When spending starts from zero again; of a rolling period, when the first of what counts will have gone."""


class BudgetStatus(Status):
    """What is known of a budget; amounts are US dollars for Cost, else tokens or requests."""

    period: BudgetWindow | None = None
    effective_limit: Short | None = None
    """With the adjustments of now."""
    spent: Short | None = None
    held: Short | None = None
    """Kept for calls in flight."""
    orphaned: Short | None = None
    """Kept for calls whose end is not known."""
    remaining: Short | None = None
    used_percent: Count | None = None
    reached_percent: Count | None = None
    """The highest threshold that was reached in this period: each is told of once."""
    projected_exhaustion: Moment | None = None
    at: Moment | None = None
    """When these figures were read."""
    subjects: Count | None = None
    """How many keys it covers."""
    programmed: Programmed | None = None


class ModelProviderStatus(Status):
    """What is known of a provider account."""

    used_by: Count | None = None
    """How many targets refer to it."""
    secret_version: Short | None = None
    """Which version of the credential's Secret is in use."""
    programmed: Programmed | None = None

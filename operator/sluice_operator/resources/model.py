"""ModelDeployment: one public model name and the targets that serve it.  Resolves no reference."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from sluice_operator.providers.row import DIALECTS
from sluice_operator.providers.table import PROVIDERS, SERVICE
from sluice_operator.resources.base import ListOf, OneOf, Rule, Value
from sluice_operator.resources.common import (
    DurationMs,
    Label,
    Limits,
    LocalRef,
    ObjectRef,
    OpenNamespaceSelector,
    Resource,
    between,
    duration_default,
)
from sluice_operator.resources.prices import Prices
from sluice_operator.resources.provider import Dialects, ProviderAccount
from sluice_operator.resources.provider_rules import WITHOUT_DEFAULT_URL, speaks

RetryCause = Literal["ConnectFailure", "Timeout", "RateLimited", "ServerError"]
_EVERY_CAUSE: Final[tuple[RetryCause, ...]] = ("ConnectFailure", "Timeout", "RateLimited", "ServerError")

_SERVERS: Final = tuple(name for name in WITHOUT_DEFAULT_URL if PROVIDERS[name].own or PROVIDERS[name].wider)

PublicName = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._:/@+-]*\*?|\*)$", max_length=253)]
UpstreamName = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=253)]


class ServiceRef(Value):
    """A Service of this namespace: a model server, whose API is below /v1."""

    name: Label
    port: Annotated[int, Field(ge=1, le=65535)]
    type: Annotated[str, OneOf(_SERVERS)] = SERVICE
    """What serves there."""
    dialects: Dialects = ()
    """The APIs for conversations that are spoken there; by default those of the type."""

    rules: ClassVar[tuple[Rule, ...]] = tuple(speaks(dialect, default=SERVICE) for dialect in DIALECTS)


class Target(Value):
    """One way to serve the model: a provider, a Service or another ModelDeployment."""

    name: Label
    provider: ProviderAccount | None = None
    provider_ref: ObjectRef | None = None
    service_ref: ServiceRef | None = None
    model_ref: LocalRef | None = None
    model: UpstreamName | None = None
    """The upstream's name for the model; the name the client asked for by default."""
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    """Share of the calls among targets of the same priority."""
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    """Lower goes first; the next tier serves only when this one cannot."""
    max_concurrency: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Calls in flight at once, per replica."""
    limits: Limits = ()
    """Of this target, for all keys together; each attempt at it counts."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.provider), has(self.providerRef), has(self.serviceRef), has(self.modelRef)]"
            ".filter(x, x).size() == 1",
            message="exactly one of provider, providerRef, serviceRef and modelRef",
            holds=lambda it: [it.provider, it.provider_ref, it.service_ref, it.model_ref].count(None) == 3,
        ),
        Rule(
            cel="!has(self.modelRef) || !(has(self.model) || has(self.maxConcurrency) || has(self.limits))",
            message="modelRef takes no model, maxConcurrency or limits: the other ModelDeployment's targets have them",
            holds=lambda it: it.model_ref is None or not {"model", "max_concurrency", "limits"} & it.model_fields_set,
        ),
    )


class Access(Value):
    """Whose keys may use the model."""

    namespaces: OpenNamespaceSelector = OpenNamespaceSelector()


class Routing(Value):
    """How a target is chosen within a tier."""

    strategy: Literal["Weighted"] = "Weighted"


class Timeouts(Value):
    """How long to wait.  ``request`` covers all attempts together."""

    request: Annotated[DurationMs, between("100ms", "24h")] = duration_default("10m")
    connect: Annotated[DurationMs, between("10ms", "5m")] = duration_default("3s")
    first_token: Annotated[DurationMs, between("100ms", "24h")] = duration_default("60s")
    between_tokens: Annotated[DurationMs, between("100ms", "24h")] = duration_default("60s")


class Retry(Value):
    """Further attempts after the first, before the client has seen a byte."""

    attempts: Annotated[int, Field(ge=0, le=5)] = 2
    causes: Annotated[tuple[RetryCause, ...], Field(min_length=1, max_length=4), ListOf()] = _EVERY_CAUSE


class Health(Value):
    """When a target is set aside, for how long, and how many of a tier at most."""

    consecutive_failures: Annotated[int, Field(ge=1, le=1000)] = 5
    ejection: Annotated[DurationMs, between("1s", "1h")] = duration_default("30s")
    max_ejected_percent: Annotated[int, Field(ge=0, le=100)] = 50


class Capabilities(Value):
    """What the model can take and do, over the built-in table.  What neither says is not known, and never refused."""

    context_window: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Tokens of a call's input and output together."""
    max_output_tokens: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    vision: bool | None = None
    """Whether it sees images."""
    documents: bool | None = None
    """Whether it reads files, such as PDF."""
    tools: bool | None = None
    structured_output: bool | None = None
    """Whether its answers follow a JSON schema."""
    sampling_parameters: bool | None = None
    """Whether temperature, top_p and the like may be set."""
    reasoning: Literal["None", "Effort", "Budget", "Adaptive"] | None = None
    """How it is told to think: not at all, by an effort, by a budget of tokens, or only whether to."""


class ModelDeploymentSpec(Value):
    """What is wanted of a model."""

    model_name: PublicName | None = None
    """What clients ask for; metadata.name by default.  May end in ``*``: what stands for it is passed on."""
    aliases: Annotated[tuple[PublicName, ...], Field(max_length=16), ListOf()] = ()
    visibility: Literal["Public", "Internal"] = "Public"
    """Internal: reachable only as the target of another ModelDeployment."""
    access: Access = Access()
    targets: Annotated[
        tuple[Target, ...],
        Field(min_length=1, max_length=16),
        ListOf(("name",)),
        Rule(
            cel="self.exists(t, !has(t.weight) || t.weight > 0)",
            message="at least one target needs a weight above 0",
            holds=lambda targets: any(target.weight > 0 for target in targets),
        ),
    ]
    routing: Routing = Routing()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    health: Health = Health()
    limits: Limits = ()
    """For all keys together."""
    pricing: Prices | None = None
    """Over the provider's prices, the install's price book and the built-in one."""
    capabilities: Capabilities = Capabilities()
    drop_unsupported: bool = False
    """Where a call is translated: fields that the target's API has nothing for are left out.  By default such a call
    is refused with 400, and the field named."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.modelName) == has(oldSelf.modelName)"
            " && (!has(self.modelName) || self.modelName == oldSelf.modelName)",
            message="modelName is immutable: make a new ModelDeployment",
            holds=None,
        ),
    )


class ModelDeployment(Resource):
    """One public model name, and the targets that serve it."""

    kind: Literal["ModelDeployment"]
    spec: ModelDeploymentSpec

    rules: ClassVar[tuple[Rule, ...]] = (
        *Resource.rules,
        Rule(
            cel="!self.spec.targets.exists(t, has(t.modelRef) && t.modelRef.name == self.metadata.name)",
            message="targets: a ModelDeployment cannot be its own target",
            holds=lambda it: not any(t.model_ref and t.model_ref.name == it.metadata.name for t in it.spec.targets),
        ),
    )

    @property
    def public_name(self) -> str:
        """The name that clients ask for."""
        return self.spec.model_name or self.metadata.name

"""VirtualKey: one credential with an owner, allowed models, limits, budgets and a life.  Holds no plaintext."""

import ipaddress
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sluice_operator.resources.base import ListOf, Rule, Value
from sluice_operator.resources.common import (
    DataKey,
    DurationMs,
    EntryRef,
    LabelMap,
    Limits,
    ModelPattern,
    Moment,
    Name,
    ObjectRef,
    Resource,
    Text,
    between,
)

KeyType = Literal["Generated", "Existing", "Hash"]


def _is_cidr(text: str) -> bool:
    if "/" not in text:
        return False
    try:
        ipaddress.ip_network(text, strict=True)
    except ValueError:
        return False
    return True


CIDR = Annotated[
    str,
    Field(pattern=r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$", max_length=43),
    Rule(
        cel="isCIDR(self) && cidr(self) == cidr(self).masked()",
        message="should be a network such as 10.0.0.0/8 or 2001:db8::/32, with no bits set after the prefix",
        holds=_is_cidr,
    ),
]


class Generated(Value):
    """Where the operator writes the key it makes."""

    secret_name: Name | None = None
    """``<name>-key`` by default."""
    key: DataKey = "api-key"


class Existing(Value):
    """A key that someone else has written into a Secret of this namespace."""

    secret_ref: EntryRef


class Hash(Value):
    """A key that never enters the cluster: only its SHA-256 does."""

    key_hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]


class Owner(Value):
    """Who answers for the key; goes into usage records."""

    team: Text | None = None
    user: Text | None = None
    cost_center: Text | None = None
    labels: LabelMap = Field(default_factory=dict)


class Models(Value):
    """Patterns of the models it may use; ``deny`` wins."""

    allow: Annotated[tuple[ModelPattern, ...], Field(max_length=256), ListOf()] | None = None
    """Omitted: every Public model that is open to the namespace.  Empty: none."""
    deny: Annotated[tuple[ModelPattern, ...], Field(max_length=256), ListOf()] = ()


class VirtualKeySpec(Value):
    """What is wanted of a key."""

    type: KeyType = "Generated"
    generated: Generated | None = None
    existing: Existing | None = None
    hash: Hash | None = None
    owner: Owner = Owner()
    models: Models = Models()
    budget_refs: Annotated[
        tuple[ObjectRef, ...],
        Field(max_length=16),
        Rule(
            # CEL reserves the word namespace and spells the field so.
            cel="self.all(a, self.exists_one(b, b.name == a.name && has(b.__namespace__) == has(a.__namespace__)"
            " && (!has(b.__namespace__) || b.__namespace__ == a.__namespace__)))",
            message="two members are the same",
            holds=lambda refs: len({(ref.name, ref.namespace) for ref in refs}) == len(refs),
        ),
    ] = ()
    """Budgets that hold for it besides those that select it."""
    limits: Limits = ()
    max_parallel_requests: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_tokens_per_request: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Ceiling of the output of one call."""
    allowed_cidrs: Annotated[tuple[CIDR, ...], Field(min_length=1, max_length=64), ListOf()] | None = None
    """Where calls may come from; omitted: anywhere."""
    expires_at: Moment | None = None
    ttl: Annotated[DurationMs, between("1s", "87600h")] | None = None
    """How long it lives from its creation."""
    suspended: bool = False

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.type == 'Generated' || !has(self.generated))"
            " && (self.type == 'Existing') == has(self.existing) && (self.type == 'Hash') == has(self.hash)",
            message="the member of the type: existing for Existing, hash for Hash, generated (optional) for Generated",
            holds=lambda it: (
                (it.type == "Generated" or it.generated is None)
                and (it.type == "Existing") == (it.existing is not None)
                and (it.type == "Hash") == (it.hash is not None)
            ),
        ),
        Rule(
            cel="!(has(self.expiresAt) && has(self.ttl))",
            message="expiresAt or ttl, not both",
            holds=lambda it: it.expires_at is None or it.ttl is None,
        ),
        Rule(
            cel="self.type == oldSelf.type",
            message="type is immutable: make a new VirtualKey",
            holds=None,
        ),
    )


class VirtualKey(Resource):
    """One credential: who owns it, what it may use, and how much."""

    kind: Literal["VirtualKey"]
    spec: VirtualKeySpec

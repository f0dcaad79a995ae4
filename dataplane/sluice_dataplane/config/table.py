"""The table: a snapshot with its lookups built, in force for whole exchanges.  Pure and immutable to its users.

Decisions that depend on the table alone (who may use what, which rules a call falls under) are worked out on
first use and remembered; they die with the table.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sluice_contract import codec
from sluice_contract.patterns import compile_patterns
from sluice_contract.snapshot import Budget, Key, Limit, Model, Snapshot, Upstream

MAX_REMEMBERED: Final = 10_000  # names come from clients: what is remembered of them needs a bound

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Rules:
    """What counts a call of one key to one model: budgets (nearest first) and limits with the id they belong to.

    ``prepared`` is for whoever works something out from them; it dies with the table.
    """

    budgets: tuple[Budget, ...]
    limits: tuple[tuple[str, Limit], ...]
    prepared: object = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A digest that proves a key: which credential of it, and until when (milliseconds)."""

    key: Key
    credential_id: str
    not_after_ms: int | None
    networks: tuple[Network, ...]  # where calls may come from; empty: anywhere


@dataclass(frozen=True, slots=True)
class Table:
    """Lookups over one snapshot.  ``revision`` names the snapshot everywhere a person may read it."""

    revision: str
    models: Mapping[str, Model]  # by name and by alias; patterns are not in here
    patterns: tuple[tuple[str, Model], ...]  # (prefix, model), longest prefix first
    upstreams: Mapping[str, Upstream]
    budgets: Mapping[str, Budget]
    proofs: Mapping[bytes, Proof]  # by SHA-256 of the secret
    peppered_proofs: Mapping[bytes, Proof]  # by HMAC-SHA-256 with the pepper
    pepper: bytes = field(repr=False)
    credentials: Mapping[str, str] = field(repr=False)
    _grants: dict[tuple[str, str], Model | None] = field(default_factory=dict, repr=False)
    _rules: dict[tuple[str, ...], Rules] = field(default_factory=dict, repr=False)

    @classmethod
    def build(cls, snapshot: Snapshot, *, revision: str) -> "Table":
        """The table of *snapshot*; what the compiler lets through is not checked again."""
        named, patterns = _names(snapshot.models)
        plain: dict[bytes, Proof] = {}
        peppered: dict[bytes, Proof] = {}
        for key in snapshot.keys:
            networks = tuple(ipaddress.ip_network(cidr) for cidr in key.allowed_cidrs)
            for digest in key.digests:
                proof = Proof(key, digest.id, digest.not_after_ms, networks)
                (plain if digest.algorithm == "sha256" else peppered)[bytes.fromhex(digest.hex)] = proof
        return cls(
            revision=revision,
            models=named,
            patterns=patterns,
            upstreams={upstream.id: upstream for upstream in snapshot.upstreams},
            budgets={budget.id: budget for budget in snapshot.budgets},
            proofs=plain,
            peppered_proofs=peppered,
            pepper=bytes.fromhex(snapshot.credentials.pepper_hex),
            credentials=snapshot.credentials.values,
        )

    @classmethod
    def from_parts(cls, index: bytes, parts: Mapping[str, bytes]) -> "Table":
        """The table of the snapshot in *parts*.

        Raises:
            SnapshotInvalidError: a part is absent, damaged or of an unknown schema.
        """
        snapshot = codec.decode(codec.decode_index(index), parts)
        return cls.build(snapshot, revision=codec.revision_of(index))

    def served(self) -> tuple[Model, ...]:
        """Every model once, in the order of its name."""
        models = {model.uid: model for model in (*self.models.values(), *(model for _, model in self.patterns))}
        return tuple(sorted(models.values(), key=lambda model: model.name))

    def model_for(self, name: str) -> Model | None:
        """The model that serves *name*: by name or alias, else the pattern with the longest prefix; None if none."""
        model = self.models.get(name)
        if model is not None:
            return model
        return next((model for prefix, model in self.patterns if name.startswith(prefix)), None)

    def granted(self, key: Key, name: str) -> Model | None:
        """The model *key* gets when it asks for *name*; None if there is none or it may not have it."""
        remembered = (key.id, name)
        try:
            return self._grants[remembered]
        except KeyError:
            pass
        model = self.model_for(name)
        if model is not None and not _may_use(key, model, name):
            model = None
        _remember(self._grants, remembered, model)
        return model

    def rules(self, key: Key, model: Model, name: str) -> Rules:
        """The budgets and limits that a call of *key* to *model* under *name* falls under."""
        remembered = (key.id, model.uid, name)
        try:
            return self._rules[remembered]
        except KeyError:
            pass
        rules = Rules(self._covering(key, (name, model.name)), _limits(key, model))
        _remember(self._rules, remembered, rules)
        return rules

    def downgraded_rules(self, key: Key, model: Model, name: str, to: Model) -> Rules:
        """The same for a call to *model* that *to* serves in its place: the budgets of both, the limits of *to*."""
        remembered = (key.id, model.uid, name, to.uid)
        try:
            return self._rules[remembered]
        except KeyError:
            pass
        rules = Rules(self._covering(key, (name, model.name, to.name)), _limits(key, to))
        _remember(self._rules, remembered, rules)
        return rules

    def _covering(self, key: Key, names: tuple[str, ...]) -> tuple[Budget, ...]:
        return tuple(
            budget
            for budget in (self.budgets[id_] for id_ in key.budget_ids if id_ in self.budgets)
            if budget.models is None or _any_matches(compile_patterns(budget.models), *names)
        )


def _limits(key: Key, model: Model) -> tuple[tuple[str, Limit], ...]:
    return tuple((key.id, limit) for limit in key.limits) + tuple((model.uid, limit) for limit in model.limits)


def _names(models: tuple[Model, ...]) -> tuple[dict[str, Model], tuple[tuple[str, Model], ...]]:
    named: dict[str, Model] = {}
    patterns: list[tuple[str, Model]] = []
    for model in models:
        for name in (model.name, *model.aliases):
            if name.endswith("*"):
                patterns.append((name[:-1], model))
            else:
                named[name] = model
    patterns.sort(key=lambda pattern: -len(pattern[0]))
    return named, tuple(patterns)


def _may_use(key: Key, model: Model, name: str) -> bool:
    if model.internal or (model.namespaces is not None and key.namespace not in model.namespaces):
        return False
    if _any_matches(compile_patterns(key.deny), name, model.name):
        return False
    return key.allow is None or _any_matches(compile_patterns(key.allow), name, model.name)


def _any_matches(patterns: re.Pattern[str], *names: str) -> bool:
    return any(patterns.fullmatch(name) for name in names)


def _remember(memory: dict, key: object, value: object) -> None:  # type: ignore[type-arg]  # three maps, one bound
    if len(memory) >= MAX_REMEMBERED:
        memory.clear()
    memory[key] = value

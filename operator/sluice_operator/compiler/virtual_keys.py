"""VirtualKeys → keys.  A key that nothing proves is not served; one whose Budget is missing is served and refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sluice_contract.snapshot import Key, Owner
from sluice_operator.compiler.conflicts import Claimant, losses
from sluice_operator.compiler.coverage import Coverage
from sluice_operator.compiler.credentials import Pending, Proof, credential, secret_entry
from sluice_operator.compiler.findings import ACTIVE, Problem, accepted, resolved
from sluice_operator.compiler.keys import key_id_for
from sluice_operator.compiler.limits import compile_limits
from sluice_operator.compiler.moments import to_ms, to_text
from sluice_operator.compiler.references import created_ms, name_of, ref_of
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.resources import VirtualKey
from sluice_operator.verdicts import Finding, Verdict


@dataclass(frozen=True, slots=True)
class CompiledKey:
    """A VirtualKey with what proves it and what holds for it."""

    resource: VirtualKey
    id: str
    credential: Proof | Pending | Problem
    coverage: Coverage
    expires_at_ms: int | None
    refused: Problem | None

    @property
    def in_force(self) -> bool:
        """Whether it is in the snapshot."""
        return self.refused is None and isinstance(self.credential, Proof)

    def expired(self, now_ms: int) -> bool:
        """Whether its time is over."""
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


def compile_keys(inventory: Inventory, coverages: Mapping[ObjectName, Coverage]) -> list[CompiledKey]:
    """Every VirtualKey, refused ones too, in the order given."""
    ids = [key_id_for(key.metadata.uid) for key in inventory.keys]
    credentials = [credential(key, inventory) for key in inventory.keys]
    conflicts = _conflicts(inventory.keys, ids, credentials)
    return [
        CompiledKey(
            resource=key,
            id=id_,
            credential=proof,
            coverage=coverages[name_of(key)],
            expires_at_ms=_expires_at_ms(key),
            refused=conflicts.get(name_of(key)) or _ageless(key),
        )
        for key, id_, proof in zip(inventory.keys, ids, credentials, strict=True)
    ]


def snapshot_key(compiled: CompiledKey, budget_ids: Mapping[ObjectName, str]) -> Key:
    """What the data plane gets of a key that is in force; *budget_ids* are all Budgets' uids."""
    meta, spec = compiled.resource.metadata, compiled.resource.spec
    owner = spec.owner
    proof = compiled.credential
    return Key(
        id=compiled.id,
        namespace=meta.namespace,
        name=meta.name,
        digests=(proof.digest,) if isinstance(proof, Proof) else (),
        owner=Owner(team=owner.team, user=owner.user, cost_center=owner.cost_center, labels=owner.labels),
        allow=None if spec.models.allow is None else tuple(sorted(spec.models.allow)),
        deny=tuple(sorted(spec.models.deny)),
        budget_ids=tuple(budget_ids[name] for name, _ in compiled.coverage.budgets),
        limits=compile_limits(spec.limits),
        max_parallel_requests=spec.max_parallel_requests,
        max_tokens_per_request=spec.max_tokens_per_request,
        allowed_cidrs=tuple(sorted(spec.allowed_cidrs or ())),
        expires_at_ms=compiled.expires_at_ms,
        suspended=spec.suspended,
        missing_budgets=tuple(map(str, compiled.coverage.missing)),
    )


def key_verdict(compiled: CompiledKey, *, now_ms: int) -> Verdict:
    """What is to be said of a VirtualKey at *now_ms*."""
    return Verdict(
        ref=ref_of(compiled.resource),
        findings=(accepted(compiled.refused), resolved(tuple(_problems(compiled))), _active(compiled, now_ms)),
        served=compiled.in_force,
        fields=_fields(compiled),
    )


def _conflicts(
    keys: Sequence[VirtualKey], ids: Sequence[str], credentials: Sequence[Proof | Pending | Problem]
) -> dict[ObjectName, Problem]:
    claimants = [
        Claimant(ref_of(key), created_ms(key), (id_, proof.plain) if isinstance(proof, Proof) else (id_,))
        for key, id_, proof in zip(keys, ids, credentials, strict=True)
    ]
    return {
        ObjectName(loser.namespace, loser.name): Problem(
            "Conflicted", f"The older {loss.winner} has the same key: one credential cannot stand for two."
        )
        for loser, loss in losses(claimants).items()
    }


def _ageless(key: VirtualKey) -> Problem | None:
    if key.spec.ttl is not None and key.metadata.creation_timestamp is None:
        return Problem("Invalid", "ttl: counts from creation, which a file does not tell: say expiresAt instead.")
    return None


def _expires_at_ms(key: VirtualKey) -> int | None:
    if key.spec.expires_at is not None:
        return to_ms(key.spec.expires_at)
    return None if key.spec.ttl is None else created_ms(key) + key.spec.ttl


def _problems(compiled: CompiledKey) -> Iterable[Problem]:
    match compiled.credential:
        case Pending(problem=problem) | (Problem() as problem):
            yield problem
        case Proof():
            pass
    yield from compiled.coverage.problems


def _active(compiled: CompiledKey, now_ms: int) -> Finding:
    problem = _inactivity(compiled, now_ms)
    if problem is None:
        return Finding(ACTIVE, holds=True, reason="Active", message="The key can be used.")
    return Finding(ACTIVE, holds=False, reason=problem.reason, message=problem.message)


def _inactivity(compiled: CompiledKey, now_ms: int) -> Problem | None:
    if compiled.refused is not None:
        return Problem("NotAccepted", "The key is not accepted, so it opens nothing.")
    if compiled.resource.spec.suspended:
        return Problem("Suspended", "The key is suspended.")
    if compiled.expires_at_ms is not None and compiled.expired(now_ms):
        return Problem("Expired", f"The key expired at {to_text(compiled.expires_at_ms)}.")
    first = next(iter(_problems(compiled)), None)
    return None if first is None else Problem(first.reason, f"The key cannot be used: {first.message}")


def _fields(compiled: CompiledKey) -> dict[str, Any]:
    entry = secret_entry(compiled.resource)
    proof = compiled.credential
    return {
        "keyID": compiled.id,
        **({} if entry is None else {"secretRef": {"name": entry.name.name, "key": entry.key}}),
        "credentials": [{"id": proof.digest.id, "state": "Active"}]
        if isinstance(proof, Proof) and compiled.in_force
        else [],
        **({} if compiled.expires_at_ms is None else {"expiresAt": to_text(compiled.expires_at_ms)}),
        "effectiveBudgets": [
            {"namespace": name.namespace, "name": name.name, "via": via} for name, via in compiled.coverage.budgets
        ],
    }

"""ModelDeployments → models.  A target whose references dangle is left out; the others keep serving."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from sluice_contract.snapshot import Health, Model, Retry, RetryCause, Timeouts
from sluice_operator import resources
from sluice_operator.compiler.conflicts import Claimant, losses
from sluice_operator.compiler.findings import PRICED, Problem, accepted, resolved
from sluice_operator.compiler.limits import compile_limits
from sluice_operator.compiler.nesting import MAX_NESTED_LEAVES, MAX_NESTING, inside_out, without_cycles
from sluice_operator.compiler.pricelist import PriceList
from sluice_operator.compiler.references import admitted, created_ms, name_of, ref_of
from sluice_operator.compiler.targets import Accounts, ServedTarget, about, direct_target, nested_target, public_names
from sluice_operator.inventory import Inventory, ObjectName
from sluice_operator.resources import ModelDeployment
from sluice_operator.verdicts import Finding, Verdict


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A ModelDeployment with its targets resolved: ``served`` in the order given, and why the others are not."""

    resource: ModelDeployment
    served: tuple[ServedTarget, ...]
    problems: tuple[Problem, ...]  # of the targets left out
    refused: Problem | None  # of the resource as a whole
    depth: int  # of models behind it: 0 where every target is an upstream
    leaves: int  # upstream targets it leads to, those of models behind it included
    unpriced: tuple[str, ...]  # names of targets that may be served without a price

    @property
    def in_force(self) -> bool:
        """Whether it is in the snapshot."""
        return self.refused is None and bool(self.served)


Compiled = Mapping[ObjectName, CompiledModel]


def compile_models(inventory: Inventory, accounts: Accounts, price_list: PriceList) -> dict[ObjectName, CompiledModel]:
    """Every ModelDeployment, refused ones too, by its name."""
    refused = _conflicts(inventory.models)
    by_name = {name_of(model): model for model in sorted(inventory.models, key=lambda model: str(name_of(model)))}
    acyclic = without_cycles({name: _references(model) for name, model in by_name.items()})
    done: dict[ObjectName, CompiledModel] = {}
    for name in inside_out(acyclic):
        model = by_name[name]
        found = [
            direct_target(model, target, accounts=accounts, inventory=inventory, price_list=price_list)
            if target.model_ref is None
            else _nested(target, ObjectName(name.namespace, target.model_ref.name), acyclic[name], done, by_name)
            for target in model.spec.targets
        ]
        served = tuple(target for target in found if isinstance(target, ServedTarget))
        problems = tuple(problem for problem in found if isinstance(problem, Problem))
        inner = [done[target.nested] for target in served if target.nested is not None]
        done[name] = CompiledModel(
            resource=model,
            served=served,
            problems=problems,
            refused=refused.get(name),
            depth=max((model.depth + 1 for model in inner), default=0),
            leaves=len(served) - len(inner) + sum(model.leaves for model in inner),
            unpriced=tuple(target.target.name for target in served if not _has_price(target, done)),
        )
    return done


def snapshot_model(compiled: CompiledModel, inventory: Inventory) -> Model:
    """What the data plane gets of a model that is in force."""
    meta, spec = compiled.resource.metadata, compiled.resource.spec
    name, *aliases = public_names(compiled.resource)
    return Model(
        name=name,
        uid=meta.uid,
        namespace=meta.namespace,
        resource=meta.name,
        aliases=tuple(sorted(aliases)),
        internal=spec.visibility == "Internal",
        namespaces=admitted(spec.access.namespaces, home=meta.namespace, namespaces=inventory.namespaces),
        targets=tuple(served.target for served in compiled.served),
        timeouts=Timeouts(
            request_ms=spec.timeouts.request,
            connect_ms=spec.timeouts.connect,
            first_token_ms=spec.timeouts.first_token,
            between_tokens_ms=spec.timeouts.between_tokens,
        ),
        retry=Retry(
            attempts=spec.retry.attempts,
            causes=tuple(cause for cause in get_args(RetryCause) if cause in spec.retry.causes),
        ),
        health=Health(
            consecutive_failures=spec.health.consecutive_failures,
            ejection_ms=spec.health.ejection,
            max_ejected_percent=spec.health.max_ejected_percent,
        ),
        limits=compile_limits(spec.limits),
        context_window=spec.capabilities.context_window,
        max_output_tokens=spec.capabilities.max_output_tokens,
        drop_unsupported=spec.drop_unsupported,
    )


def model_verdict(compiled: CompiledModel) -> Verdict:
    """What is to be said of a ModelDeployment."""
    return Verdict(
        ref=ref_of(compiled.resource),
        findings=(accepted(compiled.refused), resolved(compiled.problems), _priced(compiled)),
        served=compiled.in_force,
        fields={
            "modelName": compiled.resource.public_name,
            "targetSummary": f"{len(compiled.served)}/{len(compiled.resource.spec.targets)}",
        },
    )


def _conflicts(models: tuple[ModelDeployment, ...]) -> dict[ObjectName, Problem]:
    claimants = [Claimant(ref_of(model), created_ms(model), public_names(model)) for model in models]
    return {
        ObjectName(loser.namespace, loser.name): Problem(
            "Conflicted", f"The model name {loss.claim!r} belongs to the older {loss.winner}."
        )
        for loser, loss in losses(claimants).items()
    }


def _references(model: ModelDeployment) -> tuple[ObjectName, ...]:
    home = model.metadata.namespace
    return tuple(ObjectName(home, target.model_ref.name) for target in model.spec.targets if target.model_ref)


def _nested(
    target: resources.Target,
    wanted: ObjectName,
    allowed: tuple[ObjectName, ...],
    done: Compiled,
    by_name: Mapping[ObjectName, ModelDeployment],
) -> ServedTarget | Problem:
    if wanted not in by_name:
        return about(target, Problem("ModelNotFound", f"ModelDeployment {wanted} does not exist."))
    if wanted not in allowed:
        return about(target, Problem("Cycle", f"ModelDeployment {wanted} leads back to this one."))
    nested = done[wanted]
    if not nested.in_force:
        return about(target, Problem("ModelNotServed", f"ModelDeployment {wanted} is not served; see its status."))
    if nested.depth >= MAX_NESTING:
        return about(target, Problem("TooDeep", f"More than {MAX_NESTING} ModelDeployments stand behind each other."))
    if nested.leaves > MAX_NESTED_LEAVES:
        message = f"ModelDeployment {wanted} leads to more than {MAX_NESTED_LEAVES} upstream targets."
        return about(target, Problem("TooManyTargets", message))
    return nested_target(target, nested.resource)


def _has_price(served: ServedTarget, done: Compiled) -> bool:
    return served.quote is not None if served.nested is None else not done[served.nested].unpriced


def _priced(compiled: CompiledModel) -> Finding:
    if not compiled.served:
        return Finding(PRICED, holds=False, reason="NoTargets", message="No target is resolved, so there is no price.")
    if compiled.unpriced:
        message = (
            f"No price is known for {', '.join(compiled.unpriced)}: Budgets in money refuse such calls. "
            "Give pricing, or say free: true."
        )
        return Finding(PRICED, holds=False, reason="Unpriced", message=message)
    said = "; ".join(f"{served.target.name}: {_source(served)}" for served in compiled.served)
    return Finding(PRICED, holds=True, reason="Priced", message=f"Priced by {said}.")


def _source(served: ServedTarget) -> str:
    if served.nested is not None:
        return f"ModelDeployment {served.nested}"
    return "" if served.quote is None else served.quote.source

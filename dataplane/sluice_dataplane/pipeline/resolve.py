"""Where may it go?  The model an ask names, and its targets in the order to try them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from sluice_contract.snapshot import Model, Target
from sluice_dataplane.config.table import Table
from sluice_dataplane.errors import UnavailableError, UnknownModelError
from sluice_dataplane.exchange import Ask, Candidate, Plan, Principal

MAX_NESTING: Final = 8  # model_refs within model_refs; the compiler refuses cycles, this bounds a mistake


def resolve(table: Table, principal: Principal, ask: Ask, *, draw: Callable[[], float]) -> Plan:
    """The plan for *ask*; *draw* gives numbers in [0, 1) and decides among weights.

    Raises:
        UnknownModelError: no such model, or none this key may use: both look alike.
        UnavailableError: the model has no target that is served.
    """
    model = table.granted(principal.key, ask.model)
    if model is None:
        message = f"The model {ask.model!r} does not exist or you do not have access to it."
        raise UnknownModelError(message, param="model")
    plan = plan_for(table, model, ask.model, draw=draw)
    if plan is None:
        raise UnavailableError(
            f"The model {ask.model!r} has no target that can serve it now.", code="provider_not_ready"
        )
    return plan


def plan_for(table: Table, model: Model, name: str, *, draw: Callable[[], float]) -> Plan | None:
    """The plan for *model*, asked for by *name*, whoever may use it; None where it has no target that is served."""
    candidates = tuple(_candidates(table, model, name, draw, depth=0))
    return Plan(model, candidates) if candidates else None


def _candidates(
    table: Table, model: Model, asked: str, draw: Callable[[], float], *, depth: int
) -> Iterator[Candidate]:
    targets = model.targets
    for target in targets if len(targets) == 1 else _in_order(targets, draw):
        if target.model_ref is not None:
            nested = table.model_for(target.model_ref)
            if nested is not None and depth < MAX_NESTING:
                yield from _candidates(table, nested, asked, draw, depth=depth + 1)
        elif (upstream := table.upstreams.get(target.upstream_id or "")) is not None:
            yield Candidate(model, target, upstream, target.model or _passed_on(model, asked))


def _passed_on(model: Model, asked: str) -> str:
    """The client's name for the upstream: without the prefix of a pattern like ``openai/*``."""
    if not model.name.endswith("*"):
        return model.name
    prefix = model.name[:-1]
    return asked[len(prefix) :] if prefix.endswith("/") and asked.startswith(prefix) else asked


def _in_order(targets: Sequence[Target], draw: Callable[[], float]) -> Iterator[Target]:
    """Tier by tier, each tier in a weighted random order; a weight of 0 comes last in its tier."""
    for _, tier in groupby(sorted(targets, key=lambda target: target.priority), key=lambda target: target.priority):
        # Efraimidis and Spirakis (2006): sorting by u^(1/w) draws without replacement in proportion to w.
        keyed = [(draw() ** (1 / target.weight) if target.weight else -1.0, target) for target in tier]
        keyed.sort(key=lambda pair: -pair[0])
        yield from (target for _, target in keyed)

"""Budgets: their chains of parents, and which Budgets hold for a key.  Counts nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sluice_contract import snapshot
from sluice_contract.windows import Period
from sluice_operator.compiler.downgrades import downgrade_model
from sluice_operator.compiler.findings import Problem, accepted, resolved
from sluice_operator.compiler.models import Compiled as Models
from sluice_operator.compiler.moments import to_ms
from sluice_operator.compiler.nesting import reachable
from sluice_operator.compiler.references import Namespaces, admits, name_of, ref_of, target_of
from sluice_operator.inventory import ObjectName
from sluice_operator.resources import Budget, BudgetSpec, Invalid
from sluice_operator.resources.common import LabelSelector
from sluice_operator.verdicts import Verdict

MAX_CHAIN: Final = 4  # Budgets one behind the other, the first included: each is one more account per call


@dataclass(frozen=True, slots=True)
class CompiledBudget:
    """A Budget with its parent and its downgrade model resolved.

    ``parent`` is the Budget that must hold too; with ``orphaned`` it cannot, and no key may spend from this one.
    ``downgrade`` is the public name of the model it downgrades to, if it does; with ``stranded`` there is none, though
    it should, and no key may spend from it either.
    """

    resource: Budget
    refused: Problem | None
    parent: ObjectName | None = None
    orphaned: Problem | None = None
    downgrade: str | None = None
    stranded: Problem | None = None


Compiled = Mapping[ObjectName, CompiledBudget]
Unread = Mapping[ObjectName, LabelSelector | None]  # Budgets that are invalid, and whom they select at least


def unread_budgets(invalid: Iterable[Invalid]) -> dict[ObjectName, LabelSelector | None]:
    """The Budgets among *invalid*: they hold for nobody, and what they should hold must not run free."""
    return {ObjectName(each.namespace, each.name): each.selector for each in invalid if each.kind == "Budget"}


def compile_budgets(
    budgets: tuple[Budget, ...], unread: Unread, namespaces: Namespaces, models: Models
) -> dict[ObjectName, CompiledBudget]:
    """Every Budget that could be read, refused ones too, by its name."""
    by_name = {name_of(budget): budget for budget in budgets}
    parents = {name: _parent(budget) for name, budget in by_name.items()}
    graph = {name: () if parent is None else (parent,) for name, parent in parents.items()}
    refused = {name: _refusal(budget, graph) for name, budget in by_name.items()}
    compiled = {}
    for name, budget in by_name.items():
        parent = parents[name]
        orphaned = None
        if parent is not None and refused[name] is None:
            orphaned = (
                _unread_parent(name, parent)
                if parent in unread
                else _orphaned(name, parent, by_name, refused, namespaces)
            )
        model = downgrade_model(budget, models)
        downgrade, stranded = (None, model) if isinstance(model, Problem) else (model, None)
        compiled[name] = CompiledBudget(budget, refused[name], parent, orphaned, downgrade, stranded)
    return compiled


def snapshot_budget(compiled: CompiledBudget, budgets: Compiled) -> snapshot.Budget:
    """What the data plane gets of a Budget that is not refused."""
    budget, spec = compiled.resource, compiled.resource.spec
    parent = None if compiled.parent is None or compiled.orphaned else budgets[compiled.parent].resource
    return snapshot.Budget(
        id=budget.metadata.uid,
        namespace=budget.metadata.namespace,
        name=budget.metadata.name,
        unit=spec.limit.unit,
        amount=budget.amount_of(spec.limit.amount),
        period=_period(budget),
        models=None if spec.subject.models is None else tuple(sorted(spec.subject.models)),
        per=spec.per,
        parent_id=None if parent is None else parent.metadata.uid,
        mode=spec.enforcement.mode,
        # Nobody spends from a Budget that is stranded.
        on_exhausted="Reject" if compiled.stranded else spec.enforcement.on_exhausted,
        failure_mode=spec.enforcement.failure_mode,
        unpriced_allowed=spec.enforcement.unpriced_models == "Allow",
        header_percents=tuple(sorted(each.percent for each in spec.thresholds if each.action == "Header")),
        downgrade_percent=None if compiled.downgrade is None else _downgrade_percent(spec),
        downgrade_model=compiled.downgrade,
        adjustments=tuple(
            snapshot.Adjustment(
                amount=budget.amount_of(each.amount),
                expires_at_ms=None if each.expires_at is None else to_ms(each.expires_at),
            )
            for each in sorted(spec.adjustments, key=lambda each: each.name)
        ),
    )


def budget_verdict(compiled: CompiledBudget, *, subjects: int) -> Verdict:
    """What is to be said of a Budget that *subjects* keys spend from."""
    problems = tuple(found for found in (compiled.orphaned, compiled.stranded) if found is not None)
    return Verdict(
        ref=ref_of(compiled.resource),
        findings=(accepted(compiled.refused), resolved(problems)),
        served=compiled.refused is None,
        fields={"subjects": subjects},
    )


def _downgrade_percent(spec: BudgetSpec) -> int | None:
    return next((each.percent for each in spec.thresholds if each.action == "Downgrade"), None)


def _parent(budget: Budget) -> ObjectName | None:
    ref = budget.spec.parent_ref
    return None if ref is None else target_of(ref, home=budget.metadata.namespace)


def _refusal(budget: Budget, graph: Mapping[ObjectName, tuple[ObjectName, ...]]) -> Problem | None:
    name = name_of(budget)
    above = reachable(graph, name)
    if name in above:
        return Problem("Cycle", "Following parentRef leads back to this Budget.")
    if len(above) >= MAX_CHAIN:
        return Problem("TooDeep", f"Its chain of parents is longer than {MAX_CHAIN} Budgets, this one included.")
    zone = _period(budget).time_zone
    if not _is_time_zone(zone):
        return Problem("TimeZoneUnknown", f"No time zone is called {zone!r}: write an IANA name like Europe/Helsinki.")
    return None


def _orphaned(
    name: ObjectName,
    parent: ObjectName,
    budgets: Mapping[ObjectName, Budget],
    refused: Mapping[ObjectName, Problem | None],
    namespaces: Namespaces,
) -> Problem | None:
    """Why *parent* cannot hold with the Budget *name*; None if it can."""
    found = budgets.get(parent)
    if found is None or not admits(
        found.spec.allowed_namespaces, home=parent.namespace, guest=name.namespace, namespaces=namespaces
    ):
        return _hidden(name, parent)
    if refused[parent] is not None:
        return _not_accepted(parent)
    return None


def _unread_parent(name: ObjectName, parent: ObjectName) -> Problem:
    """What is wrong with *parent*, which could not be read, neither could whom it admits."""
    return _not_accepted(parent) if parent.namespace == name.namespace else _hidden(name, parent)


def _not_accepted(parent: ObjectName) -> Problem:
    return Problem("ParentNotAccepted", f"Budget {parent} is not accepted; see its status.")


def _hidden(name: ObjectName, parent: ObjectName) -> Problem:
    # One answer for both, so that nobody can find out what other namespaces hold.
    return Problem(
        "ParentNotFound", f"Budget {parent} does not exist, or does not admit the namespace {name.namespace}."
    )


def _period(budget: Budget) -> Period:
    calendar, rolling = budget.spec.period.calendar, budget.spec.period.rolling
    if rolling is not None:
        return Period(rolling_ms=rolling.duration)
    if calendar is None:
        return Period()
    return Period(unit=calendar.unit, time_zone=calendar.time_zone, start_day=calendar.start_day)


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True

"""Which Budgets hold for which key: those it names, those of its namespace that select it, and the parents of both."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sluice_operator.compiler.budgets import Compiled, Unread
from sluice_operator.compiler.findings import Problem
from sluice_operator.compiler.references import Namespaces, admits, name_of, selects, target_of
from sluice_operator.inventory import ObjectName
from sluice_operator.resources import VirtualKey
from sluice_operator.resources.common import LabelSelector

Via = Literal["Ref", "Selector", "Parent"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The Budgets of one key, nearest first, each by the shortest way it comes in.

    ``missing`` are Budgets that should hold and cannot: while there is one, the key spends nothing.
    """

    budgets: tuple[tuple[ObjectName, Via], ...]
    missing: tuple[ObjectName, ...]
    problems: tuple[Problem, ...]


def selections(
    keys: Iterable[VirtualKey], budgets: Compiled, unread: Unread
) -> Mapping[ObjectName, tuple[ObjectName, ...]]:
    """The Budgets that select each key by its labels, sorted; a key that none selects is not in it.

    A Budget selects keys of its own namespace only, whomever it admits: otherwise anyone could stop everybody's calls
    with an empty selector and a limit of nothing.  One that is refused or could not be read selects all the same:
    what it was meant to hold must not run free.
    """
    index = _Index(keys)
    found: dict[ObjectName, list[ObjectName]] = defaultdict(list)
    selectors = {name: each.resource.spec.subject.virtual_key_selector for name, each in budgets.items()}
    for name, selector in sorted({**selectors, **unread}.items(), key=lambda item: str(item[0])):
        if selector is not None:
            for key in index.selected(selector, home=name.namespace):
                found[name_of(key)].append(name)
    return {key: tuple(names) for key, names in found.items()}


def coverage(
    key: VirtualKey,
    selected: tuple[ObjectName, ...],
    *,
    budgets: Compiled,
    unread: Unread,
    namespaces: Namespaces,
) -> Coverage:
    """What holds for *key*, which the Budgets *selected* select."""
    walk = _Walk(budgets, unread)
    home = key.metadata.namespace
    for ref in key.spec.budget_refs:
        name = target_of(ref, home=home)
        if _may_name(name, home, budgets=budgets, unread=unread, namespaces=namespaces):
            walk.take(name, "Ref")
        else:
            # One answer for both, so that nobody can find out what other namespaces hold.
            message = f"Budget {name} does not exist, or does not admit the namespace {home}."
            walk.miss(name, Problem("BudgetNotFound", message))
    for name in selected:
        walk.take(name, "Selector")
    return walk.finish()


def _may_name(name: ObjectName, home: str, *, budgets: Compiled, unread: Unread, namespaces: Namespaces) -> bool:
    """Whether a key of the namespace *home* may name the Budget *name*, and it is there."""
    if name in unread:  # nobody knows whom it admits: its own namespace
        return name.namespace == home
    return name in budgets and admits(
        budgets[name].resource.spec.allowed_namespaces, home=name.namespace, guest=home, namespaces=namespaces
    )


class _Walk:
    """Collects Budgets level by level, so that the nearest come first and none comes twice."""

    def __init__(self, budgets: Compiled, unread: Unread) -> None:
        self._budgets = budgets
        self._unread = unread
        self._found: dict[ObjectName, Via] = {}
        self._missing: dict[ObjectName, Problem] = {}

    def take(self, name: ObjectName, via: Via) -> None:
        """Let the Budget *name* hold, or miss it."""
        if name in self._unread or self._budgets[name].refused is not None:
            self.miss(name, Problem("BudgetNotAccepted", f"Budget {name} is not accepted; see its status."))
        elif (stranded := self._budgets[name].stranded) is not None:
            self.miss(name, Problem(stranded.reason, f"Budget {name} cannot downgrade; see its status."))
        else:
            self._found.setdefault(name, via)

    def miss(self, name: ObjectName, problem: Problem) -> None:
        """Remember that *name* should hold and cannot."""
        self._missing.setdefault(name, problem)

    def finish(self) -> Coverage:
        """Everything, with the parents of what was taken."""
        level = list(self._found)
        while level:
            above: list[ObjectName] = []
            for name in level:
                budget = self._budgets[name]
                if budget.parent is None:
                    continue
                if budget.orphaned is not None:
                    self.miss(
                        budget.parent,
                        Problem(budget.orphaned.reason, f"Budget {name} needs its parent: {budget.orphaned.message}"),
                    )
                elif budget.parent not in self._found:
                    self.take(budget.parent, "Parent")
                    above += [budget.parent] if budget.parent in self._found else []
            level = above
        return Coverage(
            budgets=tuple(self._found.items()),
            missing=tuple(sorted(self._missing, key=str)),
            problems=tuple(self._missing.values()),
        )


class _Index:
    """Finds the keys that a selector means without looking at all of them."""

    def __init__(self, keys: Iterable[VirtualKey]) -> None:
        self._all: dict[str, list[VirtualKey]] = defaultdict(list)
        self._labelled: dict[tuple[str, str, str], list[VirtualKey]] = defaultdict(list)
        for key in keys:
            home = key.metadata.namespace
            self._all[home].append(key)
            for label in key.metadata.labels.items():
                self._labelled[home, *label].append(key)

    def selected(self, selector: LabelSelector, *, home: str) -> Iterator[VirtualKey]:
        """The keys of the namespace *home* that *selector* selects."""
        lists = [self._labelled.get((home, *label), []) for label in selector.match_labels.items()]
        fewest = min(lists, key=len) if lists else self._all.get(home, [])
        return (key for key in fewest if selects(selector, key.metadata.labels))

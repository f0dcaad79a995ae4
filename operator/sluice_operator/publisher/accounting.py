"""Every few seconds: what was spent and which targets are healthy, into statuses and Events."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sluice_contract.snapshot import Budget, Key, Snapshot
from sluice_operator.errors import SpendUnavailableError
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher import figures
from sluice_operator.publisher.conditions import NO_FACTS, Facts
from sluice_operator.publisher.health import target_facts
from sluice_operator.publisher.scribe import Scribe
from sluice_operator.publisher.showing import Shown, to_show
from sluice_operator.publisher.statuses import Statuses
from sluice_operator.publisher.thresholds import Rules, Threshold, notices, reached
from sluice_operator.publisher.world import World
from sluice_operator.replicas import Replicas, ReplicaUnreachableError, TargetState
from sluice_operator.resources import Budget as BudgetResource
from sluice_operator.spend import Account, Answer, SpendSource, Usage

_SOURCE: Final = "spend"
_TARGETS: Final = "targets"
_STALE_AFTER: Final = 2  # failures in a row

log = logging.getLogger(__name__)


class Accounting:
    """Reads counters and target states; tells *statuses* and *scribe*."""

    def __init__(
        self,
        source: SpendSource,
        replicas: Replicas,
        *,
        world: World,
        statuses: Statuses,
        scribe: Scribe,
        now_ms: Callable[[], int],
    ) -> None:
        self._source: Final = source
        self._replicas: Final = replicas
        self._world: Final = world
        self._statuses: Final = statuses
        self._scribe: Final = scribe
        self._now_ms: Final = now_ms
        self._shown: dict[str, Shown] = {}
        self._failures = 0

    async def run(
        self, snapshot: Callable[[], Snapshot], addresses: Callable[[], Collection[str]], *, every_seconds: float
    ) -> None:
        """Tell until cancelled; counters and replicas that are away are told of as such."""
        while True:
            await asyncio.sleep(every_seconds)
            await self.spend(snapshot())
            await self.targets(snapshot(), tuple(addresses()))

    async def spend(self, snapshot: Snapshot) -> None:
        """Read the counters once and tell of them."""
        if not snapshot.budgets and not snapshot.keys:
            return
        now_ms = self._now_ms()
        keys_of = figures.covered(snapshot.keys)
        try:
            answer = await self._source.read(figures.question(snapshot, keys_of, now_ms))
        except SpendUnavailableError as error:
            self._unreadable(snapshot, str(error))
            return
        self._failures = 0
        for budget in snapshot.budgets:
            accounts = figures.accounts_for(budget, keys_of, answer.accounts, now_ms)
            self._tell_budget(budget, accounts, now_ms)
        for number, key in enumerate(snapshot.keys):
            self._tell_key(key, answer, now_ms)
            if number % 500 == 499:
                await asyncio.sleep(0)  # ten thousand keys must not hold up a revocation
        known = {budget.id for budget in snapshot.budgets} | {key.id for key in snapshot.keys}
        self._shown = {uid: shown for uid, shown in self._shown.items() if uid in known}

    async def targets(self, snapshot: Snapshot, addresses: tuple[str, ...]) -> None:
        """Ask each replica for its targets once and tell of them; a target is as good as its best replica sees it."""
        states: list[Mapping[str, Mapping[str, TargetState]]] = []
        for address in addresses:
            try:
                states.append(await self._replicas.targets(address))
            except ReplicaUnreachableError as error:
                log.info("replica.unreachable", extra={"replica": address, "error": str(error)})
        if not states:
            return
        for model in snapshot.models:
            self._note(model.uid, _TARGETS, target_facts(model, [state.get(model.uid, {}) for state in states]))

    def _tell_budget(self, budget: Budget, accounts: Sequence[Account], now_ms: int) -> None:
        facts, period, percent = figures.budget_facts(budget, accounts, now_ms)
        ref, before = self._statuses.ref(budget.id), self._shown.get(budget.id)
        if ref is None:
            return
        rules, told = self._rules(budget), self._told_before(budget, before, period)
        news = tuple(notices(ref, rules, window_id=period, before=told, percent=percent))
        highest = reached(rules, before=told, percent=percent, rolls=budget.period.rolling_ms is not None)
        facts = replace(facts, fields={**facts.fields, "reachedPercent": highest or None})
        # What is told of is shown too, so that whoever comes after us knows that it was.
        shown = to_show(before, facts, period=period, reached=highest, pressing=bool(news), now_ms=now_ms)
        if shown is not None:
            self._shown[budget.id] = shown
            self._note(budget.id, _SOURCE, facts)
        for notice in news:
            self._scribe.tell(notice)

    def _tell_key(self, key: Key, answer: Answer, now_ms: int) -> None:
        usage = answer.keys.get(key.id)
        entry = self._world.entry("VirtualKey", ObjectName(key.namespace, key.name))
        if entry is None or self._statuses.ref(entry.uid) is None or (usage is None and key.id not in self._shown):
            return
        facts = figures.key_facts(usage or Usage(), now_ms)
        shown = to_show(self._shown.get(key.id), facts, period=figures.month_of(now_ms), now_ms=now_ms)
        if shown is not None:
            self._shown[key.id] = shown
            self._note(entry.uid, _SOURCE, facts, lazy=True)

    def _unreadable(self, snapshot: Snapshot, why: str) -> None:
        self._failures += 1
        if self._failures == _STALE_AFTER:
            log.warning("spend.unreadable", extra={"error": why})
            for budget in snapshot.budgets:
                before = self._shown.pop(budget.id, None)  # shown anew as soon as they can be read
                self._note(budget.id, _SOURCE, figures.stale(before.facts if before else NO_FACTS, why))

    def _note(self, uid: str, source: str, facts: Facts, *, lazy: bool = False) -> None:
        if self._statuses.note(uid, source, facts):
            (self._scribe.write_lazily if lazy else self._scribe.write)([uid])

    def _rules(self, budget: Budget) -> Rules:
        entry = self._world.entry("Budget", ObjectName(budget.namespace, budget.name))
        resource = entry.parsed() if entry else None
        given = resource.spec.thresholds if isinstance(resource, BudgetResource) else ()
        thresholds = tuple(Threshold(each.percent, each.action) for each in given if each.action != "Header")
        return Rules(thresholds, budget.downgrade_model, swaps=budget.on_exhausted == "Downgrade")

    def _told_before(self, budget: Budget, before: Shown | None, period: str) -> int:
        """The highest threshold told of in this window, if need be by the process before us: each is told of once."""
        if before is not None:
            return before.reached if before.period == period else 0
        entry = self._world.entry("Budget", ObjectName(budget.namespace, budget.name))
        status = entry.status if entry else {}
        if (status.get("period") or {}).get("id") != period:
            return 0
        return int(status.get("reachedPercent") or status.get("usedPercent") or 0)

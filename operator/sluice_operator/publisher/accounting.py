"""Every few seconds: what was spent and which targets are healthy, into statuses and Events."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sluice_contract.snapshot import Budget, Key, Snapshot
from sluice_operator.compiler.moments import to_ms
from sluice_operator.errors import SpendUnavailableError
from sluice_operator.inventory import ObjectName
from sluice_operator.publisher import figures
from sluice_operator.publisher.conditions import NO_FACTS, Condition, Facts
from sluice_operator.publisher.health import target_facts
from sluice_operator.publisher.objects import Entry
from sluice_operator.publisher.scribe import Scribe
from sluice_operator.publisher.showing import Shown, to_show
from sluice_operator.publisher.statuses import Statuses
from sluice_operator.publisher.thresholds import Rules, Threshold, Told, notices, reached, told_before
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
        self._unread: dict[str, int] = {}  # readings in a row that left out the users of these Budgets

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
            self._unreadable(snapshot, str(error), now_ms)
            return
        self._failures = 0
        unread = [budget.id for budget in snapshot.budgets if figures.unread(budget, answer.unread, now_ms)]
        self._unread = {budget_id: self._unread.get(budget_id, 0) + 1 for budget_id in unread}
        for budget in snapshot.budgets:
            if budget.id not in self._unread:
                self._tell_budget(budget, figures.accounts_for(budget, keys_of, answer.accounts, now_ms), now_ms)
            elif self._unread[budget.id] >= _STALE_AFTER:
                self._tell_stale(budget, figures.USERS_UNREAD, now_ms)
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
        ref, shown_before, resource = self._statuses.ref(budget.id), self._shown.get(budget.id), self._resource(budget)
        if ref is None:
            return
        created_ms = _created_ms(resource)
        facts, period, percent = figures.budget_facts(budget, accounts, now_ms, created_ms=created_ms)
        limit, rules = str(facts.fields["effectiveLimit"]), _rules(budget, resource)
        told = (shown_before and shown_before.told) or self._told_by_others(budget)
        before = told_before(told, rules, window_id=period, limit=limit, percent=percent)
        news = tuple(notices(ref, rules, window_id=period, limit=limit, before=before, percent=percent))
        highest = reached(rules, before=before, percent=percent, rolls=budget.period.rolling_ms is not None)
        facts = replace(facts, fields={**facts.fields, "reachedPercent": highest or None})
        # What was told of, or may be told again, is shown at once, so that whoever comes after us knows of it.
        shown = to_show(
            shown_before,
            facts,
            period=period,
            told=told.with_percent(highest, window_id=period, limit=limit),
            pressing=bool(news) or highest != told.percent,
            now_ms=now_ms,
        )
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

    def _unreadable(self, snapshot: Snapshot, why: str, now_ms: int) -> None:
        self._failures += 1
        if self._failures == _STALE_AFTER:
            log.warning("spend.unreadable", extra={"error": why})
        if self._failures >= _STALE_AFTER:
            for budget in snapshot.budgets:
                self._tell_stale(budget, figures.unreadable(why), now_ms)

    def _tell_stale(self, budget: Budget, fresh: Condition, now_ms: int) -> None:
        before = self._shown.get(budget.id) or Shown(NO_FACTS, "", now_ms)
        if self._statuses.ref(budget.id) is None:
            return
        entry = self._entry(budget)
        facts = figures.stale(before.facts, fresh, now_ms, status=entry.status if entry else {})
        if facts != before.facts:
            self._shown[budget.id] = replace(before, facts=facts)  # not as fresh ones: these are shown at once
            self._note(budget.id, _SOURCE, facts)

    def _note(self, uid: str, source: str, facts: Facts, *, lazy: bool = False) -> None:
        if self._statuses.note(uid, source, facts):
            (self._scribe.write_lazily if lazy else self._scribe.write)([uid])

    def _entry(self, budget: Budget) -> Entry | None:
        return self._world.entry("Budget", ObjectName(budget.namespace, budget.name))

    def _resource(self, budget: Budget) -> BudgetResource | None:
        entry = self._entry(budget)
        resource = entry.parsed() if entry else None
        return resource if isinstance(resource, BudgetResource) else None

    def _told_by_others(self, budget: Budget) -> Told:
        """Which thresholds the process before us told of, as far as the status says so."""
        entry = self._entry(budget)
        status = entry.status if entry else {}
        window_id = str((status.get("period") or {}).get("id", ""))
        return Told(window_id, str(status.get("effectiveLimit", "")), int(status.get("reachedPercent") or 0))


def _rules(budget: Budget, resource: BudgetResource | None) -> Rules:
    given = resource.spec.thresholds if resource else ()
    thresholds = tuple(Threshold(each.percent, each.action) for each in given if each.action != "Header")
    return Rules(thresholds, budget.downgrade_model, swaps=budget.on_exhausted == "Downgrade")


def _created_ms(resource: BudgetResource | None) -> int:
    """When the Budget was made; 0 where that is not known."""
    created = resource.metadata.creation_timestamp if resource else None
    return to_ms(created) if created else 0

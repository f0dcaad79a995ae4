"""What was spent, into statuses and Events."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sluice_contract import names
from sluice_operator.errors import SpendUnavailableError
from sluice_operator.publisher.accounting import Accounting
from sluice_operator.replicas import ReplicaUnreachableError, TargetState
from sluice_operator.spend import Account, Answer, Question, Usage
from support.desk import TEAM, Desk, until
from support.manifests import ECHO

CALLS: dict[str, Any] = {
    "limit": {"unit": "Requests", "amount": "100"},
    "period": {"type": "Once"},
    "thresholds": [{"percent": 50, "action": "Event"}, {"percent": 90, "action": "Header"}],
}


class Counters:
    """A source that says what it is told to; None is no answer."""

    def __init__(self) -> None:
        self.answer: Answer | None = Answer()

    async def read(self, question: Question) -> Answer:
        """What it was told, whatever is asked."""
        if self.answer is None:
            raise SpendUnavailableError("Redis: TimeoutError")
        return self.answer


class Targets:
    """Replicas that say what they are told to of their targets."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, dict[str, TargetState]]] = {}

    async def targets(self, address: str) -> dict[str, dict[str, TargetState]]:
        """What it was told, by address."""
        if address not in self.states:
            raise ReplicaUnreachableError(address)
        return self.states[address]


class Books:
    """An accounting beside a desk with a model, a budget and a key that it covers."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.counters, self.seen = desk, Counters(), Targets()
        self.restart()

    def restart(self) -> None:
        """Forget what was shown, as another process would."""
        self.accounting = Accounting(
            self.counters,
            self.seen,  # type: ignore[arg-type]  # it is asked for targets only
            world=self.desk.world,
            statuses=self.desk.statuses,
            scribe=self.desk.scribe,
            now_ms=self.desk.clock.now_ms,
        )

    async def spend(self, posted: int) -> None:
        """The budget has *posted* calls when it is looked at next."""
        self.counters.answer = Answer({names.account(self.uid("Budget", "calls"), "once", "-"): Account(posted)})
        await self.look()

    def later(self) -> None:
        """Half a minute passes."""
        self.desk.clock.ahead_ms += 30_000

    async def look(self) -> None:
        """Look once."""
        await self.accounting.spend(self.desk.publisher.snapshot)

    def uid(self, kind: str, name: str) -> str:
        """Its uid."""
        found: str = self.desk.cluster.objects[kind, TEAM, name]["metadata"]["uid"]
        return found

    def events(self) -> list[str]:
        """Reasons of the Events so far."""
        return [item["reason"] for (kind, _, _), item in self.desk.cluster.objects.items() if kind == "Event"]

    def budget(self) -> dict[str, Any]:
        """The budget's status."""
        return self.desk.status("Budget", "calls")


@pytest.fixture
async def books() -> AsyncIterator[Books]:
    """Everything is compiled and judged."""
    async with Desk().working() as desk:
        desk.put("ModelDeployment", "chat", ECHO)
        desk.put("Budget", "calls", CALLS)
        desk.put("VirtualKey", "payer", {"budgetRefs": [{"name": "calls"}]})
        await until(lambda: [key.budget_ids for key in desk.publisher.snapshot.keys])
        yield Books(desk)


async def test_spend_is_shown(books: Books) -> None:
    """What was counted stands in the Budget's status, marked as fresh."""
    await books.spend(7)
    await until(lambda: books.budget().get("spent") == "7")

    assert (books.budget()["remaining"], books.budget()["usedPercent"]) == ("93", 7)
    assert books.desk.condition("Budget", "calls", "Fresh") == ("True", "Read")
    assert books.desk.condition("Budget", "calls", "WithinBudget")[0] == "True"


async def test_thresholds_are_told_once(books: Books) -> None:
    """Each threshold with an Event is told when it is passed, also after a restart, and never again."""
    await books.spend(60)
    await until(lambda: "BudgetThresholdReached" in books.events())
    await until(lambda: books.budget().get("usedPercent") == 60)
    books.restart()
    await books.spend(61)
    await books.spend(100)
    await until(lambda: "BudgetExhausted" in books.events())

    posted = sum(1 for verb, kind, _ in books.desk.cluster.calls if (verb, kind) == ("create", "Event"))
    assert sorted(books.events()) == ["BudgetExhausted", "BudgetThresholdReached", "KeyCreated"]
    assert posted == 3
    assert books.desk.condition("Budget", "calls", "WithinBudget") == ("False", "Exhausted")


async def test_thresholds_are_told_once_though_holds_come_and_go(books: Books) -> None:
    """Below a threshold and above it again is no news in the same period, for a process that has just begun either."""
    await books.spend(60)
    await until(lambda: books.budget().get("reachedPercent") == 50)
    books.later()
    await books.spend(40)
    await until(lambda: books.budget().get("usedPercent") == 40)
    books.restart()
    before = len(books.desk.cluster.calls)
    await books.spend(61)
    await until(lambda: books.budget().get("usedPercent") == 61)

    assert books.budget()["reachedPercent"] == 50
    assert ("create", "Event") not in [call[:2] for call in books.desk.cluster.calls[before:]]


async def test_downgrade_is_told_of_with_the_model(books: Books) -> None:
    """A threshold that sends calls to another model is told once, and names it."""
    rules = {"downgradeModelRef": {"name": "chat"}}
    books.desk.put(
        "Budget", "calls", {**CALLS, "enforcement": rules, "thresholds": [{"percent": 80, "action": "Downgrade"}]}
    )
    await until(lambda: [each.downgrade_percent for each in books.desk.publisher.snapshot.budgets] == [80])
    await books.spend(85)
    await until(lambda: "BudgetDowngraded" in books.events())

    notes = [item["note"] for (kind, _, _), item in books.desk.cluster.objects.items() if kind == "Event"]
    assert "80 % of the limit is used in period once: calls go to chat from here on" in notes


async def test_busy_figures_are_written_every_half_minute(books: Books) -> None:
    """However often the counters are read, a status is written again only half a minute later, or when a threshold is
    passed.
    """
    await books.spend(1)
    await until(lambda: books.budget().get("spent") == "1")
    await books.spend(2)
    await until(lambda: books.budget().get("spent") == "2")
    await books.spend(3)
    waiting = books.budget()["spent"]
    await books.spend(51)
    await until(lambda: books.budget().get("reachedPercent") == 50)
    passed = books.budget()["spent"]
    books.later()
    await books.spend(52)
    await until(lambda: books.budget().get("spent") == "52")

    assert (waiting, passed) == ("2", "51")


async def test_what_cannot_be_read_is_kept(books: Books) -> None:
    """Counters that cannot be read leave the figures; the second failure in a row is told, and so is the recovery."""
    await books.spend(7)
    await until(lambda: books.budget().get("spent") == "7")
    books.counters.answer = None
    await books.look()
    await books.look()
    await until(lambda: books.desk.condition("Budget", "calls", "Fresh")[0] == "False")
    kept = books.budget()["spent"]
    await books.spend(8)
    await until(lambda: books.desk.condition("Budget", "calls", "Fresh")[0] == "True")

    assert kept == "7"
    assert books.budget()["spent"] == "8"


async def test_one_failure_is_no_news(books: Books) -> None:
    """A single missed reading changes no status."""
    await books.spend(7)
    await until(lambda: books.budget().get("spent") == "7")
    books.counters.answer = None
    await books.look()
    await books.spend(9)
    await until(lambda: books.budget().get("spent") == "9")
    books.counters.answer = None
    await books.look()
    books.later()
    await books.spend(10)
    await until(lambda: books.budget().get("spent") == "10")

    assert books.accounting._failures == 0
    assert books.desk.condition("Budget", "calls", "Fresh")[0] == "True"


async def test_a_key_that_was_used_shows_its_month(books: Books) -> None:
    """A key's usage appears with its first call; one that was never used has none."""
    await books.look()
    key_id = books.desk.status("VirtualKey", "payer")["keyID"]
    unused = books.desk.status("VirtualKey", "payer").get("usage")
    books.counters.answer = Answer(keys={key_id: Usage(3, 30, 12, 1_000_000, books.desk.clock.now_ms())})
    await books.look()
    await until(lambda: "usage" in books.desk.status("VirtualKey", "payer"))

    status = books.desk.status("VirtualKey", "payer")
    assert unused is None
    assert (status["usage"]["requests"], status["usage"]["cost"]) == (3, "0.001000")
    assert status["lastUsedTime"]


async def test_targets_are_shown_and_an_unreachable_replica_does_not_matter(books: Books) -> None:
    """States come from the replicas that answer; when none does, what was said stays."""
    uid = books.uid("ModelDeployment", "chat")
    books.seen.states = {"10.0.0.1": {uid: {"echo": TargetState(healthy=False, reason="Ejected")}}}
    await books.accounting.targets(books.desk.publisher.snapshot, ("10.0.0.1", "10.0.0.2"))
    await until(lambda: books.desk.condition("ModelDeployment", "chat", "TargetsHealthy")[0] == "False")
    books.seen.states = {}
    await books.accounting.targets(books.desk.publisher.snapshot, ("10.0.0.1",))

    assert books.desk.status("ModelDeployment", "chat")["targetSummary"] == "0/1"

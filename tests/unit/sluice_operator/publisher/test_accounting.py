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

    async def spend(self, posted: int, *, held: int = 0, window: str = "once") -> None:
        """The budget has *posted* calls, and *held* in flight, when it is looked at next."""
        name = names.account(self.uid("Budget", "calls"), window, "-")
        self.counters.answer = Answer({name: Account(posted, held)})
        await self.look()

    def event_names(self) -> list[str]:
        """Names of the Events of thresholds."""
        items = self.desk.cluster.objects.items()
        return [name for (kind, _, name), item in items if kind == "Event" and item["reason"].startswith("Budget")]

    async def change(self, **changed: Any) -> None:
        """Somebody applies the budget with other values; until that is published."""
        before = self.desk.publisher.snapshot
        self.desk.put("Budget", "calls", {**CALLS, **changed})
        await until(lambda: self.desk.publisher.snapshot is not before)

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

    def told(self) -> list[str]:
        """What Events said of thresholds so far."""
        items = [item for (kind, _, _), item in self.desk.cluster.objects.items() if kind == "Event"]
        return sorted(item["note"].split(" of ")[0] for item in items if item["reason"].startswith("Budget"))

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


async def test_holds_tell_no_threshold(books: Books) -> None:
    """What calls in flight may cost is shown and counts against the limit, but thresholds are of what is spent: also
    for a process that begins while much is held.
    """
    await books.spend(10, held=90)
    await until(lambda: books.desk.condition("Budget", "calls", "WithinBudget")[0] == "False")
    untold = books.told()
    books.restart()
    await books.spend(60)
    await until(lambda: books.told() == ["50 %"])
    await books.spend(100)
    await until(lambda: books.told() == ["100 %", "50 %"])

    assert untold == []


async def test_a_topped_up_budget_tells_its_thresholds_again(books: Books) -> None:
    """After a raise, what is no longer reached is told when it is reached again, also by another process; and once."""
    await books.spend(100)
    await until(lambda: books.told() == ["100 %", "50 %"])
    await books.change(limit={"unit": "Requests", "amount": "300"})
    await books.spend(100)
    await until(lambda: books.budget().get("effectiveLimit") == "300")
    raised = books.budget().get("reachedPercent")
    books.restart()
    await books.spend(150)
    await until(lambda: books.told() == ["100 %", "50 %", "50 %"])
    await books.spend(140)
    await books.spend(300)
    await until(lambda: books.told() == ["100 %", "100 %", "50 %", "50 %"])

    assert raised is None


async def test_a_limit_that_comes_and_goes_tells_each_threshold_once(books: Books) -> None:
    """Two who do not agree on a limit make no Events without end."""
    await books.spend(60)
    await until(lambda: books.told() == ["50 %"])
    del books.desk.cluster.objects["Event", TEAM, next(iter(books.event_names()))]  # Events are not kept for ever
    for amount in ("300", "100", "300", "100"):
        await books.change(limit={"unit": "Requests", "amount": amount})
        await books.spend(60)
        await until(lambda amount=amount: books.budget().get("effectiveLimit") == amount)  # type: ignore[misc]

    posted = [call for call in books.desk.cluster.calls if call[:2] == ("create", "Event")]
    assert len(posted) == 2  # the other is that the key was made


async def test_thresholds_are_told_once_though_figures_fall(books: Books) -> None:
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


async def test_a_budget_that_is_made_in_an_outage_is_not_fresh(books: Books) -> None:
    """While counters cannot be read, a Budget that nobody has read yet says so, and shows no figures."""
    books.counters.answer = None
    await books.look()
    await books.look()
    books.desk.put("Budget", "late", CALLS)
    await until(lambda: "late" in [each.name for each in books.desk.publisher.snapshot.budgets])
    await books.look()
    await until(lambda: books.desk.condition("Budget", "late", "Fresh") == ("False", "CountersUnavailable"))
    before = len(books.desk.cluster.calls)
    await books.look()

    assert "spent" not in books.desk.status("Budget", "late")
    assert books.accounting._shown[books.uid("Budget", "late")].told is None
    assert len(books.desk.cluster.calls) == before


async def test_users_that_could_not_be_read_are_told_of(books: Books) -> None:
    """A Budget with more users than can be read keeps its figures and says why; others stay fresh."""
    await books.change(per="User")
    books.desk.put("Budget", "other", CALLS)
    await until(lambda: "other" in [each.name for each in books.desk.publisher.snapshot.budgets])
    prefix = names.account(books.uid("Budget", "calls"), "once", "u")
    books.counters.answer = Answer({f"{prefix}1": Account(7)})
    await books.look()
    await until(lambda: books.budget().get("spent") == "7")
    books.counters.answer = Answer(unread=frozenset((prefix,)))
    await books.look()
    await books.look()
    await until(lambda: books.desk.condition("Budget", "calls", "Fresh") == ("False", "UsersNotRead"))
    kept = books.budget()["spent"]
    books.counters.answer = Answer({f"{prefix}1": Account(8)})
    await books.look()
    await until(lambda: books.desk.condition("Budget", "calls", "Fresh") == ("True", "Read"))

    assert (kept, books.budget()["spent"]) == ("7", "8")
    assert books.desk.condition("Budget", "other", "Fresh") == ("True", "Read")


async def test_a_projection_that_has_passed_goes(books: Books) -> None:
    """Without any spending, a projected end that no longer follows is removed; the Budget spends since it was made."""
    manifest = books.desk.cluster.objects["Budget", TEAM, "calls"]
    manifest["metadata"]["creationTimestamp"] = "2026-05-27T20:26:40Z"  # a day before the clock begins
    await books.change(period={"type": "Calendar", "calendar": {"unit": "Month"}})
    await books.spend(40, window="2026-05")
    await until(lambda: "projectedExhaustion" in books.budget())
    projected = books.budget()["projectedExhaustion"]
    books.desk.clock.ahead_ms += 2 * 86_400_000
    await books.spend(40, window="2026-05")
    await until(lambda: "projectedExhaustion" not in books.budget())

    assert projected.startswith("2026-05-30T08:26")


async def test_a_keys_month_keeps_the_time_it_was_read(books: Books) -> None:
    """While counters cannot be read, a key's usage stays, and so does the time at which it was read."""
    key_id = books.desk.status("VirtualKey", "payer")["keyID"]
    books.counters.answer = Answer(keys={key_id: Usage(3, 30, 12, 1_000_000, books.desk.clock.now_ms())})
    await books.look()
    await until(lambda: "usage" in books.desk.status("VirtualKey", "payer"))
    read = books.desk.status("VirtualKey", "payer")["usage"]
    books.counters.answer = None
    for _ in range(3):
        books.later()
        await books.look()
    await until(lambda: books.desk.condition("Budget", "calls", "Fresh")[0] == "False")
    books.desk.put("VirtualKey", "payer", {"budgetRefs": [{"name": "calls"}], "maxParallelRequests": 5})
    await until(lambda: books.desk.status("VirtualKey", "payer").get("observedGeneration") == 2)

    assert books.desk.status("VirtualKey", "payer")["usage"] == read


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

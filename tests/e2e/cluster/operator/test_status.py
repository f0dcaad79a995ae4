"""What statuses tell while replicas come, lag and go, while money is spent, and while targets fail."""

import time

import pytest

from sluice_contract import names
from support.manifests import BUDGET, ECHO
from support.operator import Install, condition, eventually, holds
from support.redis import running_redis


async def test_programmed_means_every_replica(install: Install) -> None:
    """Programmed counts the replicas that serve the change: a lagging one keeps it False until it catches up."""
    replicas = [await install.add_replica(), await install.add_replica()]
    replicas[1].frozen = True
    install.operator.start()
    await install.tenant.create("ModelDeployment", "chat", spec=ECHO)

    lagging = await eventually(
        lambda: install.tenant.get("ModelDeployment", "chat"),
        lambda it: condition(it, "Programmed").get("message", "").startswith("1/2 at "),
    )
    replicas[1].frozen = False
    live = await eventually(lambda: install.tenant.get("ModelDeployment", "chat"), lambda it: holds(it, "Ready"))

    assert condition(lagging, "Programmed")["status"] == "False"
    assert condition(lagging, "Ready")["status"] == "False"
    assert live is not None
    programmed = live["status"]["programmed"]
    assert (programmed["current"], programmed["total"]) == (2, 2)
    assert programmed["latencyMilliseconds"] > 0
    message = condition(live, "Programmed")["message"]
    assert message == f"2/2 at {programmed['revision'][:6]} in {programmed['latencyMilliseconds']} ms"


async def test_without_a_replica_nothing_is_programmed(install: Install) -> None:
    """With no replica there is no Ready; the first one that serves makes it so, and one more is counted."""
    install.operator.start()
    await install.tenant.create("ModelDeployment", "chat", spec=ECHO)
    nowhere = await eventually(
        lambda: install.tenant.get("ModelDeployment", "chat"),
        lambda it: condition(it, "Programmed").get("reason") == "NoReplicas",
    )

    first = await install.add_replica()
    await eventually(lambda: install.tenant.get("ModelDeployment", "chat"), lambda it: holds(it, "Ready"))
    await install.add_replica()
    two = await eventually(
        lambda: install.tenant.get("ModelDeployment", "chat"),
        lambda it: holds(it, "Ready") and it is not None and it["status"]["programmed"]["total"] == 2,
    )
    await install.remove_replica(first)
    one = await eventually(
        lambda: install.tenant.get("ModelDeployment", "chat"),
        lambda it: it is not None and it["status"]["programmed"]["total"] == 1,
    )

    assert condition(nowhere, "Ready")["status"] == "False"
    assert holds(two, "Programmed")
    assert holds(one, "Programmed")


async def test_spend_of_a_single_replica_is_shown(install: Install) -> None:
    """Without Redis the one replica is asked: spend, usage, thresholds and exhaustion show within seconds."""
    replica = await install.add_replica()
    tenant = install.tenant
    install.operator.start()
    spec = {**BUDGET, "thresholds": [{"percent": 80, "action": "Event"}]}
    await tenant.create("Budget", "month", spec=spec)
    await tenant.create("VirtualKey", "payer", spec={"budgetRefs": [{"name": "month"}]})
    budget = await eventually(lambda: tenant.get("Budget", "month"), lambda it: holds(it, "Ready", "Fresh"))
    key = await eventually(lambda: tenant.get("VirtualKey", "payer"), lambda it: holds(it, "Ready"))
    assert budget is not None
    assert key is not None
    period = budget["status"]["period"]["id"]
    account = names.account(budget["metadata"]["uid"], period, "-")
    month = time.strftime("%Y-%m", time.gmtime())
    used = {"requests": 3, "input": 30, "output": 12, "cost": 41_000_000_000, "last_ms": time.time_ns() // 1_000_000}
    replica.spend = {
        "accounts": {account: {"posted": 41_000_000_000, "held": 1_000_000_000, "orphaned": 0}},
        "keys": {key["status"]["keyID"]: {month: used}},
    }

    spent = await eventually(
        lambda: tenant.get("Budget", "month"), lambda it: it is not None and it["status"].get("usedPercent") == 84
    )
    replica.spend["accounts"][account]["posted"] = 50_000_000_000
    exhausted = await eventually(
        lambda: tenant.get("Budget", "month"), lambda it: condition(it, "WithinBudget").get("status") == "False"
    )
    payer = await eventually(
        lambda: tenant.get("VirtualKey", "payer"), lambda it: it is not None and "usage" in it["status"]
    )
    events = await eventually(
        lambda: tenant.items("Event"), lambda items: any(item["reason"] == "BudgetExhausted" for item in items)
    )

    assert spent is not None
    assert payer is not None
    figures = {name: spent["status"][name] for name in ("effectiveLimit", "spent", "held", "remaining")}
    assert figures == {
        "effectiveLimit": "50.000000",
        "spent": "41.000000",
        "held": "1.000000",
        "remaining": "8.000000",
    }
    assert holds(spent, "WithinBudget")
    assert holds(exhausted, "Ready")
    assert payer["status"]["usage"]["requests"] == 3
    assert payer["status"]["usage"]["cost"] == "41.000000"
    assert payer["status"]["lastUsedTime"]
    reasons = [item["reason"] for item in events if item["involvedObject"]["name"] == "month"]
    assert sorted(reasons) == ["BudgetExhausted", "BudgetThresholdReached"]


async def test_spend_in_redis_is_shown_and_kept_while_it_is_away(install: Install) -> None:
    """With Redis its counters are shown; when it is away the figures stay and Fresh says so."""
    await install.add_replica()
    with running_redis() as redis:
        install.operator.environ["SLUICE_REDIS_URL"] = redis.url
        install.operator.start()
        await install.tenant.create("Budget", "calls", spec={
            "limit": {"unit": "Requests", "amount": "100"}, "period": {"type": "Once"},
        })  # fmt: skip
        budget = await eventually(lambda: install.tenant.get("Budget", "calls"), lambda it: condition(it, "Fresh"))
        assert budget is not None
        account = names.account(budget["metadata"]["uid"], "once", "-")
        assert condition(budget, "Fresh")["status"] == "False"  # no data plane has said that nothing was spent
        run_id = redis.client.info("server")["run_id"]
        redis.client.hset(names.STORE, "run", f"{run_id}:1:word")
        redis.client.hset(account, mapping={"posted": "7", "held": "1", "orphaned": "0"})
        shown = await eventually(
            lambda: install.tenant.get("Budget", "calls"),
            lambda it: it is not None and it["status"].get("spent") == "7",
        )
    stale = await eventually(
        lambda: install.tenant.get("Budget", "calls"), lambda it: condition(it, "Fresh").get("status") == "False"
    )

    assert shown is not None
    assert stale is not None
    assert (shown["status"]["remaining"], stale["status"]["remaining"]) == ("92", "92")
    assert stale["status"]["spent"] == "7"
    assert holds(stale, "Ready", "WithinBudget")


async def test_failing_targets_are_shown_and_do_not_make_a_model_unready(install: Install) -> None:
    """What replicas see of targets shows in TargetsHealthy and the summary; what was asked for is still live."""
    replica = await install.add_replica()
    install.operator.start()
    created = await install.tenant.create("ModelDeployment", "chat", spec=ECHO)
    await eventually(lambda: install.tenant.get("ModelDeployment", "chat"), lambda it: holds(it, "TargetsHealthy"))

    replica.targets = {created["metadata"]["uid"]: {"echo": {"healthy": False, "reason": "Ejected"}}}
    failing = await eventually(
        lambda: install.tenant.get("ModelDeployment", "chat"),
        lambda it: condition(it, "TargetsHealthy").get("status") == "False",
    )

    assert failing is not None
    assert failing["status"]["targetSummary"] == "0/1"
    assert failing["status"]["targets"] == [{"name": "echo", "healthy": False, "reason": "Ejected"}]
    assert holds(failing, "Ready")


@pytest.mark.parametrize("kind", ["Budget", "ModelDeployment"])
async def test_a_status_somebody_else_wrote_is_put_right(install: Install, kind: str) -> None:
    """A status that somebody else has edited says ours again."""
    await install.add_replica()
    install.operator.start()
    await install.tenant.create(kind, "edited", spec=BUDGET if kind == "Budget" else ECHO)
    await eventually(lambda: install.tenant.get(kind, "edited"), lambda it: holds(it, "Ready"))
    lie = [
        {
            "type": "Ready", "status": "False", "reason": "Lie", "message": "no",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]  # fmt: skip

    await install.tenant.patch(kind, "edited", {"status": {"conditions": lie}}, status=True)

    assert await eventually(lambda: install.tenant.get(kind, "edited"), lambda it: holds(it, "Ready", "Accepted"))

"""Limits and budgets hold over all replicas together, not over each."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
import pytest

from support.doors import Doors
from support.tenants import MONTH, Team, chat, code_of, echo_model, resource

PER_MINUTE: Final = 60
AT_ONCE: Final = 200
AFFORDED: Final = 10

Figure = Callable[[str, object], None]
Call = Callable[[str], Awaitable[httpx.Response]]


async def storm(call: Call, doors: Doors, count: int) -> list[httpx.Response]:
    """*count* calls at once, spread evenly over the replicas."""
    return await asyncio.gather(*(call(doors.each[number % len(doors.each)].url) for number in range(count)))


def outcomes(answers: list[httpx.Response]) -> Counter[str]:
    """How many answers there are of each status and code."""
    return Counter(f"{answer.status_code} {code_of(answer)}".strip() for answer in answers)


@pytest.mark.parametrize("burst", [PER_MINUTE, 15])
async def test_requests_per_minute_are_those_of_all_replicas(
    burst: int, new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient, figure: Figure
) -> None:
    """60 a minute admit the burst at once and one a second from then on, whichever replica is asked."""
    team = new_team("limits")
    limit = {"name": "rpm", "unit": "Requests", "amount": PER_MINUTE, "window": "1m", "burst": burst}
    await team.apply(echo_model(), resource("VirtualKey", "caller", limits=[limit]))
    secret = await team.secret("caller")

    began = time.monotonic()
    answers = await storm(lambda url: chat(client, url, secret), doors, AT_ONCE)
    seconds = time.monotonic() - began

    seen = outcomes(answers)
    figure(f"admitted of {AT_ONCE} calls in {seconds:.1f} s, 60 rpm, burst {burst}", seen["200"])
    assert set(seen) == {"200", "429 rate_limit_exceeded"}
    assert burst <= seen["200"] <= burst + seconds * PER_MINUTE / 60 + 1
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(0 < int(answer.headers["retry-after-ms"]) <= 60_000 for answer in refused)


@pytest.mark.parametrize(
    ("limit", "spent"),
    [
        ({"unit": "Requests", "amount": "10"}, "10"),
        ({"unit": "Cost", "amount": "0.010", "currency": "USD"}, "0.010000"),
    ],
    ids=["requests", "cost"],
)
async def test_budget_for_ten_calls_admits_ten(
    limit: dict[str, Any],
    spent: str,
    new_team: Callable[[str], Team],
    doors: Doors,
    client: httpx.AsyncClient,
    figure: Figure,
) -> None:
    """Of 200 calls at once over all replicas a budget for ten admits ten; its status says spent, and nothing held."""
    team = new_team("budgets")
    price = {"currency": "USD", "inputPerMillion": "0", "outputPerMillion": "0", "perRequest": "0.001"}
    budget = resource("Budget", "ten", limit=limit, period=MONTH)
    key = resource("VirtualKey", "caller", budgetRefs=[{"name": "ten"}])
    await team.apply(echo_model(pricing=price), budget, key)
    secret = await team.secret("caller")

    seen = outcomes(await storm(lambda url: chat(client, url, secret), doors, AT_ONCE))

    figure(f"admitted of {AT_ONCE} calls at once, budget of {limit['amount']} ({limit['unit']})", seen["200"])
    assert seen == {"200": AFFORDED, "429 insufficient_quota": AT_ONCE - AFFORDED}
    await team.wait("WithinBudget=False", budget)
    status = (await team.api.get("Budget", "ten") or {})["status"]
    assert (status["spent"], status["usedPercent"]) == (spent, 100)
    assert {status["held"], status["orphaned"], status["remaining"]} <= {"0", "0.000000"}

"""What is wrong is said where people look, in the status and in an Event, and the rest goes on serving."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from support.doors import Doors, here_address
from support.kube import Cluster, Manifest
from support.operator import condition
from support.tenants import MONTH, Team, chat, code_of, echo_model, resource
from support.upstream import ScriptedUpstream
from support.waiting import until

MANIFESTS: Final = Path(__file__).parent / "manifests" / "statuses.yaml"
TTL_SECONDS: Final = 6
CREDENTIAL: Final = "sk-provider-that-came-late"

Figure = Callable[[str, object], None]


class Wrong(NamedTuple):
    """A resource of the manifests, and what is said of it."""

    kind: str
    name: str
    condition: str
    reason: str
    message: str
    event: str


USURPED: Final = "'echo' belongs to the older ModelDeployment {ns}/echo"
WRONGS: Final = (
    Wrong("ModelDeployment", "dangling", "ResolvedRefs", "ProviderNotFound", "{ns}/nowhere", "ProviderNotFound"),
    Wrong("ModelDeployment", "usurper", "Accepted", "Conflicted", USURPED, "Conflicted"),
    Wrong("ModelDeployment", "unpriced", "Priced", "Unpriced", "far", "ModelUnpriced"),
    Wrong("VirtualKey", "penniless", "ResolvedRefs", "BudgetNotFound", "Budget {ns}/nowhere", "BudgetNotFound"),
    Wrong("Budget", "timeless", "Accepted", "TimeZoneUnknown", "Atlantis/Capital", "TimeZoneUnknown"),
)


async def events(team: Team, name: str) -> set[str]:
    """The reasons of the Events about the objects called *name*."""
    found = await asyncio.to_thread(team.cluster.list, "events", namespace=team.namespace)
    return {each["reason"] for each in found if each["involvedObject"]["name"] == name}


async def test_what_is_wrong_is_said_and_the_rest_serves(
    new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient
) -> None:
    """Dangling, conflicting, unpriced and invalid resources each say why, in status and Event; the good ones serve."""
    team = new_team("statuses")
    good, key = echo_model(), resource("VirtualKey", "good")
    await team.apply(good, key)
    await asyncio.to_thread(team.cluster.apply, MANIFESTS, namespace=team.namespace)

    for wrong in WRONGS:
        await team.wait(f"{wrong.condition}=False", resource(wrong.kind, wrong.name))
        found = condition(await team.api.get(wrong.kind, wrong.name), wrong.condition)
        assert found["reason"] == wrong.reason
        assert wrong.message.format(ns=team.namespace) in found["message"]
        await until(lambda: said(team, wrong), why=f"an Event about {wrong.name}")  # noqa: B023

    await team.wait("Ready", good, key)
    secret = await team.secret("good")
    for door in doors.each:
        assert (await chat(client, door.url, secret)).json()["model"] == "echo"
        assert code_of(await chat(client, door.url, secret, model="taken")) == "model_not_found"
        assert code_of(await chat(client, door.url, secret, model="dangling")) == "model_not_found"


async def said(team: Team, wrong: Wrong) -> bool:
    """Whether there is an Event about it."""
    return wrong.event in await events(team, wrong.name)


async def test_missing_secret_is_served_once_it_is_there(
    cluster: Cluster, new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient
) -> None:
    """A model whose Secret is missing says so; it is called, with what is in the Secret, as soon as that is created."""
    async with ScriptedUpstream(host=await asyncio.to_thread(here_address, cluster)) as upstream:
        team = new_team("late-secret")
        auth = {"type": "APIKey", "apiKey": {"secretRef": {"name": "account", "key": "token"}}}
        provider = {
            "type": "OpenAICompatible", "baseURL": upstream.base_url, "allowPrivateNetwork": True, "auth": auth
        }  # fmt: skip
        targets = [{"name": "there", "provider": provider}]
        model = resource("ModelDeployment", "late", targets=targets, pricing={"free": True})
        await team.apply(model, resource("VirtualKey", "caller"), wait="")
        await team.wait("ResolvedRefs=False", model)
        found = condition(await team.api.get("ModelDeployment", "late"), "ResolvedRefs")
        assert (found["reason"], f"{team.namespace}/account" in found["message"]) == ("SecretNotFound", True)
        secret = await team.secret("caller")

        await team.api.create("Secret", "account", stringData={"token": CREDENTIAL})
        await team.wait("Ready", model)

        for door in doors.each:
            assert (await chat(client, door.url, secret, model="late")).status_code == 200
    assert [seen.headers["authorization"] for seen in upstream.seen] == [f"Bearer {CREDENTIAL}"] * len(doors.each)


async def test_unpriced_model_is_refused_under_a_budget_in_money(
    new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient
) -> None:
    """Nothing unknown is free: a budget in money refuses a model without a price; keys without a budget may use it."""
    team = new_team("unpriced")
    targets = [{"name": "echo", "provider": {"type": "Echo"}}]
    model = resource("ModelDeployment", "homemade", targets=targets)
    cost = {"unit": "Cost", "amount": "5", "currency": "USD"}
    budgeted = resource("VirtualKey", "budgeted", budgetRefs=[{"name": "five"}])
    keys = (resource("VirtualKey", "free"), budgeted, resource("Budget", "five", limit=cost, period=MONTH))
    await team.apply(model, *keys)

    assert condition(await team.api.get("ModelDeployment", "homemade"), "Priced")["reason"] == "Unpriced"
    secrets = await team.secrets(["free", "budgeted"])
    refused = await chat(client, doors.any.url, secrets["budgeted"], model="homemade")
    assert (refused.status_code, code_of(refused)) == (400, "model_unpriced")
    assert (await chat(client, doors.any.url, secrets["free"], model="homemade")).status_code == 200


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(("how", "reason"), [("suspended", "Suspended"), ("expired", "Expired")])
async def test_key_that_is_off_is_inactive_and_ready(how: str, reason: str, new_team: Callable[[str], Team]) -> None:
    """A suspended or expired key is what was asked for: Active=False says it, Ready stays True."""
    team = new_team("inactive")
    spec = {"suspended": {"suspended": True}, "expired": {"expiresAt": "2026-01-01T00:00:00Z"}}[how]
    key = resource("VirtualKey", "off")
    await team.apply(key)
    await team.api.patch("VirtualKey", "off", {"spec": spec})

    await team.wait("Active=False", key)
    await team.wait("Ready", key)

    found = await team.api.get("VirtualKey", "off")
    assert condition(found, "Active")["reason"] == reason
    assert condition(found, "Ready")["status"] == "True"


async def test_key_with_a_time_to_live_ends_on_time(
    new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient, figure: Figure
) -> None:
    """A key with a ttl works until its time is over and not a second longer, on every replica; its status says when."""
    team = new_team("ttl")
    key = resource("VirtualKey", "brief", ttl=f"{TTL_SECONDS}s")
    await team.apply(echo_model())
    await team.apply(key)
    secret = await team.secret("brief")
    ends = end_of(await team.api.get("VirtualKey", "brief"))

    late = await asyncio.gather(*(overrun(client, door.url, secret, ends) for door in doors.each))
    await team.wait("Active=False", key)

    figure("refused after its end, by replica", ", ".join(f"{seconds * 1000:.0f} ms" for seconds in late))
    assert all(0 <= seconds < 1 for seconds in late)


def end_of(key: Manifest | None) -> dt.datetime:
    """When a key expires, by its status, which is as long after its creation as it was told."""
    assert key is not None
    made, ends = (
        dt.datetime.fromisoformat(text) for text in (key["metadata"]["creationTimestamp"], key["status"]["expiresAt"])
    )
    assert ends - made == dt.timedelta(seconds=TTL_SECONDS)
    return ends


async def overrun(client: httpx.AsyncClient, url: str, secret: str, ends: dt.datetime) -> float:
    """Seconds from *ends* to the first refusal, negative if that was too early; until then it worked."""
    calls = 0
    while (answer := await chat(client, url, secret)).status_code == 200:
        calls += 1
        await asyncio.sleep(0.01)
    assert (answer.status_code, calls > 10) == (401, True)
    return (dt.datetime.now(dt.UTC) - ends).total_seconds()  # noqa: TID251  # the cluster's clock is ours

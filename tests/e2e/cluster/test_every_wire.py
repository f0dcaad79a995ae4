"""Any client, any provider: a platform's accounts, a team's models of them, real SDKs in a pod, and what they cost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

import httpx
import pytest
import yaml

from support.doors import Doors, here_address
from support.every_wire import EveryWire
from support.helm import ROOT
from support.in_a_pod import run_in_a_pod
from support.kube import Cluster, Manifest
from support.release import Release
from support.tenants import MONTH, Team, code_of, resource
from support.waiting import until

MANIFESTS: Final = Path(__file__).parent / "manifests" / "every-wire.yaml"
DRIVER: Final = ROOT / "tests" / "support" / "sdk_every_wire.py"
FRONTS: Final = ("chat", "responses", "messages", "gemini")  # as the driver takes them
# What each model's provider speaks, and where the credential of the platform's account stands there.  OpenAI's speaks
# two: the one that this model knows best, and chat completions to those who speak them.
MODELS: Final = {"claude": "messages", "gemini": "gemini", "gpt": "responses", "claude-aws": "converse"}
HEADERS: Final = {"messages": "x-api-key", "gemini": "x-goog-api-key"}
ACCOUNTS: Final = {"api-key": "sk-platform", "aws-id": "AKIAIOSFODNN7EXAMPLE", "aws-secret": "an-aws-secret"}
CACHED: Final = 64  # tokens of each call, as the driver says
MICRO_USD: Final = {"input": 3, "cached": 1, "output": 5}  # a token, as the manifests say
CALLS_SECONDS: Final = 120
LISTED: Final = "/v1/models"  # below an account's URL
CLOSED: Final = {"route_not_found"}

Figure = Callable[[str, object], None]


class Scene(NamedTuple):
    """A platform with accounts, a team whose models are theirs, the provider behind them, and ways to the gateway."""

    doors: Doors
    platform: Team
    team: Team
    upstream: EveryWire
    manifests: list[Manifest]


@pytest.fixture
async def scene(cluster: Cluster, doors: Doors, new_team: Callable[[str], Team]) -> AsyncIterator[Scene]:
    """Everything applied and live."""
    host = await asyncio.to_thread(here_address, cluster)
    async with EveryWire(host=host, key=ACCOUNTS["api-key"]) as upstream:
        platform, team = new_team("platform"), new_team("team")
        text = Template(await asyncio.to_thread(MANIFESTS.read_text)).substitute(
            PLATFORM=platform.namespace,
            TEAM=team.namespace,
            MESSAGES=upstream.url("messages"),
            GEMINI=upstream.url("gemini", "/v1beta"),
            OPENAI=upstream.url("all", "/v1"),
            CONVERSE=upstream.url("converse"),
        )
        manifests: list[Manifest] = list(yaml.safe_load_all(text))
        accounts = [each for each in manifests if each["kind"] == "ModelProvider"]
        await platform.api.create("Secret", "accounts", stringData=ACCOUNTS)
        await platform.apply(*accounts, wait="Accepted")
        await team.apply(*(each for each in manifests if each not in accounts))
        await platform.wait("Ready", *accounts)
        yield Scene(doors, platform, team, upstream, manifests)


async def test_every_front_reaches_every_provider(
    scene: Scene, gateway: Release, loaded: dict[str, str], figure: Figure
) -> None:
    """Three SDKs in a pod ask by four APIs for models of four providers; words, usage and status are as billed."""
    url = gateway.url.removesuffix("/v1")
    given = ["--url", url, "--key", "$(KEY)", *(word for model in MODELS for word in ("--model", model))]
    runs = {"driver": ("/opt/every", given)}
    told = (await run_in_a_pod(scene.team, DRIVER, loaded["client"], runs, keys={"KEY": "app"}, seconds=CALLS_SECONDS))[
        "driver"
    ]

    calls = [(front, model, how) for front in FRONTS for model in MODELS for how in ("plain", "stream")]
    for call, answer, bill in zip(calls, told["answers"], scene.upstream.bills, strict=True):
        assert answer["said"] == "Hello {} from {}, {}".format(*call)
        assert (call, answer["used"]) == (call, [bill.used.input, bill.used.output, CACHED])
        assert (call, bill.used.cached) == (call, CACHED)
    check_sent(scene, calls)
    assert told["lists"] == {front: sorted(MODELS) for front in FRONTS}
    await check_status(scene, figure)


def check_sent(scene: Scene, calls: list[tuple[str, str, str]]) -> None:
    """Each call went to its provider in an API spoken there, the client's own where it is, as the platform."""
    for (front, model, _), seen in zip(calls, scene.upstream.seen, strict=True):
        spoken = "chat" if (front, model) == ("chat", "gpt") else MODELS[model]
        assert (front, model, seen.endpoint) == (front, model, spoken)
        shown = seen.headers.get(HEADERS.get(spoken, "authorization"))
        if spoken == "converse":
            signed = f"AWS4-HMAC-SHA256 Credential={ACCOUNTS['aws-id']}/"
            assert shown is not None
            assert shown.startswith(signed)
            assert "/eu-central-1/bedrock/" in shown
        else:
            assert str(shown).removeprefix("Bearer ") == ACCOUNTS["api-key"]


async def check_status(scene: Scene, figure: Figure) -> None:
    """What the key used and what the Budget spent is the sum of the provider's bills; kubectl shows it."""
    used = [bill.used for bill in scene.upstream.bills]
    micros = sum(
        (each.input - each.cached) * MICRO_USD["input"]
        + each.cached * MICRO_USD["cached"]
        + each.output * MICRO_USD["output"]
        for each in used
    )
    cost = f"{Decimal(micros).scaleb(-6):.6f}"
    billed = {
        "requests": len(used),
        "inputTokens": sum(each.input for each in used),
        "outputTokens": sum(each.output for each in used),
        "cost": cost,
    }

    async def told() -> bool:
        key, budget = await scene.team.api.get("VirtualKey", "app"), await scene.team.api.get("Budget", "checkout")
        assert key is not None
        assert budget is not None
        usage, status = key["status"].get("usage") or {}, budget["status"]
        return ({name: usage.get(name) for name in billed}, status.get("spent")) == (billed, cost)

    await until(told, seconds=60, why=f"key and budget say {billed}")
    tables = []
    for team, kinds in ((scene.platform, "mprov"), (scene.team, "mdep,vkey,bud")):
        await asyncio.to_thread(team.cluster.kubectl, "wait", "--for=condition=Ready", "--all", kinds,
                                namespace=team.namespace)  # fmt: skip
        tables.append(await asyncio.to_thread(team.cluster.kubectl, "get", kinds, namespace=team.namespace))
    figure("kubectl get mprov,mdep,vkey,bud", "\n" + "\n".join(tables))
    assert cost in tables[1]


async def test_other_routes_are_closed_until_the_account_opens_them(
    scene: Scene, client: httpx.AsyncClient, new_team: Callable[[str], Team]
) -> None:
    """A provider's other route is a 404 until ``passthrough`` lists it, costs what is said there, and closes again."""
    stranger, limit = new_team("stranger"), {"unit": "Cost", "amount": "1", "currency": "USD"}
    poor = resource("VirtualKey", "poor", budgetRefs=[{"name": "one"}])
    await scene.team.apply(resource("Budget", "one", limit=limit, period=MONTH), poor)
    await stranger.apply(resource("VirtualKey", "poor"))
    secret, strange = await scene.team.secret("poor"), await stranger.secret("poor")
    root = f"/passthrough/{scene.platform.namespace}/anthropic"

    async def codes(key: str = secret, path: str = LISTED) -> set[str]:
        headers = {"authorization": f"Bearer {key}"}
        return {code_of(await client.get(f"{door.url}{root}{path}", headers=headers)) for door in scene.doors.each}

    async def change(passthrough: dict[str, Any] | None) -> None:
        await scene.platform.api.patch("ModelProvider", "anthropic", {"spec": {"passthrough": passthrough}})

    async def is_open() -> bool:
        return not await codes() & CLOSED

    async def is_closed() -> bool:
        return await codes() <= CLOSED

    async def is_spent() -> bool:
        return await codes() == {"insufficient_quota"}

    assert await is_closed()
    await change({"paths": [f"GET {LISTED}"], "pricing": {"perRequest": "0.25"}})
    await until(is_open, why="every replica opens the route")
    assert await codes(strange) <= CLOSED
    assert await codes(path="/v1/messages/batches") <= CLOSED
    await until(is_spent, why="the budget is spent")
    sent = [(seen.path, seen.headers["x-api-key"]) for seen in scene.upstream.seen]
    assert sent == [(f"/messages{LISTED}", ACCOUNTS["api-key"])] * 4
    await change(None)
    await until(is_closed, why="every replica closes the route")
    assert len(scene.upstream.seen) == 4

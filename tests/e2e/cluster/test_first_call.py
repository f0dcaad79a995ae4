"""One ``kubectl apply``, one answered call, metered: what a user sees first."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from string import Template
from typing import Any, Final

import pytest
import yaml

from support.doors import here_address
from support.helm import ROOT
from support.in_a_pod import run_in_a_pod
from support.kube import Cluster, Manifest
from support.local_model import serving
from support.release import Release
from support.tenants import Team
from support.waiting import until

MANIFESTS: Final = Path(__file__).parent / "manifests" / "first-call.yaml"
DRIVER: Final = ROOT / "tests" / "support" / "sdk_openai.py"
MAJORS: Final = ("2", "3")
MODELS: Final = ("gemma", "echo")
KEYS: Final = {"KEY": "app", "POOR": "poor", "HURRIED": "hurried"}
TEXT: Final = "Hello from the SDK"  # what the driver says
CALLS_SECONDS: Final = 240  # of a real model, on a slow machine
SHOWN_SECONDS: Final = 120  # what replicas hold in advance is given back after a minute, and shown half a minute later
ERRORS: Final = {
    "wrong_key": ("AuthenticationError", 401, "invalid_api_key"),
    "unknown_model": ("NotFoundError", 404, "model_not_found"),
    "bad_request": ("BadRequestError", 400, "invalid_request"),
    "budget_spent": ("RateLimitError", 429, "insufficient_quota"),
    "rate_limited": ("RateLimitError", 429, "rate_limit_exceeded"),
}

Figure = Callable[[str, object], None]


async def test_applied_called_metered(
    cluster: Cluster,
    gateway: Release,
    loaded: dict[str, str],
    new_team: Callable[[str], Team],
    figure: Figure,
) -> None:
    """Apply, wait for Programmed, call from a pod elsewhere with both SDKs, and see in ``kubectl get`` what it cost."""
    team = new_team("app")
    with serving(host=await asyncio.to_thread(here_address, cluster)) as model_url:
        manifests = list(yaml.safe_load_all(Template(MANIFESTS.read_text()).substitute(MODEL_URL=model_url)))
        await team.apply(*manifests, wait="Programmed")
        seen = await called_from_a_pod(team, gateway, loaded["client"])

    for (model, major), results in seen.items():
        assert results["version"].startswith(f"{major}.")
        check_calls(model, results)
        check_errors(results)
    await check_status(team, manifests, figure)


def check_calls(model: str, results: dict[str, Any]) -> None:
    """Chat, stream, completions and models of any model; words and embeddings of the one that echoes."""
    usage = results["chat"]["usage"]
    assert min(usage["prompt_tokens"], usage["completion_tokens"]) > 0
    assert results["chat"]["request_id"].startswith("req_")
    assert all(results[name]["content"] for name in ("chat", "stream", "stream_with_usage", "async_stream"))
    assert (len(results["stream"]["usages"]), len(results["stream_with_usage"]["usages"])) == (0, 1)
    assert results["completions"]["text"]
    assert (set(results["models"]["listed"]), results["models"]["retrieved"]) == (set(MODELS), model)
    if model == "echo":
        assert results["chat"]["content"] == results["stream"]["content"] == TEXT
        assert results["embeddings"]["base64"] == [pytest.approx(row) for row in results["embeddings"]["float"]]
        assert len(results["embeddings"]["float"]) == 2


def check_errors(results: dict[str, Any]) -> None:
    """The SDK's own classes, with our codes."""
    for name, expected in ERRORS.items():
        found = results[name]
        assert (found["error"], found["status"], found["code"]) == expected


async def check_status(team: Team, manifests: list[Manifest], figure: Figure) -> None:
    """The key's and the budget's figures agree, nothing is held, and kubectl's table shows them with Ready."""

    async def agree() -> bool:
        key, budget = await team.api.get("VirtualKey", "app"), await team.api.get("Budget", "checkout")
        assert key is not None
        assert budget is not None
        usage, status = key["status"].get("usage") or {}, budget["status"]
        spent = Decimal(status.get("spent") or 0)
        return spent > 0 and (spent, "0.000000") == (Decimal(usage.get("cost", -1)), status["held"])

    await until(agree, seconds=SHOWN_SECONDS, why="the key's cost is what the budget spent, and nothing is held")
    await team.wait("Ready", *manifests)
    spent = str((await team.api.get("Budget", "checkout") or {})["status"]["spent"])
    table = await asyncio.to_thread(team.cluster.kubectl, "get", "vkey,bud,mdep", namespace=team.namespace)
    figure("kubectl get vkey,bud,mdep", f"\n{table}")
    rows = {line.split()[0]: line.split() for line in table.splitlines() if ".sluice.dev/" in line}
    assert rows["virtualkey.sluice.dev/app"].count("True") == 2  # Active, Ready
    assert spent in rows["virtualkey.sluice.dev/app"]
    assert spent in rows["budget.sluice.dev/checkout"]
    assert all(rows[f"modeldeployment.sluice.dev/{model}"].count("True") == 2 for model in MODELS)  # Programmed, Ready


async def called_from_a_pod(team: Team, gateway: Release, image: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What the driver saw, by model and major version."""
    drives = {f"{model}-{major}": (model, major) for model in MODELS for major in MAJORS}
    given = ["--base-url", gateway.url, "--key", "$(KEY)", "--spent-key", "$(POOR)", "--limited-key", "$(HURRIED)"]
    runs = {name: (f"/opt/openai-{major}", [*given, "--model", model]) for name, (model, major) in drives.items()}
    told = await run_in_a_pod(team, DRIVER, image, runs, keys=KEYS, seconds=CALLS_SECONDS)
    return {drive: told[name] for name, drive in drives.items()}

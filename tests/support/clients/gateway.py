"""``sluice serve`` in front of the scripted provider, with models for every client and wire."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from sluice_contract.usage import UsageRecord
from support.clients.matrix import Client, Setup, Told, drive
from support.every_wire import EveryWire
from support.journals import records
from support.served import serving
from support.waiting import beside

AT_ONCE: Final = 3  # clients; most of their time they wait
BUDGET_USD: Final = {"plenty": "1000", "nothing": "0"}
# What a provider of one wire only is called, and where it is.
PROVIDERS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "chat": ("OpenAICompatible", "/v1", {}),
    "responses": ("OpenAICompatible", "/v1", {"dialects": ["Responses"]}),
    "messages": ("AnthropicCompatible", "", {}),
    "gemini": ("Gemini", "/v1beta", {}),
    "converse": ("Bedrock", "", {"region": "eu-west-1"}),
}


def manifests(upstream: EveryWire, clients: Iterable[Client]) -> str:
    """Everything that the clients need, as YAML."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "up"}, "stringData": {"api-key": upstream.key}}
    made = [secret, *_providers(upstream)]
    for name, amount in BUDGET_USD.items():
        period = {"type": "Calendar", "calendar": {"unit": "Month", "timeZone": "UTC"}}
        limit = {"unit": "Cost", "amount": amount, "currency": "USD"}
        made.append(_resource("Budget", name, {"limit": limit, "period": period}))
        made.append(_resource("VirtualKey", f"{name}-key", {"budgetRefs": [{"name": name}]}))
    for client in clients:
        for wire in client.wires:
            made += _models(client.model(wire), wire)
    return yaml.safe_dump_all(made)


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "sluice.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _providers(upstream: EveryWire) -> Iterator[dict[str, Any]]:
    auth = {"type": "APIKey", "apiKey": {"secretRef": {"name": "up", "key": "api-key"}}}
    for wire, (kind, version, more) in PROVIDERS.items():
        spec = {"type": kind, "baseURL": upstream.url(wire, version), "allowPrivateNetwork": True, "auth": auth, **more}
        yield _resource("ModelProvider", wire, spec)


def _models(name: str, wire: str) -> Iterator[dict[str, Any]]:
    """The model and its twins: one that drops what the provider cannot do, one to see errors of."""
    for suffix, more in (("", {}), ("-drop", {"dropUnsupported": True}), ("-fails", {"dropUnsupported": True})):
        spec = {
            "targets": [{"name": "up", "providerRef": {"name": wire}, "model": "every-small"}],
            "pricing": {"currency": "USD", "inputPerMillion": "1", "outputPerMillion": "2"},
            "retry": {"attempts": 0},
            **more,
        }
        yield _resource("ModelDeployment", f"{name}{suffix}", spec)


class Run:
    """What came of all clients: what they told, what the provider billed, what is on record."""

    def __init__(self, upstream: EveryWire) -> None:
        self.upstream = upstream
        self.told: dict[str, Told] = {}
        self.failed: dict[str, str] = {}  # clients whose script did not come to its end
        self.records: list[UsageRecord] = []


@contextlib.asynccontextmanager
async def driven(clients: tuple[Client, ...], folder: Path) -> AsyncIterator[Run]:
    """All *clients*, driven through one gateway."""
    async with EveryWire() as upstream:
        (folder / "manifests").mkdir()
        (folder / "manifests" / "all.yaml").write_text(manifests(upstream, clients))
        run = Run(upstream)
        async with beside(serving(folder / "manifests", folder / "data")) as served:
            places = asyncio.Semaphore(AT_ONCE)
            url = f"http://127.0.0.1:{served.port}"
            keys = served.key("plenty-key"), served.key("nothing-key")
            async with asyncio.TaskGroup() as tasks:
                for client in clients:
                    tasks.create_task(_drive(client, url, keys, run, places))
        run.records = records(folder / "data")
        yield run


async def _drive(client: Client, url: str, keys: tuple[str, str], run: Run, places: asyncio.Semaphore) -> None:
    key, spent_key = keys
    models = tuple(client.model(wire) for wire in client.wires)
    async with places:
        try:
            run.told[client.name] = await drive(client, Setup(url, key, models, spent_key, gateway=True))
        except (AssertionError, RuntimeError, TimeoutError) as error:
            run.failed[client.name] = str(error)

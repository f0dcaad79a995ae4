"""Keys, credentials and prompts are where they belong, and nowhere else in the cluster."""

import asyncio
import base64
import contextlib
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx

from sluice_contract import codec, names
from support.doors import Doors, here_address
from support.kube import Cluster, Manifest
from support.release import Release
from support.tenants import MONTH, Team, chat, resource
from support.upstream import PRESETS, ScriptedUpstream
from support.waiting import until

PROMPT: Final = "prompt-canary-2c9e41"
CREDENTIAL: Final = "sk-provider-canary-77f0b3"
EXISTING: Final = "existing-key-canary-b82d15aa"
WRONG: Final = "sk-wrong-key-canary-9d10c2"
GOOD: Final = "fault-none"  # a model that answers well
CANARIES: Final = {"prompt": PROMPT, "credential": CREDENTIAL, "existing": EXISTING, "wrong": WRONG}
DISK: Final = """
import pathlib, sys
canaries = [each.encode() for each in sys.argv[1:]]
for path in pathlib.Path("/var/lib/sluice").rglob("*"):
    if path.is_file() and (found := [each for each in canaries if each in path.read_bytes()]):
        print(path, found)
"""


async def test_canaries_stay_where_they_belong(
    cluster: Cluster, gateway: Release, new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient
) -> None:
    """After calls that worked and calls that did not, no object, Event, log, counter or journal holds a canary."""
    async with ScriptedUpstream(host=await asyncio.to_thread(here_address, cluster)) as upstream:
        team = new_team("hygiene")
        await team.api.create("Secret", "account", stringData={"token": CREDENTIAL})
        await team.api.create("Secret", "legacy", stringData={"token": EXISTING})
        await team.apply(*manifests(upstream.base_url))
        generated = await team.secret("generated")
        await provoke(client, doors, generated)
        assert {seen.headers["authorization"] for seen in upstream.seen} == {f"Bearer {CREDENTIAL}"}
    await metered(team)

    canaries = {**CANARIES, "generated": generated}
    belongs = {
        ("Secret", team.namespace, "account"): {"credential"},
        ("Secret", team.namespace, "legacy"): {"existing"},
        ("Secret", team.namespace, "generated-key"): {"generated"},
        ("Secret", gateway.namespace, names.object_name(gateway.name, codec.CREDENTIALS)): {"credential"},
    }
    assert await asyncio.to_thread(found_in_objects, cluster, canaries) == belongs
    assert await asyncio.to_thread(found_in_logs, cluster, gateway, canaries) == {}
    for door in doors.each:
        look = ("exec", door.name, "--", "python3", "-c", DISK, *set(canaries.values()) - {CREDENTIAL})
        assert await asyncio.to_thread(cluster.kubectl, *look, namespace=gateway.namespace) == ""
        assert not [name for name, canary in canaries.items() if canary in (await metrics(client, door.admin_url))]
    grep = f"grep -rlE '{'|'.join(canaries.values())}' /data || echo nothing"
    redis = ("exec", f"deployment/{gateway.name}-redis", "--", "sh", "-c", grep)
    assert await asyncio.to_thread(cluster.kubectl, *redis, namespace=gateway.namespace) == "nothing\n"


def manifests(base_url: str) -> list[Manifest]:
    """A model whose provider wants a credential and sometimes fails, keys of two types, a budget."""
    auth = {"type": "APIKey", "apiKey": {"secretRef": {"name": "account", "key": "token"}}}
    provider = {"type": "OpenAICompatible", "baseURL": base_url, "allowPrivateNetwork": True, "auth": auth}
    targets = [{"name": "there", "provider": provider}]
    price = {"currency": "USD", "inputPerMillion": "1", "outputPerMillion": "1"}
    existing = {"secretRef": {"name": "legacy", "key": "token"}}
    return [
        resource("ModelDeployment", "talk", modelName="fault-*", targets=targets, pricing=price),
        resource("VirtualKey", "generated", budgetRefs=[{"name": "five"}]),
        resource("VirtualKey", "existing", type="Existing", existing=existing),
        resource("Budget", "five", limit={"unit": "Cost", "amount": "5", "currency": "USD"}, period=MONTH),
    ]


async def provoke(client: httpx.AsyncClient, doors: Doors, generated: str) -> None:
    """Calls of every kind, and everything that might make somebody write down what came."""
    for door in doors.each:
        for secret in (generated, EXISTING):
            assert (await chat(client, door.url, secret, PROMPT, GOOD)).status_code == 200
            assert (await chat(client, door.url, secret, PROMPT, GOOD, stream=True)).status_code == 200
            for name in sorted(PRESETS.keys() & {"401", "500", "garbage", "html", "truncated", "reset"}):
                assert (await chat(client, door.url, secret, PROMPT, f"fault-{name}")).status_code in (502, 503)
        assert (await chat(client, door.url, WRONG, PROMPT, GOOD)).status_code == 401
        both = {"authorization": f"Bearer {generated}", "x-api-key": WRONG}
        assert (await client.post(f"{door.url}/v1/chat/completions", headers=both, content=PROMPT)).status_code == 400
        broken = f'{{"model": "{GOOD}", "messages": "{PROMPT}'
        one = {"authorization": f"Bearer {generated}"}
        assert (await client.post(f"{door.url}/v1/chat/completions", headers=one, content=broken)).status_code == 400
        assert (await client.get(f"{door.url}/{WRONG}?key={WRONG}", headers=one)).status_code == 404


async def metered(team: Team) -> None:
    """Return when the calls have reached the statuses, and thus whatever is written about them has been."""

    async def counted() -> bool:
        keys = [await team.api.get("VirtualKey", name) for name in ("generated", "existing")]
        return all(key and (key["status"].get("usage") or {}).get("requests") for key in keys)

    await until(counted, seconds=30, why="the keys' usage is told")


async def metrics(client: httpx.AsyncClient, admin_url: str) -> str:
    """All that a replica's admin port shows."""
    paths = ("/metrics", "/spend", "/targets", "/revision")
    return "".join([(await client.get(f"{admin_url}{path}")).text for path in paths])


def found_in_objects(cluster: Cluster, canaries: dict[str, str]) -> dict[tuple[str, str, str], set[str]]:
    """Where canaries are, in any object of any kind: (kind, namespace, name) → which."""
    kinds = cluster.kubectl("api-resources", "--verbs=list", "--output=name").split()
    objects = [each for kind in kinds if "metrics.k8s.io" not in kind for each in cluster.list(kind)]
    found = {}
    for each in objects:
        text = "\n".join(texts(each))
        if held := {name for name, canary in canaries.items() if canary in text}:
            found[each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]] = held
    return found


def texts(value: Any) -> Iterator[str]:
    """Every string in *value*, and what it says decoded, where it is base64, deflated or both."""
    if isinstance(value, str):
        yield value
        with contextlib.suppress(ValueError):
            data = base64.b64decode(value, validate=True)
            yield data.decode(errors="replace")
            for window_bits in (15, 31, -15):
                with contextlib.suppress(zlib.error):
                    yield zlib.decompress(data, window_bits).decode(errors="replace")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield json.dumps(value)


def found_in_logs(cluster: Cluster, gateway: Release, canaries: dict[str, str]) -> dict[str, list[str]]:
    """Where canaries are, in any log of the release: pod → which."""
    found = {}
    for pod in cluster.list("pods", namespace=gateway.namespace):
        name = pod["metadata"]["name"]
        log = cluster.kubectl("logs", name, "--all-containers", namespace=gateway.namespace)
        assert log
        if held := [canary for canary, text in canaries.items() if text in log]:
            found[name] = held
    return found

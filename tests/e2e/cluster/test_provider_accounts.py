"""Accounts at providers: keys that change under load, and specs that cannot work say so, where people look."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from support.doors import Door, Doors, here_address
from support.every_wire import EveryWire
from support.kube import Cluster, KubeError, Manifest
from support.operator import condition
from support.release import Release
from support.tenants import Team, chat, code_of, resource
from support.waiting import until

PROMISED_SECONDS: Final = 5.0
ROTATIONS: Final = 2
CALLERS: Final = 2  # at each replica, of each model

Figure = Callable[[str, object], None]
KEY: Final[dict[str, Any]] = {"type": "APIKey", "apiKey": {"secretRef": {"name": "account", "key": "api-key"}}}


class Load:
    """Calls, one after the other at each replica and of each model, half of them streams, until told to stop."""

    def __init__(self, client: httpx.AsyncClient, doors: Doors, secret: str, models: tuple[str, ...]) -> None:
        self.answered = 0
        self.wrong: Final[list[str]] = []
        self.stopped = False
        self._client: Final = client
        self._secret: Final = secret
        self._each: Final = [(door, model) for door in doors.each for model in models for _ in range(CALLERS)]

    async def run(self) -> None:
        """Call until ``stopped``."""
        await asyncio.gather(*(self._caller(*each, number=number) for number, each in enumerate(self._each)))

    async def _caller(self, door: Door, model: str, *, number: int) -> None:
        streamed = number % 2 == 0
        while not self.stopped:
            answer = await chat(self._client, door.url, self._secret, model=model, stream=streamed)
            self.answered += 1
            if answer.status_code != 200 or (streamed and not answer.text.endswith("data: [DONE]\n\n")):
                self.wrong.append(f"{model} at {door.name}: {answer.status_code} {answer.text[-300:]}")


async def test_rotated_secret_is_used_within_five_seconds(
    cluster: Cluster, new_team: Callable[[str], Team], doors: Doors, client: httpx.AsyncClient, figure: Figure
) -> None:
    """A Secret that kubectl changes under load: five seconds later every call has the new key, and none ever failed."""
    async with EveryWire(host=await asyncio.to_thread(here_address, cluster), key="sk-0") as upstream:
        team = new_team("rotation")
        await team.api.create("Secret", "account", stringData={"api-key": upstream.key})
        models = (model_of("claude", "Anthropic", upstream.url("messages")),
                  model_of("gemini", "Gemini", upstream.url("gemini", "/v1beta")))  # fmt: skip
        await team.apply(*models, resource("VirtualKey", "caller"))
        load = Load(client, doors, await team.secret("caller"), ("claude", "gemini"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            await until(lambda: load.answered > 50, why="calls are answered")
            seconds = [await rotated(team, upstream, f"sk-{number}") for number in range(1, ROTATIONS + 1)]
            load.stopped = True

    last = ", ".join(f"{each:.2f} s" for each in seconds)
    figure("last call with the old key after kubectl patch secret", f"{last}, of {load.answered} calls")
    assert load.wrong == []


async def rotated(team: Team, upstream: EveryWire, new: str) -> float:
    """Seconds from the change until the last call with the old key, which is refused when five are over."""
    old, upstream.key, upstream.retiring = upstream.key, new, {upstream.key}
    patch = ("patch", "secret", "account", "--patch", f'{{"stringData": {{"api-key": "{new}"}}}}')
    last, _ = await asyncio.gather(
        last_seen(old, upstream), asyncio.to_thread(team.cluster.kubectl, *patch, namespace=team.namespace)
    )
    upstream.retiring = set()
    since = len(upstream.seen)
    await until(lambda: len(upstream.seen) > since + 100, why="calls go on")
    assert set(keys_since(since, upstream)) == {new}
    return last


async def last_seen(key: str, upstream: EveryWire) -> float:
    """When, in the promised time from now on, the last call came with *key*."""
    began, before, used, last = time.monotonic(), len(upstream.seen), 0, 0.0
    while (now := time.monotonic() - began) < PROMISED_SECONDS:
        if (count := keys_since(before, upstream).count(key)) > used:
            used, last = count, now
        await asyncio.sleep(0.02)
    return last


def keys_since(number: int, upstream: EveryWire) -> list[str]:
    """The account's keys that calls came with, from the one of that number on."""
    seen = list(upstream.seen)[number:]
    return [each.headers.get("x-api-key") or each.headers["x-goog-api-key"] for each in seen]


def model_of(name: str, kind: str, url: str) -> Manifest:
    """A free model of an account that is the team's own."""
    provider = {"type": kind, "baseURL": url, "allowPrivateNetwork": True, "auth": KEY}
    return resource("ModelDeployment", name, targets=[{"name": "there", "provider": provider}], pricing={"free": True})


REFUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no-region": ({"type": "Bedrock", "auth": {"type": "AWS"}}, "region: required for Bedrock, BedrockMantle"),
    "no-project": ({"type": "VertexAI", "auth": {"type": "GCP"}}, "project: required for VertexAI"),
    "no-url": ({"type": "AzureOpenAI", "auth": {"type": "AzureAD"}}, "baseURL: required for AzureOpenAI"),
    "signed": ({"type": "OpenAI", "auth": {"type": "AWS"}}, "auth: AWS is taken by Bedrock, BedrockMantle"),
    "no-auth": ({"type": "Anthropic"}, "auth: required"),
    "converses": ({"type": "Anthropic", "auth": KEY, "dialects": ["Converse"]}, "dialects: Converse is spoken by"),
    "unknown": ({"type": "Nimbus", "auth": KEY}, "Nimbus"),
}


@pytest.mark.usefixtures("gateway")
async def test_specs_that_cannot_work_are_refused_with_the_field(
    new_team: Callable[[str], Team], figure: Figure
) -> None:
    """``kubectl apply`` of an account that lacks a region, or says who it is in a way not taken, names the field."""
    team = new_team("refused")
    said = {}
    for name, (spec, message) in REFUSED.items():
        with pytest.raises(KubeError) as refused:
            await team.apply(resource("ModelProvider", name, **spec), wait="")
        said[name] = str(refused.value).partition("kubectl")[2].partition("is invalid: ")[2]
        assert message in said[name]
    figure("kubectl apply refuses", "\n" + "\n".join(f"{name}: {text}" for name, text in said.items()))


IDENTITIES: Final[dict[str, dict[str, Any]]] = {
    "aws": {"type": "Bedrock", "region": "eu-central-1", "auth": {"type": "AWS"}},
    "google": {"type": "VertexAI", "project": "p", "auth": {"type": "GCP"}},
    "azure": {"type": "AzureOpenAI", "baseURL": "https://a.openai.azure.com/openai/v1", "auth": {"type": "AzureAD"}},
}


async def test_data_planes_own_identity_is_the_platforms_to_share(
    new_team: Callable[[str], Team], gateway: Release, doors: Doors, client: httpx.AsyncClient
) -> None:
    """A team's account that would spend the platform's identity says IdentityNotAllowed; the platform's own is good."""
    team = new_team("identity")
    accounts = [resource("ModelProvider", name, **spec) for name, spec in IDENTITIES.items()]
    target = {"name": "t", "provider": IDENTITIES["aws"], "model": "amazon.nova-lite-v1:0"}
    model = resource("ModelDeployment", "borrowed", targets=[target], pricing={"free": True})
    await team.apply(*accounts, model, resource("VirtualKey", "caller"), wait="")
    home = Team(team.cluster, client=team.api.client, namespace=gateway.namespace)
    await home.apply(*accounts, wait="ResolvedRefs")
    for account in accounts:
        await home.api.delete("ModelProvider", account["metadata"]["name"])

    await team.wait("ResolvedRefs=False", *accounts, model)
    for each in (*accounts, model):
        found = condition(await team.api.get(each["kind"], each["metadata"]["name"]), "ResolvedRefs")
        assert (each["metadata"]["name"], found["reason"]) == (each["metadata"]["name"], "IdentityNotAllowed")
        assert f"may not be used from the namespace {team.namespace}" in found["message"]
        assert "cloudIdentity.namespaces" in found["message"]
    answer = await chat(client, doors.any.url, await team.secret("caller"), model="borrowed")
    assert (answer.status_code, code_of(answer)) == (404, "model_not_found")


@pytest.mark.usefixtures("gateway")
async def test_account_whose_secret_is_no_key_says_which(new_team: Callable[[str], Team]) -> None:
    """A Secret that is missing, lacks the entry or holds what cannot be a key is named, and what is wrong with it."""
    team = new_team("secrets")
    await team.api.create("Secret", "account", stringData={"api-key": "two words", "gcp": "{}"})
    gcp = {"type": "GCP", "gcp": {"source": "ServiceAccount", "key": {"secretRef": {"name": "account", "key": "gcp"}}}}
    wrong: dict[str, tuple[dict[str, Any], str, str]] = {
        "spaced": ({"type": "Anthropic", "auth": KEY}, "SecretInvalid", "visible ASCII characters without spaces"),
        "absent": ({"type": "Anthropic", "auth": key_in("nowhere")}, "SecretNotFound", f"{team.namespace}/nowhere"),
        "empty": ({"type": "Anthropic", "auth": key_in("account", "other")}, "SecretNotFound", "'other'"),
        "no-account": ({"type": "VertexAI", "project": "p", "auth": gcp}, "SecretInvalid", "service account's key"),
    }
    accounts = [resource("ModelProvider", name, **spec) for name, (spec, _, _) in wrong.items()]
    await team.apply(*accounts, wait="ResolvedRefs=False")

    for name, (_, reason, message) in wrong.items():
        found = condition(await team.api.get("ModelProvider", name), "ResolvedRefs")
        assert (name, found["reason"]) == (name, reason)
        assert message in found["message"]


def key_in(secret: str, key: str = "api-key") -> dict[str, Any]:
    """An API key in the entry of a Secret."""
    return {"type": "APIKey", "apiKey": {"secretRef": {"name": secret, "key": key}}}


@pytest.mark.usefixtures("gateway")
def test_kubectl_explains_how_to_say_who_we_are(cluster: Cluster) -> None:
    """``kubectl explain mprov.spec.auth`` lists what ``type`` takes and says what each of its fields is for."""
    auth = cluster.kubectl("explain", "mprov.spec.auth", "--recursive")
    type_ = cluster.kubectl("explain", "mprov.spec.auth.type")
    aws = cluster.kubectl("explain", "mprov.spec.auth.aws")
    assert "enum: APIKey, None, AWS, GCP, ...." in auth
    assert [word for word in ("apiKey", "aws", "gcp", "azureAD", "oauth2", "tokenURL") if word not in auth] == []
    assert "AWS: requests are signed" in type_
    assert "IRSA" in aws
    assert "The role to take on" in aws

"""What applications and their teams have: resources in a namespace, keys, calls."""

import asyncio
import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Final

import httpx

from support.kube import Cluster, Manifest
from support.operator import Api
from support.waiting import until

API: Final = "sluice.dev/v1alpha1"
PROGRAMMED_SECONDS: Final = 30
MONTH: Final = {"type": "Calendar", "calendar": {"unit": "Month", "timeZone": "UTC"}}


def resource(kind: str, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Manifest:
    """One of our resources."""
    metadata = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def echo_model(name: str = "echo", **spec: Any) -> Manifest:
    """A model that answers from inside the gateway, free of charge unless priced."""
    targets = [{"name": "echo", "provider": {"type": "Echo"}}]
    return resource("ModelDeployment", name, **{"targets": targets, "pricing": {"free": True}, **spec})


def model_at(base_url: str, name: str, **spec: Any) -> Manifest:
    """A free model of a provider of OpenAI's dialect on a private address."""
    provider = {"type": "OpenAICompatible", "baseURL": base_url, "allowPrivateNetwork": True, "auth": {"type": "None"}}
    return resource(
        "ModelDeployment",
        name,
        **{"targets": [{"name": "there", "provider": provider}], "pricing": {"free": True}, **spec},
    )


@contextlib.asynccontextmanager
async def connected(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API server as kubectl is one, without the time a process takes to start."""
    config = json.loads(
        await asyncio.to_thread(cluster.kubectl, "config", "view", "--raw", "--minify", "--flatten", "--output", "json")
    )
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
    if "client-certificate-data" in user:
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(0o600)
            pair.write_bytes(
                base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"])
            )
            context.load_cert_chain(pair)
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    async with httpx.AsyncClient(
        base_url=server["server"], verify=context, headers=headers, timeout=30, trust_env=False
    ) as client:
        yield client


class Team:
    """A namespace: what is applied to it, its keys."""

    def __init__(self, cluster: Cluster, client: httpx.AsyncClient, namespace: str) -> None:
        self.cluster: Final = cluster
        self.namespace: Final = namespace
        self.api: Final = Api(client, namespace)

    async def apply(self, *manifests: Manifest, wait: str = "Programmed") -> None:
        """Apply *manifests*, and return when the condition *wait* (none if empty) is true of each."""
        await asyncio.to_thread(self.cluster.apply, manifests, namespace=self.namespace)
        if wait:
            await self.wait(wait, *manifests)

    async def wait(self, condition: str, *manifests: Manifest, seconds: float = PROGRAMMED_SECONDS) -> None:
        """Return when *condition*, such as ``Programmed`` or ``Active=False``, is said of each."""
        named = [f"{each['kind']}.sluice.dev/{each['metadata']['name']}" for each in manifests]
        await asyncio.to_thread(
            self.cluster.wait, f"condition={condition}", *named, namespace=self.namespace, deadline=seconds
        )

    async def secret(self, key: str) -> str:
        """The plaintext of the VirtualKey *key*, as soon as its Secret is there."""
        return str(await until(lambda: self.secret_now(key), why=f"the Secret of {key}"))

    async def secret_now(self, key: str) -> str:
        """The plaintext of the VirtualKey *key*; empty while there is none."""
        secret = await self.api.get("Secret", f"{key}-key")
        return base64.b64decode(secret["data"]["api-key"]).decode() if secret else ""

    async def secrets(self, keys: Iterable[str]) -> dict[str, str]:
        """The plaintexts of several keys, by name."""
        names = list(keys)
        return dict(zip(names, await asyncio.gather(*map(self.secret, names)), strict=True))


async def chat(
    client: httpx.AsyncClient, url: str, secret: str, text: str = "hello", model: str = "echo", **fields: Any
) -> httpx.Response:
    """A chat call with the key *secret* at the front *url*."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
    return await client.post(f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {secret}"})


def code_of(answer: httpx.Response) -> str:
    """The code of an error in OpenAI's form; empty where there is none."""
    if answer.is_success:
        return ""
    return str((answer.json().get("error") or {}).get("code"))

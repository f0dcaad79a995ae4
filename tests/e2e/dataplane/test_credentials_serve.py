"""From a manifest to a provider that checks: the identities of resources, as ``sluice serve`` runs them."""

import asyncio
import json
import time
from pathlib import Path

from support.served import serving as command
from support.token_servers import ACCESS_KEY, CLIENT_ID, CLIENT_SECRET, SECRET_KEY, SECRETS, TENANT, TokenServers
from support.waiting import beside

UUID = "00000000-0000-4000-8000-000000000001"


def _model(name: str, url: str, auth: dict[str, object], **provider: object) -> dict[str, object]:
    base = {"type": "OpenAICompatible", "baseURL": f"{url}/v1", "allowPrivateNetwork": True, "auth": auth}
    target = {"name": "t", "provider": {**base, **provider}, "model": "openai.gpt-oss-20b-1:0"}
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"targets": [target], "pricing": {"free": True}},
    }


def _manifests(url: str, service_account: str) -> str:
    def entry(key: str) -> dict[str, object]:
        return {"secretRef": {"name": "s", "key": key}}

    oauth2 = {"tokenURL": f"{url}/oauth/token", "clientID": CLIENT_ID, "clientSecret": entry("client")}
    azure = {"source": "ClientSecret", "tenantID": TENANT, "clientID": UUID, "clientSecret": entry("client")}
    gcp = {"source": "ServiceAccount", "key": entry("key")}
    aws = {"source": "Static", "accessKeyID": entry("id"), "secretAccessKey": entry("secret")}
    values = {"client": CLIENT_SECRET, "id": ACCESS_KEY, "secret": SECRET_KEY, "key": service_account}
    documents: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": values},
        {"apiVersion": "sluice.dev/v1alpha1", "kind": "VirtualKey", "metadata": {"name": "app"}, "spec": {}},
        _model("oauth2", url, {"type": "OAuth2", "oauth2": oauth2}),
        _model("aws", url, {"type": "AWS", "aws": aws}, type="Bedrock", region="us-east-1"),
        _model("azure", url, {"type": "AzureAD", "azureAD": {**azure, "authorityHost": url}}, type="AzureOpenAI"),
        _model("gcp", url, {"type": "GCP", "gcp": gcp}, type="VertexAI", project="p"),
    ]
    return "\n---\n".join(json.dumps(document) for document in documents)


async def test_what_a_manifest_says_is_what_a_provider_checks(tmp_path: Path) -> None:
    """Each kind of ``auth`` that brings its own secret: compiled, fetched or signed, and taken by the provider."""
    (tmp_path / "m").mkdir()
    async with TokenServers(lambda: time.time_ns() / 1e9) as servers:
        servers.client_ids.add(UUID)
        (tmp_path / "m" / "all.yaml").write_text(_manifests(servers.url, servers.service_account()))
        async with beside(command(tmp_path / "m", tmp_path / "data")) as served:
            statuses = {}
            for name in ("oauth2", "aws", "azure", "gcp"):
                answer = await asyncio.to_thread(served.chat, served.key("app"), name)
                statuses[name] = answer.status_code
        said = served.log.read_text() + served.said

    assert statuses == dict.fromkeys(("oauth2", "aws", "azure", "gcp"), 200)
    assert [secret for secret in (*SECRETS, *servers.issued) if secret in said] == []

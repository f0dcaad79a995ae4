"""Where an account's calls go."""

import pytest

from sluice_contract.snapshot import Upstream
from sluice_operator.providers.table import PROVIDERS
from unit.sluice_operator.compiler.world import compiled

KEY = "auth: {type: APIKey, apiKey: {secretRef: {name: account, key: token}}}"
PROVIDER = """
kind: ModelProvider
metadata: {name: acct}
spec:
  type: %s
  %s
---
kind: Secret
metadata: {name: account}
data: {token: sk-upstream}
"""


def upstream(type_: str, *lines: str, auth: str = KEY) -> Upstream:
    """The upstream of an account of *type_* that says *lines*."""
    (found,) = compiled(PROVIDER % (type_, "\n  ".join((auth, *lines)))).snapshot.upstreams
    return found


def test_a_region_is_part_of_the_host() -> None:
    """Bedrock is called where its account is."""
    assert upstream("Bedrock", "region: eu-central-1").base_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("location: europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("location: global", "aiplatform.googleapis.com"),
        ("location: eu", "aiplatform.eu.rep.googleapis.com"),
        ("headers: {}", "aiplatform.googleapis.com"),
    ],
)
def test_vertex_has_a_host_for_each_location_and_one_for_the_world(location: str, host: str) -> None:
    """Google's global location has no prefix, its multi-regions a host of their own; global is the default."""
    found = upstream("VertexAI", "project: our-project", location, auth="auth: {type: GCP}")

    assert found.base_url == f"https://{host}/v1"


def test_a_project_is_in_the_path_even_behind_a_url_of_ones_own() -> None:
    """A private endpoint takes the place of Google's host, not of the project."""
    found = upstream(
        "VertexAI", "project: our-project", "baseURL: https://psc.example.com/v1", auth="auth: {type: GCP}"
    )

    assert found.base_url == "https://psc.example.com/v1"
    assert found.paths["messages.stream"] == (
        "/projects/our-project/locations/global/publishers/anthropic/models/{model}:streamRawPredict"
    )


@pytest.mark.parametrize(
    ("type_", "url", "base", "chat"),
    [
        ("AzureOpenAI", "https://a.openai.azure.com/openai/v1/", "https://a.openai.azure.com", "/openai/v1"),
        ("AzureOpenAI", "https://a.openai.azure.com", "https://a.openai.azure.com", "/openai/v1"),
        ("DeepSeek", "https://api.deepseek.com/anthropic", "https://api.deepseek.com", ""),
        ("Databricks", "https://w.cloud.databricks.com/serving-endpoints", "https://w.cloud.databricks.com", None),
        ("OpenAI", "https://eu.api.openai.com/v1", "https://eu.api.openai.com/v1", ""),
    ],
)
def test_any_url_that_a_provider_names_is_understood(type_: str, url: str, base: str, chat: str | None) -> None:
    """Whether the URL was copied from the pages on one API or on another, all of them are found."""
    found = upstream(type_, f"baseURL: {url}")

    assert found.base_url == base
    assert found.paths["chat"] == f"{'/serving-endpoints' if chat is None else chat}/chat/completions"


SUFFIXES = {"chat": "/chat/completions", "responses": "/responses", "messages": "/messages"}


@pytest.mark.parametrize("type_", [name for name, row in PROVIDERS.items() if row.base_url and "{" not in row.base_url])
def test_the_url_of_one_api_is_right_for_all(type_: str) -> None:
    """The URL below which one API is found leads to all of them, however deep each of them is."""
    row = PROVIDERS[type_]
    assert row.base_url is not None
    for endpoint, suffix in SUFFIXES.items():
        if endpoint in row.paths:
            url = row.base_url + row.paths[endpoint].removesuffix(suffix)
            assert upstream(type_, f"baseURL: {url}").base_url == row.base_url, url


@pytest.mark.parametrize("url", ["https://llm.example.com/anthropic", "https://llm.example.com/anthropic/v1"])
def test_an_anthropic_url_is_right_with_and_without_its_version(url: str) -> None:
    """Anthropic's SDKs take the URL without a version, everything else here takes it with one."""
    found = upstream("AnthropicCompatible", f"baseURL: {url}")

    assert found.base_url + found.paths["messages"] == "https://llm.example.com/anthropic/v1/messages"


def test_dialects_narrow_what_is_spoken() -> None:
    """What goes with a conversation goes with it; what is no conversation stays."""
    found = upstream("VLLM", "baseURL: https://llm.example.com/v1", "dialects: [Chat]")

    assert {"messages", "count_tokens", "responses"} & set(found.paths) == set()
    assert {"chat", "embeddings", "rerank"} <= set(found.paths)


def test_dialects_widen_what_an_unknown_server_speaks() -> None:
    """A server that also speaks Anthropic's API is found where its inventor has it."""
    found = upstream("OpenAICompatible", "baseURL: https://llm.example.com/v1", "dialects: [Chat, Messages]")

    assert found.paths["messages"] == "/messages"


def test_what_a_service_speaks_is_said_beside_its_name() -> None:
    """A Service is a model server of some kind, and OpenAI-compatible where nothing is said."""
    text = """
kind: ModelDeployment
metadata: {name: chat}
spec:
  pricing: {free: true}
  targets:
  - {name: plain, serviceRef: {name: llm, port: 8000}}
  - {name: vllm, serviceRef: {name: llm, port: 8000, type: VLLM}}
"""
    plain, vllm = sorted(compiled(text).snapshot.upstreams, key=lambda each: each.type)

    assert ("messages" in plain.paths, "messages" in vllm.paths) == (False, True)
    assert plain.id != vllm.id

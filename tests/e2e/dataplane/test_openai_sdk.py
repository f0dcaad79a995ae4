"""openai-python 2.x and 3.x against ``sluice serve``: what applications do, and what they see when it goes wrong."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from support.sdk import OPENAI, drive_openai
from support.served import serving
from support.upstream import Fault, ScriptedUpstream
from support.waiting import beside

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Hello from the SDK"  # what sdk_openai.py sends, and the scripted provider answers

MANIFESTS = """
apiVersion: sluice.dev/v1alpha1
kind: ModelProvider
metadata: {{name: scripted}}
spec:
  type: OpenAICompatible
  baseURL: {base_url}
  allowPrivateNetwork: true
  auth: {{type: None}}
---
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: chat}}
spec:
  targets: [{{name: up, providerRef: {{name: scripted}}}}]
  pricing: {{currency: USD, inputPerMillion: "1", outputPerMillion: "2"}}
---
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: faults}}
spec:
  modelName: fault-*
  targets: [{{name: up, providerRef: {{name: scripted}}}}]
  pricing: {{free: true}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {{name: app}}
spec: {{budgetRefs: [{{name: plenty}}]}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {{name: poor}}
spec: {{budgetRefs: [{{name: nothing}}]}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {{name: slow}}
spec: {{limits: [{{name: rpm, unit: Requests, amount: 1, window: 1m, burst: 2}}]}}
---
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {{name: plenty}}
spec:
  limit: {{unit: Cost, amount: "1000", currency: USD}}
  period: {{type: Calendar, calendar: {{unit: Month, timeZone: UTC}}}}
---
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {{name: nothing}}
spec:
  limit: {{unit: Cost, amount: "0", currency: USD}}
  period: {{type: Calendar, calendar: {{unit: Month, timeZone: UTC}}}}
"""


@dataclass
class Driven:
    """What one SDK saw, and what the provider saw of it."""

    results: dict[str, Any]
    upstream: ScriptedUpstream

    def __getitem__(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.results[name]
        return found


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=sorted(OPENAI))
async def sdk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Driven]:
    """One run of one major version."""
    folder = tmp_path_factory.mktemp(f"openai-{request.param}")
    async with ScriptedUpstream() as upstream:
        upstream.models["fault-slow"] = Fault(first_byte_ms=2_000)
        manifests = folder / "manifests"
        manifests.mkdir()
        (manifests / "all.yaml").write_text(MANIFESTS.format(base_url=upstream.base_url))
        async with beside(serving(manifests, folder / "data")) as served:
            results = await drive_openai(
                request.param,
                base_url=f"http://127.0.0.1:{served.port}/v1",
                key=served.key("app"),
                model="chat",
                spent_key=served.key("poor"),
                limited_key=served.key("slow"),
                slow_model="fault-slow",
                failing_model="fault-500",
                breaking_model="fault-reset-midstream",
            )
        yield Driven(results, upstream)


async def test_version_is_the_one_meant(sdk: Driven, request: pytest.FixtureRequest) -> None:
    """Each major version is really driven."""
    assert str(sdk.results["version"]).partition(".")[0] in request.node.name


async def test_chat(sdk: Driven) -> None:
    """A plain answer with its usage, and the id that support will ask for."""
    seen = sdk["chat"]

    assert (seen["content"], seen["finish"]) == (TEXT, "stop")
    assert (seen["usage"]["prompt_tokens"], seen["usage"]["completion_tokens"]) == (5, 5)
    assert seen["request_id"].startswith("req_")
    assert (sdk["chat_raw"]["status"], sdk["chat_raw"]["model"]) == (200, "chat")


@pytest.mark.parametrize(("name", "usages"), [("stream", 0), ("stream_with_usage", 1)])
async def test_stream(sdk: Driven, name: str, usages: int) -> None:
    """The words come whole; the chunk with usage and without choices comes only where it was asked for."""
    seen = sdk[name]

    assert seen["content"] == TEXT
    assert len(seen["usages"]) == seen["without_choices"] == usages
    assert all(usage["completion_tokens"] == 5 for usage in seen["usages"])


async def test_async_stream(sdk: Driven) -> None:
    """The asynchronous client reads the body to its end and is let go."""
    assert sdk["async_stream"] == {"content": TEXT}


async def test_completions(sdk: Driven) -> None:
    """The old endpoint, plain and streamed."""
    assert sdk["completions"] == {"text": TEXT, "streamed": TEXT}


async def test_embeddings(sdk: Driven) -> None:
    """What the SDK decodes from base64, its default, is what it gets as plain numbers."""
    seen = sdk["embeddings"]

    assert seen["base64"] == seen["float"] == [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    assert seen["usage"]["prompt_tokens"] > 0
    formats = {each.json().get("encoding_format") for each in sdk.upstream.seen if each.path.endswith("/embeddings")}
    assert formats == {"base64", "float"}


async def test_models(sdk: Driven) -> None:
    """What the key may use is listed, and shown."""
    assert sdk["models"] == {"listed": ["chat", "fault-*"], "retrieved": "chat"}


ERRORS = [
    ("wrong_key", "AuthenticationError", 401, "invalid_api_key", 1),
    ("unknown_model", "NotFoundError", 404, "model_not_found", 1),
    ("unknown_model_shown", "NotFoundError", 404, "model_not_found", 1),
    ("bad_request", "BadRequestError", 400, "invalid_request", 1),
    ("budget_spent", "RateLimitError", 429, "insufficient_quota", 1),
    ("rate_limited", "RateLimitError", 429, "rate_limit_exceeded", 3),
    ("upstream_failed", "InternalServerError", 502, "upstream_error", 1),
    ("timed_out", "APITimeoutError", None, None, 1),
    ("stream_broken", "APIError", None, "upstream_error", 1),
]


@pytest.mark.parametrize(("name", "error", "status", "code", "requests"), ERRORS, ids=[row[0] for row in ERRORS])
async def test_error(sdk: Driven, name: str, error: str, status: int | None, code: str | None, requests: int) -> None:
    """The SDK's own error class, the code that tells why, and no request more than it takes to learn it."""
    seen = sdk[name]

    assert (seen["error"], seen["status"], seen["code"]) == (error, status, code)
    assert seen["requests"] == requests
    assert seen["message"]


async def test_a_spent_budget_is_named(sdk: Driven) -> None:
    """Whoever reads the exception learns which budget it was."""
    assert "default/nothing" in sdk["budget_spent"]["message"]

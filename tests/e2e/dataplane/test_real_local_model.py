"""A real language model behind ``sluice serve``: llama.cpp's own server, on this machine.

It is a small base model that goes on with a text, so its words prove nothing; that they come, and what they cost, does.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support import local_model
from support.journals import records
from support.served import Served, serving

MANIFESTS = """
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: gemma}}
spec:
  targets:
  - name: llama
    provider: {{type: LlamaCpp, baseURL: {base_url}, allowPrivateNetwork: true, auth: {{type: None}}}}
  pricing: {{currency: USD, inputPerMillion: "0.05", outputPerMillion: "0.10"}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {{name: app}}
spec: {{budgetRefs: [{{name: month}}]}}
---
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {{name: short}}
spec: {{maxTokensPerRequest: 3}}
---
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {{name: month}}
spec:
  limit: {{unit: Cost, amount: "1", currency: USD}}
  period: {{type: Calendar, calendar: {{unit: Month, timeZone: UTC}}}}
"""
PROMPT = "The capital of Finland is"
INPUT_NUSD, OUTPUT_NUSD = 50, 100  # a token


@dataclass
class Bench:
    """A gateway in front of the model."""

    served: Served
    base_url: str

    def post(self, path: str, *, key: str = "app", **body: Any) -> httpx.Response:
        """One call with *key*."""
        headers = {"authorization": f"Bearer {self.served.key(key)}"}
        return self.served.client.post(path, json={"model": "gemma", **body}, headers=headers, timeout=120)

    def cost_nusd(self) -> int:
        """What the last call cost, as it is on record."""
        return records(self.served.data)[-1].cost_nusd


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all tests of this file."""
    folder = tmp_path_factory.mktemp("local-model")
    with local_model.serving() as base_url:
        (folder / "manifests").mkdir()
        (folder / "manifests" / "all.yaml").write_text(MANIFESTS.format(base_url=base_url))
        with serving(folder / "manifests", folder / "data") as served:
            yield Bench(served, base_url)


def _cost_of(usage: dict[str, Any]) -> int:
    return int(usage["prompt_tokens"]) * INPUT_NUSD + int(usage["completion_tokens"]) * OUTPUT_NUSD


def test_plain_chat_costs_what_the_model_counted(bench: Bench) -> None:
    """The answer, the model's own usage, and a cost that is that usage at the price."""
    answer = bench.post("/v1/chat/completions", messages=[{"role": "user", "content": PROMPT}], max_tokens=8)

    told = answer.json()
    assert answer.status_code == 200, told
    assert told["choices"][0]["message"]["role"] == "assistant"
    assert 0 < told["usage"]["completion_tokens"] <= 8
    assert bench.cost_nusd() == _cost_of(told["usage"])


@pytest.mark.parametrize("wanted", [True, False])
def test_stream_is_metered_by_the_models_usage(
    bench: Bench, wanted: bool, figure: Callable[[str, object], None]
) -> None:
    """The stream comes in pieces, ends with [DONE], shows usage to those who asked, and is never estimated."""
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    headers = {"authorization": f"Bearer {bench.served.key('app')}"}
    body = {"model": "gemma", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 16, "stream": True}
    began = time.monotonic()
    with bench.served.client.stream(
        "POST", "/v1/chat/completions", json={**body, **options}, headers=headers, timeout=120
    ) as answer:
        chunks = [(time.monotonic() - began, chunk) for chunk in answer.iter_bytes()]
    events = b"".join(chunk for _, chunk in chunks).split(b"\n\n")
    decoded = [json.loads(event.removeprefix(b"data: ")) for event in events[:-2]]
    usages = [event["usage"] for event in decoded if event.get("usage")]

    assert events[-2:] == [b"data: [DONE]", b""]
    assert len(chunks) > 1
    assert len(usages) == wanted
    record = records(bench.served.data)[-1]
    assert not record.usage.estimated
    assert 0 < record.usage.output <= 16
    assert record.cost_nusd == record.usage.input * INPUT_NUSD + record.usage.output * OUTPUT_NUSD
    assert all(_cost_of(usage) == record.cost_nusd for usage in usages)
    figure("first chunk of the local model", f"{chunks[0][0] * 1000:.0f} ms")


def test_completions_too(bench: Bench) -> None:
    """The old endpoint, which suits a base model best."""
    answer = bench.post("/v1/completions", prompt=PROMPT, max_tokens=8)

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["text"]
    assert bench.cost_nusd() == _cost_of(answer.json()["usage"])


def test_the_ceiling_reaches_the_model(bench: Bench) -> None:
    """A client that names no ceiling gets its key's, in the field that llama.cpp knows: the bill is bounded."""
    answer = bench.post("/v1/chat/completions", key="short", messages=[{"role": "user", "content": PROMPT}])

    assert answer.json()["usage"]["completion_tokens"] == 3
    assert answer.json()["choices"][0]["finish_reason"] == "length"


def test_what_the_model_cannot_do_is_a_clear_error(bench: Bench) -> None:
    """The server makes no embeddings: an upstream's error, not a 500, and nothing billed."""
    before = len(records(bench.served.data))
    answer = bench.post("/v1/embeddings", input="text")

    assert answer.status_code in (400, 404, 502)
    assert answer.json()["error"]["message"]
    assert len(records(bench.served.data)) == before

"""One conversation with a real model by every front and every wire that its server speaks: what it used adds up.

llama.cpp's own server speaks chat completions, responses and messages.  What it says of itself, asked directly, is the
truth here; its words prove nothing but that they are the same (it is asked to be certain of them).
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from sluice_contract.usage import UsageRecord
from support import local_model
from support.journals import records
from support.served import Served, serving

FRONTS: Final = ("chat", "responses", "messages", "gemini")
BACKS: Final = ("chat", "responses", "messages")
MODEL: Final = """
apiVersion: sluice.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: gemma-{wire}}}
spec:
  targets:
  - name: llama
    provider:
      {{type: LlamaCpp, baseURL: {base_url}, allowPrivateNetwork: true, auth: {{type: None}}, dialects: [{dialect}]}}
  pricing: {{currency: USD, inputPerMillion: "0.05", outputPerMillion: "0.10"}}
---
"""
REST: Final = """
apiVersion: sluice.dev/v1alpha1
kind: VirtualKey
metadata: {name: app}
spec: {budgetRefs: [{name: month}]}
---
apiVersion: sluice.dev/v1alpha1
kind: Budget
metadata: {name: month}
spec:
  limit: {unit: Cost, amount: "1", currency: USD}
  period: {type: Calendar, calendar: {unit: Month, timeZone: UTC}}
"""
INPUT_NUSD, OUTPUT_NUSD = 50, 100  # a token
TURNS: Final = (
    ("user", "The capital of Finland is"),
    ("assistant", "Helsinki."),
    ("user", "The capital of Norway is"),
)
CEILING: Final = 6
PATHS: Final = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "gemini": "/v1beta/models/{model}:{verb}",
}


@dataclass(frozen=True)
class Told:
    """What one answer says: its words, and what it used."""

    text: str
    input: int
    output: int


Way = tuple[str, str, bool]  # front, back, stream
WAYS: Final[list[Way]] = [(front, back, stream) for front in FRONTS for back in BACKS for stream in (False, True)]


@dataclass
class Asked:
    """All that was asked: of the model itself, and of it through a gateway; and what the Budget has of it."""

    direct: dict[tuple[str, bool], Told]
    through: dict[Way, tuple[Told, UsageRecord]]
    posted_nusd: int


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Each way once, for all tests of this file."""
    folder = tmp_path_factory.mktemp("local-model")
    with local_model.serving() as base_url:
        direct = {}
        for wire in BACKS:
            for stream in (False, True):
                path, body = request_of(wire, "gemma", stream=stream)
                answer = httpx.post(base_url.removesuffix("/v1") + path, json=body, timeout=120, trust_env=False)
                assert answer.status_code == 200, answer.text
                direct[wire, stream] = told_by(wire, answer, stream=stream)
        names = {"chat": "Chat", "responses": "Responses", "messages": "Messages"}
        models = [MODEL.format(wire=wire, base_url=base_url, dialect=names[wire]) for wire in BACKS]
        (folder / "manifests").mkdir()
        (folder / "manifests" / "all.yaml").write_text("".join((*models, REST)))
        with serving(folder / "manifests", folder / "data") as served:
            through = {way: _ask(served, way) for way in WAYS}
            return Asked(direct, through, _posted(served))


def _ask(served: Served, way: Way) -> tuple[Told, UsageRecord]:
    """What the client was told, and what is on record."""
    front, back, stream = way
    before = len(records(served.data))
    headers = {"authorization": f"Bearer {served.key('app')}"}
    path, body = request_of(front, f"gemma-{back}", stream=stream)
    answer = served.client.post(path, json=body, headers=headers, timeout=120)
    assert answer.status_code == 200, answer.text
    (record,) = records(served.data)[before:]
    return told_by(front, answer, stream=stream), record


def _posted(served: Served) -> int:
    url = f"http://127.0.0.1:{served.admin_port}/spend"
    accounts = httpx.get(url, timeout=10, trust_env=False).json()["accounts"]
    assert all(account["held"] == account["orphaned"] == 0 for account in accounts.values())
    return sum(account["posted"] for account in accounts.values())


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("front", FRONTS)
def test_the_same_conversation_by_every_front(asked: Asked, front: str, back: str, stream: bool) -> None:
    """The words are those that the server gives; client, record and server agree on what was used, to the token."""
    told, record = asked.through[front, back, stream]

    truth = asked.direct[back, stream]
    assert told.text.strip() == truth.text.strip() != ""
    assert (told.input, told.output) == (truth.input, truth.output)
    assert (record.usage.input, record.usage.output, record.usage.estimated) == (truth.input, truth.output, False)
    assert record.cost_nusd == truth.input * INPUT_NUSD + truth.output * OUTPUT_NUSD
    assert (record.endpoint, record.model) == (front, f"gemma-{back}")


def test_a_prompt_is_as_long_by_every_path(asked: Asked) -> None:
    """The server's own wires agree on the tokens of one conversation, and so do all the ways to them."""
    lengths = {each.input for each in asked.direct.values()}
    lengths |= {record.usage.input for _, record in asked.through.values()}

    assert len(lengths) == 1, asked


def test_the_sum_of_all_is_what_the_budget_has(asked: Asked) -> None:
    """What clients were told, what is on record and what the Budget has come to the same."""
    told = [each for each, _ in asked.through.values()]
    cost_nusd = sum(each.input * INPUT_NUSD + each.output * OUTPUT_NUSD for each in told)

    assert sum(record.cost_nusd for _, record in asked.through.values()) == cost_nusd > 0
    assert asked.posted_nusd == cost_nusd


def request_of(front: str, model: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """The conversation, as *front*'s clients ask for it: certain of its words, and short."""
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    path = PATHS[front].format(model=model, verb=verb)
    said = [{"role": role, "content": text} for role, text in TURNS]
    match front:
        case "chat":
            usage = {"stream_options": {"include_usage": True}} if stream else {}
            body = {
                "model": model,
                "messages": said,
                "max_tokens": CEILING,
                "temperature": 0,
                "stream": stream,
                **usage,
            }
        case "responses":
            items = [_item(role, text) for role, text in TURNS]
            body = {"model": model, "input": items, "max_output_tokens": CEILING, "temperature": 0, "stream": stream}
        case "messages":
            body = {"model": model, "messages": said, "max_tokens": CEILING, "temperature": 0, "stream": stream}
        case _:
            roles = {"user": "user", "assistant": "model"}
            contents = [{"role": roles[role], "parts": [{"text": text}]} for role, text in TURNS]
            body = {"contents": contents, "generationConfig": {"maxOutputTokens": CEILING, "temperature": 0}}
    return path, body


def _item(role: str, text: str) -> dict[str, Any]:
    """One turn, in the long form: llama.cpp does not know the short one for what was answered."""
    if role == "user":
        return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "status": "completed", "role": role, "content": content}


def told_by(front: str, answer: httpx.Response, *, stream: bool) -> Told:
    """What *answer* says to a client of *front*."""
    if not stream:
        return _TOLD[front]([answer.json()])
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return _TOLD[front]([json.loads(line) for line in lines])


def _chat(told: list[Any]) -> Told:
    said = [each["choices"][0] for each in told if each["choices"]]
    text = "".join((each.get("message") or each.get("delta")).get("content") or "" for each in said)
    usage = next(each["usage"] for each in reversed(told) if each.get("usage"))
    return Told(text, usage["prompt_tokens"], usage["completion_tokens"])


def _responses(told: list[Any]) -> Told:
    last = told[-1].get("response", told[-1])
    text = "".join(part["text"] for item in last["output"] for part in item.get("content", ()))
    return Told(text, last["usage"]["input_tokens"], last["usage"]["output_tokens"])


def _messages(told: list[Any]) -> Told:
    if "content" in told[0]:
        text, usage = "".join(block.get("text", "") for block in told[0]["content"]), told[0]["usage"]
    else:
        text = "".join(each["delta"].get("text", "") for each in told if each["type"] == "content_block_delta")
        began = next(each["message"]["usage"] for each in told if each["type"] == "message_start")
        usage = began | next(each["usage"] for each in told if each["type"] == "message_delta")
    cached = (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)
    return Told(text, usage["input_tokens"] + cached, usage["output_tokens"])


def _gemini(told: list[Any]) -> Told:
    parts = [part for each in told for one in each["candidates"] for part in one.get("content", {}).get("parts", ())]
    usage = told[-1]["usageMetadata"]
    output = usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
    return Told("".join(part.get("text", "") for part in parts), usage["promptTokenCount"], output)


_TOLD: Final = {"chat": _chat, "responses": _responses, "messages": _messages, "gemini": _gemini}

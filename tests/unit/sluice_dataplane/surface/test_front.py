"""The door over real HTTP, on both fronts: good calls are answered, bad input has its clear error, nothing is a 500."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sluice_contract.snapshot import Snapshot
from support.builders import SECRET, budget, key, model, upstream
from support.h1_corpus import ACCEPTABLE, CORPUS
from support.plane import RunningPlane, running

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello there"}]}
SNAPSHOT = Snapshot(
    models=(model(), model("openai/*")),
    upstreams=(upstream(),),
    budgets=(budget(),),
    keys=(key(budget_ids=("bud1",)),),
)


@pytest.fixture(params=[True, False], ids=["lean", "aiohttp"])
def lean(request: pytest.FixtureRequest) -> bool:
    """Each promise is kept by both fronts."""
    return bool(request.param)


@pytest.fixture
async def plane(tmp_path: Path, lean: bool) -> AsyncIterator[RunningPlane]:
    """A data plane with one Echo model, one key and one budget."""
    async with running(SNAPSHOT, tmp_path, max_body_bytes=100_000, lean_front=lean) as made:
        yield made


async def raw(plane: RunningPlane, data: bytes) -> bytes:
    """Everything that comes back for raw bytes, until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plane.settings.port)
    writer.write(data)
    head = await asyncio.wait_for(reader.read(65_536), 10)
    writer.close()
    return head


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
async def test_a_chat_call_is_answered_and_carries_its_id(plane: RunningPlane, path: str) -> None:
    """With and without /v1; both spellings of the request id come back."""
    answer = await plane.post(path, CHAT)

    assert answer.status_code == 200
    assert "hello there" in answer.json()["choices"][0]["message"]["content"]
    assert answer.headers["x-request-id"] == answer.headers["request-id"] != ""


async def test_a_stream_is_answered_event_by_event(plane: RunningPlane) -> None:
    """Server-sent events that end with [DONE], without the usage chunk that only the gateway asked for."""
    answer = await plane.post("/v1/chat/completions", {**CHAT, "stream": True})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")
    assert '"prompt_tokens"' not in answer.text
    assert await plane.metric("sluice_cost_usd_total") > 0


async def test_completions_and_embeddings_are_answered(plane: RunningPlane) -> None:
    """The other two endpoints work the same way."""
    text = await plane.post("/v1/completions", {"model": "echo", "prompt": "once"})
    vectors = await plane.post("/v1/embeddings", {"model": "echo", "input": ["a", "b"]})

    assert text.json()["object"] == "text_completion"
    assert len(vectors.json()["data"]) == 2


_ERRORS: list[tuple[str, Any, dict[str, str] | None, int, str]] = [
    ("no key", CHAT, {}, 401, "invalid_api_key"),
    ("wrong key", CHAT, {"authorization": "Bearer sk-wrong"}, 401, "invalid_api_key"),
    ("two keys", CHAT, {"authorization": f"Bearer {SECRET}", "x-api-key": "sk-other"}, 400, "ambiguous_credentials"),
    ("malformed JSON", b'{"model":', None, 400, "invalid_json"),
    ("empty body", b"", None, 400, "invalid_json"),
    ("no object", b"[1]", None, 400, "invalid_request"),
    ("deep JSON", b'{"model":"m","x":' + b"[" * 90_000, None, 400, "invalid_json"),
    ("no model", {"messages": []}, None, 400, "missing_model"),
    ("unknown model", {**CHAT, "model": "nope"}, None, 404, "model_not_found"),
    ("body over the limit", b'{"model":"' + b"x" * 100_000 + b'"}', None, 413, "request_too_large"),
    (
        "compressed",
        CHAT,
        {"authorization": f"Bearer {SECRET}", "content-encoding": "gzip"},
        400,
        "unsupported_content_encoding",
    ),
    ("budget too small", {**CHAT, "max_tokens": 2_000_000_000}, None, 429, "insufficient_quota"),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"), [case[1:] for case in _ERRORS], ids=[c[0] for c in _ERRORS]
)
async def test_bad_input_gets_its_clear_error_and_costs_nothing(
    plane: RunningPlane, body: Any, headers: dict[str, str] | None, status: int, code: str
) -> None:
    """One form of error that every SDK reads, the right status and code, and no spend."""
    answer = await plane.post("/v1/chat/completions", body, headers=headers)
    error = answer.json()

    assert (answer.status_code, error["error"]["code"]) == (status, code)
    assert error["type"] == "error"
    assert error["request_id"] == answer.headers["x-request-id"]
    assert set(error["error"]) == {"type", "code", "message", "param"}
    accounts = (await plane.admin.get("/spend")).json()["accounts"]
    assert all(account == {"posted": 0, "held": 0, "orphaned": 0} for account in accounts.values())


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v2/chat", 404, "route_not_found"),
        ("GET", "/metrics", 404, "route_not_found"),
        ("GET", "/revision", 404, "route_not_found"),
        ("POST", "//v1/chat/completions", 404, "route_not_found"),
        ("POST", "/v1/../admin", 404, "route_not_found"),
    ],
)
async def test_what_is_not_here_says_so(plane: RunningPlane, method: str, path: str, status: int, code: str) -> None:
    """Wrong methods name the right one; the admin port's paths do not exist on this one."""
    head = await raw(plane, f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert code.encode() in head


async def test_a_key_in_the_query_is_no_key(plane: RunningPlane) -> None:
    """Query strings end up in other people's logs: a key there proves nothing."""
    answer = await plane.post(f"/v1/chat/completions?key={SECRET}", CHAT, headers={})

    assert answer.status_code == 401


async def test_duplicate_authorization_headers_are_ambiguous(plane: RunningPlane) -> None:
    """What the HTTP parser lets through is still refused by us."""
    body = json.dumps(CHAT).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nAuthorization: Bearer y\r\n"
    answer = await raw(plane, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    assert b"ambiguous_credentials" in answer


async def test_doubtful_messages_are_refused_or_closed(plane: RunningPlane) -> None:
    """No success but for what is harmless, never a 500, and never an answer to a request hidden in another."""
    wrong = {}
    for name, data in CORPUS.items():
        head = await raw(plane, data)
        statuses = re.findall(rb"HTTP/1\.[01] (\d)\d\d ", head)
        allowed = {b"2"} if name in ACCEPTABLE else {b"4"}
        if not set(statuses) <= allowed or b"/smuggled" in head:
            wrong[name] = head

    assert wrong == {}


async def test_the_root_answers_probes_of_clients(plane: RunningPlane) -> None:
    """Claude Code begins with HEAD /: it is told that somebody is there."""
    assert (await plane.client.head("/")).status_code == 200
    assert (await plane.client.get("/")).json()["status"] == "ok"


async def test_models_are_listed_in_the_callers_dialect(plane: RunningPlane) -> None:
    """OpenAI's shape by default, Anthropic's for those who name a version, Google's for its own header; one by name."""
    headers = {"authorization": f"Bearer {SECRET}"}
    listed = (await plane.client.get("/v1/models", headers=headers)).json()
    anthropic = (await plane.client.get("/v1/models", headers={**headers, "anthropic-version": "2023-06-01"})).json()
    google = (await plane.client.get("/v1/models", headers={"x-goog-api-key": SECRET})).json()
    one = await plane.client.get("/v1/models/openai/gpt-9", headers=headers)
    none = await plane.client.get("/v1/models/nope", headers=headers)

    assert [item["id"] for item in listed["data"]] == ["echo", "openai/*"]
    assert (anthropic["first_id"], anthropic["has_more"]) == ("echo", False)
    assert [item["name"] for item in google["models"]] == ["models/echo", "models/openai/*"]
    assert one.json()["id"] == "openai/gpt-9"
    assert none.status_code == 404


async def test_nothing_is_served_before_a_snapshot_came(tmp_path: Path, lean: bool) -> None:
    """A data plane without configuration is not ready, and closed rather than open."""
    async with running(None, tmp_path, lean_front=lean) as plane:
        assert (await plane.post("/v1/chat/completions", CHAT)).status_code == 503
        assert (await plane.admin.get("/readyz")).status_code == 503
        assert (await plane.admin.get("/livez")).status_code == 200
        await plane.apply(SNAPSHOT)
        assert (await plane.admin.get("/readyz")).status_code == 200


async def test_a_restart_serves_the_last_good_snapshot_and_remembers_spend(tmp_path: Path, lean: bool) -> None:
    """With no source at all, a new process answers as the old one did and goes on counting."""
    async with running(SNAPSHOT, tmp_path, lean_front=lean) as plane:
        await plane.post("/v1/chat/completions", CHAT)
        before = (await plane.admin.get("/spend")).json()
        revision = (await plane.admin.get("/revision")).json()["revision"]
    async with running(None, tmp_path, lean_front=lean) as plane:
        served = await plane.admin.get("/revision", params={"wait": revision, "timeout_ms": 20_000})
        assert served.json()["revision"] == revision
        after = (await plane.admin.get("/spend")).json()
        assert (await plane.post("/v1/chat/completions", CHAT)).status_code == 200

    assert before["accounts"] == after["accounts"] != {}
    assert before["keys"] == after["keys"] != {}


async def test_a_key_revoked_while_we_were_away_never_works_again(tmp_path: Path) -> None:
    """A start waits for the source before it trusts its own copy: what was revoked meanwhile stays dead."""
    async with running(SNAPSHOT, tmp_path):
        pass
    async with running(None, tmp_path) as plane:
        assert (await plane.post("/v1/chat/completions", CHAT)).status_code == 503
        await plane.apply(Snapshot(models=SNAPSHOT.models, upstreams=SNAPSHOT.upstreams))
        assert (await plane.post("/v1/chat/completions", CHAT)).status_code == 401


async def test_draining_lets_a_stream_end_and_then_stops(tmp_path: Path, lean: bool) -> None:
    """Told to stop in the middle of a stream, the data plane is unready at once and finishes the stream first."""
    slow = Snapshot(models=(model(),), upstreams=(upstream(headers={"chunk-delay-ms": "50"}),), keys=(key(),))
    async with running(slow, tmp_path, lean_front=lean) as plane:
        body = {**CHAT, "messages": [{"role": "user", "content": "word " * 20}], "stream": True}
        headers = {"authorization": f"Bearer {SECRET}"}
        async with plane.client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as stream:
            chunks = stream.aiter_bytes()
            text = await anext(chunks)
            plane.stop.set()
            while (await plane.admin.get("/readyz")).status_code == 200:  # noqa: ASYNC110  a state of the other side
                await asyncio.sleep(0)
            async for chunk in chunks:
                text += chunk

    assert text.endswith(b"data: [DONE]\n\n")

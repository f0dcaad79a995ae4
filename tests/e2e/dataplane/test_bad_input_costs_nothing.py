"""Whatever is wrong with a request: its clear error, nothing billed, nothing sent on, never a 500."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from support.builders import SECRET, budget, key
from support.process import PlaneProcess, fleet
from support.scenes import PROVIDER_SECRET, chat, one_provider, served
from support.upstream import ScriptedUpstream
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
LIMIT = 100_000
CANARY = "canary-prompt-7e02b1"
WRONG_KEY = "sk-canary-wrong-key-93aa"
BEARER = {"authorization": f"Bearer {SECRET}"}


@dataclass
class Bench:
    """One data plane in front of one provider; its key has a budget, so that whatever is billed shows."""

    plane: PlaneProcess
    upstream: ScriptedUpstream

    async def state(self) -> dict[str, Any]:
        """All that a call which counts would change."""
        return {"seen": len(self.upstream.seen), "bill": len(self.upstream.bill), "spend": await self.plane.spend()}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["lean", "aiohttp"])
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for all cases of this file; each front has to refuse what the other one refuses."""
    held = budget()
    async with ScriptedUpstream() as upstream:
        models = (
            served(),
            served("fault-*"),
            served("internal", internal=True),
            served("theirs", namespaces=("other",)),
        )
        world = one_provider(upstream.base_url, *models, keys=(key(budget_ids=(held.id,)),), budgets=(held,))
        folder = tmp_path_factory.mktemp("bad-input")
        async with fleet(
            folder, world, max_body_bytes=LIMIT, log_level="debug", lean_front=request.param == "lean"
        ) as planes:
            yield Bench(planes[0], upstream)


@dataclass
class Case:
    """One bad request and what comes back."""

    name: str
    status: int
    code: str
    body: Any = field(default_factory=lambda: chat(CANARY))
    headers: Any = field(default_factory=lambda: dict(BEARER))
    method: str = "POST"
    path: str = PATH

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def owned(name: str, value: Any) -> dict[str, Any]:
    """A good request but for one field."""
    return chat(CANARY, **{name: value})


CASES = [
    Case("no key", 401, "invalid_api_key", headers={}),
    Case("empty key", 401, "invalid_api_key", headers={"authorization": "Bearer"}),
    Case("wrong key", 401, "invalid_api_key", headers={"authorization": f"Bearer {WRONG_KEY}"}),
    Case("wrong key, other header", 401, "invalid_api_key", headers={"x-api-key": WRONG_KEY}),
    Case("key cut short", 401, "invalid_api_key", headers={"authorization": f"Bearer {SECRET[:-1]}"}),
    Case("key in upper case", 401, "invalid_api_key", headers={"authorization": f"Bearer {SECRET.upper()}"}),
    Case("key's digest", 401, "invalid_api_key", headers={"x-api-key": key().digests[0].hex}),
    Case("key of the provider", 401, "invalid_api_key", headers={"x-api-key": PROVIDER_SECRET}),
    Case("huge key", 401, "invalid_api_key", headers={"x-api-key": "sk-" + "x" * 5000}),
    Case("two keys", 400, "ambiguous_credentials", headers={**BEARER, "x-api-key": WRONG_KEY}),
    Case(
        "two of one header",
        400,
        "ambiguous_credentials",
        headers=[("authorization", f"Bearer {SECRET}"), ("authorization", f"Bearer {WRONG_KEY}")],
    ),
    Case("empty body", 400, "invalid_json", body=b""),
    Case("no JSON", 400, "invalid_json", body=b"model=chat&canary=" + CANARY.encode()),
    Case("JSON cut off", 400, "invalid_json", body=json.dumps(chat(CANARY)).encode()[:-3]),
    Case("two values", 400, "invalid_json", body=json.dumps(chat(CANARY)).encode() * 2),
    Case("not UTF-8", 400, "invalid_json", body=b'{"model":"ch\xff\xfeat","messages":[]}'),
    Case("NaN", 400, "invalid_json", body=b'{"model":"chat","temperature":NaN}'),
    Case("deep", 400, "invalid_json", body=b'{"model":"chat","messages":' + b"[" * 40_000 + b"]" * 40_000 + b"}"),
    Case("a list", 400, "invalid_request", body=[chat(CANARY)]),
    Case("a number", 400, "invalid_request", body=b"7"),
    Case("no model", 400, "missing_model", body={"messages": []}),
    Case("empty model", 400, "missing_model", body=owned("model", "")),
    Case("model is a number", 400, "invalid_request", body=owned("model", 7)),
    Case("model is null", 400, "invalid_request", body=owned("model", None)),
    Case("stream is text", 400, "invalid_request", body=owned("stream", "yes")),
    Case("max_tokens is text", 400, "invalid_request", body=owned("max_tokens", "9")),
    Case("max_tokens is negative", 400, "invalid_request", body=owned("max_tokens", -1)),
    Case("max_tokens is a fraction", 400, "invalid_request", body=owned("max_tokens", 1.5)),
    Case("max_tokens is huge", 400, "invalid_request", body=owned("max_tokens", 10**30)),
    Case("n is zero", 400, "invalid_request", body=owned("n", 0)),
    Case("n is huge", 400, "invalid_request", body=owned("n", 10_000)),
    Case("stream_options is a list", 400, "invalid_request", body=owned("stream_options", [])),
    Case("unknown model", 404, "model_not_found", body=owned("model", "no-such-model")),
    Case("model in other case", 404, "model_not_found", body=owned("model", "CHAT")),
    Case("internal model", 404, "model_not_found", body=owned("model", "internal")),
    Case("model of another namespace", 404, "model_not_found", body=owned("model", "theirs")),
    Case("model with a line break", 404, "model_not_found", body=owned("model", "chat\r\nx-evil: 1")),
    Case("compressed", 400, "unsupported_content_encoding", headers={**BEARER, "content-encoding": "gzip"}),
    Case("GET", 405, "method_not_allowed", method="GET", body=b""),
    Case("PUT", 405, "method_not_allowed", method="PUT"),
    Case("DELETE of a model", 405, "method_not_allowed", method="DELETE", path="/v1/models/chat", body=b""),
    Case("unknown path", 404, "route_not_found", path="/v1/no-such-thing"),
    Case("path with a slash more", 404, "route_not_found", path="/v1/chat/completions/"),
    Case("path in upper case", 404, "route_not_found", path="/V1/chat/completions"),
    Case("metrics at the front", 404, "route_not_found", method="GET", path="/metrics", body=b""),
    Case("spend at the front", 404, "route_not_found", method="GET", path="/spend", body=b""),
    Case("list without a key", 401, "invalid_api_key", method="GET", path="/v1/models", headers={}, body=b""),
    Case("unknown model shown", 404, "model_not_found", method="GET", path="/v1/models/no-such-model", body=b""),
    Case("too large", 413, "request_too_large", body=owned("pad", CANARY * (LIMIT // 10))),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_request_is_refused(bench: Bench, case: Case) -> None:
    """The client is told what is wrong; the provider sees nothing, the budget stays as it is."""
    before = await bench.state()
    request = bench.plane.client.build_request(case.method, case.path, content=case.content, headers=case.headers)
    answer = await bench.plane.client.send(request)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (case.status, case.code)
    assert error["message"]
    assert error["type"]
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == answer.headers["request-id"]
    assert await bench.state() == before


async def test_a_body_over_the_limit_is_not_waited_for(bench: Bench) -> None:
    """A length over the limit is refused before any of the body has come."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\ncontent-length: {LIMIT + 1}\r\n\r\n"
    assert b" 413 " in await _first_line(bench, [head.encode()])


async def test_an_endless_body_is_cut_off(bench: Bench) -> None:
    """A body in chunks, without a length, is refused once it is over the limit, whatever is still to come."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = [b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * (LIMIT // 0x4000 + 2)
    assert b" 413 " in await _first_line(bench, [head.encode(), *chunks])


async def test_what_is_no_http_is_refused(bench: Bench) -> None:
    """Garbage instead of a request is a 400, or the connection ends; the next client is served."""
    line = await _first_line(bench, [b"\x16\x03\x01\x02\x00 is no HTTP\r\n\r\n"])
    assert line == b"" or b" 400 " in line
    assert (await bench.plane.post(PATH, chat())).status_code == 200


async def _first_line(bench: Bench, pieces: list[bytes]) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.plane.port)
    try:
        for piece in pieces:
            writer.write(piece)
        async with asyncio.timeout(10):
            return await reader.readline()
    finally:
        writer.close()


async def test_no_prompt_and_no_key_is_written_down(bench: Bench) -> None:
    """Neither a prompt, nor an answer, nor any key is in the log, the journal, the metrics or an admin answer."""
    plane = bench.plane
    calls: list[dict[str, Any]] = [
        chat(CANARY),
        chat(CANARY, stream=True),
        chat(CANARY, user="someone"),
        *(chat(CANARY, f"fault-{name}") for name in ("400", "401", "500", "html", "garbage", "truncated", "reset")),
        *(chat(CANARY, f"fault-{name}", stream=True) for name in ("half-event", "no-done", "reset-midstream")),
    ]
    for body in calls:
        await plane.post(PATH, body)
    for case in CASES:
        request = plane.client.build_request(case.method, case.path, content=case.content, headers=case.headers)
        last = await plane.client.send(request)
    await until(lambda: last.headers["x-request-id"] in plane.said(), why="the last call is not in the log")

    files = [path for path in plane.data_dir.rglob("*") if path.is_file() and path.parent.name != "snapshot"]
    written = [path.read_bytes() for path in files]
    written += [(await plane.admin.get(path)).content for path in ("/metrics", "/spend", "/targets", "/revision")]
    written.append(plane.said().encode())
    assert len(written[-1]) > 10_000
    for canary in (CANARY, WRONG_KEY, SECRET, PROVIDER_SECRET, "sk-xxxx"):
        assert not any(canary.encode() in text for text in written), canary


async def test_none_of_it_was_a_fault_of_ours(bench: Bench) -> None:
    """After all of the above no call ended with a 500, nothing is held, and what is posted is what was answered."""
    plane = bench.plane
    statuses = [line["status"] for line in plane.lines() if line["event"] in ("refused", "exchange")]
    (account,) = (await plane.spend())["accounts"].values()
    series = await plane.metrics()

    assert len(statuses) >= len(CASES)
    assert 500 not in statuses
    assert account["held"] == account["orphaned"] == 0
    assert not any('status="500"' in name or 'code="internal_error"' in name for name in series)
    assert (await plane.admin.get("/readyz")).status_code == 200

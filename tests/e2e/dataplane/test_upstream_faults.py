"""Whatever a provider does: a clear answer for the client, and a bill that is the provider's own."""

import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import pytest
import pytest_asyncio

from sluice_contract.snapshot import Health, Retry, Timeouts
from sluice_contract.usage import UsageRecord
from support.builders import budget, key
from support.journals import records
from support.plane import free_port
from support.process import PlaneProcess, fleet
from support.scenes import chat, one_provider, provider, sent_by, served, target
from support.upstream import Billed, Fault, ScriptedUpstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
TEXT = "a question of some length, so that its answer comes in several events"
HASTY = Timeouts(request_ms=5_000, connect_ms=300, first_token_ms=400, between_tokens_ms=400)
MEGABYTE = 1024 * 1024
LONG_LINE_BYTES = 100 * MEGABYTE
NEVER_EJECTED = Health(consecutive_failures=1_000_000)

Bill = Literal["nothing", "exactly", "at least", "unseen"]  # unseen: nobody knows, so the most that it can have been


MODELS = [
    served("fault-*", timeouts=HASTY, health=NEVER_EJECTED),
    served("chat"),
    served("fault-long-line"),
    *(served(f"fault-{name}", timeouts=HASTY, health=NEVER_EJECTED) for name in ("429", "500", "503", "reset")),
    served("down", target("down"), health=NEVER_EJECTED),
    served("deaf", target("deaf"), health=NEVER_EJECTED, timeouts=HASTY, retry=Retry(attempts=0)),
    # A plain answer is due when the time for the whole request is over.
    served("hasty-slow", target(model="fault-slow"), timeouts=Timeouts(request_ms=400)),
    served("hasty-stall", target(model="fault-stall"), timeouts=Timeouts(request_ms=400)),
]


@dataclass
class Seen:
    """One call from both ends."""

    answer: httpx.Response
    records: list[UsageRecord]
    billed: list[Billed]
    posted: int
    attempts: int

    @property
    def owed(self) -> int:
        """What the provider charges for it, at one nano-USD a token."""
        return sum(each.input_tokens + each.output_tokens for each in self.billed)


@dataclass
class Bench:
    """One data plane in front of the scripted provider."""

    plane: PlaneProcess
    upstream: ScriptedUpstream

    async def call(self, body: dict[str, Any], path: str = PATH) -> Seen:
        """Make one call and see what came of it."""
        seen, bill = len(self.upstream.seen), len(self.upstream.bill)
        told, posted = len(records(self.plane.data_dir)), await self.posted()
        answer = await self.plane.post(path, body)
        return Seen(
            answer,
            records(self.plane.data_dir)[told:],
            list(self.upstream.bill)[bill:],
            await self.posted() - posted,
            len(self.upstream.seen) - seen,
        )

    async def posted(self) -> int:
        """What the budget has come to; nothing may be held between calls."""
        accounts = (await self.plane.spend())["accounts"]
        assert all(account["held"] == account["orphaned"] == 0 for account in accounts.values())
        return sum(account["posted"] for account in accounts.values())


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for all faults; targets are never set aside, so that each fault meets the same world."""
    held = budget(amount=10**15)
    async with ScriptedUpstream() as upstream, ScriptedUpstream() as elsewhere:
        with deaf_port() as deaf:
            world = one_provider(
                upstream.base_url,
                *MODELS,
                upstreams=(
                    provider(upstream.base_url),
                    provider(f"http://127.0.0.1:{free_port()}/v1", "down"),
                    provider(f"http://127.0.0.1:{deaf}/v1", "deaf"),
                ),
                keys=(key(budget_ids=(held.id,)),),
                budgets=(held,),
            )
            upstream.models["fault-away"] = Fault(status=307, headers={"location": elsewhere.base_url + PATH}, body="")
            async with fleet(tmp_path_factory.mktemp("faults"), world) as planes:
                yield Bench(planes[0], upstream)
                assert len(elsewhere.seen) == 0, "a redirect was followed"


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose owner never accepts, and whose queue is full: a connection is neither made nor refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@dataclass
class Case:
    """One fault before the client has any byte: what it sees, what it is billed, how often the provider was asked."""

    model: str
    status: int
    code: str
    billed: Bill = "nothing"
    attempts: int = 3
    resent: int = 0  # how often a kept connection may turn out to be gone, which is no attempt of ours
    stream: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.model}{'-stream' * self.stream}"


FAULTS = [
    Case("down", 502, "upstream_unreachable", attempts=0),
    Case("down", 502, "upstream_unreachable", attempts=0, stream=True),
    Case("deaf", 502, "upstream_unreachable", attempts=0),
    Case("fault-400", 400, "scripted_400", attempts=1),
    Case("fault-400", 400, "scripted_400", attempts=1, stream=True),
    Case("fault-401", 502, "upstream_auth_error", attempts=1),
    Case("fault-429", 429, "rate_limit_exceeded", attempts=1, headers={"retry-after": "1"}),
    Case("fault-500", 502, "upstream_error"),
    Case("fault-503", 503, "upstream_unavailable", headers={"retry-after": "1"}),
    Case("fault-redirect", 502, "upstream_error", attempts=1),
    Case("fault-away", 502, "upstream_error", attempts=1),
    Case("fault-reset", 502, "upstream_error", "unseen", resent=1),
    Case("fault-reset", 502, "upstream_error", "unseen", resent=1, stream=True),
    Case("fault-html", 502, "upstream_error", attempts=1),
    Case("fault-html", 502, "upstream_error", attempts=1, stream=True),
    Case("fault-garbage", 502, "upstream_error", attempts=1),
    Case("fault-slow", 504, "upstream_timeout", "unseen", stream=True),
    Case("fault-stall", 504, "upstream_timeout", "unseen", stream=True),
    Case("hasty-slow", 504, "upstream_timeout", "unseen", attempts=1),
    Case("hasty-stall", 504, "upstream_timeout", "unseen", attempts=1),
]


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.id)
async def test_fault_before_the_first_byte(bench: Bench, case: Case) -> None:
    """The client gets one whole error with the status that fits, and pays what the provider charges."""
    seen = await bench.call(chat(TEXT, case.model, stream=case.stream))

    error = seen.answer.json()["error"]
    assert (seen.answer.status_code, error["code"]) == (case.status, case.code)
    assert {name: seen.answer.headers.get(name) for name in case.headers} == case.headers
    assert case.attempts <= seen.attempts <= case.attempts + case.resent
    if case.billed == "unseen":
        assert [record.attempt for record in seen.records] == list(range(1, case.attempts + 1))
    _check_bill(seen, case.billed)


@pytest.mark.parametrize("model", ["fault-truncated", "fault-short-body"])
async def test_answer_that_breaks_off_is_paid_for(bench: Bench, model: str) -> None:
    """A plain answer that began and did not end is no use to the client; the provider charges for it all the same."""
    seen = await bench.call(chat(TEXT, model))

    assert (seen.answer.status_code, seen.answer.json()["error"]["code"]) == (502, "upstream_error")
    _check_bill(seen, "at least")


STREAM_FAULTS: list[tuple[str, str, Bill]] = [
    ("fault-stall-midstream", "upstream_timeout", "at least"),
    ("fault-reset-midstream", "upstream_error", "at least"),
    ("fault-no-done", "upstream_error", "at least"),
    ("fault-half-event", "upstream_error", "at least"),
]


@pytest.mark.parametrize(("model", "code", "billed"), STREAM_FAULTS)
async def test_fault_in_the_middle_of_a_stream(bench: Bench, model: str, code: str, billed: Bill) -> None:
    """What came is passed on as it came; then an error event ends the stream, without a forged [DONE]."""
    seen = await bench.call(chat(TEXT, model, stream=True))

    *events, last, rest = seen.answer.content.split(b"\n\n")
    assert seen.answer.status_code == 200
    assert rest == b""
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == code
    assert b"[DONE]" not in seen.answer.content
    sent = sent_by(bench.upstream, len(bench.upstream.seen), keep_usage=False)
    assert sent.startswith(b"".join(event + b"\n\n" for event in events))
    assert len(events) in (0, 1, 2)
    assert [record.outcome for record in seen.records] == ["partial"]
    _check_bill(seen, billed)


GOOD: list[tuple[str, Bill, bool]] = [
    ("chat", "exactly", False),
    ("fault-no-usage", "at least", True),
    ("fault-crlf", "exactly", False),
]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("model", "billed", "estimated"), GOOD)
async def test_answer_is_billed(bench: Bench, model: str, billed: Bill, estimated: bool, stream: bool) -> None:
    """Reported usage is billed as it is; where there is none it is estimated on the high side, and flagged."""
    seen = await bench.call(chat(TEXT, model, stream=stream))

    assert seen.answer.status_code == 200
    assert [record.usage.estimated for record in seen.records] == [estimated]
    assert b"prompt_tokens" not in seen.answer.content or not stream
    _check_bill(seen, billed)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_an_explicit_zero_stays_zero(bench: Bench, stream: bool) -> None:
    """A provider that says zero is believed: nothing is estimated, nothing is billed, and it is on record."""
    seen = await bench.call(chat(TEXT, "fault-zero-usage", stream=stream))

    (record,) = seen.records
    assert (record.usage.total, record.usage.estimated, record.cost_nusd, seen.posted) == (0, False, 0, 0)


@pytest.mark.parametrize("wanted", [True, False])
async def test_usage_is_shown_to_those_who_ask(bench: Bench, wanted: bool) -> None:
    """The provider is always asked for usage; a client sees it if, and only if, it asked too."""
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if wanted else {}
    seen = await bench.call(chat(TEXT, stream=True, **options))

    number = len(bench.upstream.seen)
    assert bench.upstream.seen[-1].json()["stream_options"] == {"include_usage": True}
    assert seen.answer.content == sent_by(bench.upstream, number, keep_usage=wanted)
    assert (b'"usage":{' in seen.answer.content) == wanted
    _check_bill(seen, "exactly")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_compressed_answer_is_refused(bench: Bench, stream: bool) -> None:
    """What nobody asked to be compressed, and nobody could meter, is a 502 and not garbage for the client."""
    seen = await bench.call(chat(TEXT, "fault-gzip", stream=stream))

    assert (seen.answer.status_code, seen.answer.json()["error"]["code"]) == (502, "upstream_error")


async def test_endless_line_is_cut_off(bench: Bench, figure: Callable[[str, object], None]) -> None:
    """A hundred megabytes in one line end the stream with an error, and are never held in memory."""
    bench.upstream.models["fault-long-line"] = Fault(huge_line_bytes=LONG_LINE_BYTES)
    await bench.call(chat(TEXT, stream=True))
    before = bench.plane.rss_bytes
    seen = await bench.call(chat(TEXT, "fault-long-line", stream=True))
    grown = bench.plane.rss_bytes - before

    assert b'"upstream_error"' in seen.answer.content
    assert len(seen.answer.content) < MEGABYTE
    assert grown < 30 * MEGABYTE
    figure("memory grown by a line of 100 MB", f"{grown / MEGABYTE:.1f} MB")


async def test_providers_credential_goes_to_the_provider_only(bench: Bench) -> None:
    """The client's key is never sent upstream, and an upstream's error never shows the provider's."""
    seen = await bench.call(chat(TEXT, "fault-401"))

    sent = json.dumps([each.headers for each in bench.upstream.seen])
    assert "sk-vktest-secret" not in sent
    assert re.search(r"Bearer sk-provider-canary", sent)
    assert "sk-provider" not in seen.answer.text


def _check_bill(seen: Seen, billed: Bill) -> None:
    assert seen.posted == sum(record.cost_nusd for record in seen.records)
    match billed:
        case "nothing":
            assert (seen.records, seen.posted) == ([], 0)
        case "exactly":
            assert len(seen.records) == 1
            assert seen.posted == seen.owed > 0
        case "unseen":
            assert all(record.flags == ("unanswered",) and record.usage.output == 4_096 for record in seen.records)
            assert seen.posted >= seen.owed
        case "at least":
            assert [record.usage.estimated for record in seen.records] == [True]
            assert seen.posted >= seen.owed > 0

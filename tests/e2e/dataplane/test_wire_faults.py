"""Whatever a provider of any wire does instead of an answer: one clear error in the client's own form, billed right."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
import pytest
import pytest_asyncio

from support.faults import plays
from support.faults.bench import PAIRS, SENTENCE, Bench, fault_bench
from support.faults.bills import Bill, check_bill
from support.faults.plays import CANARY, HTML
from support.faults.upstream import KEY, Play
from support.wires.values import Failure

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH: Final = (False, True)


class Fault(msgspec.Struct, frozen=True):
    """One fault before the client has any byte, and what the client is told.  ``words``: the provider's are shown."""

    name: str
    play: Play
    status: int = 502
    code: str = "upstream_error"
    bill: Bill = "nothing"
    words: bool = False
    streams: tuple[bool, ...] = BOTH
    backs: tuple[str, ...] = ()
    patience: str = "m"
    retry_after: str = ""


def _refused(status: int) -> Fault:
    return Fault(f"refused-{status}", plays.failing(status), status, "upstream_rejected", words=True)


FAULTS: Final = [
    *(_refused(status) for status in (400, 404, 413, 422)),
    Fault("credential-401", plays.failing(401), 502, "upstream_auth_error"),
    Fault("credential-403", plays.failing(403), 502, "upstream_auth_error"),
    Fault("timed-out-408", plays.failing(408), 504, "upstream_timeout"),
    Fault("model-failed-424", plays.failing(424)),
    Fault("limited-429", plays.failing(429, retry_after="7"), 429, "rate_limit_exceeded", retry_after="7"),
    Fault("failing-500", plays.failing(500)),
    Fault("failing-503", plays.failing(503, retry_after="7"), 503, "upstream_unavailable", retry_after="7"),
    Fault("overloaded-529", plays.failing(529), 503, "upstream_unavailable"),
    Fault("listed-400", plays.listed(400), 400, "upstream_rejected", words=True, backs=("gemini",)),
    Fault("listed-503", plays.listed(503), 503, "upstream_unavailable", backs=("gemini",)),
    Fault("html-200", plays.said(HTML, kind="text/html")),
    Fault("html-400", plays.said(HTML, status=400, kind="text/html"), 400, "upstream_rejected"),
    Fault("html-502", plays.said(HTML, status=502, kind="text/html")),
    Fault("html-called-json", plays.said(HTML)),
    Fault("empty", plays.said(b"")),
    Fault("blank", plays.said(b" \n")),
    *(
        Fault(f"shape-{number}", plays.said(body))
        for number, body in enumerate(
            (
                b"null",
                b"[]",
                b"{}",
                b'"%s"' % CANARY.encode(),
                b'{"ok":true,"data":{"note":"%s"}}' % CANARY.encode(),
                b'{"error":{"message":"%s"}}' % CANARY.encode(),
                b"[" * 100_000,
                b'{"a":' * 100_000,
            )
        )
    ),
    Fault("half-json", plays.half_body, bill="unseen", streams=(False,)),
    Fault("short-body", plays.short_body, bill="unseen", streams=(False,)),
    Fault("zipped", plays.zipped, bill="unseen"),
    Fault("stream-to-a-plain-call", plays.swapped, bill="exactly", streams=(False,)),
    Fault("stream-called-text", plays.mislabelled, bill="exactly", streams=(True,)),
    Fault("stream-of-nothing", plays.of_events(lambda _: []), streams=(True,)),
    Fault("reset", plays.reset, bill="unseen"),
    Fault("reset-after-head", plays.reset_after_head, bill="unseen", streams=(True,)),
    Fault("silent", plays.silent, 504, "upstream_timeout", bill="unseen", streams=(True,), patience="hasty"),
    Fault("silent", plays.silent, 504, "upstream_timeout", bill="unseen", streams=(False,), patience="hastiest"),
    Fault(
        *("silent-after-head", plays.silent_after_head, 504, "upstream_timeout"),
        bill="unseen",
        streams=(True,),
        patience="hasty",
    ),
]
CASES: Final = [
    pytest.param(front, back, fault, stream, id=f"{fault.name}-{back}-to-{front}{'-stream' * stream}")
    for fault in FAULTS
    for front, back in PAIRS
    for stream in fault.streams
    if not fault.backs or back in fault.backs
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for all."""
    async with fault_bench(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.mark.parametrize(("front", "back", "fault", "stream"), CASES)
async def test_a_fault_before_the_first_byte(bench: Bench, front: str, back: str, fault: Fault, stream: bool) -> None:
    """One whole error with the status and code that fit, no word that is not the provider's error, the right bill."""
    seen = await bench.call(front, back, fault.play, stream=stream, patience=fault.patience)

    assert seen.answer.status_code == fault.status, seen.answer.text
    assert seen.answer.headers["content-type"].startswith("application/json")
    assert seen.answer.headers.get("retry-after", "") == fault.retry_after
    ((status, code, message),) = seen.read().errors
    if fault.words and seen.passed:
        _, said = seen.tries[0].failed(Failure(fault.status, CANARY))
        assert seen.content in (said, b"[" + said + b"]")
    else:
        assert (status, code) == (fault.status if front == "gemini" else None, fault.code)
    assert (CANARY in seen.answer.text) == fault.words == (CANARY in message)
    assert KEY not in seen.answer.text
    unasked = not stream and back == "chat" and fault.bill == "exactly"  # its stream tells of its use to who asks
    check_bill(seen, "at least" if unasked else fault.bill)


@pytest.mark.parametrize("stream", BOTH, ids=["plain", "stream"])
@pytest.mark.parametrize(("front", "back"), PAIRS)
async def test_a_good_answer_is_billed_as_told(bench: Bench, front: str, back: str, stream: bool) -> None:
    """The bench itself: without a fault all is well."""
    seen = await bench.call(front, back, plays.good, stream=stream)

    read = seen.read()
    assert (read.text, read.whole, read.errors) == (SENTENCE, True, [])
    check_bill(seen, "exactly")


@pytest.mark.parametrize(("front", "back"), PAIRS)
async def test_an_answer_that_is_called_text_is_one(bench: Bench, front: str, back: str) -> None:
    """The media type of a plain answer is not looked at: what it says counts."""
    seen = await bench.call(front, back, plays.mislabelled, stream=False)

    assert (seen.answer.status_code, seen.read().text) == (200, SENTENCE)
    assert seen.answer.headers["content-type"] == "application/json"
    check_bill(seen, "exactly")


@pytest.mark.parametrize(("front", "back"), PAIRS)
async def test_an_answer_in_one_piece_to_who_asked_for_a_stream(bench: Bench, front: str, back: str) -> None:
    """It is the client's, in its own form, as the JSON that it is called; billed as told."""
    seen = await bench.call(front, back, plays.swapped, stream=True)

    assert (seen.answer.status_code, seen.answer.headers["content-type"]) == (200, "application/json")
    assert (seen.read().text, seen.read().whole) == (SENTENCE, True)
    check_bill(seen, "exactly")

"""The client against the scripted provider: what becomes of each fault it knows; a second opinion by aiohttp."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

import support.upstream
from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.client import HttpUpstreams
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience
from support.upstream import PRESETS, Fault, ScriptedUpstream

PATIENT = Patience(connect_ms=5_000, first_byte_ms=300, between_bytes_ms=300)
LIMIT = 8 * 1024 * 1024


def _body(model: str, *, stream: bool, text: str = "hello there, dear friend") -> bytes:
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}]}
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(asked)


async def _call(http: HttpUpstreams, base_url: str, body: bytes) -> tuple[int | str, bytes]:
    """Status and body, or how it failed and what had come."""
    upstream = Upstream(id="u", type="OpenAI", provider_name="x", base_url=base_url, allow_private_network=True)
    got = b""
    try:
        request = UpstreamRequest("POST", "/chat/completions", (("content-type", "application/json"),), body)
        answer = await http.send(upstream, request, credential=None, patience=PATIENT)
        try:
            async for chunk in answer.chunks():
                got += chunk
        finally:
            answer.close()
    except AttemptFailedError as error:
        return error.cause, got
    return answer.status, got


PLAIN_OUTCOMES: dict[str, int | str] = {
    "400": 400,
    "401": 401,
    "429": 429,
    "500": 500,
    "503": 503,
    "redirect": 307,
    "html": 200,
    "garbage": 200,
    "truncated": 200,
    "short-body": "Protocol",
    "slow": "Timeout",
    "stall": "Timeout",
    "reset": "Protocol",
    "reset-midstream": "Protocol",
    "no-usage": 200,
    "zero-usage": 200,
    "gzip": "Protocol",
}
STREAM_OUTCOMES: dict[str, int | str] = {
    "503": 503,
    "stall": "Timeout",
    "stall-midstream": "Timeout",
    "reset": "Protocol",
    "reset-midstream": "Protocol",
    "no-done": 200,
    "half-event": 200,
    "no-usage": 200,
    "zero-usage": 200,
    "gzip": "Protocol",
    "crlf": 200,
    "huge-line": 200,
}


@pytest.mark.parametrize("preset", PLAIN_OUTCOMES)
async def test_a_plain_call_ends_as_its_fault_says(http: HttpUpstreams, preset: str) -> None:
    """An answer is an answer whatever it says; what is none is a failure of the right kind; the next call is well."""
    async with ScriptedUpstream() as upstream:
        outcome, _ = await _call(http, upstream.base_url, _body(f"fault-{preset}", stream=False))
        after, _ = await _call(http, upstream.base_url, _body("m", stream=False))

    assert (outcome, after) == (PLAIN_OUTCOMES[preset], 200)


@pytest.mark.parametrize("preset", STREAM_OUTCOMES)
async def test_a_stream_ends_as_its_fault_says(http: HttpUpstreams, preset: str) -> None:
    """What came before a break is handed over; the next call is well."""
    async with ScriptedUpstream() as upstream:
        outcome, got = await _call(http, upstream.base_url, _body(f"fault-{preset}", stream=True))
        after, _ = await _call(http, upstream.base_url, _body("m", stream=True))

    assert (outcome, after) == (STREAM_OUTCOMES[preset], 200)
    if preset.endswith("midstream"):
        assert got.count(b"\n\n") == 2


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    "preset", sorted(set(PRESETS) - {"gzip", "slow", "stall", "stall-midstream", "reset", "redirect"})
)
async def test_aiohttp_reads_the_same(http: HttpUpstreams, preset: str, stream: bool) -> None:
    """Where another client gets an answer to the end, so do we, byte for byte; where it fails, we do."""
    body = _body(f"fault-{preset}", stream=stream)
    async with ScriptedUpstream() as upstream, aiohttp.ClientSession() as session:
        ours = await _call(http, upstream.base_url, body)
        try:
            async with session.post(f"{upstream.base_url}/chat/completions", data=body) as response:
                theirs: tuple[int | str, bytes] = (response.status, await response.read())
        except aiohttp.ClientError:
            theirs = ("Protocol", ours[1])

    assert (ours[0], ours[1].replace(b'"up-1"', b'"up-2"')) == (theirs[0], theirs[1].replace(b'"up-1"', b'"up-2"'))


async def test_no_answer_reaches_another_call(http: HttpUpstreams) -> None:
    """Hundreds of calls with words of their own, some cancelled, some broken: each gets its own words or a failure."""
    async with ScriptedUpstream() as upstream:
        upstream.models["slow"] = Fault(first_byte_ms=20)
        upstream.models["breaks"] = Fault(reset_after_events=1)
        kinds = ("m", "slow", "breaks")

        async def call(number: int) -> bool:
            stream = number % 2 == 0
            body = _body(kinds[number % 3], stream=stream, text=f"w{number:06d}")
            task = asyncio.ensure_future(_call(http, upstream.base_url, body))
            if number % 7 == 0:
                await asyncio.sleep(0.001 * (number % 5))
                task.cancel()
                await asyncio.wait([task])
                if task.cancelled():
                    return True
            outcome, got = await task
            words = set(re.findall(rb"w[0-9]{6}", got))
            return words == {b"w%06d" % number} or (outcome == "Protocol" and words <= {b"w%06d" % number})

        for start in range(0, 600, 40):
            own = await asyncio.gather(*(call(start + offset) for offset in range(40)))
            assert all(own)


async def test_what_was_sent_is_what_the_bill_says(http: HttpUpstreams) -> None:
    """The scripted provider charges for what it sent: all of a whole stream, part of a broken one."""
    async with ScriptedUpstream() as upstream:
        upstream.queue(Fault(), Fault(reset_after_events=2))
        for _ in range(2):
            await _call(http, upstream.base_url, _body("m", stream=True))

        whole, part = upstream.bill
        assert (whole.output_tokens, whole.complete, whole.input_tokens) == (6, True, 6)
        assert (part.output_tokens, part.complete, part.request_id) == (4, False, "up-2")


async def test_the_scripted_provider_runs_alone_and_takes_commands() -> None:
    """As a process: it says where it listens, takes faults, and tells what it saw and billed."""
    tests = Path(support.upstream.__file__).parents[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "support.upstream",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            base_url = (await process.stdout.readline()).split()[1].decode()
            root = base_url.removesuffix("/v1")
            await session.post(f"{root}/-/queue", json=[{"status": 503}])
            await session.put(f"{root}/-/models/slow/one", json={"chunks": 2})
            statuses = []
            for model in ("m", "slow/one"):
                async with session.post(f"{base_url}/chat/completions", data=_body(model, stream=True)) as response:
                    statuses.append((response.status, (await response.read()).count(b"data: ")))
            seen = await (await session.get(f"{root}/-/seen")).json()
            bill = await (await session.get(f"{root}/-/bill")).json()
    finally:
        process.terminate()
        await process.wait()

    assert statuses == [(503, 0), (200, 5)]
    assert ([each["path"] for each in seen], [each["model"] for each in bill]) == (
        ["/v1/chat/completions"] * 2,
        ["slow/one"],
    )

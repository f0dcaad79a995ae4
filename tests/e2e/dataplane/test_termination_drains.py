"""SIGTERM: what is in flight is finished, nobody new is let in, and the process says goodbye with 0."""

import asyncio
import itertools
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import pytest

from support.builders import SECRET, budget, key
from support.journals import records
from support.process import PlaneProcess, fleet
from support.scenes import chat, one_provider, sent_by, served
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

PATH = "/v1/chat/completions"
STREAMS = 20
HEADERS = {"authorization": f"Bearer {SECRET}"}
CALLERS: Final = 40
ENDS: Final = 6  # of a process, with all callers each time
PAUSE_SECONDS: Final = 0.08  # at most; between a caller's calls


async def stream(plane: PlaneProcess, model: str) -> tuple[bytes, bool]:
    """The bytes of a streamed answer, and whether it came to a proper end."""
    received = b""
    try:
        async with plane.client.stream("POST", PATH, json=chat("x", model, stream=True), headers=HEADERS) as answer:
            async for chunk in answer.aiter_raw():
                received += chunk
    except httpx.TransportError:
        return received, False
    return received, True


async def refuses(plane: PlaneProcess) -> bool:
    """Whether a new connection is refused."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", plane.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


@pytest.mark.parametrize("front", ["lean", "aiohttp"])
async def test_streams_in_flight_are_finished(
    tmp_path: Path, upstream: ScriptedUpstream, figure: Callable[[str, object], None], front: str
) -> None:
    """Twenty streams end whole while new connections are refused and /readyz says no; the exit status is 0."""
    upstream.models["long"] = Fault(chunks=30, chunk_delay_ms=50)
    world = one_provider(upstream.base_url, served("long"), served())
    async with fleet(tmp_path, world, lean_front=front == "lean") as planes:
        plane = planes[0]
        assert (await plane.post(PATH, chat())).status_code == 200
        running = [asyncio.ensure_future(stream(plane, "long")) for _ in range(STREAMS)]
        await until(lambda: len(upstream.seen) == 1 + STREAMS)
        plane.signal(signal.SIGTERM)
        await until(lambda: refuses(plane), why="new connections are still accepted")
        ready = (await plane.admin.get("/readyz")).status_code
        unfinished = sum(not each.done() for each in running)
        ended = await asyncio.gather(*running)
        status = await plane.ended()
        told = records(plane.data_dir)

    assert (ready, unfinished, status) == (503, STREAMS, 0)
    assert all(whole for _, whole in ended)
    expected = {sent_by(upstream, 2 + number, keep_usage=False) for number in range(STREAMS)}
    assert {received for received, _ in ended} == expected
    assert [record.outcome for record in told] == ["ok"] * (1 + STREAMS)
    figure("streams finished after SIGTERM", f"{len(ended)} of {STREAMS}")


async def test_calls_are_taken_until_nobody_sends_any(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """For the delay after SIGTERM, while endpoints are being removed, calls are served although /readyz says no."""
    async with fleet(tmp_path, one_provider(upstream.base_url), shutdown_delay_seconds=2) as planes:
        plane = planes[0]
        plane.signal(signal.SIGTERM)
        await until(lambda: _unready(plane), why="still ready")
        late = await plane.post(PATH, chat())
        status = await plane.ended()

    assert (late.status_code, status) == (200, 0)


@pytest.mark.parametrize("front", ["lean", "aiohttp"])
async def test_callers_who_keep_their_connections_notice_nothing(
    tmp_path: Path, upstream: ScriptedUpstream, figure: Callable[[str, object], None], front: str
) -> None:
    """Whatever a caller is about when the signal comes, no call fails, and each is told to go before it is cut off."""
    upstream.models["slow"] = Fault(chunks=5, chunk_delay_ms=10)
    world = one_provider(upstream.base_url, served("slow"), served())
    outcomes: Counter[str] = Counter()
    ends = []
    for number in range(ENDS):
        upstream.seen.clear()
        folder = tmp_path / str(number)
        async with fleet(folder, world, lean_front=front == "lean", shutdown_delay_seconds=1) as planes:
            async with asyncio.TaskGroup() as tasks:
                for seed in range(CALLERS):
                    tasks.create_task(_call_until_told(planes[0], random.Random(seed), outcomes))
                await until(lambda: len(upstream.seen) > CALLERS * 5, why="nobody calls")
                planes[0].signal(signal.SIGTERM)
            ends.append(await planes[0].ended())

    figure(f"calls of {CALLERS} callers, {ENDS} ends of a process", dict(outcomes))
    assert set(outcomes) == {"200", "200, close"}
    assert outcomes["200, close"] == CALLERS * ENDS
    assert ends == [0] * ENDS


async def _call_until_told(plane: PlaneProcess, draw: random.Random, outcomes: Counter[str]) -> None:
    """Calls over one connection, plain and streamed, with pauses, until an answer says that it was the last."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(
        base_url=plane.url, limits=limits, timeout=60, trust_env=False, verify=False
    ) as client:
        for number in itertools.count():
            body = chat("x", "slow", stream=True) if number % 2 else chat()
            try:
                answer = await client.post(PATH, json=body, headers=HEADERS)
            except httpx.TransportError as error:
                outcomes[f"{type(error).__name__} {error}"] += 1
                return
            told = answer.headers.get("connection") == "close"
            outcomes[f"{answer.status_code}{', close' if told else ''}"] += 1
            if told:
                return
            await asyncio.sleep(draw.random() * PAUSE_SECONDS)


async def test_a_stream_that_outlasts_the_grace_is_cut_and_billed(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """After the grace a stream ends without a forged [DONE]; what was sent is billed, and the exit status is 0."""
    upstream.models["endless"] = Fault(chunks=2_000, chunk_delay_ms=50)
    held = budget()
    world = one_provider(upstream.base_url, served("endless"), keys=(key(budget_ids=(held.id,)),), budgets=(held,))
    async with fleet(tmp_path, world, shutdown_grace_seconds=1) as planes:
        plane = planes[0]
        running = asyncio.ensure_future(stream(plane, "endless"))
        await until(lambda: len(upstream.seen) == 1)
        status = await plane.stop()
        received, _ = await running
        (record,) = records(plane.data_dir)
        await until(lambda: upstream.bill, why="the provider was not told that nobody listens any more")

    assert status == 0
    assert b"[DONE]" not in received
    assert record.usage.estimated
    assert record.cost_nusd >= upstream.bill[0].output_tokens > 0


async def test_an_idle_connection_keeps_nobody(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """A client that holds its connection open and asks nothing does not hold up the end."""
    async with fleet(tmp_path, one_provider(upstream.base_url), shutdown_grace_seconds=60) as planes:
        plane = planes[0]
        await plane.post(PATH, chat())
        loop = asyncio.get_running_loop()
        began = loop.time()
        status = await plane.stop()

    assert status == 0
    assert loop.time() - began < 15


async def _unready(plane: PlaneProcess) -> bool:
    return (await plane.admin.get("/readyz")).status_code == 503

"""Twenty changes of the configuration while fifty streams run: nobody notices, and nobody sees half a change."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sluice_contract.snapshot import Credentials, Price, Snapshot
from support.builders import SECRET, key
from support.journals import records
from support.process import PlaneProcess, fleet
from support.scenes import chat, other_key, provider, sent_by, served, target
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

STREAMS = 50
CHANGES = 20
PATH = "/v1/chat/completions"


def generation(number: int, base_url: str) -> Snapshot:
    """Configuration *number*: its model's name, price, header, credential and an extra key all tell the number."""
    price = Price(version=f"price-{number}", input_nusd_per_mtok=number * 1_000_000)
    return Snapshot(
        models=(
            served("chat", target(model=f"model-{number}", price=price)),
            served("long", target(model="long-stream")),
        ),
        upstreams=(provider(base_url, headers={"x-generation": str(number)}),),
        keys=(key(), other_key(f"extra-{number}")),
        credentials=Credentials(values={"cred": f"secret-{number}"}),
    )


async def stream(plane: PlaneProcess, body: dict[str, object]) -> bytes:
    """The bytes of one streamed answer."""
    async with plane.client.stream(
        "POST", PATH, json={**body, "stream": True}, headers={"authorization": f"Bearer {SECRET}"}
    ) as answer:
        assert answer.status_code == 200
        return b"".join([chunk async for chunk in answer.aiter_raw()])


@pytest.mark.parametrize("front", ["lean", "aiohttp"])
async def test_streams_outlive_reloads_byte_for_byte(
    tmp_path: Path, upstream: ScriptedUpstream, figure: Callable[[str, object], None], front: str
) -> None:
    """Every stream is whole and byte for byte the upstream's, less the usage event that its client did not ask for."""
    upstream.models["long-stream"] = Fault(chunks=40, chunk_delay_ms=100)
    world = generation(0, upstream.base_url)
    async with fleet(tmp_path, world, lean_front=front == "lean") as planes, asyncio.TaskGroup() as tasks:
        asked = [bool(number % 2) for number in range(STREAMS)]
        options = [{"stream_options": {"include_usage": True}} if wanted else {} for wanted in asked]
        bodies = [{**chat(model_name="long"), **option} for option in options]
        running = [tasks.create_task(stream(planes[0], body)) for body in bodies]
        for number in range(1, CHANGES + 1):
            await planes.apply(generation(number, upstream.base_url))
        unfinished = sum(not task.done() for task in running)
        streamed = [await task for task in running]

    assert unfinished == STREAMS, "the changes took so long that streams ended before them"
    for wanted_usage, whole in zip(asked, streamed, strict=True):
        found = re.search(rb'"id":"up-(\d+)"', whole)
        assert found is not None
        assert whole == sent_by(upstream, int(found[1]), keep_usage=wanted_usage)
        assert (b'"usage":{' in whole) == wanted_usage
    assert [billed.complete for billed in upstream.bill] == [True] * STREAMS
    figure(f"streams whole during {CHANGES} reloads", f"{len(streamed)} of {STREAMS}")


async def test_a_call_sees_one_configuration(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """Model name, credential, header, price and revision of any call are of one generation, and none fails."""
    base_url = upstream.base_url
    revisions: dict[str, int] = {}
    async with fleet(tmp_path, generation(0, base_url)) as planes:
        revisions[planes.revision] = 0
        answers: list[httpx.Response] = []
        stop = asyncio.Event()

        async def caller() -> None:
            while not stop.is_set():
                answers.append(await planes[0].post(PATH, chat()))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(caller())
            await until(lambda: len(answers) >= 8)
            for number in range(1, CHANGES + 1):
                revisions[await planes.apply(generation(number, base_url))] = number
                # Four callers: of the next eight answers at least four were asked for under the new one.
                enough = len(answers) + 8
                await until(lambda enough=enough: len(answers) >= enough)  # type: ignore[misc]
            stop.set()
        told = records(planes[0].data_dir)

    assert {answer.status_code for answer in answers} == {200}
    for seen in upstream.seen:
        told_number = seen.headers["x-generation"]
        assert seen.json()["model"] == f"model-{told_number}"
        assert seen.headers["authorization"] == f"Bearer secret-{told_number}"
    assert {record.revision for record in told} == set(revisions)
    for record in told:
        made_under = revisions[record.revision]
        assert (record.upstream_model, record.price_version) == (f"model-{made_under}", f"price-{made_under}")
        assert record.cost_nusd == record.usage.input * made_under
    assert len(told) == len(answers)

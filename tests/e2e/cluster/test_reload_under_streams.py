"""Configuration changes while streams run: no stream notices."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import httpx

from support.doors import Doors, here_address
from support.kube import Cluster
from support.scenes import sent_by
from support.tenants import Team, model_at, resource
from support.upstream import Fault, ScriptedUpstream
from support.waiting import until

STREAMS: Final = 50
CHANGES: Final = 20
CHUNKS: Final = 60
ANSWER_ID: Final = re.compile(rb'"id":"up-(\d+)"')

Figure = Callable[[str, object], None]


class Streams:
    """Streams through the Service: what came of each, byte by byte."""

    def __init__(self, client: httpx.AsyncClient, url: str, secret: str) -> None:
        self.client: Final = client
        self.url: Final = url
        self.secret: Final = secret
        self.begun = 0
        self.ended = 0

    async def one(self) -> bytes:
        """All bytes of one stream."""
        body: dict[str, Any] = {"model": "talk", "messages": [{"role": "user", "content": "go on"}], "stream": True}
        headers = {"authorization": f"Bearer {self.secret}"}
        came = b""
        async with self.client.stream("POST", f"{self.url}/v1/chat/completions", json=body, headers=headers) as answer:
            assert answer.status_code == 200, (await answer.aread()).decode()
            async for chunk in answer.aiter_raw():
                self.begun += not came
                came += chunk
        self.ended += 1
        return came


async def test_streams_do_not_notice_twenty_changes(
    cluster: Cluster,
    new_team: Callable[[str], Team],
    doors: Doors,
    client: httpx.AsyncClient,
    figure: Figure,
) -> None:
    """50 streams through the Service while 20 changes become live: each is the upstream's, byte by byte."""
    async with ScriptedUpstream(host=await asyncio.to_thread(here_address, cluster)) as upstream:
        upstream.models["talk"] = Fault(chunks=CHUNKS, chunk_delay_ms=400)
        team = new_team("reload")
        await team.apply(model_at(upstream.base_url, "talk"), resource("VirtualKey", "talker"))
        streams = Streams(client, doors.any.url, await team.secret("talker"))

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(streams.one()) for _ in range(STREAMS)]
            await until(lambda: streams.begun == STREAMS, why="every stream has begun")
            revisions = [await changed(team, upstream, number) for number in range(CHANGES)]
            still = STREAMS - streams.ended
            upstream_seen = len(upstream.seen)

    answers = [task.result() for task in running]
    figure("changes live in every replica during the streams", f"{len(set(revisions))}, while {still} streams ran on")
    assert (len(set(revisions)), still) == (CHANGES, STREAMS)
    assert upstream_seen == STREAMS
    for answer in answers:
        number = ANSWER_ID.search(answer)
        assert number is not None
        assert answer == sent_by(upstream, int(number[1]), keep_usage=False)
    assert len({ANSWER_ID.search(answer)[1] for answer in answers}) == STREAMS  # type: ignore[index]


async def changed(team: Team, upstream: ScriptedUpstream, number: int) -> str:
    """The revision in which the next change is live everywhere: of the model in use, of a key in use, or of others."""
    model = model_at(upstream.base_url, "talk", timeouts={"request": f"{10 + number}m"})
    limit = {"name": "rpm", "unit": "Requests", "amount": 1000 + number, "window": "1m"}
    key = resource("VirtualKey", "talker", limits=[limit])
    other = model_at(upstream.base_url, f"other-{number}")
    manifest = (model, key, other)[number % 3]
    await team.apply(manifest)
    await team.wait("Programmed", manifest)
    found = await team.api.get(manifest["kind"], manifest["metadata"]["name"])
    assert found is not None
    programmed = found["status"]["programmed"]
    assert programmed["current"] == programmed["total"] == 2
    return str(programmed["revision"])

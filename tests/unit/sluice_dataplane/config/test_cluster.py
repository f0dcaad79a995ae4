"""Following compiled objects through the API server, against one that does what a test tells it."""

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from sluice_contract import codec, names
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.cluster import ClusterSource
from sluice_dataplane.config.kube import Access, Patience
from sluice_dataplane.config.source import Bundle
from support import builders
from support.scripted_kube import ScriptedKube, body, scripted_kube, silence, status

KEYS = tuple(builders.key(id=f"vk{n}", name=f"k{n}") for n in range(3))
FIRST = codec.encode(Snapshot(keys=KEYS))
SHARD = codec.shard_of("vk1")
INDEX_NAME = names.object_name("sluice", codec.INDEX)


SECOND = codec.encode(Snapshot(keys=(KEYS[0], KEYS[2])))


@pytest.fixture
async def kube() -> AsyncIterator[ScriptedKube]:
    """An API server that holds FIRST."""
    async with scripted_kube() as server:
        server.publish(FIRST)
        yield server


class Waits:
    """Stands for the waits between tries: they are noted, and over at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Called by the source before another try."""
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def source(
    kube: ScriptedKube,
    waits: Waits | None = None,
    *,
    inactivity: float = 5.0,
    token: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ClusterSource:
    """A source that follows *kube*."""
    return ClusterSource(
        Access(kube.url, token_file=token),
        namespace="sluice",
        release="sluice",
        patience=Patience(connect=2.0, get=2.0, inactivity=inactivity),
        clock=clock,
        jitter=lambda: 0.0,
        sleep=(waits or Waits()).sleep,
    )


async def next_of(bundles: AsyncGenerator[Bundle, None]) -> dict[str, bytes]:
    """The next bundle, as what codec.encode gave."""
    async with asyncio.timeout(5):
        bundle = await anext(bundles)
    return {**bundle.parts, codec.INDEX: bundle.index}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a state of the other side, which has no way to tell us."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def asked(kube: ScriptedKube, request: str, count: int = 1) -> None:
    """Wait until *request* was made *count* times."""
    await until(lambda: sum(request in each for each in kube.requests) >= count)


async def next_of_other(bundles: AsyncGenerator[Bundle, None], known: dict[str, bytes]) -> dict[str, bytes]:
    """The next bundle that is not *known*: a source may repeat itself."""
    while (found := await next_of(bundles)) == known:
        pass
    return found


async def test_what_is_published_is_read(kube: ScriptedKube) -> None:
    """The first bundle is what the index names."""
    assert await next_of(source(kube).bundles()) == FIRST


async def test_only_named_objects_are_asked_for(kube: ScriptedKube) -> None:
    """The index is selected by its name and parts are fetched by theirs, so that RBAC can name each of them."""
    selectors: list[str] = []

    async def listing(request: web.Request) -> web.StreamResponse:
        selectors.append(request.query["fieldSelector"])
        return web.json_response({"metadata": {"resourceVersion": "101"}, "items": [kube.object(codec.INDEX)]})

    kube.instead("GET /api/v1/namespaces/sluice/configmaps", listing)
    bundles = source(kube).bundles()
    await next_of(bundles)
    await bundles.aclose()

    assert selectors == [f"metadata.name={INDEX_NAME}"]
    assert sorted(each.rsplit("/", 1)[1] for each in kube.requests[1:]) == sorted(
        names.object_name("sluice", part) for part in codec.PARTS
    )


async def test_one_changed_key_costs_one_fetch(kube: ScriptedKube) -> None:
    """After a change only the shard whose digest changed is fetched again."""
    bundles = source(kube).bundles()
    await next_of(bundles)
    kube.requests.clear()
    kube.publish(SECOND)
    second = await next_of(bundles)

    assert second == SECOND
    assert [each for each in kube.requests if "WATCH" not in each] == [
        f"GET /api/v1/namespaces/sluice/secrets/{names.object_name('sluice', SHARD)}"
    ]


async def test_part_newer_than_its_index_waits_for_the_next(kube: ScriptedKube) -> None:
    """A shard written for a later revision is not mixed into this one; its own index brings it, with no other fetch."""
    suspended = msgspec.structs.replace(KEYS[1], suspended=True)
    later = codec.encode(Snapshot(keys=(KEYS[0], suspended, KEYS[2])))
    bundles = source(kube).bundles()
    await next_of(bundles)
    kube.publish(later, parts_only=True)
    kube.publish(SECOND, index_only=True)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of(bundles))
        await asked(kube, SHARD, 2)
        kube.publish(later, index_only=True)

    assert following.result() == later
    assert kube.asked(SHARD) == 2


async def test_missing_part_is_asked_for_again(kube: ScriptedKube) -> None:
    """A part that is not there holds its revision back, and is looked for again although the index says nothing new."""
    missing = kube.objects.pop(codec.BUDGETS)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of(source(kube).bundles()))
        await asked(kube, codec.BUDGETS, 2)
        kube.objects[codec.BUDGETS] = missing

    assert following.result() == FIRST


async def test_absent_index_is_waited_for() -> None:
    """A data plane that starts before the operator waits, and takes the first index there is."""
    async with scripted_kube() as kube, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of(source(kube).bundles()))
        await asked(kube, "WATCH")
        kube.publish(FIRST)

        assert await following == FIRST


async def test_deleted_index_changes_nothing(kube: ScriptedKube) -> None:
    """Deleting the index brings no bundle; the next one that is written does."""
    bundles = source(kube).bundles()
    await next_of(bundles)
    kube.record("DELETED", FIRST[codec.INDEX])
    kube.publish(SECOND)

    assert await next_of(bundles) == SECOND


async def test_expired_version_is_listed_again(kube: ScriptedKube, caplog: pytest.LogCaptureFixture) -> None:
    """When the version to watch from is too old (410 in the watch), what changed is found and nobody is alarmed."""
    bundles = source(kube).bundles()
    await next_of(bundles)
    kube.oldest = kube.version + 1
    kube.publish(SECOND, parts_only=True)
    kube.objects[codec.INDEX] = SECOND[codec.INDEX]
    kube.version += 5

    assert await next_of(bundles) == SECOND
    assert caplog.records == []


@pytest.mark.parametrize("code", [401, 403, 404, 410, 429, 500, 503, 302])
async def test_refused_watch_is_tried_again(kube: ScriptedKube, code: int) -> None:
    """Whatever a watch is answered with, it is begun anew and nothing is missed."""
    kube.instead("WATCH", status(code), times=3)
    bundles = source(kube).bundles()
    await next_of(bundles)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of_other(bundles, FIRST))
        await asked(kube, "WATCH", 3)
        kube.publish(SECOND)

    assert following.result() == SECOND


@pytest.mark.parametrize("request_", ["configmaps", SHARD, codec.MODELS])
@pytest.mark.parametrize(
    "answer", [status(500), status(403), body(b"<html>"), body(b""), body(b'{"data":{"part":"*"}}')]
)
async def test_failed_read_is_tried_again(kube: ScriptedKube, request_: str, answer: object) -> None:
    """Errors and garbage in place of an object bring no bundle and no exception; the next try brings the whole."""
    kube.instead(request_, answer)  # type: ignore[arg-type]

    assert await next_of(source(kube).bundles()) == FIRST


async def test_tries_are_spaced(kube: ScriptedKube) -> None:
    """While the API server refuses, tries are made with growing waits, not in a tight loop."""
    waits = Waits()
    kube.instead("GET", status(500), times=8)
    await next_of(source(kube, waits).bundles())

    assert len(waits.seconds) == 8
    assert waits.seconds[1:] == sorted(waits.seconds[1:])
    assert waits.seconds[-1] > 1


async def test_watch_that_ends_at_once_is_spaced_too(kube: ScriptedKube) -> None:
    """A server that accepts a watch and ends it at once does not make us ask as fast as it answers."""
    waits = Waits()
    kube.instead("WATCH", body(b""), times=8)
    bundles = source(kube, waits).bundles()
    await next_of(bundles)
    kube.publish(SECOND, parts_only=True)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of_other(bundles, FIRST))
        await asked(kube, "WATCH", 8)
        kube.publish(SECOND)

    assert following.result() == SECOND
    assert waits.seconds[7] > 1


async def test_silent_watch_is_given_up(kube: ScriptedKube) -> None:
    """A watch without any sign of life for the inactivity time is dead: it is begun anew and nothing is missed."""
    kube.instead("WATCH", silence)
    bundles = source(kube, inactivity=0.2).bundles()
    await next_of(bundles)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of_other(bundles, FIRST))
        await asked(kube, "WATCH")
        kube.publish(SECOND)

    assert following.result() == SECOND


async def test_bookmark_moves_the_watch_on(kube: ScriptedKube, caplog: pytest.LogCaptureFixture) -> None:
    """A bookmark is where the next watch begins, so that a quiet index does not end in 410.  It is no news."""
    began: list[str] = []

    async def bookmark(request: web.Request) -> web.StreamResponse:
        event = {"type": "BOOKMARK", "object": {"kind": "ConfigMap", "metadata": {"resourceVersion": "777"}}}
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(json.dumps(event).encode() + b"\n")
        return response

    async def second(request: web.Request) -> web.StreamResponse:
        began.append(request.query["resourceVersion"])
        return await silence(request)

    kube.instead("WATCH", bookmark)
    kube.instead("WATCH", second)
    clock = itertools.count(0.0, 100.0)  # the watch lasted long: it ended as watches do
    bundles = source(kube, clock=lambda: next(clock)).bundles()
    await next_of(bundles)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of(bundles))
        await asked(kube, "WATCH", 2)
        following.cancel()

    assert began == ["777"]
    assert caplog.records == []


@pytest.mark.parametrize(
    "lines",
    [
        b"{",
        b'{"type":"GREETING","object":{}}\n',
        b'{"type":"MODIFIED","object":{"binaryData":{"part":"%%"}}}\n',
        b'{"type":"ERROR","object":{"code":500}}\n',
        b'{"type":"ERROR","object":{}}\n',
        b"x" * (9 << 20),
    ],
)
async def test_garbage_in_a_watch_is_outlived(kube: ScriptedKube, lines: bytes) -> None:
    """Whatever comes in place of events, the next watch is begun and the next bundle comes."""
    kube.instead("WATCH", body(lines))
    bundles = source(kube).bundles()
    await next_of(bundles)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of_other(bundles, FIRST))
        await asked(kube, "WATCH", 2)
        kube.publish(SECOND)

    assert following.result() == SECOND


async def test_unreadable_index_is_passed_over(kube: ScriptedKube, caplog: pytest.LogCaptureFixture) -> None:
    """An index of an unknown schema is told of and brings nothing; the watch goes on to the next."""
    bundles = source(kube).bundles()
    await next_of(bundles)
    kube.publish({**SECOND, codec.INDEX: b'{"schema":99,"parts":{}}'}, index_only=True)
    kube.publish(SECOND)

    assert await next_of(bundles) == SECOND
    assert "schema 99" in caplog.records[0].__dict__["reason"]
    assert sum("WATCH" in each for each in kube.requests) == 1


async def test_broken_connection_is_made_again(kube: ScriptedKube) -> None:
    """When the connection of a watch goes, another is made and what changed meanwhile comes."""
    bundles = source(kube).bundles()
    await next_of(bundles)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of_other(bundles, FIRST))
        await asked(kube, "WATCH")
        kube.hang_up()
        kube.publish(SECOND)

    assert following.result() == SECOND


async def test_absent_server_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """An API server that is away for a hundred tries is one line in the log."""
    caplog.set_level(logging.INFO, "sluice.config")
    waits = Waits()
    nobody = ScriptedKube(url="http://127.0.0.1:1")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(next_of(source(nobody, waits).bundles()))
        await until(lambda: len(waits.seconds) >= 100)
        task.cancel()

    assert [record.message for record in caplog.records] == ["config.source_failing"]


async def test_token_is_sent_and_never_told(
    kube: ScriptedKube, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The bearer token goes with every request, and into no log line when one is refused."""
    token = tmp_path / "token"
    token.write_text("very-secret-token\n")
    kube.instead("GET", status(401))
    await next_of(source(kube, token=token).bundles())

    assert set(kube.tokens) == {"Bearer very-secret-token"}
    assert "very-secret-token" not in "".join(str(record.__dict__) for record in caplog.records)


async def test_content_of_a_secret_is_never_told(kube: ScriptedKube, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that cannot be read is told of without a word of what was in it."""
    kube.instead(SHARD, body(b'{"data": {"part": ["c2VjcmV0LWNvbnRlbnQ="]}, "x": "secret-content"}'))
    await next_of(source(kube).bundles())
    told = "".join(str(record.__dict__) for record in caplog.records)

    assert "not what an API server says" in told
    assert "c2VjcmV0LWNvbnRlbnQ" not in told
    assert "secret-content" not in told


async def test_recovery_is_told(kube: ScriptedKube, caplog: pytest.LogCaptureFixture) -> None:
    """Once a whole bundle is held again, the log says so: an alarm that is never called off is not believed."""
    caplog.set_level(logging.INFO, "sluice.config")
    kube.instead("GET", status(500))
    await next_of(source(kube).bundles())

    assert [record.message for record in caplog.records] == ["config.source_failing", "config.source_recovered"]


async def test_token_goes_nowhere_else(kube: ScriptedKube, tmp_path: Path) -> None:
    """A redirection is not followed: the token is for the API server that was named."""
    token = tmp_path / "token"
    token.write_text("very-secret-token")
    async with scripted_kube() as other:

        async def elsewhere(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": f"{other.url}/api/v1/namespaces/sluice/configmaps"})

        kube.instead("GET", elsewhere)
        await next_of(source(kube, token=token).bundles())

        assert other.requests == []


async def test_closing_ends_the_watch(kube: ScriptedKube) -> None:
    """A source that is closed lets go of its connections at once."""
    bundles = source(kube).bundles()
    await next_of(bundles)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_of(bundles))
        await asked(kube, "WATCH")
        following.cancel()
    await until(lambda: kube.watchers == 0)

    assert kube.watchers == 0

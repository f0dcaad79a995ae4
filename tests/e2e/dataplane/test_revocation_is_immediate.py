"""A deleted or suspended key is dead on every replica as soon as the revision is served; other keys do not notice."""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sluice_contract.snapshot import Key, Snapshot
from support.builders import key
from support.process import Fleet, PlaneProcess, fleet
from support.scenes import chat, one_provider, other_key
from support.upstream import ScriptedUpstream

PATH = "/v1/chat/completions"
ROUNDS = 5


@dataclass
class Load:
    """Calls of one key to both replicas, one after the other, until told to stop."""

    planes: Fleet
    secret: str
    statuses: list[int] = field(default_factory=list)
    stopped: bool = False

    async def run(self, plane: PlaneProcess) -> None:
        """Call *plane* until ``stopped``."""
        while not self.stopped:
            answer = await plane.post(PATH, chat(), secret=self.secret)
            self.statuses.append(answer.status_code)


@pytest.mark.parametrize("how", ["deleted", "suspended"])
async def test_a_revoked_key_is_refused_by_both(
    tmp_path: Path, upstream: ScriptedUpstream, figure: Callable[[str, object], None], how: str
) -> None:
    """Once /revision says so no call with that key passes anywhere; the other key has no error all the while."""

    def world(*keys: Key) -> Snapshot:
        return one_provider(upstream.base_url, keys=(key(), *keys))

    taken: list[float] = []
    victim = other_key("victim")
    gone = [] if how == "deleted" else [other_key("victim", suspended=True)]
    async with fleet(tmp_path, world(victim), count=2) as planes:
        load = Load(planes, "sk-vktest-secret")
        async with asyncio.TaskGroup() as tasks:
            for plane in planes:
                tasks.create_task(load.run(plane))
            for _ in range(ROUNDS):
                before = [(await plane.post(PATH, chat(), secret="sk-victim")).status_code for plane in planes]
                began = time.monotonic()
                await planes.apply(world(*gone))
                taken.append(time.monotonic() - began)
                after = [await plane.post(PATH, chat(), secret="sk-victim") for plane in planes for _ in range(3)]
                await planes.apply(world(victim))
                assert before == [200, 200]
                assert {answer.status_code for answer in after} == {401}
                assert {answer.json()["error"]["code"] for answer in after} == {"invalid_api_key"}
            load.stopped = True

    assert set(load.statuses) == {200}
    figure(f"from the file to both replicas, {how}", f"median {statistics.median(taken) * 1000:.0f} ms")
    figure(f"calls of another key meanwhile, {how}", f"{len(load.statuses)}, 0 errors")


async def test_a_new_key_works_on_both(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """A key that is added is good everywhere once the revision is served, and not before."""
    async with fleet(tmp_path, one_provider(upstream.base_url), count=2) as planes:
        before = [(await plane.post(PATH, chat(), secret="sk-new")).status_code for plane in planes]
        await planes.apply(one_provider(upstream.base_url, keys=(key(), other_key("new"))))
        after = [(await plane.post(PATH, chat(), secret="sk-new")).status_code for plane in planes]

    assert (before, after) == ([401, 401], [200, 200])

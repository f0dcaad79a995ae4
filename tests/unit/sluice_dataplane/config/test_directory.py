"""Snapshots in a directory."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from sluice_contract import codec, names
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.directory import DirectorySource
from sluice_dataplane.config.source import Bundle
from support import builders

FIRST = codec.encode(Snapshot(models=(builders.model("a"),)))
SECOND = codec.encode(Snapshot(models=(builders.model("b"),), keys=(builders.key(),)))


def write(directory: Path, parts: Mapping[str, bytes], *only: str) -> None:
    """Put *only* these parts (all, index last, if none is named) into flat files, each by rename."""
    for name in only or (*codec.PARTS, codec.INDEX):
        fresh = directory / f".{name}"
        fresh.write_bytes(parts[name])
        fresh.rename(directory / name)


class Looks:
    """Stands for the wait between looks: after its first look the source looks once each time it is told to."""

    def __init__(self) -> None:
        self._asked, self._done = 1, 0
        self._go = asyncio.Semaphore(0)
        self._looked = asyncio.Condition()

    async def wait(self, _seconds: float) -> None:
        """Called by the source after a look."""
        async with self._looked:
            self._done += 1
            self._looked.notify_all()
        await self._go.acquire()

    async def look(self, times: int = 1) -> None:
        """Let the source look *times* more, and see it done."""
        await self._idle()
        for _ in range(times):
            self._asked += 1
            self._go.release()
            await self._idle()

    async def _idle(self) -> None:
        async with asyncio.timeout(5), self._looked:
            await self._looked.wait_for(lambda: self._done == self._asked)


async def next_of(bundles: AsyncIterator[Bundle]) -> dict[str, bytes]:
    """The next bundle, as what codec.encode gave."""
    async with asyncio.timeout(5):
        bundle = await anext(bundles)
    return {**bundle.parts, codec.INDEX: bundle.index}


async def collect(source: DirectorySource, into: list[Bundle]) -> None:
    """Put every bundle into a list."""
    async for bundle in source.bundles():
        into.append(bundle)  # noqa: PERF401  # it never ends


async def test_what_lies_there_is_read(tmp_path: Path) -> None:
    """The first bundle is what is in the directory."""
    write(tmp_path, FIRST)

    assert await next_of(DirectorySource(tmp_path).bundles()) == FIRST


async def test_change_is_noticed(tmp_path: Path) -> None:
    """After the parts and then the index were replaced, the new bundle comes."""
    write(tmp_path, FIRST)
    bundles = DirectorySource(tmp_path, poll_seconds=0.01).bundles()
    await next_of(bundles)
    write(tmp_path, SECOND)

    assert await next_of(bundles) == SECOND


async def test_directory_may_come_later(tmp_path: Path) -> None:
    """A directory that does not exist yet is waited for."""
    looks, found = Looks(), list[Bundle]()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(collect(DirectorySource(tmp_path / "later", wait=looks.wait), found))
        await looks.look()
        (tmp_path / "later").mkdir()
        write(tmp_path / "later", FIRST)
        await looks.look()
        task.cancel()

    assert [bundle.index for bundle in found] == [FIRST[codec.INDEX]]


async def test_nothing_comes_while_nothing_changes(tmp_path: Path) -> None:
    """An index that stays the same is one bundle, however often it is looked at."""
    write(tmp_path, FIRST)
    looks, found = Looks(), list[Bundle]()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(collect(DirectorySource(tmp_path, wait=looks.wait), found))
        await looks.look(5)
        task.cancel()

    assert len(found) == 1


@pytest.mark.parametrize("order", [("keys", "index"), ("index", "keys")])
async def test_bundle_waits_for_every_part(tmp_path: Path, order: tuple[str, str]) -> None:
    """Whether the index or a part comes first, nothing comes before both fit, and then the new whole comes."""
    shard = codec.shard_of("vktest")
    write(tmp_path, FIRST)
    write(tmp_path, SECOND, codec.MODELS)
    looks, found = Looks(), list[Bundle]()
    source = DirectorySource(tmp_path, wait=looks.wait)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(collect(source, found))
        write(tmp_path, SECOND, {"keys": shard, "index": codec.INDEX}[order[0]])
        await looks.look(2)
        between = len(found)
        write(tmp_path, SECOND, {"keys": shard, "index": codec.INDEX}[order[1]])
        await looks.look(2)
        task.cancel()

    assert between == 0
    assert [bundle.index for bundle in found] == [SECOND[codec.INDEX]]


async def test_damage_keeps_the_last_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged index brings no bundle and no exception; it is told once, and so is the next good one, which comes."""
    caplog.set_level(logging.INFO, "sluice.config")
    write(tmp_path, FIRST)
    looks, found = Looks(), list[Bundle]()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(collect(DirectorySource(tmp_path, wait=looks.wait), found))
        await looks.look()
        (tmp_path / codec.INDEX).write_bytes(b"{")
        await looks.look(3)
        write(tmp_path, SECOND)
        await looks.look()
        task.cancel()

    assert [bundle.index for bundle in found] == [FIRST[codec.INDEX], SECOND[codec.INDEX]]
    assert [record.message for record in caplog.records] == ["config.source_failing", "config.source_recovered"]


async def test_absent_part_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A part that is not there yet is told of by its name, and its bundle comes once it is."""
    write(tmp_path, FIRST)
    (tmp_path / codec.BUDGETS).unlink()
    looks, found = Looks(), list[Bundle]()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(collect(DirectorySource(tmp_path, wait=looks.wait), found))
        await looks.look(2)
        before = len(found)
        write(tmp_path, FIRST, codec.BUDGETS)
        await looks.look()
        task.cancel()

    assert (before, len(found)) == (0, 1)
    assert caplog.records[0].__dict__["reason"] == "budgets: No such file or directory"


async def test_part_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    """A part larger than any can be is not held, and not read whole."""
    write(tmp_path, FIRST)
    with (tmp_path / codec.MODELS).open("wb") as file:
        file.truncate(1 << 40)  # sparse
    looks, found = Looks(), list[Bundle]()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(collect(DirectorySource(tmp_path, wait=looks.wait), found))
        await looks.look(2)
        task.cancel()

    assert found == []


def mount(root: Path, parts: Mapping[str, bytes], release: str) -> None:
    """Lay *parts* out as a kubelet mounts objects: the field is a link into a dated folder behind ``..data``."""
    for name, data in parts.items():
        volume = root / names.object_name(release, name)
        volume.mkdir(exist_ok=True)
        dated = volume / f"..{codec.digest(data)[:8]}"
        dated.mkdir()
        (dated / names.PART_FIELD).write_bytes(data)
        fresh = volume / "..data_tmp"
        fresh.symlink_to(dated.name)
        fresh.rename(volume / "..data")
        if not (volume / names.PART_FIELD).is_symlink():
            (volume / names.PART_FIELD).symlink_to(f"..data/{names.PART_FIELD}")


async def test_mounted_objects_are_read_and_followed(tmp_path: Path) -> None:
    """ConfigMaps and Secrets mounted into a pod are read, and swapped links are noticed."""
    mount(tmp_path, FIRST, "prod")
    bundles = DirectorySource(tmp_path, release="prod", poll_seconds=0.01).bundles()
    first = await next_of(bundles)
    changed = {name: data for name, data in SECOND.items() if FIRST[name] != data}
    mount(tmp_path, changed, "prod")

    assert first == FIRST
    assert await next_of(bundles) == SECOND


async def test_directory_that_goes_away_is_outlived(tmp_path: Path) -> None:
    """While the directory is gone nothing is raised, and what comes back is read."""
    directory = tmp_path / "parts"
    directory.mkdir()
    write(directory, FIRST)
    looks, found = Looks(), list[Bundle]()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(collect(DirectorySource(directory, wait=looks.wait), found))
        await looks.look()
        shutil.rmtree(directory)
        await looks.look()
        directory.mkdir()
        write(directory, SECOND)
        await looks.look()
        task.cancel()

    assert [bundle.index for bundle in found] == [FIRST[codec.INDEX], SECOND[codec.INDEX]]

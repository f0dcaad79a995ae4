"""Everything between a cluster in memory and a replica that answers at once, wired as the operator wires it."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from sluice_contract import codec, names
from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.snapshot import Snapshot
from sluice_operator.inventory import ObjectName
from sluice_operator.manifests import part_content, pepper_secret
from sluice_operator.publisher.keymaker import KeyMaker
from sluice_operator.publisher.objects import Change
from sluice_operator.publisher.publish import Parts, Publisher
from sluice_operator.publisher.reading import Reader
from sluice_operator.publisher.revisions import Revisions
from sluice_operator.publisher.scribe import Scribe
from sluice_operator.publisher.statuses import Statuses
from sluice_operator.publisher.world import World
from support.fake_cluster import FakeCluster

HOME: Final = "home"
RELEASE: Final = "gw"
TEAM: Final = "team"
START_MS: Final = 1_780_000_000_000


class Clock:
    """The loop's time, counted from START_MS."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return START_MS + self.ahead_ms + int((self._loop.time() - self._began) * 1000)


class Desk:
    """A publisher at work on ``cluster``."""

    def __init__(self, cluster: FakeCluster | None = None) -> None:
        self.cluster = cluster or FakeCluster()
        self.clock = Clock()
        self.world = World(namespace=HOME, release=RELEASE)
        self.revisions = Revisions()
        self.statuses = Statuses(self.revisions)
        self.scribe = Scribe(self.cluster, self.world, self.statuses, reporter="operator-0", now_ms=self.clock.now_ms)
        self.reader = Reader(self.cluster, self.world, scopes=(None,), home=HOME, release=RELEASE)
        numbers = itertools.count()
        self.keys = KeyMaker(
            self.cluster,
            self.world,
            random_bytes=lambda size: next(numbers).to_bytes(size, "big"),
            tell=self.scribe.tell,
        )
        self.publisher = Publisher(
            Parts(
                cluster=self.cluster,
                world=self.world,
                reader=self.reader,
                keys=self.keys,
                revisions=self.revisions,
                statuses=self.statuses,
                scribe=self.scribe,
            ),
            namespace=HOME,
            release=RELEASE,
            debounce_ms=1,
            now_ms=self.clock.now_ms,
        )
        if cluster is None:
            self.cluster.put(pepper_secret(namespace=HOME, release=RELEASE, pepper=b"p" * 32))
            self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})
        self.cluster.calls.clear()

    def put(self, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody applies a resource; the event arrives at once."""
        metadata = {"name": name, "namespace": TEAM}
        manifest = {"apiVersion": "sluice.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": dict(spec)}
        written = self.cluster.put(manifest)
        self.publisher.changed(self.world.hear(kind, written))
        return written

    def put_secret(self, name: str, **data: str) -> dict[str, Any]:
        """Somebody applies a Secret (values in base64); the event arrives at once."""
        metadata = {"name": name, "namespace": TEAM}
        written = self.cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
        self.publisher.changed(self.world.hear("Secret", written))
        return written

    def remove(self, kind: str, name: str) -> None:
        """Somebody deletes an object; the event arrives at once."""
        gone = self.cluster.remove(kind, ObjectName(TEAM, name))
        self.publisher.changed(self.world.hear(kind, gone, deleted=True))

    def status(self, kind: str, name: str) -> dict[str, Any]:
        """The status as it is in the cluster."""
        found: dict[str, Any] = self.cluster.objects[kind, TEAM, name].get("status", {})
        return found

    def condition(self, kind: str, name: str, condition: str) -> tuple[str, str]:
        """Status and reason of one condition, empty where there is none."""
        found = (item for item in self.status(kind, name).get("conditions", ()) if item["type"] == condition)
        return next(((item["status"], item["reason"]) for item in found), ("", ""))

    def part(self, part: str) -> bytes | None:
        """A compiled part as it is in the cluster."""
        kind = "Secret" if part in codec.SECRET_PARTS else "ConfigMap"
        manifest = self.cluster.objects.get((kind, HOME, names.object_name(RELEASE, part)))
        return part_content(manifest) if manifest else None

    def snapshot(self) -> Snapshot | None:
        """What a replica would take over now; None where there is nothing, or a part is newer than the index."""
        index = self.part(codec.INDEX)
        if index is None:
            return None
        parts = {part: data for part in codec.PARTS if (data := self.part(part)) is not None}
        try:
            return codec.decode(codec.decode_index(index), parts)
        except SnapshotInvalidError:
            return None

    def key_names(self) -> list[str] | None:
        """The keys a replica would serve now, sorted; None as for ``snapshot``."""
        snapshot = self.snapshot()
        return sorted(key.name for key in snapshot.keys) if snapshot else None

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator["Desk"]:
        """Read everything, then publish and write statuses while the block runs."""
        await self.reader.begin()
        self.publisher.changed(Change(dirty=True, urgent=True))
        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(self.publisher.run()), tasks.create_task(self.scribe.run())]
            try:
                yield self
            finally:
                for task in working:
                    task.cancel()


async def until(holds: Callable[[], object], *, seconds: float = 5) -> None:
    """Wait until *holds*.

    Raises:
        AssertionError: it did not in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not holds():
        assert loop.time() < deadline, "not in time"
        await asyncio.sleep(0.002)

"""The operator's process against an API server alone, and replicas of the data plane that only answer questions."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
from aiohttp import web

from sluice_contract import codec, names
from sluice_contract.errors import SnapshotInvalidError
from sluice_contract.snapshot import Key, Snapshot
from sluice_operator.manifests import part_content
from sluice_operator.publisher.signal import Signal
from support.apiserver import ApiServer

RELEASE: Final = "sluice"
DEADLINE_SECONDS: Final = 20.0
_DATAPLANE: Final = {"app.kubernetes.io/component": "dataplane", "app.kubernetes.io/instance": RELEASE}
_CORE: Final = {"Secret": "secrets", "ConfigMap": "configmaps", "Pod": "pods", "Event": "events"}
_OURS: Final = {
    "ModelDeployment": "modeldeployments",
    "VirtualKey": "virtualkeys",
    "Budget": "budgets",
    "ModelProvider": "modelproviders",
}
_POLL_SECONDS: Final = 0.02

Manifest = dict[str, Any]
_T = TypeVar("_T")


async def eventually(
    ask: Callable[[], Awaitable[_T]], holds: Callable[[_T], object], *, seconds: float = DEADLINE_SECONDS
) -> _T:
    """The first answer for which *holds*.

    Raises:
        AssertionError: none did in time; the message has the last one.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not holds(answer := await ask()):
        assert loop.time() < deadline, f"not within {seconds:g} s; last seen: {answer}"
        await asyncio.sleep(_POLL_SECONDS)
    return answer


def condition(manifest: Mapping[str, Any] | None, kind: str) -> Mapping[str, Any]:
    """The condition of that type; empty where there is none."""
    conditions = ((manifest or {}).get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == kind), {})


def holds(manifest: Mapping[str, Any] | None, *kinds: str) -> bool:
    """Whether all conditions of these types are True for the generation that the object has now."""
    generation = (manifest or {}).get("metadata", {}).get("generation")
    found = [condition(manifest, kind) for kind in kinds]
    return all(item.get("status") == "True" and item.get("observedGeneration") == generation for item in found)


class Api:
    """The API server as its administrator sees it, in one namespace."""

    def __init__(self, client: httpx.AsyncClient, namespace: str) -> None:
        self.client: Final = client
        self.namespace: Final = namespace

    def path(self, kind: str, name: str = "") -> str:
        """Where an object is; the collection where *name* is empty."""
        root = "/api/v1" if kind in _CORE else f"/apis/{names.API_GROUP}/{names.API_VERSION}"
        plural = _CORE.get(kind) or _OURS[kind]
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    async def get(self, kind: str, name: str) -> Manifest | None:
        """The object, None if there is none."""
        answer = await self.client.get(self.path(kind, name))
        if answer.status_code == 404:
            return None
        return _checked(answer)

    async def items(self, kind: str) -> list[Manifest]:
        """All objects of that kind."""
        found: list[Manifest] = _checked(await self.client.get(self.path(kind)))["items"]
        return found

    async def create(self, kind: str, name: str, **body: Any) -> Manifest:
        """The object as created."""
        metadata = {"name": name, "namespace": self.namespace, **body.pop("metadata", {})}
        version = "v1" if kind in _CORE else f"{names.API_GROUP}/{names.API_VERSION}"
        manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, **body}
        return _checked(await self.client.post(self.path(kind), json=manifest))

    async def patch(self, kind: str, name: str, body: Manifest, *, status: bool = False) -> Manifest:
        """The object after a merge patch."""
        path = self.path(kind, name) + ("/status" if status else "")
        return _checked(
            await self.client.patch(path, json=body, headers={"Content-Type": "application/merge-patch+json"})
        )

    async def delete(self, kind: str, name: str) -> None:
        """The object is gone."""
        _checked(await self.client.delete(self.path(kind, name), params={"gracePeriodSeconds": "0"}))

    async def clear(self) -> None:
        """No object of our kinds is left."""
        for kind in _OURS:
            _checked(await self.client.delete(self.path(kind)))


def _checked(answer: httpx.Response) -> Manifest:
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
    body: Manifest = answer.json()
    return body


class Replica:
    """A data plane that takes over every snapshot it finds and answers on an admin port; it serves nobody."""

    def __init__(self, api: Api, *, address: str, port: int) -> None:
        self.api: Final = api
        self.address: Final = address
        self.port: Final = port
        self.revision: str | None = None
        self.snapshot = Snapshot()
        self.frozen = False  # takes over nothing while True
        self.spend: Manifest = {"accounts": {}, "keys": {}}
        self.spend_asked = 0
        self.targets: Manifest = {}
        self._index = b""
        self._taken_over: Final = Signal()

    @property
    def name(self) -> str:
        """The name of its pod."""
        return f"dataplane-{self.address.rpartition('.')[2]}"

    def key(self, name: str) -> Key | None:
        """The key of that name in the snapshot it has."""
        return next((key for key in self.snapshot.keys if key.name == name), None)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Replica"]:
        """Take over, answer, and be a ready pod, while the block runs."""
        app = web.Application()
        app.add_routes([web.get("/revision", self._say_revision)])
        app.add_routes([web.get("/spend", self._say_spend), web.get("/targets", self._say_targets)])
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, self.address, self.port).start()
        await self._make_pod()
        try:
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(self._follow())
                yield self
                following.cancel()
        finally:
            await runner.cleanup()
            await self.api.delete("Pod", self.name)

    async def _make_pod(self) -> None:
        containers = [{"name": "dataplane", "image": "none"}]
        await self.api.create("Pod", self.name, metadata={"labels": _DATAPLANE}, spec={"containers": containers})
        ready = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "podIP": self.address, "podIPs": [{"ip": self.address}], "conditions": ready}
        await self.api.patch("Pod", self.name, {"status": status}, status=True)

    async def _follow(self) -> None:
        while True:
            if not self.frozen:
                with contextlib.suppress(SnapshotInvalidError):  # the index is older than a part: wait for the next
                    await self._take_over()
            await asyncio.sleep(_POLL_SECONDS)

    async def _take_over(self) -> None:
        index = await self._part(codec.INDEX)
        if index is None or index == self._index:
            return
        parts = {part: data for part in codec.PARTS if (data := await self._part(part)) is not None}
        self.snapshot = codec.decode(codec.decode_index(index), parts)
        self._index, self.revision = index, codec.revision_of(index)
        self._taken_over.fire()

    async def _part(self, part: str) -> bytes | None:
        return await part_of(self.api, part)

    async def _say_revision(self, request: web.Request) -> web.Response:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + int(request.query["timeout_ms"]) / 1000
        while self.revision != request.query["wait"] and (left := deadline - loop.time()) > 0:
            await self._taken_over.wait(seconds=left)
        return web.json_response({"revision": self.revision, "applied_at_ms": 0})

    async def _say_spend(self, _: web.Request) -> web.Response:
        self.spend_asked += 1
        return web.json_response(self.spend)

    async def _say_targets(self, _: web.Request) -> web.Response:
        return web.json_response(self.targets)


async def part_of(api: Api, part: str) -> bytes | None:
    """The bytes of a compiled part as they are in the API server."""
    kind = "Secret" if part in codec.SECRET_PARTS else "ConfigMap"
    manifest = await api.get(kind, names.object_name(RELEASE, part))
    return part_content(manifest) if manifest else None


class OperatorProcess:
    """``sluice-operator`` as a process of its own."""

    def __init__(self, server: ApiServer, home: str, log: Path, **settings: str) -> None:
        self.environ: Final = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(server.kubeconfig),
            "SLUICE_NAMESPACE": home,
            "SLUICE_RELEASE": RELEASE,
            "SLUICE_POD_NAME": "operator-0",
            "SLUICE_HEALTH_HOST": "127.0.0.1",
            "SLUICE_SPEND_SECONDS": "1",
            "SLUICE_PODS_SECONDS": "1",
            **settings,
        }
        self.log: Final = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "sluice_operator"]
            self._process = subprocess.Popen(command, env=self.environ, stdout=output, stderr=output)

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 20) -> int:
        """Send it a signal and wait for its end; its exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        try:
            return self._process.wait(seconds)
        finally:
            self._process.kill()
            self._process = None

    @contextlib.contextmanager
    def frozen(self) -> Any:
        """Keep it from doing anything while the block runs."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass(frozen=True, slots=True)
class Install:
    """A namespace with an operator in it, and one for tenants."""

    home: Api
    tenant: Api
    operator: OperatorProcess
    spare_port: int
    add_replica: Callable[[], Awaitable[Replica]]
    remove_replica: Callable[[Replica], Awaitable[None]]

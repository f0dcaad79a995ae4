"""An API server that does what a test tells it: the part of the protocol that one index and its parts need.

It keeps objects with resource versions, and a history to watch from, as a real one does.  ``script`` holds answers to
give instead, first come first served; each says which requests it is for.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from sluice_contract import codec, names

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class ScriptedKube:
    """One namespace's compiled objects; ``requests`` is what was asked for, in order."""

    url: str = ""
    release: str = "sluice"
    version: int = 100
    oldest: int = 0  # a watch from before this is answered with 410
    objects: dict[str, bytes] = field(default_factory=dict)
    history: list[tuple[int, str, bytes]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    script: list[tuple[str, Answer]] = field(default_factory=list)
    watchers: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _hang_up: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, parts: Mapping[str, bytes], *, index_only: bool = False, parts_only: bool = False) -> None:
        """Write *parts*, the index last."""
        if not index_only:
            self.objects.update({name: data for name, data in parts.items() if name != codec.INDEX})
        if not parts_only:
            self.objects[codec.INDEX] = parts[codec.INDEX]
            self.record("MODIFIED", parts[codec.INDEX])

    def record(self, kind: str, data: bytes) -> None:
        """Tell watchers of the index."""
        self.version += 1
        self.history.append((self.version, kind, data))
        self._changed.set()
        self._changed = asyncio.Event()

    def hang_up(self) -> None:
        """Break every watch off."""
        self._hang_up.set()
        self._hang_up = asyncio.Event()

    def instead(self, request: str, answer: Answer, *, times: int = 1) -> None:
        """Answer the next *times* requests that *request* is part of by *answer*."""
        self.script.extend([(request, answer)] * times)

    def asked(self, part: str) -> int:
        """How often *part* was fetched."""
        return sum(each.endswith(f"/{names.object_name(self.release, part)}") for each in self.requests)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every request comes here."""
        asked = ("WATCH " if "watch" in request.query else "GET ") + request.path
        self.requests.append(asked)
        self.tokens.append(request.headers.get("Authorization", ""))
        for n, (wanted, answer) in enumerate(self.script):
            if wanted in asked:
                del self.script[n]
                return await answer(request)
        if "watch" in request.query:
            return await self._watch(request)
        return self._get(request)

    def _get(self, request: web.Request) -> web.Response:
        name = request.path.rsplit("/", 1)[1]
        if name == "configmaps":
            items = [self.object(codec.INDEX)] if codec.INDEX in self.objects else []
            return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": items})
        part = name.removeprefix(f"{self.release}-snapshot-")
        if part not in self.objects:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        return web.json_response(self.object(part))

    def object(self, part: str, data: bytes | None = None, version: int | None = None) -> dict[str, object]:
        """The object that holds *part*."""
        text = base64.b64encode(self.objects[part] if data is None else data).decode()
        return {
            "metadata": {
                "name": names.object_name(self.release, part),
                "resourceVersion": str(version or self.version),
            },
            "data" if part in codec.SECRET_PARTS else "binaryData": {names.PART_FIELD: text},
        }

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        if since < self.oldest:
            status = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
            return web.Response(body=json.dumps(status).encode() + b"\n")
        response = web.StreamResponse()
        await response.prepare(request)
        self.watchers += 1
        hang_up, sent = self._hang_up, since
        try:
            while not hang_up.is_set():
                changed = self._changed
                for version, kind, data in self.history:
                    if version > sent:
                        event = {"type": kind, "object": self.object(codec.INDEX, data, version)}
                        await response.write(json.dumps(event).encode() + b"\n")
                        sent = version
                waits = [asyncio.ensure_future(each.wait()) for each in (changed, hang_up)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            self.watchers -= 1
        return response


def status(code: int) -> Answer:
    """Answers with *code* and a Status."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "code": code}, status=code)

    return answer


def body(data: bytes) -> Answer:
    """Answers 200 with *data*, whatever was asked."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=data)

    return answer


async def silence(request: web.Request) -> web.StreamResponse:
    """Answers with a head, and then with nothing until the client goes."""
    response = web.StreamResponse()
    await response.prepare(request)
    await asyncio.Event().wait()
    return response


@asynccontextmanager
async def scripted_kube(tls: ssl.SSLContext | None = None) -> AsyncGenerator[ScriptedKube, None]:
    """A scripted API server on a free port of this machine, over plain HTTP unless *tls* is given."""
    kube = ScriptedKube()
    app = web.Application()
    app.router.add_get("/{path:.*}", kube.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        kube.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield kube
    finally:
        await runner.cleanup()

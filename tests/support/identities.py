"""Identities at work for a test: real clients, a token service beside them, and a clock that the test moves."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice_contract.snapshot import Identity, Upstream
from sluice_dataplane.exchange import Headers, UpstreamRequest
from sluice_dataplane.upstream.client import HttpUpstreams
from sluice_dataplane.upstream.identifying import IdentifyingUpstreams
from sluice_dataplane.upstream.identity.identities import Identities
from sluice_dataplane.upstream.identity.pod import Pod
from sluice_dataplane.upstream.identity.sources import Sources
from sluice_dataplane.upstream.identity.trust import may_ask_metadata
from sluice_dataplane.upstream.seam import Patience
from support.builders import NOW_MS
from support.token_servers import TokenServers

LOOPBACK = frozenset(("127.0.0.1",))
PATIENT = Patience(connect_ms=5_000, first_byte_ms=5_000, between_bytes_ms=5_000)
REQUEST = UpstreamRequest("POST", "/chat?x=1", (("content-type", "application/json"),), b'{"a":1}')


class Clock:
    """Goes only when it is told to; both clocks go together."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now_s(self) -> float:
        """Monotonic seconds."""
        return 1_000.0 + self.passed_s

    def wall_ms(self) -> int:
        """Milliseconds since 1970."""
        return NOW_MS + int(self.passed_s * 1000)

    def wall_s(self) -> float:
        """Seconds since 1970."""
        return self.wall_ms() / 1000


@dataclass
class Bench:
    """Everything a test of identities touches."""

    servers: TokenServers
    identities: Identities
    upstreams: IdentifyingUpstreams
    clock: Clock

    def filled(self, params: Mapping[str, str]) -> dict[str, str]:
        """*params* with ``{url}`` as the services' own."""
        return {name: _filled(value, self.servers.url) for name, value in params.items()}

    def upstream(self, kind: str, params: Mapping[str, str], **more: Any) -> Upstream:
        """An upstream of the provider that the servers play."""
        base: dict[str, Any] = {
            "id": "up",
            "type": "OpenAI",
            "provider_name": "openai",
            "base_url": f"{self.servers.url}/v1",
            "allow_private_network": True,
            "identity": Identity(kind, self.filled(params)),  # type: ignore[arg-type]
        }
        return Upstream(**{**base, **more})

    async def headers(self, upstream: Upstream, credential: str | None = None) -> Headers:
        """What is added to a request now."""
        return (await self.identities.prove(upstream, REQUEST, credential)).headers

    async def call(self, upstream: Upstream, credential: str | None = None, body: bytes = REQUEST.body) -> int:
        """The status of one call, from beginning to end."""
        request = UpstreamRequest("POST", REQUEST.path, REQUEST.headers, body)
        answer = await self.upstreams.send(upstream, request, credential=credential, patience=PATIENT)
        try:
            await answer.read(10_000)
        finally:
            answer.close()
        return answer.status


@contextlib.asynccontextmanager
async def identified(
    environ: Mapping[str, str] | None = None, *, trusted: frozenset[str] = LOOPBACK, http: HttpUpstreams | None = None
) -> AsyncIterator[Bench]:
    """Identities that run, with token services; *environ* is the pod's, ``{url}`` in it the services'."""
    clock = Clock()
    async with TokenServers(clock.wall_s) as servers, asyncio.TaskGroup() as tasks:
        variables = {name: _filled(value, servers.url) for name, value in (environ or {}).items()}
        http = http or HttpUpstreams()
        metadata = HttpUpstreams(may=may_ask_metadata)
        sources = Sources(http, metadata, Pod(variables, trusted), clock.wall_s)
        identities = Identities(sources, now_s=clock.now_s, wall_ms=clock.wall_ms, draw=lambda: 0.0)
        upstreams = IdentifyingUpstreams(http, identities, now_s=time.monotonic)
        running = tasks.create_task(identities.run())
        await asyncio.sleep(0)
        try:
            yield Bench(servers, identities, upstreams, clock)
        finally:
            running.cancel()
            await upstreams.close()


def _filled(text: str, url: str) -> str:
    return text.replace("{url}", url).replace("{host}", url.removeprefix("http://"))

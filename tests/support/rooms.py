"""The whole pipeline on a real ledger and real counters, before upstreams that answer as they are told.

rooms = Rooms(tmp_path, table(...))
rooms.upstreams.script("up", answer(usage=(10, 5)), Reply(500))
told = await rooms.call({"model": "echo", "messages": []})
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sluice_contract.snapshot import Model, Upstream
from sluice_contract.usage import UsageRecord
from sluice_dataplane.config.table import Table
from sluice_dataplane.errors import GatewayError
from sluice_dataplane.exchange import Answer, Endpoint, Exchange, Headers, UpstreamRequest
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.store import Account
from sluice_dataplane.pipeline import Parts, Pipeline
from sluice_dataplane.pipeline.demand import Demands
from sluice_dataplane.pipeline.dispatch import Dispatcher
from sluice_dataplane.pipeline.settle import Result
from sluice_dataplane.upstream.health import Health
from sluice_dataplane.upstream.seam import AttemptFailedError, Patience, UpstreamAnswer
from sluice_dataplane.usage import replay
from sluice_dataplane.usage.lines import SettleLine
from support.builders import NOW_MS, exchange
from support.ledgers import Clock, Faraway, Life

EVENTS: Headers = (("content-type", "text/event-stream"),)
UNREACHABLE = AttemptFailedError("refused", cause="ConnectFailure", sent=False)
SLOW = AttemptFailedError("slow", cause="Timeout", sent=True)
RESET = AttemptFailedError("reset", cause="Protocol", sent=True)
DONE = b"data: [DONE]\n\n"


class Reply:
    """A scripted answer; an exception among the chunks is raised in its place, an event is waited for."""

    def __init__(
        self, status: int = 200, *chunks: Any, headers: Headers = (("content-type", "application/json"),)
    ) -> None:
        self.status = status
        self.headers = headers
        self.script = chunks or (b"{}",)
        self.closed = 0

    async def read(self, limit_bytes: int) -> bytes:
        """Everything."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """One by one."""
        for item in self.script:
            if isinstance(item, Exception):
                raise item
            if isinstance(item, asyncio.Event):
                await item.wait()
                continue
            yield item

    def close(self) -> None:
        """Count."""
        self.closed += 1


def answer(usage: tuple[int, int] | dict[str, Any] | None = (10, 5), **fields: Any) -> Reply:
    """A plain answer that reports *usage* (input, output)."""
    if isinstance(usage, tuple):
        usage = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return Reply(200, json.dumps({"choices": [{}], "usage": usage, **fields}).encode())


def event(text: str) -> bytes:
    """One event of a stream."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def usage_event(given: int, made: int) -> bytes:
    """The event that reports usage."""
    usage = {"prompt_tokens": given, "completion_tokens": made}
    return b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"


def stream(*chunks: Any) -> Reply:
    """A streamed answer."""
    return Reply(200, *chunks, headers=EVENTS)


class Upstreams:
    """Give each upstream's next scripted reply, its last again and again, and keep what they were sent."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Any]] = {}
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.gates: dict[str, asyncio.Event] = {}  # what the requests at an upstream wait for

    def script(self, upstream_id: str, *replies: Any) -> None:
        """What *upstream_id* does next: a Reply, what makes one, or an exception."""
        self.scripts[upstream_id] = list(replies)

    async def send(
        self, upstream: Upstream, request: UpstreamRequest, *, credential: str | None, patience: Patience
    ) -> UpstreamAnswer:
        """The next of *upstream*'s script."""
        self.asked.append(upstream.id)
        self.bodies.append(json.loads(request.body))
        if upstream.id in self.gates:
            await self.gates[upstream.id].wait()
        replies = self.scripts[upstream.id]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        made: UpstreamAnswer = reply() if callable(reply) else reply
        return made

    async def close(self) -> None:
        """Nothing is held."""


class Told:
    """What a client got: status, headers, body; ``error`` is what was raised."""

    def __init__(self, made: Answer | None, error: GatewayError | None) -> None:
        self.answer = made
        self.error = error
        self.status = made.status if made is not None else error.status if error is not None else 0
        self.code = "" if error is None else error.code
        headers = made.headers if made is not None else error.headers if error is not None else ()
        self.headers = dict(headers)

    async def read(self, chunks: int | None = None) -> bytes:
        """A stream's bytes: all, or so many chunks and then the client is gone."""
        assert self.answer is not None
        relay = self.answer.chunks
        assert relay is not None
        out, got = b"", 0
        try:
            if chunks is None or chunks > 0:
                async for chunk in relay:
                    out, got = out + chunk, got + 1
                    if got == chunks:
                        break
        finally:
            await relay.aclose()
        return out


class Rooms:
    """One data plane without its fronts.  Its clock stands until a test moves it."""

    def __init__(self, folder: Path, table: Table, *, store: Faraway | None = None, clock: Clock | None = None) -> None:
        self.table = table
        self.clock = clock or Clock()
        if clock is None:
            self.clock.now_ms = NOW_MS
        self.upstreams = Upstreams()
        self.upstreams.script("up", answer)
        self.folder = folder / "journal"
        self.life = Life(self.folder, store or MemoryStore(self.clock), clock=self.clock)
        self.health = Health()
        self.waits: list[float] = []
        self.told: list[UsageRecord] = []  # what observers were told, refusals after sending included
        self.codes: list[str] = []
        self.drawn = 0.5
        dispatcher = Dispatcher(
            self.upstreams, self.health, monotonic_ms=self.monotonic_ms, sleep=self._sleep, draw=lambda: 0.5
        )
        self.pipeline = Pipeline(
            Parts(
                ledger=self.life.ledger,
                dispatcher=dispatcher,
                demands=Demands(hold_ttl_ms=60_000, default_ceiling=4_096),
                observe=self._observe,
                clock_ms=self.clock,
                monotonic_ms=self.monotonic_ms,
                max_answer_bytes=1_000_000,
                draw=lambda: self.drawn,
            )
        )
        self._calls = 0

    def monotonic_ms(self) -> float:
        """The clock, as a monotonic one."""
        return float(self.clock.now_ms - NOW_MS)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def _observe(self, record: UsageRecord, made: Exchange, result: Result, model: Model) -> None:
        self.told.append(record)
        self.codes.append(result.code)

    def exchange(self, body: dict[str, Any], *, id_: str = "", endpoint: Endpoint = "chat") -> Exchange:
        """A call with *body* that arrives now."""
        self._calls += 1
        made = exchange(json.dumps(body).encode(), of=self.table, endpoint=endpoint, id_=id_ or f"req_{self._calls}")
        return Exchange(
            made.id,
            endpoint,
            self.table,
            self.clock.now_ms,
            self.monotonic_ms(),
            made.headers,
            made.body,
            made.client_address,
        )

    async def call(self, body: dict[str, Any] | None = None, **how: Any) -> Told:
        """What a client gets for *body* (by default a short chat with ``echo``)."""
        made = self.exchange({"model": "echo", "messages": [{"role": "user", "content": "hi"}], **(body or {})}, **how)
        try:
            return Told(await self.pipeline.run(made), None)
        except GatewayError as error:
            return Told(None, error)

    def accounts(self) -> list[Account]:
        """Every account's figures."""
        return list(self.life.ledger.accounts().values())

    def posted(self) -> int:
        """What was spent of all accounts together."""
        return sum(account.posted for account in self.accounts())

    def held(self) -> int:
        """What is held of all accounts together."""
        return sum(account.held + account.orphaned for account in self.accounts())

    def records(self) -> list[UsageRecord]:
        """Every usage record in the journal, oldest first."""
        segments = sorted(self.folder.glob("*.log"))
        lines = (line for path in segments for line in replay.read(path, _damaged))
        return [line.record for line in lines if isinstance(line, SettleLine) and line.record is not None]

    def running(self) -> int:
        """Holds that are open."""
        return self.life.ledger.figures().running


def _damaged(path: Path, offset: int, raw: bytes) -> None:
    raise AssertionError(f"{path.name} is damaged at {offset}")

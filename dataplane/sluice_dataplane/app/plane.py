"""One data plane, built and wired from its settings, and what it shows of itself."""

import os
import random
import time
from collections.abc import Callable
from typing import Any, Final

from sluice_contract.snapshot import Model
from sluice_contract.usage import UsageRecord
from sluice_dataplane.config.holder import Holder
from sluice_dataplane.exchange import Exchange
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.redis import RedisStore
from sluice_dataplane.limits.store import HoldStore
from sluice_dataplane.pipeline import Parts, Pipeline
from sluice_dataplane.pipeline.demand import Demands
from sluice_dataplane.pipeline.dispatch import Dispatcher
from sluice_dataplane.pipeline.settle import Result
from sluice_dataplane.settings import Settings
from sluice_dataplane.surface.door import Door
from sluice_dataplane.telemetry.log import LineWriter
from sluice_dataplane.telemetry.metrics import Metrics
from sluice_dataplane.telemetry.observer import Observer
from sluice_dataplane.telemetry.tracing import Tracer, tracer_for
from sluice_dataplane.upstream.client import HttpUpstreams
from sluice_dataplane.upstream.echo import EchoUpstreams
from sluice_dataplane.upstream.health import Health
from sluice_dataplane.upstream.identifying import IdentifyingUpstreams
from sluice_dataplane.upstream.identity.identities import Identities
from sluice_dataplane.upstream.identity.pod import Pod
from sluice_dataplane.upstream.identity.sources import Sources
from sluice_dataplane.upstream.identity.trust import may_ask_metadata
from sluice_dataplane.upstream.router import RoutingUpstreams
from sluice_dataplane.usage.export import Exporter, Keep
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.ledger import Ledger

DAY_MS: Final = 86_400_000


def wall_ms() -> int:
    """The wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> float:
    """The monotonic clock, in milliseconds."""
    return time.monotonic() * 1000


class DataPlane:
    """One data plane, built and wired, not yet running."""

    def __init__(self, settings: Settings, lines: LineWriter, clock_ms: Callable[[], int] = wall_ms) -> None:
        self.settings = settings
        self.clock_ms = clock_ms
        self.lines = lines
        self.metrics = Metrics()
        self.metrics.dropped_log_lines.set_function(lambda: lines.dropped_lines)
        self.tracer: Tracer = tracer_for(settings.trace_endpoint)
        self.observer = Observer(self.metrics, self.tracer, lines if settings.log_requests else None, clock_ms)
        self.holder = Holder(clock_ms)
        self.store = _store(settings, clock_ms)
        self.metrics.store_up.set_function(lambda: _is_up(self.store))
        self.journal = Journal(settings.data_dir / "journal")
        self.ledger = Ledger(self.journal, self.store, clock_ms=clock_ms, slots_count=settings.max_inflight)
        self.metrics.watch_ledger(self.ledger.figures)
        self.exporter = _exporter(settings, self.journal, clock_ms)
        self.metrics.export_failing.set_function(lambda: bool(self.exporter and self.exporter.failing))
        self.health = Health()
        self.http = HttpUpstreams()
        self.identities = _identities(settings, self.http, clock_ms)
        self.upstreams = RoutingUpstreams(
            IdentifyingUpstreams(self.http, self.identities, now_s=time.monotonic),
            EchoUpstreams(now_s=lambda: clock_ms() // 1000),
        )
        self.door = self._door()
        self.stopping = False

    def _door(self) -> Door:
        settings = self.settings
        parts = Parts(
            ledger=self.ledger,
            dispatcher=Dispatcher(self.upstreams, self.health, monotonic_ms=monotonic_ms),
            demands=Demands(
                hold_ttl_ms=settings.hold_ttl_seconds * 1000, default_ceiling=settings.default_max_output_tokens
            ),
            observe=self._observe,
            clock_ms=self.clock_ms,
            monotonic_ms=monotonic_ms,
            max_answer_bytes=settings.max_answer_bytes,
        )
        return Door(
            Pipeline(parts),
            self.holder,
            self.observer,
            self.metrics,
            clock_ms=self.clock_ms,
            monotonic_ms=monotonic_ms,
            max_inflight=settings.max_inflight,
        )

    def _observe(self, record: UsageRecord, exchange: Exchange, result: Result, model: Model) -> None:
        candidate, parent = result.candidate, ""
        for name, value in exchange.headers:
            if name == "traceparent":
                parent = value
        provider = candidate.upstream.provider_name if candidate is not None else ""
        self.observer.settled(record, model=model.name, provider=provider, traceparent=parent, code=result.code)

    def ready(self) -> bool:
        """Whether calls should be sent here: a table is in force and we are not on our way out."""
        return self.holder.ready and not self.stopping

    def spend(self) -> dict[str, Any]:
        """What the memory store counted: accounts by name, and each key's figures by month."""
        keys: dict[str, dict[str, Any]] = {}
        for (key_id, month), usage in self.ledger.key_usage().items():
            keys.setdefault(key_id, {})[month] = {
                "requests": usage.requests,
                "input": usage.input_tokens,
                "output": usage.output_tokens,
                "cost": usage.cost_nusd,
                "last_ms": usage.at_ms,
            }
        return {"accounts": self._accounts(), "keys": keys}

    def _accounts(self) -> dict[str, Any]:
        """Where a window rolls, what was posted by bucket: the reader knows which of them count when it reads."""
        accounts: dict[str, Any] = dict(self.ledger.accounts())
        for name, buckets in self.ledger.buckets().items():
            held, orphaned = accounts[name].held, accounts[name].orphaned
            accounts[name] = {"posted": 0, "held": held, "orphaned": orphaned, "buckets": buckets}
        return accounts

    def targets(self) -> dict[str, Any]:
        """The health of each target by model UID and target name."""
        models = {model.uid: model for model in self.holder.current().served()}
        shown: dict[str, Any] = {uid: {} for uid in models}
        for state in self.health.summary(models.values(), int(monotonic_ms())):
            reason = "Ejected" if state.ejected else "Resting" if state.resting else "OK"
            shown[state.model.uid][state.target.name] = {"healthy": reason == "OK", "reason": reason}
        return shown


def _is_up(store: HoldStore) -> bool:
    return store.available if isinstance(store, RedisStore) else True  # memory is never away


def _store(settings: Settings, clock_ms: Callable[[], int]) -> HoldStore:
    if not settings.redis_url:
        return MemoryStore(clock_ms)
    return RedisStore(
        settings.redis_url,
        monotonic_ms=lambda: int(monotonic_ms()),
        draw=random.random,
        deadline_ms=settings.store_deadline_ms,
        records_kept=settings.usage_stream_records,
    )


def _identities(settings: Settings, http: HttpUpstreams, clock_ms: Callable[[], int]) -> Identities:
    """With the process's environment: what the cluster and its cloud have put there for this pod."""
    trusted = frozenset(host.strip().lower() for host in settings.identity_hosts.split(",") if host.strip())
    metadata = HttpUpstreams(may=may_ask_metadata)
    sources = Sources(http, metadata, Pod(dict(os.environ), trusted), wall_s=lambda: clock_ms() / 1000)
    return Identities(sources, now_s=time.monotonic, wall_ms=clock_ms, draw=random.random)


def _exporter(settings: Settings, journal: Journal, clock_ms: Callable[[], int]) -> Exporter | None:
    if not settings.usage_files:
        return None
    keep = Keep(age_ms=settings.usage_keep_days * DAY_MS, total_bytes=settings.usage_max_bytes)
    return Exporter(journal, settings.usage_dir or settings.data_dir / "usage", clock_ms=clock_ms, keep=keep)

"""Prometheus metrics.  Labels are bounded: names come from the table and never from clients; keys are no labels."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sluice_contract.money import NANO_PER_USD
from sluice_contract.usage import UsageRecord

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_TOKEN_KINDS: Final = ("input", "output", "cached_input", "cache_write", "reasoning")


class _Served:
    """The children of one (namespace, model, target, endpoint, status): looked up once, then only counted."""

    __slots__ = ("cost", "duration", "first_token", "requests", "tokens")

    def __init__(self, metrics: "Metrics", labels: tuple[str, str, str, str, str]) -> None:
        namespace, model, target, endpoint, _ = labels
        self.requests = metrics.requests.labels(*labels)
        self.duration = metrics.duration.labels(model, endpoint)
        self.first_token = metrics.first_token.labels(model)
        self.cost = metrics.cost.labels(namespace, model, target)
        self.tokens = {kind: metrics.tokens.labels(namespace, model, target, kind) for kind in _TOKEN_KINDS}


class Metrics:
    """All metrics of one data plane, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.requests = counter(
            "sluice_requests",
            "Calls of known keys, by how they ended.",
            "namespace",
            "model",
            "target",
            "endpoint",
            "status",
        )
        self.refused = counter("sluice_refused_requests", "Calls turned away before any upstream saw them.", "code")
        self.tokens = counter("sluice_tokens", "Tokens by kind.", "namespace", "model", "target", "kind")
        self.cost = counter("sluice_cost_usd", "Cost in USD.", "namespace", "model", "target")
        self.estimated = counter("sluice_estimated_usage", "Calls whose provider reported no usage.", "model")
        self.duration = histogram("sluice_request_duration_seconds", "From arrival to the end.", "model", "endpoint")
        self.first_token = histogram("sluice_time_to_first_token_seconds", "Streams: to the first chunk.", "model")
        self.inflight = gauge("sluice_inflight_requests", "Calls being answered.")
        self.config = gauge("sluice_config_info", "1 for the revision in force.", "revision")
        self.config_rejected = counter("sluice_config_rejected", "Snapshots that could not be applied.")
        self.store_up = gauge("sluice_store_up", "1 while the counter store answers.")
        self.dropped_log_lines = gauge("sluice_dropped_log_lines", "Log lines dropped since the start.")
        self._served: dict[tuple[str, str, str, str, str], _Served] = {}

    def settled(self, record: UsageRecord, model: str) -> None:
        """Count one exchange that had an open tab; *model* is the table's name for it, not the client's."""
        namespace = record.key.partition("/")[0]
        labels = (namespace, model, record.target, record.endpoint, str(record.status))
        served = self._served.get(labels)
        if served is None:
            served = self._served[labels] = _Served(self, labels)
        served.requests.inc()
        served.duration.observe(record.duration_ms / 1000)
        if record.first_token_ms is not None:
            served.first_token.observe(record.first_token_ms / 1000)
        usage = record.usage
        for kind in _TOKEN_KINDS:
            if amount := getattr(usage, kind):
                served.tokens[kind].inc(amount)
        if record.cost_nusd:
            served.cost.inc(record.cost_nusd / NANO_PER_USD)
        if usage.estimated:
            self.estimated.labels(model).inc()

    def now_serving(self, revision: str) -> None:
        """Show *revision* as the one in force."""
        self.config.clear()
        self.config.labels(revision).set(1)

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=_SECONDS, registry=self.registry)

"""Prometheus metrics.  Labels are bounded: names come from the table and never from clients; keys are no labels.

What every call counts is kept in plain integers, and put into Prometheus's form when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric

from sluice_contract.money import NANO_PER_USD
from sluice_contract.usage import UsageRecord

_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_BOUNDS_MS: Final = [round(bound_s * 1000) for bound_s in _BOUNDS_S]
_BOUNDS: Final = (*map(str, _BOUNDS_S), "+Inf")
_TOKEN_KINDS: Final = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "reasoning",
    "audio_input",
    "image_input",
    "audio_output",
    "image_output",
)

_Labels = tuple[str, str, str, str, int]  # namespace, model, target, endpoint, status


class _Spread:
    """A histogram of milliseconds."""

    __slots__ = ("counts", "sum_ms")

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.sum_ms = 0

    def add(self, other: "_Spread") -> None:
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum_ms += other.sum_ms

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus has them."""
        so_far, found = 0, []
        for bound, count in zip(_BOUNDS, self.counts, strict=True):
            so_far += count
            found.append((bound, float(so_far)))
        return found


class _Served:
    """What calls under one set of labels came to."""

    __slots__ = ("cost_nusd", "duration", "estimated", "first_token", "requests", "tokens")

    def __init__(self) -> None:
        self.requests = self.estimated = self.cost_nusd = 0
        self.duration = _Spread()
        self.first_token = _Spread()
        self.tokens = [0] * len(_TOKEN_KINDS)


class _Calls:
    """The collector of all that is counted for each call."""

    def __init__(self) -> None:
        self.served: dict[_Labels, _Served] = {}
        self.flags: dict[tuple[str, ...], int] = {}  # by model and flag

    def collect(self) -> Iterator[Metric]:
        """The families, as Prometheus's client asks for them."""
        yield from self._counters()
        yield from self._histograms()

    def _counters(self) -> Iterator[Metric]:
        names = ["namespace", "model", "target", "endpoint", "status"]
        requests = CounterMetricFamily("sluice_requests", "Calls of known keys, by how they ended.", labels=names)
        tokens: dict[tuple[str, ...], int] = {}
        cost: dict[tuple[str, ...], int] = {}
        estimated: dict[tuple[str, ...], int] = {}
        for (*target, endpoint, status), served in self.served.items():
            requests.add_metric([*target, endpoint, str(status)], served.requests)
            _add(cost, (*target,), served.cost_nusd)
            _add(estimated, (target[1],), served.estimated)
            for kind, amount in zip(_TOKEN_KINDS, served.tokens, strict=True):
                _add(tokens, (*target, kind), amount)
        yield requests
        yield _family("sluice_tokens", "Tokens by kind.", [*names[:3], "kind"], tokens)
        yield _family("sluice_cost_usd", "Cost in USD.", names[:3], cost, NANO_PER_USD)
        yield _family("sluice_estimated_usage", "Calls whose provider reported no usage.", ["model"], estimated)
        yield _family("sluice_flagged_usage", "Usage records that say why they are odd.", ["model", "flag"], self.flags)

    def _histograms(self) -> Iterator[Metric]:
        duration: dict[tuple[str, ...], _Spread] = {}
        first_token: dict[tuple[str, ...], _Spread] = {}
        for (_, model, _, endpoint, _), served in self.served.items():
            duration.setdefault((model, endpoint), _Spread()).add(served.duration)
            first_token.setdefault((model,), _Spread()).add(served.first_token)
        yield _spreads("sluice_request_duration_seconds", "From arrival to the end.", ["model", "endpoint"], duration)
        yield _spreads("sluice_time_to_first_token_seconds", "Streams: to the first chunk.", ["model"], first_token)


class Metrics:
    """All metrics of one data plane, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = _Calls()
        self.registry.register(self._calls)
        counter, gauge = self._counter, self._gauge
        self.refused = counter("sluice_refused_requests", "Calls turned away before any upstream saw them.", "code")
        self.inflight = gauge("sluice_inflight_requests", "Calls being answered.")
        self.config = gauge("sluice_config_info", "1 for the revision in force.", "revision")
        self.config_rejected = counter("sluice_config_rejected", "Snapshots that could not be applied.")
        self.store_up = gauge("sluice_store_up", "1 while the counter store answers.")
        self._ledger = {
            "running": gauge("sluice_running_holds", "Calls whose holds are open."),
            "waiting": gauge("sluice_settlements_waiting", "Settlements that the counter store has not answered."),
            "unjournaled": gauge("sluice_settlements_unjournaled", "Settlements that the journal had no room for."),
            "journal_full": gauge("sluice_journal_full", "1 while the journal cannot be written: no call is admitted."),
            "joined": gauge("sluice_store_joined", "1 while the counter store has all of this journal, and admits."),
            "fenced": gauge("sluice_store_fenced", "1 while the counter store catches up, and admits nobody."),
            "slices": gauge("sluice_slices", "Accounts on which something is held for when the store is away."),
            "sources": gauge("sluice_store_sources", "Data planes that the counter store heard of lately."),
            "store_unsafe": gauge("sluice_store_unsafe", "1 while the counter store may forget at any time."),
        }
        self.export_failing = gauge(
            "sluice_usage_export_failing", "1 while usage records wait in the journal for a file."
        )
        self.dropped_log_lines = gauge("sluice_dropped_log_lines", "Log lines dropped since the start.")

    def settled(self, record: UsageRecord, model: str) -> None:
        """Count one exchange that had an open tab; *model* is the table's name for it, not the client's.

        Of an exchange with several records only the last is a request; tokens and cost are those of all.
        """
        labels = (record.key.partition("/")[0], model, record.target, record.endpoint, record.status)
        served = self._calls.served.get(labels)
        if served is None:
            served = self._calls.served[labels] = _Served()
        usage, duration_ms, first_token_ms = record.usage, record.duration_ms, record.first_token_ms
        served.cost_nusd += record.cost_nusd
        served.estimated += usage.estimated
        tokens = served.tokens
        tokens[0] += usage.input
        tokens[1] += usage.output
        tokens[2] += usage.cached_input
        tokens[3] += usage.cache_write
        tokens[4] += usage.reasoning
        tokens[5] += usage.audio_input
        tokens[6] += usage.image_input
        tokens[7] += usage.audio_output
        tokens[8] += usage.image_output
        for flag in record.flags:
            _add(self._calls.flags, (model, flag), 1)
        if record.attempt < record.attempts:
            return
        served.requests += 1
        served.duration.counts[bisect_left(_BOUNDS_MS, duration_ms)] += 1
        served.duration.sum_ms += duration_ms
        if first_token_ms is not None:
            served.first_token.counts[bisect_left(_BOUNDS_MS, first_token_ms)] += 1
            served.first_token.sum_ms += first_token_ms

    def watch_ledger(self, figures: Callable[[], object]) -> None:
        """Show what *figures* says of the ledger, each time that somebody asks."""
        for name, shown in self._ledger.items():
            shown.set_function(partial(_figure, figures, name))

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


def _figure(figures: Callable[[], object], name: str) -> float:
    said = getattr(figures(), name)
    return float(bool(said) if isinstance(said, str) else said)


def _add(sums: dict[tuple[str, ...], int], labels: tuple[str, ...], amount: int) -> None:
    sums[labels] = sums.get(labels, 0) + amount


def _family(name: str, text: str, names: list[str], sums: dict[tuple[str, ...], int], unit: int = 1) -> Metric:
    family = CounterMetricFamily(name, text, labels=names)
    for labels, amount in sums.items():
        family.add_metric(list(labels), amount / unit)
    return family


def _spreads(name: str, text: str, names: list[str], spreads: dict[tuple[str, ...], _Spread]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=names)
    for labels, spread in spreads.items():
        family.add_metric(list(labels), spread.buckets(), spread.sum_ms / 1000)
    return family

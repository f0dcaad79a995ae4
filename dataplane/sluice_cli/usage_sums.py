"""Usage records → sums, each record once.  Pure; whole numbers only.

The sums do not depend on the order of records, nor on how often each is read.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Final

from sluice_cli.usage_numbers import Seen
from sluice_contract.usage import UsageRecord

TOKENS: Final = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "cached_audio",
    "image_input",
    "reasoning",
    "audio_output",
    "image_output",
)
FIELDS: Final = (
    "key",
    "model",
    "upstream_model",
    "target",
    "team",
    "user",
    "cost_center",
    "endpoint",
    "outcome",
    "service_tier",
    "source",
)
TIMES: Final[Mapping[str, str]] = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}  # UTC
DIMENSIONS: Final = (*FIELDS, "budget", *TIMES)

Group = tuple[str | None, ...]  # one value per dimension that was asked for; None where a record has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to sum: by which of DIMENSIONS, and calls admitted when (``since_ms <= admitted < until_ms``)."""

    by: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None

    def holds(self, record: UsageRecord) -> bool:
        """Whether *record* counts."""
        at_ms = record.counts_ms
        return (self.since_ms is None or at_ms >= self.since_ms) and (self.until_ms is None or at_ms < self.until_ms)


@dataclass(slots=True)
class Sum:
    """What some records come to; money in nano-USD.

    ``cost_nusd`` is what was charged.  ``reported_cost_nusd`` is what the provider said, for those records where it
    said something, and ``reported_our_cost_nusd`` is what was charged for these.
    """

    records: int = 0
    tokens: list[int] = field(default_factory=lambda: [0] * len(TOKENS))
    cost_nusd: int = 0
    estimated: int = 0
    estimated_cost_nusd: int = 0
    reported: int = 0
    reported_cost_nusd: int = 0
    reported_our_cost_nusd: int = 0
    crashed: int = 0
    unanswered: int = 0
    _alone: int = 0  # records of exchanges that have no other
    _attempts: dict[tuple[str, str], int] = field(default_factory=dict)  # of exchanges that may have several records

    @property
    def requests(self) -> int:
        """Exchanges: one that was tried again has a record for each attempt that may have been billed."""
        return self._alone + len(self._attempts)

    @property
    def attempts(self) -> int:
        """How often these exchanges were sent, also where an attempt came to nothing and has no record."""
        return self._alone + sum(self._attempts.values())

    def add(self, record: UsageRecord) -> None:
        """Count *record* in."""
        usage = record.usage
        self.records += 1
        self.cost_nusd += record.cost_nusd
        for index, kind in enumerate(TOKENS):
            self.tokens[index] += getattr(usage, kind)
        if usage.estimated:
            self.estimated += 1
            self.estimated_cost_nusd += record.cost_nusd
        if record.provider_cost_nusd is not None:
            self.reported += 1
            self.reported_cost_nusd += record.provider_cost_nusd
            self.reported_our_cost_nusd += record.cost_nusd
        self.crashed += "crashed" in record.flags
        self.unanswered += "unanswered" in record.flags
        if record.attempts <= 1 and record.attempt <= 1 and "unanswered" not in record.flags:
            self._alone += 1
        else:
            exchange = (record.source, record.id)
            tried = max(record.attempts, record.attempt)
            self._attempts[exchange] = max(self._attempts.get(exchange, 0), tried)


@dataclass(slots=True)
class Sums:
    """The sums of each group, and of all."""

    query: Query
    groups: dict[Group, Sum] = field(default_factory=dict)
    total: Sum = field(default_factory=Sum)
    seen: Seen = field(default_factory=Seen)
    doubled: int = 0  # records that were read again

    def take(self, records: Iterable[UsageRecord]) -> None:
        """Count *records* in, those that were counted before aside."""
        query, seen = self.query, self.seen
        for record in records:
            if not seen.add(record.source, record.sequence):
                self.doubled += 1
            elif query.holds(record):
                self.total.add(record)
                for group in groups_of(record, query.by):
                    sums = self.groups.get(group)
                    if sums is None:
                        sums = self.groups[group] = Sum()
                    sums.add(record)

    def rows(self) -> list[tuple[Group, Sum]]:
        """Groups in order: by time where that was asked for, then the dearest first, then by name."""
        timed = [index for index, name in enumerate(self.query.by) if name in TIMES]

        def order(row: tuple[Group, Sum]) -> tuple[list[str], int, list[str]]:
            group, sums = row
            return [group[index] or "" for index in timed], -sums.cost_nusd, [value or "" for value in group]

        return sorted(self.groups.items(), key=order)


def groups_of(record: UsageRecord, by: tuple[str, ...]) -> Iterator[Group]:
    """The groups that *record* belongs to: one, or one for each of its Budgets."""
    return product(*(_values(record, name) for name in by)) if by else iter(())


def _values(record: UsageRecord, name: str) -> tuple[str | None, ...]:
    if name == "budget":
        return record.budget_ids or (None,)
    if name in TIMES:
        return (datetime.fromtimestamp(record.counts_ms / 1000, UTC).strftime(TIMES[name]),)
    return (getattr(record, name) or None,)

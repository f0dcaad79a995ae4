"""Square up: what was held becomes what was used, exactly once, whatever happened in between."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from sluice_contract.snapshot import Budget, Limit
from sluice_contract.usage import Outcome, TokenUsage, UsageRecord
from sluice_dataplane.exchange import Ask, Candidate, Exchange, Principal
from sluice_dataplane.limits.store import KeyUsage, Reservation, Settlement
from sluice_dataplane.usage import pricing


class Result(msgspec.Struct, frozen=True, gc=False):
    """How an exchange ended.  ``usage`` None: nothing was used, everything held is given back."""

    status: int
    outcome: Outcome
    attempts: int
    candidate: Candidate | None = None
    usage: TokenUsage | None = None
    first_token_ms: int | None = None
    code: str = ""


class Held(msgspec.Struct, frozen=True, gc=False):
    """What was taken for one exchange: the budgets of its charges and the limits of its rates, in their order."""

    reservation: Reservation
    budgets: tuple[Budget, ...]
    limits: tuple[Limit, ...]


class Settles(Protocol):
    """Where settlements go: journals one and hands it to the counters.  Never waits, never raises."""

    def __call__(self, settlement: Settlement, record: UsageRecord | None) -> None:
        """End the settlement's hold; *record* None: nothing was used."""
        ...


class Tab:
    """One exchange's open tab; :meth:`close` may be called from any number of places, the first one counts."""

    __slots__ = (
        "_ask",
        "_clock_ms",
        "_closed",
        "_exchange",
        "_held",
        "_monotonic_ms",
        "_observe",
        "_principal",
        "_settle",
    )

    def __init__(
        self,
        exchange: Exchange,
        principal: Principal,
        ask: Ask,
        held: Held,
        *,
        settle: Settles,
        observe: Callable[[UsageRecord, Exchange, Principal, str], None],
        clock_ms: Callable[[], int],
        monotonic_ms: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._principal = principal
        self._ask = ask
        self._held = held
        self._settle = settle
        self._observe = observe
        self._clock_ms = clock_ms
        self._monotonic_ms = monotonic_ms
        self._closed = False

    def elapsed_ms(self) -> int:
        """Milliseconds since the exchange arrived."""
        return int(self._monotonic_ms() - self._exchange.started_ms)

    def close(self, result: Result) -> None:
        """Settle, write the usage record, tell the observers; once.  Does not wait: safe in any ``finally``."""
        if self._closed:
            return
        self._closed = True
        record = self._record(result)
        settlement = Settlement(
            reservation=self._held.reservation,
            used=tuple(_used(limit, result.usage) for limit in self._held.limits),
            spent=tuple(_spent(budget, result.usage, record.cost_nusd) for budget in self._held.budgets),
            usage=None if result.usage is None else _key_usage(record),
        )
        self._settle(settlement, None if result.usage is None else record)
        self._observe(record, self._exchange, self._principal, result.code)

    def _record(self, result: Result) -> UsageRecord:
        exchange, key, candidate = self._exchange, self._principal.key, result.candidate
        usage = result.usage or TokenUsage()
        price = candidate.target.price if candidate is not None else None
        return UsageRecord(
            id=exchange.id,
            source="",
            sequence=0,  # the journal knows both and fills them in
            at_ms=self._clock_ms(),
            key_id=key.id,
            key=f"{key.namespace}/{key.name}",
            model=self._ask.model,
            target=candidate.target.name if candidate is not None else "",
            upstream_model=candidate.upstream_model if candidate is not None else "",
            endpoint=exchange.endpoint,
            status=result.status,
            outcome=result.outcome,
            attempts=result.attempts,
            usage=usage,
            cost_nusd=pricing.cost(usage, price) if price is not None and result.usage is not None else 0,
            price_version=price.version if price is not None else "",
            budget_ids=tuple(budget.id for budget in self._held.budgets),
            team=key.owner.team,
            user=self._ask.user or key.owner.user,
            cost_center=key.owner.cost_center,
            stream=self._ask.stream,
            duration_ms=self.elapsed_ms(),
            first_token_ms=result.first_token_ms,
            revision=exchange.table.revision,
        )


def _used(limit: Limit, usage: TokenUsage | None) -> int:
    """What counts against a rate: a request was made even when it came to nothing, tokens only when used."""
    if limit.unit == "Requests":
        return 1
    if usage is None:
        return 0
    return {"InputTokens": usage.input, "OutputTokens": usage.output, "TotalTokens": usage.total}[limit.unit]


def _spent(budget: Budget, usage: TokenUsage | None, cost_nusd: int) -> int:
    if usage is None:
        return 0
    match budget.unit:
        case "Cost":
            return cost_nusd
        case "TotalTokens":
            return usage.total
        case "InputTokens":
            return usage.input
        case "OutputTokens":
            return usage.output
        case "Requests":
            return 1


def _key_usage(record: UsageRecord) -> KeyUsage:
    return KeyUsage(
        key_id=record.key_id,
        month=datetime.fromtimestamp(record.at_ms / 1000, UTC).strftime("%Y-%m"),
        requests=1,
        input_tokens=record.usage.input,
        output_tokens=record.usage.output,
        cost_nusd=record.cost_nusd,
        at_ms=record.at_ms,
    )

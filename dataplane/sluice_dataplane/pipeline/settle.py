"""Square up: what was held becomes what was used, exactly once, whatever happened in between."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from sluice_contract.snapshot import Budget, Limit, Model
from sluice_contract.usage import Outcome, TokenUsage, UsageRecord
from sluice_dataplane.exchange import Ask, Candidate, Exchange, Principal
from sluice_dataplane.limits.store import KeyUsage, Reservation, Settlement
from sluice_dataplane.usage import pricing

DAY_MS: Final = 86_400_000
_NOTHING: Final = TokenUsage()


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
    """What was taken for one exchange: the budgets of its charges and the limits of its rates, in their order.

    ``model`` is the one that was asked for.
    """

    reservation: Reservation
    model: Model
    budgets: tuple[Budget, ...]
    limits: tuple[Limit, ...]


class Settles(Protocol):
    """Where settlements go: journals one and hands it to the counters.  Never waits, never raises."""

    def __call__(self, settlement: Settlement, record: UsageRecord | None) -> None:
        """End the settlement's hold; *record* None: nothing was used."""
        ...


class Books(msgspec.Struct, frozen=True):
    """Where tabs are settled and told of (record, exchange, result, model asked for), and the clocks they go by."""

    settle: Settles
    observe: Callable[[UsageRecord, Exchange, Result, Model], None]
    clock_ms: Callable[[], int]
    monotonic_ms: Callable[[], float]


class Tab:
    """One exchange's open tab; :meth:`close` may be called from any number of places, the first one counts."""

    __slots__ = ("_ask", "_books", "_closed", "_exchange", "_held", "_principal")

    def __init__(self, exchange: Exchange, principal: Principal, ask: Ask, held: Held, books: Books) -> None:
        self._exchange = exchange
        self._principal = principal
        self._ask = ask
        self._held = held
        self._books = books
        self._closed = False

    def elapsed_ms(self) -> int:
        """Milliseconds since the exchange arrived."""
        return int(self._books.monotonic_ms() - self._exchange.started_ms)

    def close(self, result: Result) -> None:
        """Settle, write the usage record, tell the observers; once.  Does not wait: safe in any ``finally``."""
        if self._closed:
            return
        self._closed = True
        held, usage = self._held, result.usage
        record = self._record(result)
        used = tuple([_used(limit, usage) for limit in held.limits])
        spent = tuple([_spent(budget, usage, record.cost_nusd) for budget in held.budgets])
        if usage is None:
            self._books.settle(Settlement(held.reservation, used, spent), None)
        else:
            self._books.settle(Settlement(held.reservation, used, spent, _key_usage(record)), record)
        self._books.observe(record, self._exchange, result, held.model)

    def _record(self, result: Result) -> UsageRecord:
        exchange, key, candidate = self._exchange, self._principal.key, result.candidate
        usage = result.usage or _NOTHING
        price = candidate.target.price if candidate is not None else None
        return UsageRecord(
            id=exchange.id,
            source="",
            sequence=0,  # the journal knows both and fills them in
            at_ms=self._books.clock_ms(),
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
            budget_ids=tuple([budget.id for budget in self._held.budgets]),
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
    if limit.unit == "TotalTokens":
        return usage.total
    return usage.input if limit.unit == "InputTokens" else usage.output


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
        month=_month(record.at_ms // DAY_MS),
        requests=1,
        input_tokens=record.usage.input,
        output_tokens=record.usage.output,
        cost_nusd=record.cost_nusd,
        at_ms=record.at_ms,
    )


@lru_cache(maxsize=8)
def _month(day: int) -> str:
    """The UTC month of the *day*-th day since 1970."""
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).strftime("%Y-%m")

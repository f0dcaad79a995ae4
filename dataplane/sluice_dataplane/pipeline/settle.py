"""Square up: what was held becomes what was used, exactly once, whatever happened in between.

An exchange is one attempt or several.  Each attempt that may have been billed has a record of its own; what nobody saw
the end of is billed as the most it can have been.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from msgspec.structs import force_setattr

from sluice_contract.snapshot import Limit, Model
from sluice_contract.usage import Outcome, TokenUsage, UsageRecord
from sluice_dataplane.exchange import Candidate, Exchange
from sluice_dataplane.limits.store import Reservation, Settlement
from sluice_dataplane.pipeline.demand import Demand
from sluice_dataplane.usage import pricing
from sluice_dataplane.usage.crash import key_usage_of, spent_of

_NOTHING: Final = TokenUsage()


class Result(msgspec.Struct, frozen=True, gc=False):
    """How an exchange ended.  ``usage`` None: nothing is known to be used.

    ``service_tier`` and ``provider_cost_nusd`` are what the provider says of it.
    """

    status: int
    outcome: Outcome
    attempts: int
    candidate: Candidate | None = None
    usage: TokenUsage | None = None
    first_token_ms: int | None = None
    code: str = ""
    service_tier: str = ""
    provider_cost_nusd: int | None = None


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


class _Attempt(msgspec.Struct, frozen=True, gc=False):
    """One that was sent; ``number`` counts from 1."""

    candidate: Candidate
    number: int
    status: int = 504
    code: str = "unanswered"


class _Hold:
    """One hold of the exchange.

    The first ``own`` of ``limits`` are the key's and the model's, the others ``candidate``'s, of which attempt
    ``number`` made use; 0: none did.  ``lost`` is the attempt that it pays for though nobody saw its end.
    """

    __slots__ = ("candidate", "limits", "lost", "number", "own", "reservation")

    def __init__(self, reservation: Reservation, limits: tuple[Limit, ...], own: int, candidate: Candidate) -> None:
        self.reservation = reservation
        self.limits = limits
        self.own = own
        self.candidate = candidate
        self.number = 0
        self.lost: _Attempt | None = None


class Tab:
    """One exchange's open tab; :meth:`close` may be called from any number of places, the first one counts."""

    __slots__ = ("_books", "_closed", "_demand", "_exchange", "_flying", "_holds", "_paying")

    def __init__(self, exchange: Exchange, demand: Demand, books: Books) -> None:
        self._exchange = exchange
        self._demand = demand
        self._books = books
        self._closed = False
        first = _Hold(demand.reservation, demand.limits, len(demand.terms.limits), demand.plan.candidates[0])
        self._paying = first  # for the attempt under way
        self._holds = [first]
        self._flying: _Attempt | None = None

    @property
    def hold_id(self) -> str:
        """The hold that pays for the attempt under way."""
        return self._paying.reservation.id

    def elapsed_ms(self) -> int:
        """Milliseconds since the exchange arrived."""
        return int(self._books.monotonic_ms() - self._exchange.started_ms)

    def lacks(self, candidate: Candidate, *, limited: bool) -> tuple[bool, bool]:
        """Whether a further hold must be taken before *candidate* is tried, and whether Budgets must hold it too.

        *limited* is whether attempts at *candidate* fall under limits of its own.
        """
        first = self._holds[0]
        covered = not limited or (first.number == 0 and first.candidate is candidate)
        spent = self._paying.lost is not None
        return spent or not covered, spent

    def take(self, reservation: Reservation, limits: tuple[Limit, ...], candidate: Candidate, *, charged: bool) -> None:
        """A further hold was taken, ``charged`` where Budgets hold it too; it is settled with the others."""
        hold = _Hold(reservation, limits, 0, candidate)
        self._holds.append(hold)
        if charged:
            self._paying = hold

    def sent(self, candidate: Candidate, number: int) -> None:
        """Attempt *number* is about to be sent: until :meth:`over` or :meth:`close` it may be billed."""
        self._flying = _Attempt(candidate, number)
        for hold in self._holds:
            if hold.number == 0 and hold.candidate is candidate:
                hold.number = number

    def over(self, *, billed: bool, status: int = 504, code: str = "unanswered") -> None:
        """The attempt under way came to nothing; *billed*: the provider may charge for it all the same."""
        flying, self._flying = self._flying, None
        if billed and flying is not None:
            self._paying.lost = msgspec.structs.replace(flying, status=status, code=code)

    def close(self, result: Result) -> None:
        """Settle, write the usage records, tell the observers; once.  Does not wait: safe in any ``finally``."""
        if self._closed:
            return
        self._closed = True
        flying, paying = self._flying, self._paying
        if result.usage is None and flying is not None:
            paying.lost = msgspec.structs.replace(flying, status=result.status, code=result.code)
            result = msgspec.structs.replace(result, attempts=flying.number, candidate=flying.candidate)
        if len(self._holds) > 1 or paying.lost is not None:
            self._close_all(result)
            return
        usage = result.usage
        record = self._record(result, usage or _NOTHING)
        if usage is None:
            self._settle(paying, None, (), 0, 0)
        else:
            self._settle(paying, record, (record,), usage.input, usage.output)
        self._books.observe(record, self._exchange, result, self._demand.terms.model)

    def _close_all(self, result: Result) -> None:
        bills: dict[str, UsageRecord] = {}  # by the hold that pays
        for hold in self._holds:
            if hold.lost is not None:
                bills[hold.reservation.id] = self._lost_record(hold.lost, result)
        if result.usage is not None:
            bills[self.hold_id] = self._record(result, result.usage)
        billed = tuple(bills.values())
        given, made = sum(bill.usage.input for bill in billed), sum(bill.usage.output for bill in billed)
        for hold in self._holds:
            self._settle(hold, bills.get(hold.reservation.id), billed, given, made)
        model = self._demand.terms.model
        for record in billed:
            if record.attempt < result.attempts:
                told = msgspec.structs.replace(result, status=record.status, code="unanswered")
                self._books.observe(record, self._exchange, told, model)
        ended = billed[-1] if billed and billed[-1].attempt == result.attempts else None
        last = ended or self._record(result, _NOTHING)
        self._books.observe(last, self._exchange, result, model)

    def _settle(
        self, hold: _Hold, bill: UsageRecord | None, billed: tuple[UsageRecord, ...], given: int, made: int
    ) -> None:
        """End *hold*: *bill* is what it pays for, *billed* all that the exchange is billed; *given* and *made* are the
        tokens of input and output that this comes to.
        """
        terms, reservation = self._demand.terms, hold.reservation
        used = _used(hold.limits[: hold.own], given, made)
        if len(hold.limits) > hold.own:
            used += self._used_there(hold, billed)
        if bill is None:
            self._books.settle(Settlement(reservation, tuple(used), (0,) * len(reservation.charges)), None)
            return
        spent, over = [], False
        for charge, line in zip(reservation.charges, terms.lines, strict=True):
            amount = spent_of(line.budget.unit, bill.usage, bill.cost_nusd)
            spent.append(amount)
            over |= amount > charge.amount and line.measure != "One"
        if over:
            force_setattr(bill, "flags", (*bill.flags, "over_hold"))
        counted = key_usage_of(bill)
        if bill is not billed[-1]:
            counted = msgspec.structs.replace(counted, requests=0)  # the exchange is one request
        self._books.settle(Settlement(reservation, tuple(used), tuple(spent), counted), bill)

    def _used_there(self, hold: _Hold, billed: tuple[UsageRecord, ...]) -> list[int]:
        """What was used of the limits of a hold's candidate: by its attempt alone, if it was made."""
        limits = hold.limits[hold.own :]
        if hold.number == 0:
            return [0] * len(limits)
        mine = [bill.usage for bill in billed if bill.attempt == hold.number]
        return _used(limits, sum(usage.input for usage in mine), sum(usage.output for usage in mine))

    def _record(self, result: Result, usage: TokenUsage) -> UsageRecord:
        demand, candidate = self._demand, result.candidate
        draft = demand.draft.record
        cost_nusd = 0
        if candidate is not demand.plan.candidates[0]:
            draft = _served_by(draft, candidate)
        if candidate is not None and result.usage is not None:
            price = candidate.target.price
            if price is not None:
                cost_nusd = pricing.cost(usage, price, service_tier=result.service_tier)
                if not pricing.covers(price, result.service_tier):
                    draft = msgspec.structs.replace(draft, flags=(*draft.flags, "tier_unpriced"))
        books, attempts = self._books, result.attempts
        return msgspec.structs.replace(
            draft,
            at_ms=books.clock_ms(),
            admitted_ms=draft.at_ms,
            status=result.status,
            outcome=result.outcome,
            attempts=attempts,
            attempt=attempts or 1,
            usage=usage,
            cost_nusd=cost_nusd,
            duration_ms=int(books.monotonic_ms() - self._exchange.started_ms),
            first_token_ms=result.first_token_ms,
            service_tier=result.service_tier,
            provider_cost_nusd=result.provider_cost_nusd,
        )

    def _lost_record(self, lost: _Attempt, result: Result) -> UsageRecord:
        """The record of an attempt that nobody saw the end of: all that it can have come to."""
        candidate, draft = lost.candidate, self._demand.draft
        price, usage = candidate.target.price, draft.record.usage
        cost_nusd = 0
        if price is not None:
            most = pricing.most_at(pricing.sheet_of((price,)), usage.input)
            cost_nusd = pricing.cost_at(usage, most.rates, most.request_nusd)
        ends_all = lost.number == result.attempts
        return msgspec.structs.replace(
            _served_by(draft.record, candidate),
            at_ms=self._books.clock_ms(),
            admitted_ms=draft.record.at_ms,
            status=result.status if ends_all else lost.status,
            outcome=result.outcome if ends_all else "failed",
            attempts=result.attempts,
            attempt=lost.number,
            cost_nusd=cost_nusd,
            duration_ms=self.elapsed_ms(),
            flags=(*draft.record.flags, "unanswered"),
        )


def _served_by(record: UsageRecord, candidate: Candidate | None) -> UsageRecord:
    """*record* of a call that *candidate* served; None: nobody was asked."""
    if candidate is None:
        return msgspec.structs.replace(record, target="", upstream_model="", price_version="")
    price = candidate.target.price
    return msgspec.structs.replace(
        record,
        target=candidate.target.name,
        upstream_model=candidate.upstream_model,
        price_version="" if price is None else price.version,
    )


def _used(limits: tuple[Limit, ...], given: int, made: int) -> list[int]:
    """What counts against rates: a request was made even when it came to nothing, tokens only when used."""
    found = []
    for limit in limits:
        unit = limit.unit
        if unit == "Requests":
            found.append(1)
        elif unit == "TotalTokens":
            found.append(given + made)
        else:
            found.append(given if unit == "InputTokens" else made)
    return found

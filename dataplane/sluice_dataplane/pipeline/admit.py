"""May they?  Takes everything one call needs from the counters, in one atomic store call, or refuses.

What is refused may be asked for in another way: at the next target where one is over its own limits, with a lower
ceiling where the client named none, from the model that a Budget names for when it is spent.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from sluice_contract.snapshot import Limit, Model
from sluice_dataplane.config.table import Table
from sluice_dataplane.errors import GatewayError, JournalError, StoreError
from sluice_dataplane.exchange import Candidate, Headers, Plan
from sluice_dataplane.limits.store import Held, Refused, Reservation
from sluice_dataplane.pipeline.amounts import Call
from sluice_dataplane.pipeline.demand import Demand, Demands
from sluice_dataplane.pipeline.refusals import granted_headers, journal_away, refusal, store_away, wait_of
from sluice_dataplane.usage import crash
from sluice_dataplane.usage.draft import Draft
from sluice_dataplane.usage.ledger import Away, Ledger

MAX_CLAMPS: Final = 3  # others take what was left while we ask again
MAX_SHARES: Final = 100_000

Planner = Callable[[Table, Model, str], Plan | None]  # the plan for a model, however it was asked for; None: no target


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """A call that may be sent: what was taken for it, and what its client is told.

    ``ids`` names the further holds it may take.
    """

    demand: Demand
    headers: Headers
    ids: Iterator[str]


class Admission:
    """Asks the ledger for what calls need.  *draw* gives numbers in [0, 1)."""

    def __init__(self, ledger: Ledger, demands: Demands, *, draw: Callable[[], float] = random.random) -> None:
        self._ledger = ledger
        self._demands = demands
        self._draw = draw
        # (account, bucket) of a watched budget → what was used of it when last heard of; calls to come not included
        self._shares: dict[tuple[str, int | None], int] = {}

    async def admit(self, call: Call, plan: Plan, planner: Planner) -> Admitted:
        """Take what *call* needs; by the time an error is raised, nothing is held.

        Raises:
            ForbiddenError, InvalidRequestError: see :meth:`Demands.of`.
            RateLimitedError, BudgetExhaustedError: a limit or a Budget has no room for it.
            UnavailableError: the counters or the journal are away, and this call may not go without them.
        """
        ids = _further_ids(call.exchange.id)
        asked = first = self._demands.of(call, plan)
        model = self._due(asked)
        if model is not None:
            first = self._downgraded(call, asked, model, planner, asked.reservation.id) or asked
        taken, outcome = await self._take(call, first)
        model = self._told(taken, outcome)
        if first is not asked and isinstance(outcome, Held) and self._due(asked) is None:
            # What was heard of the Budget is over: it has been given back, or has grown.
            self._void(taken)
            taken, outcome = await self._take(call, _renamed(asked, next(ids)))
            model = self._told(taken, outcome)
        if model is not None:
            instead = self._downgraded(call, asked, model, planner, next(ids))
            if instead is not None:
                if isinstance(outcome, Held):
                    self._void(taken)
                taken, outcome = await self._take(call, instead)
        if isinstance(outcome, Refused):
            raise refusal(taken, outcome, now_ms=call.now_ms, ever=self._demands.ever_fits(call, taken, outcome))
        return Admitted(taken, granted_headers(taken, outcome), ids)

    def _void(self, taken: Demand) -> None:
        self._ledger.settle(crash.void(taken.reservation), None)

    async def further(
        self, call: Call, admitted: Admitted, candidate: Candidate, *, charges: bool, number: int
    ) -> tuple[Reservation, tuple[Limit, ...]]:
        """Take what attempt *number*, at *candidate*, needs besides what is held; see :meth:`Demands.further`.

        Raises:
            GatewayError: there is no room for it, or it cannot be asked for; nothing was taken.
        """
        demand = admitted.demand
        reservation, limits = self._demands.further(demand, call, candidate, next(admitted.ids), charges=charges)
        draft = None
        if charges:
            record = msgspec.structs.replace(
                demand.draft.record,
                target=candidate.target.name,
                upstream_model=candidate.upstream_model,
                price_version="" if candidate.target.price is None else candidate.target.price.version,
                attempt=number,
                attempts=number,
            )
            draft = msgspec.structs.replace(demand.draft, record=record)
        away = demand.terms.away if charges else "Open"
        outcome = await self._open(reservation, draft, away)
        if isinstance(outcome, Refused):
            same = msgspec.structs.replace(demand, reservation=reservation, limits=demand.terms.limits + limits)
            own = len(demand.terms.limits) if outcome.kind == "rate" else 0
            raise refusal(same, msgspec.structs.replace(outcome, index=own + outcome.index), now_ms=call.now_ms)
        return reservation, limits

    async def _take(self, call: Call, demand: Demand) -> tuple[Demand, Held | Refused]:
        """Take *demand*, or what may stand in for it; of several refusals the one that ends first."""
        refused: tuple[Demand, Refused] | None = None
        clamps = 0
        while True:
            outcome = await self._open(demand.reservation, demand.draft, demand.terms.away)
            if isinstance(outcome, Held):
                return demand, outcome
            other: Demand | None = None
            if outcome.kind == "charge" and clamps < MAX_CLAMPS:
                clamps += 1
                other = self._demands.clamped(call, demand, outcome.index, outcome.available)
            elif outcome.kind == "rate" and outcome.index >= len(demand.terms.limits):
                if refused is None or wait_of(outcome) < wait_of(refused[1]):
                    refused = demand, outcome
                other = self._demands.elsewhere(call, demand)
                if other is None:
                    return refused
            if other is None:
                return demand, outcome
            demand = other

    async def _open(self, reservation: Reservation, draft: Draft | None, away: Away) -> Held | Refused:
        try:
            return await self._ledger.open(reservation, draft=draft, away=away)
        except StoreError as error:
            raise store_away(self._draw) from error
        except JournalError as error:
            raise journal_away(error, self._draw) from error

    def _due(self, demand: Demand) -> str | None:
        """The model that a Budget of *demand* sends calls to from the share on that it had when last heard of."""
        if not demand.terms.watched:
            return None
        shares = self._shares
        for line, charge in zip(demand.terms.lines, demand.reservation.charges, strict=True):
            percent = line.budget.downgrade_percent
            used = shares.get((charge.account, charge.bucket), 0)
            if percent is not None and used * 100 >= percent * charge.limit:
                return line.budget.downgrade_model
        return None

    def _told(self, demand: Demand, outcome: Held | Refused) -> str | None:
        """The model to serve the call instead, by what the store says now; remembers what it says."""
        terms = demand.terms
        if "downgraded" in terms.record.flags:
            self._remember(demand, outcome)
            return None
        if isinstance(outcome, Refused) and outcome.kind == "charge":
            budget = terms.lines[outcome.index].budget
            if budget.on_exhausted == "Downgrade":
                return budget.downgrade_model
        if not terms.watched:
            return None
        self._remember(demand, outcome)
        return self._due(demand)

    def _remember(self, demand: Demand, outcome: Held | Refused) -> None:
        if len(self._shares) >= MAX_SHARES:
            self._shares.clear()
        lines, charges = demand.terms.lines, demand.reservation.charges
        if isinstance(outcome, Held):
            for line, charge, remaining in zip(lines, charges, outcome.remaining, strict=True):
                if line.budget.downgrade_percent is not None:
                    self._shares[charge.account, charge.bucket] = charge.limit - remaining - charge.amount
        elif outcome.kind == "charge" and lines[outcome.index].budget.downgrade_percent is not None:
            charge = charges[outcome.index]
            self._shares[charge.account, charge.bucket] = charge.limit - outcome.available

    def _downgraded(self, call: Call, demand: Demand, name: str, planner: Planner, hold_id: str) -> Demand | None:
        """*demand* for the model called *name*; None where that cannot serve it."""
        table, asked = call.exchange.table, demand.terms.model
        model = table.model_for(name)
        plan = None if model is None or model is asked else planner(table, model, name)
        if plan is None:
            return None
        try:
            instead = self._demands.of(call, plan, instead_of=asked)
        except GatewayError:
            return None
        return _renamed(instead, hold_id)


def _renamed(demand: Demand, hold_id: str) -> Demand:
    """*demand* under another hold: the id of one that was settled takes nothing any more."""
    reservation = demand.reservation
    if reservation.id == hold_id:
        return demand
    renamed = Reservation(hold_id, reservation.rates, reservation.slots, reservation.charges, reservation.ttl_ms)
    return msgspec.structs.replace(demand, reservation=renamed)


def _further_ids(exchange_id: str) -> Iterator[str]:
    return (f"{exchange_id}~{number}" for number in itertools.count(2))

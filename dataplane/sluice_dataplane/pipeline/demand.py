"""What a call takes at most: its bound, its price and its ceiling, made into one reservation.  Pure but for memory.

Knows no room.  What does not change from call to call is kept with the rules of the table.
"""

import itertools
from typing import Final

import msgspec

from sluice_contract.snapshot import Limit, Model
from sluice_dataplane.dialects.ways import spoken
from sluice_dataplane.dialects.wires import CONVERSATIONS, WIRES
from sluice_dataplane.errors import ForbiddenError, InvalidRequestError
from sluice_dataplane.exchange import Ask, Candidate, Endpoint, Exchange, Plan
from sluice_dataplane.limits.store import Refused, Reservation
from sluice_dataplane.pipeline.amounts import Call, charges_of, costed, draft_of
from sluice_dataplane.pipeline.terms import Terms, Windows, attempt_limits, rate_of, terms_of
from sluice_dataplane.usage.bounds import Bound, bound_of
from sluice_dataplane.usage.draft import Draft
from sluice_dataplane.usage.pricing import LIST_PRICED, Most, covers, most_at, output_within

SMALL_TOKENS: Final = 256  # every model's context window holds them
LEAST_CEILING: Final = 256  # an answer that is cut off before this is of no use to anybody
_PICTURES: Final = frozenset(("images", "image_edits", "image_variations"))
_SEARCHES: Final = ":online"  # the end of a model's name by which OpenRouter is asked to search the web


class Demand(msgspec.Struct, frozen=True, gc=False):
    """What one call will take: its terms, the reservation that covers them, and the ceiling it must be sent with.

    ``plan`` holds only candidates that every rule allows; the reservation takes the limits of the first one.
    ``limits`` are those of the reservation's rates: the terms' own, then the candidate's.  ``ceiling`` None leaves the
    client's body alone.  ``most`` None: no candidate has a price.  ``clamped``: the ceiling is below the usual one,
    since a Budget holds no more.
    """

    terms: Terms
    plan: Plan
    reservation: Reservation
    limits: tuple[Limit, ...]
    ceiling: int | None
    output: int
    bound: Bound
    most: Most | None
    draft: Draft
    clamped: bool = False


class Demands:
    """Works out demands."""

    def __init__(self, *, hold_ttl_ms: int, default_ceiling: int) -> None:
        self._hold_ttl_ms = hold_ttl_ms
        self._default_ceiling = default_ceiling
        self._windows = Windows()

    def of(self, call: Call, plan: Plan, *, instead_of: Model | None = None) -> Demand:
        """What *call* takes at most, before anything is taken; *instead_of* is the model that *plan* stands in for.

        Raises:
            ForbiddenError: the key names a Budget that is not there.
            InvalidRequestError: a Budget covers the call that could not hold it: no target has a price, or the request
                asks for something whose cost or length nobody knows.
        """
        exchange, ask = call.exchange, call.ask
        terms = self._terms(call, plan, instead_of)
        if terms.cost_held:
            plan = _priced(plan)
            if ask.service_tier not in LIST_PRICED:
                plan = _served(plan, ask.service_tier)
        candidates = plan.candidates
        bound = bound_of(
            exchange.endpoint,
            exchange.body,
            ask,
            candidates,
            context_window=_context_window(candidates, ask.long_context),
            scan=call.scan,
        )
        if bound.least > max(SMALL_TOKENS, ask.long_context) and exchange.endpoint in CONVERSATIONS:
            plan = _fitting(plan, bound.least)
            candidates = plan.candidates
        if terms.cost_held and bound.unpriced:
            plan = _translating(plan, exchange.endpoint, bound.unpriced)
            candidates = plan.candidates
        if terms.cost_held and ask.model.endswith(_SEARCHES) and _searches(candidates):
            raise _unpriced("model")
        if bound.opaque and terms.input_held:
            raise _unbounded(bound.opaque)
        ceiling = self._ceiling(exchange, ask, terms)
        sheet = terms.sheet(candidates)
        most = None if sheet is None else most_at(sheet, bound.input)
        if terms.cost_held and ask.choices > 1 and exchange.endpoint in _PICTURES and _by_fee(most):
            raise _unpriced("n")  # the fee is for one
        return self._demand(call, terms, plan, bound, most, ceiling, hold_id=exchange.id)

    def usual_ceiling(self, demand: Demand) -> int:
        """Tokens of output that an API which must be given a ceiling is given where nobody named one."""
        return demand.terms.ceiling or self._default_ceiling

    def clamped(self, call: Call, demand: Demand, index: int, available: int) -> Demand | None:
        """*demand* with the highest ceiling that charge *index* fits into *available* with.

        None where the client named a ceiling, or none of LEAST_CEILING or more fits.
        """
        ask, bound, most = call.ask, demand.bound, demand.most
        if ask.max_output_tokens is not None or demand.ceiling is None:
            return None
        measure = demand.terms.lines[index].measure
        output: int | None = None
        if measure == "Cost" and most is not None:
            output = output_within(
                most,
                available,
                input_tokens=bound.input,
                audio_input=bound.audio,
                image_input=bound.image,
                audio_output=ask.audio_wanted,
            )
        elif measure in ("TotalTokens", "OutputTokens"):
            output = available - (bound.input if measure == "TotalTokens" else 0)
        ceiling = -1 if output is None else output // ask.choices
        if not LEAST_CEILING <= ceiling < demand.ceiling:
            return None
        return self._demand(
            call, demand.terms, demand.plan, bound, most, ceiling, hold_id=demand.reservation.id, clamped=True
        )

    def ever_fits(self, call: Call, demand: Demand, refused: Refused) -> bool:
        """Whether *demand*, which was *refused*, would find room in a limit of which nothing is taken."""
        if refused.kind != "charge":
            return True
        charge = demand.reservation.charges[refused.index]
        return charge.amount <= charge.limit or self.clamped(call, demand, refused.index, charge.limit) is not None

    def elsewhere(self, call: Call, demand: Demand) -> Demand | None:
        """*demand* for the next candidate, without the first one; None where there is no other."""
        plan = demand.plan
        if len(plan.candidates) == 1:
            return None
        rest = Plan(plan.model, plan.candidates[1:])
        return self._demand(
            call,
            demand.terms,
            rest,
            demand.bound,
            demand.most,
            demand.ceiling,
            hold_id=demand.reservation.id,
            clamped=demand.clamped,
        )

    def further(
        self, demand: Demand, call: Call, candidate: Candidate, hold_id: str, *, charges: bool
    ) -> tuple[Reservation, tuple[Limit, ...]]:
        """What a further attempt at *candidate* takes, and the limits of its rates: those of the candidate; *charges*:
        also all that the Budgets hold, once more.
        """
        owned = attempt_limits(candidate, demand.terms.model)
        limits = tuple([limit for _, limit in owned])
        rates = costed(call, demand.bound, tuple([rate_of(owner, limit) for owner, limit in owned]), limits)
        held = demand.reservation.charges if charges else ()
        return Reservation(hold_id, rates, (), held, self._hold_ttl_ms), limits

    def _terms(self, call: Call, plan: Plan, instead_of: Model | None) -> Terms:
        key, ask, table, now_ms = call.principal.key, call.ask, call.exchange.table, call.now_ms
        if key.missing_budgets:
            missing = ", ".join(key.missing_budgets)
            raise ForbiddenError(f"This key needs a Budget that does not exist: {missing}.", code="budget_not_found")
        if instead_of is None:
            rules = table.rules(key, plan.model, ask.model)
        else:
            rules = table.downgraded_rules(key, instead_of, ask.model, plan.model)
        terms = rules.prepared
        if isinstance(terms, Terms) and terms.hold_at(now_ms, plan.model):
            return terms
        rules.prepared = made = terms_of(
            rules, key, plan.model, self._windows, asked=ask.model, now_ms=now_ms, downgraded=instead_of is not None
        )
        return made

    def _ceiling(self, exchange: Exchange, ask: Ask, terms: Terms) -> int | None:
        allowed, asked = terms.ceiling, ask.max_output_tokens
        if ask.output_bound or not WIRES[exchange.endpoint].generates:
            return None
        if not terms.bounded:  # nobody here needs a bound: the client's body stays, unless the model refuses it
            return allowed if allowed is not None and asked is not None and asked > allowed else None
        if allowed is None:
            return self._default_ceiling if asked is None else asked
        return allowed if asked is None else min(allowed, asked)

    def _demand(
        self,
        call: Call,
        terms: Terms,
        plan: Plan,
        bound: Bound,
        most: Most | None,
        ceiling: int | None,
        *,
        hold_id: str,
        clamped: bool = False,
    ) -> Demand:
        exchange, ask, first = call.exchange, call.ask, plan.candidates[0]
        if ceiling is not None:
            output = ceiling * ask.choices
        elif ask.output_bound:
            output = ask.output_bound * ask.choices
        elif not WIRES[exchange.endpoint].generates:
            output = 0
        else:  # nobody set one: what is likely, for a call that nobody sees the end of
            output = (ask.max_output_tokens or terms.ceiling or self._default_ceiling) * ask.choices
        rates, limits = terms.rates, terms.limits
        further = attempt_limits(first, terms.model)
        if further:
            rates += tuple([rate_of(owner, limit) for owner, limit in further])
            limits += tuple([limit for _, limit in further])
        if further or terms.counts_tokens:
            rates = costed(call, bound, rates, limits)
        charges = charges_of(call, terms, bound, most, output) if terms.lines else ()
        reservation = Reservation(hold_id, rates, terms.slots, charges, self._hold_ttl_ms)
        draft = draft_of(call, terms, first, bound, most, output)
        return Demand(terms, plan, reservation, limits, ceiling, output, bound, most, draft, clamped)


def _priced(plan: Plan) -> Plan:
    """*plan* without the targets whose cost nobody knows, since a budget in money must hold it."""
    candidates = plan.candidates
    if len(candidates) == 1 and candidates[0].target.price is not None:
        return plan
    priced = tuple([each for each in candidates if each.target.price is not None or each.target.free])
    if not priced:
        message = f"The model {plan.model.name!r} has no price, so that no budget can hold its cost."
        raise InvalidRequestError(message, code="model_unpriced", param="model")
    return plan if len(priced) == len(candidates) else Plan(plan.model, priced)


def _served(plan: Plan, service_tier: str) -> Plan:
    """*plan*, of targets that are priced or free, without those of which nobody knows what that service tier costs."""
    prices = [each.target.price for each in plan.candidates]
    served = [price is None or covers(price, service_tier) for price in prices]
    if not any(served):
        raise _unpriced("service_tier")
    return Plan(plan.model, tuple(itertools.compress(plan.candidates, served)))


def _fitting(plan: Plan, least: int) -> Plan:
    """*plan*, of targets whose context window may hold a text of *least* tokens."""
    windows = [each.target.capabilities.context_window or each.model.context_window for each in plan.candidates]
    fits = [window is None or least <= window for window in windows]
    if all(fits):
        return plan
    if not any(fits):
        most = max(window or 0 for window in windows)
        message = f"The model {plan.model.name!r} takes {most} tokens at most, and this request has at least {least}."
        raise InvalidRequestError(message, code="context_length_exceeded")
    return Plan(plan.model, tuple(itertools.compress(plan.candidates, fits)))


def _context_window(candidates: tuple[Candidate, ...], asked: int) -> int | None:
    """The longest of theirs, or what is *asked* for where that is longer; None where not all are known."""
    window = asked
    for each in candidates:
        known = each.model.context_window
        if known is None:
            return None
        window = max(window, known)
    return window


def _by_fee(most: Most | None) -> bool:
    """Whether what is made has no price but that of the request."""
    return most is not None and most.request_nusd > 0 and most.output == 0


def _searches(candidates: tuple[Candidate, ...]) -> bool:
    """Whether the client's own name for the model is passed on, search and all."""
    return any(not each.target.model and each.upstream_model.endswith(_SEARCHES) for each in candidates)


def _translating(plan: Plan, endpoint: Endpoint, field: str) -> Plan:
    """*plan*, of targets that another API is spoken with: *field* is never sent to them, but left out or refused."""
    others = tuple([each for each in plan.candidates if spoken(endpoint, each) not in (None, endpoint)])
    if not others:
        raise _unpriced(field)
    return Plan(plan.model, others)


def _unpriced(field: str) -> InvalidRequestError:
    message = f"{field}: no price covers what this costs, and a Budget of this key holds every cost."
    return InvalidRequestError(message, code="unpriced_feature", param=field)


def _unbounded(field: str) -> InvalidRequestError:
    message = (
        f"{field}: how many tokens this comes to cannot be told from the request, and a Budget of this key has to hold "
        "them; it could where the model's context window is known."
    )
    return InvalidRequestError(message, code="unpriced_feature", param=field)

"""May they?  Takes everything one call needs from the counters, in one atomic store call, or refuses."""

import datetime as dt
from typing import Final

import msgspec

from sluice_contract.money import format_usd
from sluice_contract.snapshot import Budget, Key, Limit
from sluice_dataplane.errors import BudgetExhaustedError, ForbiddenError, InvalidRequestError, RateLimitedError
from sluice_dataplane.exchange import Ask, Exchange, Headers, Plan, Principal
from sluice_dataplane.limits.store import Charge, Held, Rate, Refused, Reservation
from sluice_dataplane.pipeline.terms import Line, Terms, Windows, account_of, terms_of
from sluice_dataplane.usage import pricing

RATE_OUTPUT_GUESS: Final = 1_024  # of output, for token rates; the settlement puts it right
SLOT_RETRY_MS: Final = 1_000


class Demand(msgspec.Struct, frozen=True, gc=False):
    """What one call will take: its terms, the reservation that covers them, and the ceiling it must be sent with.

    ``plan`` holds only candidates that every rule allows.  ``ceiling`` None leaves the client's body alone.
    """

    terms: Terms
    plan: Plan
    reservation: Reservation
    ceiling: int | None


class Demands:
    """Works out demands; what does not change from call to call is kept with the rules of the table."""

    def __init__(self, *, hold_ttl_ms: int, default_ceiling: int) -> None:
        self._hold_ttl_ms = hold_ttl_ms
        self._default_ceiling = default_ceiling
        self._windows = Windows()

    def of(self, exchange: Exchange, principal: Principal, ask: Ask, plan: Plan, *, now_ms: int) -> Demand:
        """What *ask* takes at most, before anything is taken.

        Raises:
            ForbiddenError: the key names a Budget that is not there.
            InvalidRequestError: a cost budget covers the call and no target of the plan has a price.
        """
        key = principal.key
        if key.missing_budgets:
            missing = ", ".join(key.missing_budgets)
            raise ForbiddenError(f"This key needs a Budget that does not exist: {missing}.", code="budget_not_found")
        rules = exchange.table.rules(key, plan.model, ask.model)
        terms = rules.prepared
        if not isinstance(terms, Terms) or not terms.hold_at(now_ms, plan.model):
            terms = rules.prepared = terms_of(rules, key, plan.model, self._windows, now_ms=now_ms)
        if terms.priced:
            plan = _priced(plan)
        ceiling = self._ceiling(exchange, ask, terms)
        rates = _rates(terms, exchange.body, ask) if terms.counts_tokens else terms.rates
        charges = _charges(terms, key, exchange, ask, plan, (ceiling or 0) * ask.choices) if terms.lines else ()
        return Demand(terms, plan, Reservation(exchange.id, rates, terms.slots, charges, self._hold_ttl_ms), ceiling)

    def _ceiling(self, exchange: Exchange, ask: Ask, terms: Terms) -> int | None:
        if not terms.bounded or exchange.endpoint == "embeddings":
            return None  # nobody here needs a bound: the client's body stays as it is
        allowed, asked = terms.ceiling, ask.max_output_tokens
        if allowed is None:
            return self._default_ceiling if asked is None else asked
        return allowed if asked is None else min(allowed, asked)


def _priced(plan: Plan) -> Plan:
    """*plan* without the targets whose cost nobody knows, since a budget in money must hold it."""
    priced = tuple([each for each in plan.candidates if each.target.price is not None or each.target.free])
    if not priced:
        message = f"The model {plan.model.name!r} has no price, so that no budget can hold its cost."
        raise InvalidRequestError(message, code="model_unpriced", param="model")
    return plan if len(priced) == len(plan.candidates) else Plan(plan.model, priced)


def _charges(terms: Terms, key: Key, exchange: Exchange, ask: Ask, plan: Plan, output_bound: int) -> tuple[Charge, ...]:
    input_bound = pricing.input_bound(exchange.body)
    charges = []
    for line in terms.lines:
        match line.measure:
            case "Cost":
                prices = [each.target.price for each in plan.candidates if each.target.price is not None]
                amount = pricing.cost_bound(prices, input_tokens=input_bound, output_tokens=output_bound)
            case "TotalTokens":
                amount = input_bound + output_bound
            case "InputTokens":
                amount = input_bound
            case "OutputTokens":
                amount = output_bound
            case "One":
                amount = 1
        account = line.account or account_of(line, key, ask)
        charges.append(Charge(account, amount, line.limit, line.expires_at_ms, line.enforced))
    return tuple(charges)


def _rates(terms: Terms, body: bytes, ask: Ask) -> tuple[Rate, ...]:
    guess_in = -(-len(body) // 4)
    guess_out = min(ask.max_output_tokens or RATE_OUTPUT_GUESS, RATE_OUTPUT_GUESS) * ask.choices
    costs = {"Requests": 1, "InputTokens": guess_in, "OutputTokens": guess_out, "TotalTokens": guess_in + guess_out}
    return tuple(
        [
            Rate(rate.bucket, costs[limit.unit], rate.amount, rate.window_ms, rate.burst)
            for rate, limit in zip(terms.rates, terms.limits, strict=True)
        ]
    )


def refusal(demand: Demand, refused: Refused, *, now_ms: int) -> RateLimitedError | BudgetExhaustedError:
    """What the client is told when the store refuses: which rule, and when another try is worth it."""
    if refused.kind == "charge":
        return _exhausted(demand.terms.lines[refused.index], refused, now_ms)
    if refused.kind == "slot":
        limit = demand.reservation.slots[refused.index].limit
        message = f"This key already has {limit} calls in flight, which is its limit."
        return RateLimitedError(message, code="too_many_parallel_requests", headers=_retry_after(SLOT_RETRY_MS))
    rule = demand.terms.limits[refused.index]
    if rule.amount == 0:
        return RateLimitedError(f"The limit {rule.name!r} allows nothing.", headers=(("x-should-retry", "false"),))
    message = f"Over the limit {rule.name!r}: {rule.amount} {rule.unit} per {rule.window_ms / 1000:g} s."
    wait_ms = refused.retry_after_ms or SLOT_RETRY_MS
    exhausted = (*_retry_after(wait_ms), *rate_headers(rule, remaining=0, reset_ms=wait_ms))
    return RateLimitedError(message, headers=exhausted)


def _exhausted(line: Line, refused: Refused, now_ms: int) -> BudgetExhaustedError:
    budget, window = line.budget, line.window
    amount = format_usd if budget.unit == "Cost" else str
    unit = "USD" if budget.unit == "Cost" else budget.unit
    resets = dt.datetime.fromtimestamp(window.end_ms / 1000, dt.UTC).isoformat(timespec="seconds")
    never = budget.period.unit is None
    message = (
        f"The Budget {budget.namespace}/{budget.name} does not hold this call: "
        f"{amount(max(refused.available, 0))} {unit} are left of {amount(line.limit)} {unit} "
        f"in the window {window.id}; " + ("it does not reset." if never else f"it resets at {resets}.")
    )
    headers: Headers = (("x-should-retry", "false"), ("x-sluice-budget", f"{budget.namespace}/{budget.name}"))
    if not never:
        headers += (("x-sluice-budget-reset", resets), *_retry_after(window.end_ms - now_ms))
    return BudgetExhaustedError(message, headers=headers)


def _retry_after(wait_ms: int) -> Headers:
    return (("retry-after", str(max(-(-wait_ms // 1000), 1))), ("retry-after-ms", str(max(wait_ms, 1))))


def granted_headers(demand: Demand, held: Held) -> Headers:
    """What an admitted client is told of its limits and of budgets that are nearly, or already, spent."""
    terms = demand.terms
    headers: list[tuple[str, str]] = []
    for rule, state in zip(terms.limits, held.rates, strict=True):
        headers += rate_headers(rule, remaining=state.remaining, reset_ms=state.reset_ms)
    if terms.warns:
        for line, remaining in zip(terms.lines, held.remaining, strict=True):
            headers += _warning(line.budget, line.limit, remaining)
    return tuple(headers)


def _warning(budget: Budget, limit: int, remaining: int) -> Headers:
    used_percent = 100 if limit <= 0 else (limit - remaining) * 100 // limit
    over = remaining < 0 and budget.on_exhausted == "Warn" and budget.mode != "Observe"
    if over or any(used_percent >= percent for percent in budget.header_percents):
        return (("x-sluice-budget-warning", f"{budget.namespace}/{budget.name}; used={used_percent}%"),)
    return ()


def rate_headers(rule: Limit, *, remaining: int, reset_ms: int) -> Headers:
    """OpenAI's ``x-ratelimit-*`` headers for one limit; later limits of the same kind overwrite earlier ones."""
    kind = "requests" if rule.unit == "Requests" else "tokens"
    return (
        (f"x-ratelimit-limit-{kind}", str(rule.amount)),
        (f"x-ratelimit-remaining-{kind}", str(remaining)),
        (f"x-ratelimit-reset-{kind}", f"{reset_ms / 1000:g}s"),
    )

"""May they?  Takes everything one call needs from the counters, in one atomic store call, or refuses."""

import datetime as dt
import hashlib
from typing import Final

import msgspec

from sluice_contract import names
from sluice_contract.money import format_usd
from sluice_contract.snapshot import Budget, Limit
from sluice_contract.windows import Period, Window, window_at
from sluice_dataplane.config.table import Rules
from sluice_dataplane.errors import BudgetExhaustedError, ForbiddenError, InvalidRequestError, RateLimitedError
from sluice_dataplane.exchange import Ask, Exchange, Headers, Plan, Principal
from sluice_dataplane.limits.store import Charge, Held, Rate, Refused, Reservation, Slot
from sluice_dataplane.usage import pricing

ACCOUNT_KEPT_MS: Final = 40 * 86_400_000  # after its window: late settlements and statuses still find it
RATE_OUTPUT_GUESS: Final = 1_024  # of output, for token rates; the settlement puts it right
SLOT_RETRY_MS: Final = 1_000


class Demand(msgspec.Struct, frozen=True, gc=False):
    """What one call will take: its rules, the reservation that covers them, and the ceiling it must be sent with.

    ``plan`` holds only candidates that every rule allows.  ``ceiling`` None leaves the client's body alone.
    """

    rules: Rules
    plan: Plan
    reservation: Reservation
    windows: tuple[Window, ...]  # of each budget of the rules
    ceiling: int | None

    @property
    def needs_store(self) -> bool:
        """Whether any budget of it may not go on without the store."""
        return any(budget.failure_mode == "Closed" for budget in self.rules.budgets)


class Demands:
    """Works out demands; remembers the current window of each budget."""

    def __init__(self, *, hold_ttl_ms: int, default_ceiling: int) -> None:
        self._hold_ttl_ms = hold_ttl_ms
        self._default_ceiling = default_ceiling
        self._windows: dict[tuple[str, Period], Window] = {}

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
        plan = _priced(plan, rules.budgets)
        ceiling = self._ceiling(exchange, principal, ask, plan, counted=bool(rules.budgets))
        input_bound = pricing.input_bound(exchange.body) if rules.budgets else 0
        output_bound = (ceiling or 0) * ask.choices
        windows = tuple(self._window(budget, now_ms) for budget in rules.budgets)
        charges = tuple(
            Charge(
                account=names.account(budget.id, window.id, subject(budget, principal, ask)),
                amount=_amount(budget, plan, input_bound, output_bound),
                limit=effective_limit(budget, now_ms),
                expires_at_ms=window.end_ms + ACCOUNT_KEPT_MS,
                enforced=budget.mode != "Observe" and budget.on_exhausted == "Reject",
            )
            for budget, window in zip(rules.budgets, windows, strict=True)
        )
        slots = () if key.max_parallel_requests is None else (Slot(names.slots(key.id), key.max_parallel_requests),)
        rates = tuple(_rate(owner, limit, exchange.body, ask) for owner, limit in rules.limits)
        reservation = Reservation(exchange.id, rates, slots, charges, self._hold_ttl_ms)
        return Demand(rules, plan, reservation, windows, ceiling)

    def _ceiling(self, exchange: Exchange, principal: Principal, ask: Ask, plan: Plan, *, counted: bool) -> int | None:
        if exchange.endpoint == "embeddings":
            return None
        of_key, of_model = principal.key.max_tokens_per_request, plan.model.max_output_tokens
        if of_key is None and not counted:
            return None  # nobody here needs a bound: the client's body stays as it is
        named = [bound for bound in (of_key, of_model, ask.max_output_tokens) if bound is not None]
        return min(named) if named else self._default_ceiling

    def _window(self, budget: Budget, now_ms: int) -> Window:
        remembered = (budget.id, budget.period)
        window = self._windows.get(remembered)
        if window is None or not window.contains(now_ms):
            if len(self._windows) > 10_000:
                self._windows.clear()
            window = self._windows[remembered] = window_at(budget.period, now_ms)
        return window


def subject(budget: Budget, principal: Principal, ask: Ask) -> str:
    """Who shares one account of *budget*: everybody (``-``), one key, or one end user (by digest, never by name)."""
    if budget.per == "VirtualKey":
        return principal.key.id
    if budget.per == "User":
        user = ask.user or principal.key.owner.user or ""
        return "u" + hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return "-"


def effective_limit(budget: Budget, now_ms: int) -> int:
    """The budget's amount with the adjustments that are in force at *now_ms*."""
    return budget.amount + sum(
        adjustment.amount
        for adjustment in budget.adjustments
        if adjustment.expires_at_ms is None or now_ms < adjustment.expires_at_ms
    )


def _priced(plan: Plan, budgets: tuple[Budget, ...]) -> Plan:
    """*plan* without the targets whose cost nobody knows, where a budget in money must hold it."""
    if not any(budget.unit == "Cost" and not budget.unpriced_allowed for budget in budgets):
        return plan
    priced = tuple(candidate for candidate in plan.candidates if candidate.target.price or candidate.target.free)
    if not priced:
        message = f"The model {plan.model.name!r} has no price, so that no budget can hold its cost."
        raise InvalidRequestError(message, code="model_unpriced", param="model")
    return Plan(plan.model, priced)


def _amount(budget: Budget, plan: Plan, input_bound: int, output_bound: int) -> int:
    if budget.mode == "PostCharge":
        return 1  # the least that a spent budget refuses; what was used is charged afterwards
    match budget.unit:
        case "Cost":
            prices = [candidate.target.price for candidate in plan.candidates if candidate.target.price is not None]
            return pricing.cost_bound(prices, input_tokens=input_bound, output_tokens=output_bound)
        case "TotalTokens":
            return input_bound + output_bound
        case "InputTokens":
            return input_bound
        case "OutputTokens":
            return output_bound
        case "Requests":
            return 1


def _rate(owner: str, limit: Limit, body: bytes, ask: Ask) -> Rate:
    guess_in = -(-len(body) // 4)
    guess_out = min(ask.max_output_tokens or RATE_OUTPUT_GUESS, RATE_OUTPUT_GUESS) * ask.choices
    costs = {"Requests": 1, "InputTokens": guess_in, "OutputTokens": guess_out, "TotalTokens": guess_in + guess_out}
    bucket = names.bucket(owner, limit.unit, limit.window_ms)
    return Rate(bucket, costs[limit.unit], limit.amount, limit.window_ms, limit.burst)


def refusal(demand: Demand, refused: Refused, *, now_ms: int) -> RateLimitedError | BudgetExhaustedError:
    """What the client is told when the store refuses: which rule, and when another try is worth it."""
    if refused.kind == "charge":
        return _exhausted(demand.rules.budgets[refused.index], demand.windows[refused.index], refused, now_ms)
    if refused.kind == "slot":
        limit = demand.reservation.slots[refused.index].limit
        message = f"This key already has {limit} calls in flight, which is its limit."
        return RateLimitedError(message, code="too_many_parallel_requests", headers=_retry_after(SLOT_RETRY_MS))
    _, rule = demand.rules.limits[refused.index]
    if rule.amount == 0:
        return RateLimitedError(f"The limit {rule.name!r} allows nothing.", headers=(("x-should-retry", "false"),))
    message = f"Over the limit {rule.name!r}: {rule.amount} {rule.unit} per {rule.window_ms / 1000:g} s."
    wait_ms = refused.retry_after_ms or SLOT_RETRY_MS
    exhausted = (*_retry_after(wait_ms), *rate_headers(rule, remaining=0, reset_ms=wait_ms))
    return RateLimitedError(message, headers=exhausted)


def _exhausted(budget: Budget, window: Window, refused: Refused, now_ms: int) -> BudgetExhaustedError:
    amount = format_usd if budget.unit == "Cost" else str
    unit = "USD" if budget.unit == "Cost" else budget.unit
    resets = dt.datetime.fromtimestamp(window.end_ms / 1000, dt.UTC).isoformat(timespec="seconds")
    never = budget.period.unit is None
    message = (
        f"The Budget {budget.namespace}/{budget.name} does not hold this call: "
        f"{amount(max(refused.available, 0))} {unit} are left of {amount(effective_limit(budget, now_ms))} {unit} "
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
    headers: list[tuple[str, str]] = []
    for (_, rule), state in zip(demand.rules.limits, held.rates, strict=True):
        headers += rate_headers(rule, remaining=state.remaining, reset_ms=state.reset_ms)
    for budget, charge, remaining in zip(demand.rules.budgets, demand.reservation.charges, held.remaining, strict=True):
        used_percent = 100 if charge.limit <= 0 else (charge.limit - remaining) * 100 // charge.limit
        over = remaining < 0 and budget.on_exhausted == "Warn" and budget.mode != "Observe"
        if over or any(used_percent >= percent for percent in budget.header_percents):
            headers.append(("x-sluice-budget-warning", f"{budget.namespace}/{budget.name}; used={used_percent}%"))
    return tuple(headers)


def rate_headers(rule: Limit, *, remaining: int, reset_ms: int) -> Headers:
    """OpenAI's ``x-ratelimit-*`` headers for one limit; later limits of the same kind overwrite earlier ones."""
    kind = "requests" if rule.unit == "Requests" else "tokens"
    return (
        (f"x-ratelimit-limit-{kind}", str(rule.amount)),
        (f"x-ratelimit-remaining-{kind}", str(remaining)),
        (f"x-ratelimit-reset-{kind}", f"{reset_ms / 1000:g}s"),
    )

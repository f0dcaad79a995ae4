"""What a client is told of its limits and Budgets: when it is refused, and when it is not.  Pure.  Knows no room."""

import datetime as dt
from collections.abc import Callable
from typing import Final

from sluice_contract.money import format_usd
from sluice_contract.snapshot import Budget, Limit
from sluice_contract.windows import counts_until_ms
from sluice_dataplane.errors import BudgetExhaustedError, GatewayError, JournalError, RateLimitedError, UnavailableError
from sluice_dataplane.exchange import Headers
from sluice_dataplane.limits.store import Held, Refused
from sluice_dataplane.pipeline.demand import Demand
from sluice_dataplane.pipeline.terms import Line

SLOT_RETRY_MS: Final = 1_000
AWAY_RETRY_S: Final = (1, 5)  # drawn from, so that not all come back at once


def refusal(demand: Demand, refused: Refused, *, now_ms: int, ever: bool = True) -> GatewayError:
    """What the client is told when the store refuses *demand*: which rule, and when another try is worth it.

    *ever* False: the whole limit of the Budget does not hold it.
    """
    if refused.kind == "charge":
        line, amount = demand.terms.lines[refused.index], demand.reservation.charges[refused.index].amount
        return _exhausted(line, refused, now_ms) if ever else _too_large(line, amount)
    if refused.kind == "slot":
        limit = demand.reservation.slots[refused.index].limit
        message = f"This key already has {limit} calls in flight, which is its limit."
        return RateLimitedError(message, code="too_many_parallel_requests", headers=_retry_after(SLOT_RETRY_MS))
    rule = demand.limits[refused.index]
    if refused.index >= len(demand.terms.limits):
        return _full(demand.terms.model.name, rule, refused)
    if rule.amount == 0:
        return RateLimitedError(f"The limit {rule.name!r} allows nothing.", headers=(("x-should-retry", "false"),))
    wait_ms = wait_of(refused)
    exhausted = (*_retry_after(wait_ms), *_rate_headers(rule, remaining=0, reset_ms=wait_ms))
    return RateLimitedError(f"Over the limit {_told(rule)}.", headers=exhausted)


def wait_of(refused: Refused) -> int:
    """In how many milliseconds another try may be worth it."""
    return refused.retry_after_ms or SLOT_RETRY_MS


def _full(model: str, rule: Limit, refused: Refused) -> RateLimitedError:
    """Every target is over a limit of its own; *rule* is that of the one that has room again first."""
    message = f"What serves {model!r} is over its limit {_told(rule)}."
    if rule.amount == 0:
        return RateLimitedError(message, headers=(("x-should-retry", "false"),))
    return RateLimitedError(message, headers=_retry_after(wait_of(refused)))


def _told(rule: Limit) -> str:
    return f"{rule.name!r}: {rule.amount} {rule.unit} per {rule.window_ms / 1000:g} s"


def _too_large(line: Line, amount: int) -> BudgetExhaustedError:
    """No reset helps: the call may come to more than there ever is."""
    budget = line.budget
    may = "" if budget.mode == "PostCharge" else f", and this call may come to {_in_unit(budget, amount)}"
    message = f"The Budget {budget.namespace}/{budget.name} never holds this call: its whole limit is "
    return BudgetExhaustedError(f"{message}{_in_unit(budget, line.limit)}{may}.", headers=_spent_headers(budget))


def _exhausted(line: Line, refused: Refused, now_ms: int) -> BudgetExhaustedError:
    budget = line.budget
    frees_ms = _frees_ms(line, refused)
    left = f"{_in_unit(budget, max(refused.available, 0))} are left of {_in_unit(budget, line.limit)}"
    message = f"The Budget {budget.namespace}/{budget.name} does not hold this call: {left} "
    headers = _spent_headers(budget)
    if frees_ms is None:
        return BudgetExhaustedError(f"{message}in the window {line.window.id}; it does not reset.", headers=headers)
    at = dt.datetime.fromtimestamp(-(-frees_ms // 1000), dt.UTC).isoformat(timespec="seconds")
    headers += (("x-sluice-budget-reset", at), *_retry_after(frees_ms - now_ms))
    if budget.period.rolling_ms is None:
        return BudgetExhaustedError(f"{message}in the window {line.window.id}; it resets at {at}.", headers=headers)
    span = dt.timedelta(milliseconds=budget.period.rolling_ms)
    message += f"in the last {span}; it frees gradually, enough for this call at {at}."
    return BudgetExhaustedError(message, headers=headers)


def _in_unit(budget: Budget, amount: int) -> str:
    return f"{format_usd(amount)} USD" if budget.unit == "Cost" else f"{amount} {budget.unit}"


def _spent_headers(budget: Budget) -> Headers:
    return (("x-should-retry", "false"), ("x-sluice-budget", f"{budget.namespace}/{budget.name}"))


def _frees_ms(line: Line, refused: Refused) -> int | None:
    """When the Budget holds the call, if nothing else is spent; None where time brings nothing."""
    period = line.budget.period
    bucket = line.bucket if refused.bucket is None else refused.bucket
    if bucket is not None:
        return counts_until_ms(period, bucket)
    return None if period.unit is None else line.window.end_ms


def _retry_after(wait_ms: int) -> Headers:
    return (("retry-after", str(max(-(-wait_ms // 1000), 1))), ("retry-after-ms", str(max(wait_ms, 1))))


def store_away(draw: Callable[[], float]) -> UnavailableError:
    """What the client is told when a Budget cannot be checked and does not allow to go on without."""
    message = "The budgets of this key cannot be checked now."
    return UnavailableError(message, code="budget_store_unavailable", headers=_later(draw))


def journal_away(error: JournalError, draw: Callable[[], float]) -> JournalError:
    """What the client is told when what it would use cannot be written down."""
    return JournalError(error.message, headers=_later(draw))


def _later(draw: Callable[[], float]) -> Headers:
    low, high = AWAY_RETRY_S
    return (("retry-after", str(low + int(draw() * (high - low + 1)))),)


def granted_headers(demand: Demand, held: Held) -> Headers:
    """What an admitted client is told of its limits and of budgets that are nearly, or already, spent."""
    terms = demand.terms
    headers: list[tuple[str, str]] = []
    for rule, state in zip(terms.limits, held.rates, strict=False):  # those of the target, which follow, are not told
        headers += _rate_headers(rule, remaining=state.remaining, reset_ms=state.reset_ms)
    if terms.warns:
        for line, charge, remaining in zip(terms.lines, demand.reservation.charges, held.remaining, strict=True):
            headers += _warning(line.budget, line.limit, line.limit - remaining - charge.amount)
    if demand.clamped:
        headers.append(("x-sluice-output-clamped", str(demand.ceiling)))
    if "downgraded" in terms.record.flags:
        headers.append(("x-sluice-downgraded", terms.model.name))
    return tuple(headers)


def _warning(budget: Budget, limit: int, used: int) -> Headers:
    """What is told of a Budget of which *used* was counted before the call: what that holds is far above its use."""
    used_percent = 100 if limit <= 0 else used * 100 // limit
    over = used_percent >= 100 and budget.on_exhausted == "Warn" and budget.mode != "Observe"
    if over or any(used_percent >= percent for percent in budget.header_percents):
        return (("x-sluice-budget-warning", f"{budget.namespace}/{budget.name}; used={used_percent}%"),)
    return ()


def _rate_headers(rule: Limit, *, remaining: int, reset_ms: int) -> Headers:
    """OpenAI's ``x-ratelimit-*`` headers for one limit; later limits of the same kind overwrite earlier ones."""
    kind = "requests" if rule.unit == "Requests" else "tokens"
    return (
        (f"x-ratelimit-limit-{kind}", str(rule.amount)),
        (f"x-ratelimit-remaining-{kind}", str(remaining)),
        (f"x-ratelimit-reset-{kind}", f"{reset_ms / 1000:g}s"),
    )

"""The terms of a key's calls to one model: all of a reservation that does not change from call to call.  Pure.

Worked out once per rules and window; a call then adds its amounts.  Knows no room.
"""

import hashlib
from typing import Final, Literal

import msgspec

from sluice_contract import names
from sluice_contract.snapshot import Budget, Key, Limit, Model
from sluice_contract.windows import NEVER_MS, Period, Window, window_at
from sluice_dataplane.config.table import Rules
from sluice_dataplane.exchange import Ask
from sluice_dataplane.limits.store import Rate, Slot

ACCOUNT_KEPT_MS: Final = 40 * 86_400_000  # after its window: late settlements and statuses still find it
MAX_WINDOWS: Final = 10_000

Measure = Literal["Cost", "TotalTokens", "InputTokens", "OutputTokens", "One"]


class Line(msgspec.Struct, frozen=True, gc=False):
    """What does not change of one charge; ``account`` None where it depends on the end user."""

    budget: Budget
    account: str | None
    measure: Measure
    limit: int
    expires_at_ms: int
    enforced: bool
    window: Window


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What does not change while ``from_ms <= now < until_ms``.  Kept with its Rules, and so may not lead to them."""

    model: Model
    budgets: tuple[Budget, ...]
    limits: tuple[Limit, ...]
    from_ms: int
    until_ms: int
    lines: tuple[Line, ...]  # one a budget
    rates: tuple[Rate, ...]  # one a limit; the cost of those on tokens is each call's own
    counts_tokens: bool  # whether any limit is on tokens
    slots: tuple[Slot, ...]
    ceiling: int | None  # the least that key and model allow
    bounded: bool  # whether a call must be sent with a ceiling
    priced: bool  # whether every target must have a price, or be free
    needs_store: bool  # whether any budget may not go on without the store
    warns: bool  # whether any budget may have to be told of

    def hold_at(self, now_ms: int, model: Model) -> bool:
        """Whether they are the terms of a call to *model* at *now_ms*."""
        return self.from_ms <= now_ms < self.until_ms and self.model is model


class Windows:
    """Remembers the current window of each budget."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, Period], Window] = {}

    def at(self, budget: Budget, now_ms: int) -> Window:
        """The window of *budget* that holds *now_ms*."""
        remembered = (budget.id, budget.period)
        window = self._windows.get(remembered)
        if window is None or not window.contains(now_ms):
            if len(self._windows) > MAX_WINDOWS:
                self._windows.clear()
            window = self._windows[remembered] = window_at(budget.period, now_ms)
        return window


def terms_of(rules: Rules, key: Key, model: Model, windows: Windows, *, now_ms: int) -> Terms:
    """The terms under which *key* calls *model* at *now_ms*."""
    lines = tuple(_line(budget, key, windows.at(budget, now_ms), now_ms) for budget in rules.budgets)
    ends = [line.window.end_ms for line in lines] + [
        adjustment.expires_at_ms
        for budget in rules.budgets
        for adjustment in budget.adjustments
        if adjustment.expires_at_ms is not None and adjustment.expires_at_ms > now_ms
    ]
    named = [bound for bound in (key.max_tokens_per_request, model.max_output_tokens) if bound is not None]
    return Terms(
        model=model,
        budgets=rules.budgets,
        limits=tuple(limit for _, limit in rules.limits),
        # An adjustment that has ended counts again if the clock goes back: terms do not outlive the moment they end.
        from_ms=max([line.window.start_ms for line in lines] + _ended(rules.budgets, now_ms), default=0),
        until_ms=min(ends, default=NEVER_MS),
        lines=lines,
        rates=tuple(_rate(owner, limit) for owner, limit in rules.limits),
        counts_tokens=any(limit.unit != "Requests" for _, limit in rules.limits),
        slots=() if key.max_parallel_requests is None else (Slot(names.slots(key.id), key.max_parallel_requests),),
        ceiling=min(named, default=None),
        bounded=bool(rules.budgets) or key.max_tokens_per_request is not None,
        priced=any(budget.unit == "Cost" and not budget.unpriced_allowed for budget in rules.budgets),
        needs_store=any(budget.failure_mode == "Closed" for budget in rules.budgets),
        warns=any(budget.header_percents or budget.on_exhausted == "Warn" for budget in rules.budgets),
    )


def account_of(line: Line, key: Key, ask: Ask) -> str:
    """The account that a call is charged to; end users are told apart by digest, never by name."""
    if line.account is not None:
        return line.account
    user = ask.user or key.owner.user or ""
    digest = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    return names.account(line.budget.id, line.window.id, "u" + digest[:16])


def effective_limit(budget: Budget, now_ms: int) -> int:
    """The budget's amount with the adjustments that are in force at *now_ms*."""
    return budget.amount + sum(
        adjustment.amount
        for adjustment in budget.adjustments
        if adjustment.expires_at_ms is None or now_ms < adjustment.expires_at_ms
    )


def _ended(budgets: tuple[Budget, ...], now_ms: int) -> list[int]:
    return [
        adjustment.expires_at_ms
        for budget in budgets
        for adjustment in budget.adjustments
        if adjustment.expires_at_ms is not None and adjustment.expires_at_ms <= now_ms
    ]


def _line(budget: Budget, key: Key, window: Window, now_ms: int) -> Line:
    shared = {"Subject": "-", "VirtualKey": key.id}.get(budget.per)  # who shares the account: all, or one key
    return Line(
        budget=budget,
        account=None if shared is None else names.account(budget.id, window.id, shared),
        # PostCharge: the least that a spent budget refuses; what was used is charged afterwards.
        measure="One" if budget.mode == "PostCharge" or budget.unit == "Requests" else budget.unit,
        limit=effective_limit(budget, now_ms),
        expires_at_ms=window.end_ms + ACCOUNT_KEPT_MS,
        enforced=budget.mode != "Observe" and budget.on_exhausted == "Reject",
        window=window,
    )


def _rate(owner: str, limit: Limit) -> Rate:
    return Rate(names.bucket(owner, limit.unit, limit.window_ms), 1, limit.amount, limit.window_ms, limit.burst)

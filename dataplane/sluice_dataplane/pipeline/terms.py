"""The terms of a key's calls to one model: all of a reservation that does not change from call to call.  Pure.

Worked out once per rules and window; a call then adds its amounts.  Knows no room.
"""

import hashlib
from functools import lru_cache
from typing import Final, Literal

import msgspec

from sluice_contract import names
from sluice_contract.snapshot import Budget, BudgetUnit, Key, Limit, Model
from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_contract.windows import NEVER_MS, Period, Window, rolling_bucket, window_at
from sluice_dataplane.config.table import Rules
from sluice_dataplane.exchange import Ask, Candidate
from sluice_dataplane.limits.store import Rate, Slot
from sluice_dataplane.usage.ledger import Away
from sluice_dataplane.usage.pricing import Sheet, sheet_of

ACCOUNT_KEPT_MS: Final = 40 * 86_400_000  # after its window: late settlements and statuses still find it
MAX_WINDOWS: Final = 10_000
MAX_SHEETS: Final = 64

Measure = Literal["Cost", "TotalTokens", "InputTokens", "OutputTokens", "One"]


class Line(msgspec.Struct, frozen=True, gc=False):
    """What does not change of one charge; ``account`` None where it depends on the user that the body names."""

    budget: Budget
    account: str | None
    measure: Measure
    limit: int
    expires_at_ms: int
    enforced: bool
    window: Window
    bucket: int | None
    oldest: int


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What does not change while ``from_ms <= now < until_ms``.  Kept with its Rules, and so may not lead to them."""

    model: Model  # that serves
    budgets: tuple[Budget, ...]
    limits: tuple[Limit, ...]
    from_ms: int
    until_ms: int
    lines: tuple[Line, ...]  # one a budget
    units: tuple[BudgetUnit, ...]
    rates: tuple[Rate, ...]  # one a limit; the cost of those on tokens is each call's own
    counts_tokens: bool  # whether any limit is on tokens
    slots: tuple[Slot, ...]
    ceiling: int | None  # the least that key and model allow
    bounded: bool  # whether a call must be sent with a ceiling
    cost_held: bool  # whether a Budget in money holds the call, and takes no target and nothing else without a price
    input_held: bool  # whether a Budget holds the call's input, in money or in tokens
    away: Away  # what may be done while the store is away
    warns: bool  # whether any budget may have to be told of
    watched: tuple[Line, ...]  # budgets that send calls to another model from some share on
    record: UsageRecord  # what every record of such a call says
    sheets: dict[object, Sheet | None]  # by candidates; see sheet

    def hold_at(self, now_ms: int, model: Model) -> bool:
        """Whether they are the terms of a call to *model* at *now_ms*."""
        return self.from_ms <= now_ms < self.until_ms and self.model is model

    def sheet(self, candidates: tuple[Candidate, ...]) -> Sheet | None:
        """The most that any of *candidates* can cost; None where none of them has a price."""
        # Targets live as long as the table, and terms no longer than that: who they are says all.
        one = len(candidates) == 1
        named: object = id(candidates[0].target) if one else tuple([id(each.target) for each in candidates])
        try:
            return self.sheets[named]
        except KeyError:
            pass
        prices = [each.target.price for each in candidates if each.target.price is not None]
        if len(self.sheets) >= MAX_SHEETS:
            self.sheets.clear()
        found = self.sheets[named] = sheet_of(prices) if prices else None
        return found


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


def terms_of(
    rules: Rules, key: Key, model: Model, windows: Windows, *, asked: str, now_ms: int, downgraded: bool = False
) -> Terms:
    """The terms under which *key* calls *model*, having asked for *asked*, at *now_ms*."""
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
        units=tuple(budget.unit for budget in rules.budgets),
        rates=tuple(rate_of(owner, limit) for owner, limit in rules.limits),
        counts_tokens=any(limit.unit != "Requests" for _, limit in rules.limits),
        slots=() if key.max_parallel_requests is None else (Slot(names.slots(key.id), key.max_parallel_requests),),
        ceiling=min(named, default=None),
        bounded=any(line.enforced for line in lines) or key.max_tokens_per_request is not None,
        cost_held=any(
            line.enforced and line.budget.unit == "Cost" and not line.budget.unpriced_allowed for line in lines
        ),
        input_held=any(line.enforced and _holds_input(line) for line in lines),
        away=_away(lines),
        warns=any(budget.header_percents or budget.on_exhausted == "Warn" for budget in rules.budgets),
        watched=() if downgraded else tuple(line for line in lines if line.budget.downgrade_percent is not None),
        record=_record(rules, key, asked, downgraded=downgraded),
        sheets={},
    )


def account_of(line: Line, ask: Ask) -> str:
    """The account that a call is charged to; end users are told apart by digest, never by name."""
    if line.account is not None:
        return line.account
    return names.account(line.budget.id, line.window.id, _user_id(ask.user or ""))


def attempt_limits(candidate: Candidate, asked: Model) -> tuple[tuple[str, Limit], ...]:
    """The limits that each attempt at *candidate* takes, with whom they are counted under.

    Those of its target and of its provider's account; of its model too where that is not the one *asked* for, whose
    limits the call has taken.
    """
    model, target, upstream = candidate.model, candidate.target, candidate.upstream
    if not target.limits and not upstream.limits and (model is asked or not model.limits):
        return ()
    nested = () if model is asked else tuple((model.uid, limit) for limit in model.limits)
    owner = _target_id(model.uid, target.name)
    own = tuple((owner, limit) for limit in target.limits)
    return nested + own + tuple((upstream.limits_id, limit) for limit in upstream.limits)


def rate_of(owner: str, limit: Limit) -> Rate:
    """What one request takes of *limit*."""
    return Rate(names.bucket(owner, limit.unit, limit.window_ms), 1, limit.amount, limit.window_ms, limit.burst)


def effective_limit(budget: Budget, now_ms: int) -> int:
    """The budget's amount with the adjustments that are in force at *now_ms*."""
    return budget.amount + sum(
        adjustment.amount
        for adjustment in budget.adjustments
        if adjustment.expires_at_ms is None or now_ms < adjustment.expires_at_ms
    )


@lru_cache(maxsize=4_096)
def _target_id(model_uid: str, target: str) -> str:
    """What a target is counted under: its name is a user's text, and stays out of the store's names."""
    return f"{model_uid}.{hashlib.sha256(target.encode()).hexdigest()[:16]}"


def _user_id(user: str) -> str:
    return "u" + hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _ended(budgets: tuple[Budget, ...], now_ms: int) -> list[int]:
    return [
        adjustment.expires_at_ms
        for budget in budgets
        for adjustment in budget.adjustments
        if adjustment.expires_at_ms is not None and adjustment.expires_at_ms <= now_ms
    ]


def _line(budget: Budget, key: Key, window: Window, now_ms: int) -> Line:
    # Who shares the account: all, one key, one user.  Whom the key is given to is not the caller's to say.
    owner = _user_id(key.owner.user) if key.owner.user else None
    shared = {"Subject": "-", "VirtualKey": key.id, "User": owner}[budget.per]
    rolling_ms = budget.period.rolling_ms
    bucket, oldest = (None, 0) if rolling_ms is None else rolling_bucket(budget.period, now_ms)
    return Line(
        budget=budget,
        account=None if shared is None else names.account(budget.id, window.id, shared),
        # PostCharge: the least that a spent budget refuses; what was used is charged afterwards.
        measure="One" if budget.mode == "PostCharge" or budget.unit == "Requests" else budget.unit,
        limit=effective_limit(budget, now_ms),
        expires_at_ms=window.end_ms + ACCOUNT_KEPT_MS + (rolling_ms or 0),
        enforced=budget.mode != "Observe" and budget.on_exhausted != "Warn",
        window=window,
        bucket=bucket,
        oldest=oldest,
    )


def _holds_input(line: Line) -> bool:
    budget = line.budget
    return line.measure in ("TotalTokens", "InputTokens") or (budget.unit == "Cost" and not budget.unpriced_allowed)


def _away(lines: tuple[Line, ...]) -> Away:
    """What the strictest budget says; one that refuses nobody has no say."""
    modes = {line.budget.failure_mode for line in lines if line.enforced}
    return "Closed" if "Closed" in modes else "Lease" if "Lease" in modes else "Open"


def _record(rules: Rules, key: Key, asked: str, *, downgraded: bool) -> UsageRecord:
    owner = key.owner
    return UsageRecord(
        id="",
        source="",
        sequence=0,  # the journal knows both and fills them in
        at_ms=0,
        key_id=key.id,
        key=f"{key.namespace}/{key.name}",
        model=asked,
        target="",
        upstream_model="",
        endpoint="",
        status=0,
        outcome="failed",
        attempts=1,
        usage=TokenUsage(),
        cost_nusd=0,
        budget_ids=tuple(budget.id for budget in rules.budgets),
        team=owner.team,
        user=owner.user,
        cost_center=owner.cost_center,
        flags=("downgraded",) if downgraded else (),
    )

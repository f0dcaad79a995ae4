"""Counters → what a status says of them.  Pure."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from sluice_contract import names
from sluice_contract.money import format_usd
from sluice_contract.snapshot import Budget, Key, Snapshot
from sluice_contract.windows import NEVER_MS, Window, counted, counts_until_ms, rolling_bucket, window_at
from sluice_operator.publisher.conditions import Condition, Facts
from sluice_operator.spend import Account, Question, Usage

SHARED: Final = "-"  # the one subject of a Budget whose keys share it
_USER_PREFIX: Final = "u"  # subjects of a Budget per user: ``u`` and a digest of the user
_MIN_ELAPSED: Final = 0.01  # of a period, before its end is guessed from it


def covered(keys: Iterable[Key]) -> dict[str, list[str]]:
    """Budget id → the ids of the keys it covers."""
    by_budget: dict[str, list[str]] = {}
    for key in keys:
        for budget_id in key.budget_ids:
            by_budget.setdefault(budget_id, []).append(key.id)
    return by_budget


def question(snapshot: Snapshot, keys_of: Mapping[str, Sequence[str]], now_ms: int) -> Question:
    """Everything that the statuses of the budgets and keys of *snapshot* are made of."""
    accounts: list[str] = []
    prefixes: list[str] = []
    for budget in snapshot.budgets:
        if budget.per == "User":
            prefixes.append(_account(budget, now_ms, _USER_PREFIX))
        else:
            accounts += accounts_of(budget, keys_of, now_ms)
    return Question(tuple(accounts), month_of(now_ms), tuple(key.id for key in snapshot.keys), tuple(prefixes))


def accounts_of(budget: Budget, keys_of: Mapping[str, Sequence[str]], now_ms: int) -> list[str]:
    """The accounts of the budget's current window: one that all share, or one for each key it covers."""
    if budget.per == "VirtualKey":
        return [_account(budget, now_ms, key_id) for key_id in keys_of.get(budget.id, ())]
    return [_account(budget, now_ms, SHARED)]


def accounts_for(
    budget: Budget, keys_of: Mapping[str, Sequence[str]], counted: Mapping[str, Account], now_ms: int
) -> list[Account]:
    """The accounts that say how the budget stands; one that was never charged is zero."""
    if budget.per == "User":
        prefix = _account(budget, now_ms, _USER_PREFIX)
        return [account for name, account in counted.items() if name.startswith(prefix)]
    return [counted.get(name, Account()) for name in accounts_of(budget, keys_of, now_ms)]


def unread(budget: Budget, prefixes: Collection[str], now_ms: int) -> bool:
    """Whether the budget is one of users, and theirs are among *prefixes*, which had too many accounts to read."""
    return budget.per == "User" and _account(budget, now_ms, _USER_PREFIX) in prefixes


def effective_limit(budget: Budget, now_ms: int) -> int:
    """The limit with all raises that hold now."""
    raises = (a.amount for a in budget.adjustments if a.expires_at_ms is None or now_ms < a.expires_at_ms)
    return budget.amount + sum(raises)


def budget_facts(
    budget: Budget, accounts: Sequence[Account], now_ms: int, *, created_ms: int = 0
) -> tuple[Facts, str, int]:
    """Status fields and conditions of a Budget made at *created_ms*, the id of its window, and the percentage used.

    That percentage is without what is held for calls in flight, most of which is given back: it is what is told of.
    The status field counts it, as the limit does.

    Where each key or user has the whole limit, the figures are those of the one who used most: ``remaining`` is
    then true of everybody, and WithinBudget False means that at least one has nothing left.
    """
    window, rolls = window_at(budget.period, now_ms), budget.period.rolling_ms is not None
    limit = effective_limit(budget, now_ms)
    current = accounts  # there may be very many: only what has buckets is made anew
    if rolls:
        current = [msgspec.structs.replace(account, posted=_posted(budget, account, now_ms)) for account in accounts]
    account = max(current, key=lambda account: account.taken, default=Account())
    remaining = max(0, limit - account.taken)
    amounts = {
        "effectiveLimit": limit,
        "spent": account.posted,
        "held": account.held,
        "orphaned": account.orphaned,
        "remaining": remaining,
    }
    money = budget.unit == "Cost"
    fields: dict[str, Any] = {name: format_usd(value) if money else str(value) for name, value in amounts.items()}
    resets_ms = _resets_ms(budget, account, now_ms)
    fields |= {
        "period": _period(window, resets_ms, rolls=rolls),
        "usedPercent": _percent(account.taken, limit),
        "at": rfc3339(now_ms),
        PROJECTED: None,
    }
    if not rolls and window.end_ms < NEVER_MS:
        fields[PROJECTED] = _projected(window, account.taken, remaining, max(window.start_ms, created_ms), now_ms)
    within = _within(fields["effectiveLimit"], remaining, resets_ms, rolls=rolls)
    used = max((account.used for account in current), default=0)
    return Facts(fields, (within, FRESH)), window.id, _percent(used, limit)


def key_facts(usage: Usage, now_ms: int) -> Facts:
    """Status fields of a VirtualKey."""
    month = {
        "period": month_of(now_ms),
        "requests": usage.requests,
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "cost": format_usd(usage.cost),
        "currency": "USD",
        "at": rfc3339(now_ms),
    }
    return Facts({"usage": month} | ({"lastUsedTime": rfc3339(usage.last_ms)} if usage.last_ms else {}))


def stale(facts: Facts, fresh: Condition, now_ms: int, *, status: Mapping[str, Any]) -> Facts:
    """*facts* as they were, marked as not *fresh*: a figure is never reset because it could not be read.

    What they said is to come goes from *status* when it should have come.  Other words for the same reason are no news.
    """
    before = next((each for each in facts.conditions if each.type == fresh.type), None)
    if before is not None and (before.status, before.reason) == (fresh.status, fresh.reason):
        fresh = before
    kept = tuple(condition for condition in facts.conditions if condition.type != fresh.type)
    projected = facts.fields.get(PROJECTED) or status.get(PROJECTED)
    passed = projected is not None and ms_of(projected) <= now_ms
    return Facts({**facts.fields, PROJECTED: None} if passed else facts.fields, (*kept, fresh))


def unreadable(why: str) -> Condition:
    """That no counters can be read."""
    return Condition("Fresh", "False", "CountersUnavailable", why)


def month_of(now_ms: int) -> str:
    """The UTC month of *now_ms*, as in ``2026-09``."""
    return dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).strftime("%Y-%m")


def rfc3339(at_ms: int) -> str:
    """*at_ms* in whole seconds of UTC, as the API server writes times."""
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ms_of(text: str) -> int:
    """The milliseconds since 1970 that *text* means, as ``rfc3339`` writes it."""
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


PROJECTED: Final = "projectedExhaustion"
FRESH: Final = Condition("Fresh", "True", "Read", "The figures were read when status.at says")
USERS_UNREAD: Final = Condition(
    "Fresh", "False", "UsersNotRead", "There are more accounts of users than can be read; figures are as of status.at"
)


def _percent(amount: int, limit: int) -> int:
    return min(100, amount * 100 // limit) if limit else 100


def _account(budget: Budget, now_ms: int, subject: str) -> str:
    return names.account(budget.id, window_at(budget.period, now_ms).id, subject)


def _posted(budget: Budget, account: Account, now_ms: int) -> int:
    """What *account* has posted that counts now."""
    if budget.period.rolling_ms is None or account.buckets is None:
        return account.posted
    _, oldest = rolling_bucket(budget.period, now_ms)
    return counted(account.buckets, oldest)


def _resets_ms(budget: Budget, account: Account, now_ms: int) -> int | None:
    """When spending starts from zero again, or, where the window rolls, when the first that counts will be gone."""
    if budget.period.rolling_ms is None:
        window = window_at(budget.period, now_ms)
        return None if window.end_ms >= NEVER_MS else window.end_ms
    _, oldest = rolling_bucket(budget.period, now_ms)
    counting = [bucket for bucket, amount in (account.buckets or {}).items() if bucket >= oldest and amount]
    return counts_until_ms(budget.period, min(counting)) if counting else None


def _period(window: Window, resets_ms: int | None, *, rolls: bool) -> dict[str, str]:
    said = {"id": window.id}
    if resets_ms is not None:
        said |= {} if rolls else {"start": rfc3339(window.start_ms)}
        said["end"] = rfc3339(resets_ms)
    return said


def _projected(window: Window, taken: int, remaining: int, since_ms: int, now_ms: int) -> str | None:
    """When the rest is used up if it goes on as since *since_ms*; None: after the window, or too early to say."""
    elapsed_ms = now_ms - since_ms
    whole_ms = window.end_ms - window.start_ms
    if not taken or not remaining or elapsed_ms < whole_ms * _MIN_ELAPSED:
        return None
    end_ms = now_ms + remaining * elapsed_ms // taken
    return rfc3339(end_ms) if end_ms < window.end_ms else None


def _within(effective_limit: str, remaining: int, resets_ms: int | None, *, rolls: bool) -> Condition:
    if remaining:
        return Condition("WithinBudget", "True", "WithinBudget", "Less is used than the limit")
    until = "for good" if resets_ms is None else f"until {rfc3339(resets_ms)}"
    if rolls:
        until = "for calls in flight" if resets_ms is None else f"and the first flows back at {rfc3339(resets_ms)}"
    return Condition("WithinBudget", "False", "Exhausted", f"All of {effective_limit} is used or held, {until}")

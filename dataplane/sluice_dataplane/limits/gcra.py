"""GCRA in whole microseconds: the one formula behind every rate.  Pure; the Lua scripts do the same sums.

A bucket is one number, its theoretical arrival time *tat*: the moment it will be full again.  With ``W`` the
window in µs and ``A`` the amount that flows back in it:

* debt(now)   ``max(tat - now, 0)``                          how far the bucket is from full
* cost(c)     ``ceil(c * W / A)``                            rounded up, so that a rate is never exceeded
* burst(b)    ``floor(b * W / A) + min(b, floor(W / A) - 1)``  the most debt that leaves calls possible
* admit       ``debt + cost ≤ burst``, or ``debt = 0`` for a cost over burst
* take        ``tat = max(tat, now) + cost``
* adjust      ``tat = max(tat, now) - (cost taken - cost used)``; a negative refund is a further debit

Burst's second term pays for the rounding of at most *b* calls and is less than one unit, so that whatever span
of W one looks at, at most ``A + b`` units were admitted, and exactly ``b`` at once (a single larger cost aside).
Values are cut at ten years, which keeps all sums exact in Lua's doubles.

The formula is ITU-T I.371's virtual scheduling algorithm, with weights.
"""

from functools import lru_cache
from typing import Final

from sluice_dataplane.limits.store import Rate, RateState

MAX_US: Final = 315_576_000_000_000  # ten years
MAX_REMEMBERED: Final = 4_096  # results; the same few rates are asked for with every call


@lru_cache(MAX_REMEMBERED)
def cost_us(units: int, amount: int, window_ms: int) -> int:
    """The debt that *units* make, in µs.  *amount* is positive."""
    if units <= 0:
        return 0
    return min(-(-units * window_ms * 1000 // amount), MAX_US)


def burst_us(rate: Rate) -> int:
    """The debt up to which *rate* admits, in µs."""
    return _burst_us(rate.burst, rate.amount, rate.window_ms)


@lru_cache(MAX_REMEMBERED)
def _burst_us(burst: int, amount: int, window_ms: int) -> int:
    window_us = window_ms * 1000
    slack = min(burst, window_us // amount - 1)
    return min(burst * window_us // amount + max(slack, 0), MAX_US)


def wait_us(debt: int, cost: int, burst: int) -> int:
    """How long until a *cost* is admitted to a bucket with *debt*, in µs; 0 admits it now."""
    if cost > burst:
        return debt
    return max(debt + cost - burst, 0)


def refund_us(rate: Rate, used: int) -> int:
    """What goes back when *rate*'s cost turns out to be *used*, in µs; negative where more was used."""
    return cost_us(rate.cost, rate.amount, rate.window_ms) - cost_us(used, rate.amount, rate.window_ms)


def adjusted(tat: int, now_us: int, refund: int) -> int:
    """The bucket's *tat* after *refund*; at or before *now_us* it is full and may be forgotten."""
    return min(max(tat, now_us) - refund, now_us + MAX_US)


def state(rate: Rate, debt: int, burst: int) -> RateState:
    """What a client may be told of a bucket with *debt*."""
    remaining = (burst - debt) * rate.amount // (rate.window_ms * 1000)
    return RateState(min(max(remaining, 0), rate.burst), ceil_ms(debt))


def ceil_ms(microseconds: int) -> int:
    """Whole milliseconds, rounded up."""
    return -(-microseconds // 1000)

"""Limits per time, as the data plane counts them."""

from collections.abc import Iterable

from sluice_contract.snapshot import Limit
from sluice_operator import resources


def compile_limits(limits: Iterable[resources.Limit]) -> tuple[Limit, ...]:
    """*limits* by name.  A limit that names no burst may be used up at once: its amount is the burst."""
    return tuple(
        Limit(
            name=limit.name,
            unit=limit.unit,
            amount=limit.amount,
            window_ms=limit.window,
            burst=limit.amount if limit.burst is None else limit.burst,
        )
        for limit in sorted(limits, key=lambda limit: limit.name)
    )

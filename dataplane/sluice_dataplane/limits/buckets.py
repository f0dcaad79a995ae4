"""The rates in memory: one number a bucket, full ones forgotten.  Pure: time is an argument, microseconds."""

from collections.abc import Sequence

from sluice_dataplane.limits import gcra
from sluice_dataplane.limits.store import Rate, RateState, Refused


class Buckets:
    """All buckets by name; see :mod:`gcra`."""

    __slots__ = ("_tats",)

    def __init__(self) -> None:
        self._tats: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._tats)

    def refused(self, rates: Sequence[Rate], now_us: int) -> Refused | None:
        """The first of *rates* that does not admit its cost now."""
        for index, rate in enumerate(rates):
            if rate.amount <= 0:
                return Refused("rate", index, None)
            debt = self._tats.get(rate.bucket, 0) - now_us
            cost = gcra.cost_us(rate.cost, rate.amount, rate.window_ms)
            if wait := gcra.wait_us(max(debt, 0), cost, gcra.burst_us(rate)):
                return Refused("rate", index, gcra.ceil_ms(wait))
        return None

    def take(self, rate: Rate, now_us: int) -> RateState:
        """Take its cost; what is left."""
        cost = gcra.cost_us(rate.cost, rate.amount, rate.window_ms)
        tat = self._tats[rate.bucket] = max(self._tats.get(rate.bucket, 0), now_us) + cost
        return gcra.state(rate, tat - now_us, gcra.burst_us(rate))

    def state(self, rate: Rate, now_us: int) -> RateState:
        """What is left."""
        debt = max(self._tats.get(rate.bucket, 0) - now_us, 0)
        return gcra.state(rate, debt, gcra.burst_us(rate))

    def correct(self, rate: Rate, used: int, now_us: int) -> None:
        """Replace its cost by what was *used*."""
        tat = gcra.adjusted(self._tats.get(rate.bucket, 0), now_us, gcra.refund_us(rate, used))
        if tat > now_us:
            self._tats[rate.bucket] = tat
        else:
            self._tats.pop(rate.bucket, None)

    def sweep(self, now_us: int) -> None:
        """Forget the full ones."""
        self._tats = {name: tat for name, tat in self._tats.items() if tat > now_us}

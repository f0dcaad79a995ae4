"""The keys' monthly figures in memory.  Pure."""

from collections.abc import Mapping

from sluice_dataplane.limits.store import KeyUsage


class Months:
    """The sums of each key and month."""

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], list[int]] = {}  # requests, input, output, cost, last ms

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, usage: KeyUsage) -> None:
        """Add one call's, or many calls', figures."""
        named = (usage.key_id, usage.month)
        sums = self._sums.get(named)
        if sums is None:
            sums = self._sums[named] = [0, 0, 0, 0, 0]
        sums[0] += usage.requests
        sums[1] += usage.input_tokens
        sums[2] += usage.output_tokens
        sums[3] += usage.cost_nusd
        sums[4] = max(sums[4], usage.at_ms)

    def all(self) -> Mapping[tuple[str, str], KeyUsage]:
        """The sums by key id and month."""
        return {named: KeyUsage(*named, *sums) for named, sums in self._sums.items()}

    def sweep(self, before_ms: int) -> None:
        """Forget those last added to before then."""
        self._sums = {named: sums for named, sums in self._sums.items() if sums[4] > before_ms}

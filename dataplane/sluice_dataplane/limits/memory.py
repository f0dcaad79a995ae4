"""The counters in this process: the same semantics as Redis, for one replica.  The journal makes them durable."""

from collections.abc import Callable, Mapping, Sequence

from sluice_dataplane.errors import StoreError
from sluice_dataplane.limits.store import Account, Held, KeyUsage, Refused, Reservation, Settlement


class MemoryStore:
    """A HoldStore without I/O.  Its ``…_now`` methods are the same without a coroutine around them."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        raise NotImplementedError

    def reserve_now(self, reservation: Reservation) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        raise NotImplementedError

    def settle_now(self, settlement: Settlement) -> None:
        """As :meth:`HoldStore.settle`."""
        raise NotImplementedError

    async def reserve(self, reservation: Reservation) -> Held | Refused:
        """As :meth:`HoldStore.reserve`."""
        raise NotImplementedError

    async def settle(self, settlement: Settlement) -> None:
        """As :meth:`HoldStore.settle`."""
        raise NotImplementedError

    async def settle_all(self, settlements: Sequence[Settlement]) -> tuple[StoreError | None, ...]:
        """As :meth:`HoldStore.settle_all`."""
        raise NotImplementedError

    async def extend(self, hold_ids: Sequence[str], ttl_ms: int) -> None:
        """As :meth:`HoldStore.extend`."""
        raise NotImplementedError

    async def reap(self) -> int:
        """As :meth:`HoldStore.reap`."""
        raise NotImplementedError

    async def accounts(self, names: Sequence[str]) -> tuple[Account, ...]:
        """As :meth:`HoldStore.accounts`."""
        raise NotImplementedError

    def key_usage(self) -> Mapping[tuple[str, str], KeyUsage]:
        """The sums of each (key id, month)."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to let go of."""

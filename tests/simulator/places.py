"""Where the counters are: one Redis, or one store in memory, shared by all; either may be away, Redis may forget.

What an audit wants to know is read past all code of ours where it is in Redis.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from simulator.clockwork import SimulatedLoop
from simulator.server import Clockwork, Image
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.limits.scripts import Command
from sluice_dataplane.limits.store import Held, KeyUsage, Refused, Reservation, Settlement

IMAGES: Final = 4  # pasts that can come back
SPOILT: Final = ":spoilt"

Fields = Mapping[str, str]


class Sees(Protocol):
    """Looks over the store's shoulder."""

    def done(self, command: Command, reply: Any) -> None:
        """Redis answered *command*."""
        ...

    def granted(self, reservation: Reservation, *, forced: bool) -> None:
        """The store in memory holds *reservation*."""
        ...

    def ended(self, hold_id: str) -> None:
        """The store in memory counted the settlement of a hold."""
        ...


class Place:
    """What is the same for both.  ``epoch`` counts processes; ``away``: nothing reaches it."""

    def __init__(self, loop: SimulatedLoop, tally: Counter[str]) -> None:
        self.loop = loop
        self.tally = tally
        self.away = False
        self.epoch = 1
        self.watcher: Sees | None = None
        self.spoilt: set[str] = set()  # accounts
        self._parked: list[Callable[[], None]] = []

    def whenever(self, work: Callable[[], None]) -> None:
        """Do *work* now, or as soon as the store is there again."""
        if self.away:
            self._parked.append(work)
        else:
            work()

    def come_back(self) -> None:
        """It is reached again; what was on its way arrives."""
        self.away = False
        parked, self._parked = self._parked, []
        for work in parked:
            work()

    def heal(self) -> None:
        """Put right what somebody else spoilt."""

    def fields(self, accounts: Sequence[str]) -> list[Fields]:
        """The figures of accounts: posted, held, orphaned, and b… for each bucket of a rolling one."""
        raise NotImplementedError

    def live(self, slots: str) -> set[str]:
        """The ids of the holds that have one of *slots*."""
        raise NotImplementedError

    def members(self, slots: str) -> set[str]:
        """As :meth:`live`, and those whose leases have ended."""
        raise NotImplementedError

    def debts_us(self) -> Mapping[str, int]:
        """How far each bucket of a rate is from full."""
        raise NotImplementedError

    def usages(self, keys: Sequence[str]) -> list[Fields]:
        """Keys' monthly figures."""
        raise NotImplementedError


class RedisPlace(Place):
    """In a Redis, which may restart and forget."""

    def __init__(self, loop: SimulatedLoop, clockwork: Clockwork, tally: Counter[str]) -> None:
        super().__init__(loop, tally)
        self.clockwork = clockwork
        self._images: list[Image] = []

    def do(self, command: Command) -> Any:
        """Redis's reply to *command*, which may be an error."""
        self.tally["commands"] += 1
        reply = self.clockwork.execute(command, self.loop.now_ms)
        if self.watcher is not None:
            self.watcher.done(command, reply)
        return reply

    def remember(self) -> None:
        """Keep the present as a past to come back."""
        self._images = [*self._images, self.clockwork.image()][-IMAGES:]

    def rewind(self, rng: random.Random) -> bool:
        """Come back as it was some time ago; False where there is no past."""
        if not self._images:
            return False
        chosen = rng.randrange(len(self._images))
        del self._images[chosen + 1 :]  # a past has no future
        self.clockwork.rewind(self._images[chosen])
        self.spoilt = {account for account in self._names("account") if account.endswith(SPOILT)}
        self.heal()
        self.epoch += 1
        return True

    def _names(self, kind: str) -> list[str]:
        return [name.decode() for name in self.clockwork.ask("KEYS", f"{{sluice}}:{kind}:*")]

    def spoil(self, account: str) -> None:
        """Somebody else writes to *account*, so that it is none any more; what it was is kept aside."""
        if self.clockwork.ask("EXISTS", account) and not self.spoilt:
            self.clockwork.ask("RENAME", account, account + SPOILT)
            self.clockwork.ask("SET", account, "garbage")
            self.spoilt.add(account + SPOILT)

    def heal(self) -> None:
        """As Place."""
        for aside in self.spoilt:
            if self.clockwork.ask("EXISTS", aside):
                self.clockwork.ask("RENAME", aside, aside.removesuffix(SPOILT))
        self.spoilt = set()

    def flush(self) -> None:
        """Be empty all of a sudden; nobody's connection ends."""
        self._images = []
        self.spoilt = set()
        self.clockwork.rewind({})

    def wipe(self) -> None:
        """Come back empty."""
        self.flush()
        self.epoch += 1

    def restart(self) -> None:
        """Come back with everything."""
        self.clockwork.restart()
        self.epoch += 1

    def fields(self, accounts: Sequence[str]) -> list[Fields]:
        """As Place."""
        aside = [account + SPOILT if account + SPOILT in self.spoilt else account for account in accounts]
        return list(self.clockwork.hashes(aside))

    def live(self, slots: str) -> set[str]:
        """As Place."""
        return {
            each.decode() for each in self.clockwork.ask("ZRANGE", slots, f"({self.loop.now_ms}", "+inf", "BYSCORE")
        }

    def members(self, slots: str) -> set[str]:
        """As Place."""
        return {each.decode() for each in self.clockwork.ask("ZRANGE", slots, 0, -1)}

    def debts_us(self) -> Mapping[str, int]:
        """As Place."""
        now_us = self.loop.now_ms * 1000
        return {name: int(self.clockwork.ask("GET", name)) - now_us for name in self._names("bucket")}

    def usages(self, keys: Sequence[str]) -> list[Fields]:
        """As Place."""
        return list(self.clockwork.hashes(keys))

    def stream(self) -> list[Mapping[str, Any]]:
        """The usage records that anybody can read there."""
        entries = self.clockwork.ask("XRANGE", "{sluice}:usage-records", "-", "+")
        return [json.loads(fields[1]) for _, fields in entries]

    def marks(self) -> dict[str, tuple[int, set[int]]]:
        """Of each source the number up to which all were counted, and those below it that were not."""
        (marks,) = self.clockwork.hashes(["{sluice}:applied"])
        return {
            source: (int(mark), {int(n) for n in self.clockwork.ask("SMEMBERS", f"{{sluice}}:holes:{source}")})
            for source, mark in marks.items()
        }


class MemoryPlace(Place):
    """In memory: far away in a process that never ends, or in the one data plane there is, which begins it anew."""

    def __init__(self, loop: SimulatedLoop, tally: Counter[str]) -> None:
        super().__init__(loop, tally)
        self.begin()

    def begin(self) -> None:
        """Know nothing."""
        self.store: MemoryStore = _WatchedMemory(lambda: self.loop.now_ms, self)

    def fields(self, accounts: Sequence[str]) -> list[Fields]:
        """As Place."""
        return [_fields(self.store, account) for account in accounts]

    def live(self, slots: str) -> set[str]:
        """As Place."""
        found = self.store._slots.get(slots, {})
        return {hold_id for hold_id, lease_ms in found.items() if lease_ms > self.loop.now_ms}

    def members(self, slots: str) -> set[str]:
        """As Place."""
        return set(self.store._slots.get(slots, {}))

    def debts_us(self) -> Mapping[str, int]:
        """As Place."""
        return {name: tat - self.loop.now_ms * 1000 for name, tat in self.store._buckets._tats.items()}

    def usages(self, keys: Sequence[str]) -> list[Fields]:
        """As Place."""
        sums = {
            f"{{sluice}}:usage:{key_id}:{month}": usage for (key_id, month), usage in self.store.key_usage().items()
        }
        return [_figures(sums.get(key)) for key in keys]


class _WatchedMemory(MemoryStore):
    def __init__(self, clock_ms: Callable[[], int], place: Place) -> None:
        super().__init__(clock_ms)
        self._place = place

    def reserve_now(self, reservation: Reservation, *, forced: bool = False) -> Held | Refused:
        result = super().reserve_now(reservation, forced=forced)
        if isinstance(result, Held) and self._place.watcher is not None:
            self._place.watcher.granted(reservation, forced=forced)
        return result

    def _settle(self, settlement: Settlement) -> None:
        super()._settle(settlement)
        if self._place.watcher is not None:
            self._place.watcher.ended(settlement.reservation.id)


def _fields(store: MemoryStore, account: str) -> Fields:
    figures = store.all_accounts().get(account)
    if figures is None:
        return {}
    buckets = store.buckets().get(account, {})
    fields = {"posted": figures.posted - sum(buckets.values()), "held": figures.held, "orphaned": figures.orphaned}
    return {name: str(value) for name, value in {**fields, **{f"b{n}": spent for n, spent in buckets.items()}}.items()}


def _figures(usage: KeyUsage | None) -> Fields:
    if usage is None:
        return {}
    fields = {"requests": "requests", "input": "input_tokens", "output": "output_tokens", "cost": "cost_nusd"}
    return {field: str(getattr(usage, name)) for field, name in fields.items()}

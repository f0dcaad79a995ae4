"""Oracle B, at every step: what the store admits fits, and what it does not know of is only what nobody could tell it.

Looks at the accounts themselves and at the upstream's bill, not at what any code of ours says of them.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec

from simulator.bill import Attempt, Bill
from simulator.losses import Losses
from simulator.places import Fields, Place
from simulator.scenario import BUCKET_MS, ROLLING_MS, Purse, Scenario
from sluice_dataplane.limits.scripts import Command, Scripts
from sluice_dataplane.limits.store import Reservation

ACCOUNT: Final = "{sluice}:account:"
SLOTS: Final = "{sluice}:slots:"
BUCKET: Final = "{sluice}:bucket:"


class Grant(msgspec.Struct, frozen=True):
    """A hold that the store gave: when, and of which buckets it took."""

    at_ms: int
    buckets: tuple[str, ...]


def counted(fields: Fields, now_ms: int) -> int:
    """What an account has taken of its limit: posted, held and orphaned, and the buckets that a rolling one counts."""
    oldest = (now_ms - ROLLING_MS) // BUCKET_MS
    return sum(int(value) for name, value in fields.items() if not name.startswith("b") or int(name[1:]) >= oldest)


class Watch:
    """Sees everything that the store is asked."""

    def __init__(self, scenario: Scenario, place: Place, bill: Bill, scripts: Scripts) -> None:
        self._place = place
        self._bill = bill
        self._names = {script.sha: name for name, script in zip(scripts.__struct_fields__, scripts.all(), strict=True)}
        self._purses: dict[str, Purse] = {purse.name: purse for purse in scenario.purses}
        self._slots = {f"{SLOTS}{caller.key_id}": caller.slots for caller in scenario.callers}
        self.grants: dict[str, Grant] = {}
        self.ends: dict[str, int] = {}  # of holds: when the store counted their settlements first
        self._asserted: set[str] = set()  # holds that were granted elsewhere, and are there whatever is left
        self.losses = Losses()
        self.seen: Counter[str] = Counter()
        self.violations: list[str] = []
        self.trace: Callable[[str], None] | None = None

    def purse(self, account: str) -> Purse:
        """The Budget that *account* belongs to."""
        return self._purses[account.removeprefix(ACCOUNT).partition(":")[0]]

    def done(self, command: Command, reply: Any) -> None:
        """As :class:`places.Sees`."""
        name = self._names.get(str(command[1]), "")
        keys = [str(key) for key in command[3 : 3 + int(command[2])]] if name else []
        args = command[3 + len(keys) :]
        said = reply[0].decode() if isinstance(reply, list) and reply and isinstance(reply[0], bytes) else ""
        self.seen[f"{name} {said}".rstrip() if name != "hello" else name] += 1
        if self.trace is not None:
            self.trace(f"  redis: {name} {args[:8]} -> {reply}")
        if isinstance(reply, Exception):
            if not self._place.spoilt:
                self.violations.append(f"B.script: {name} failed: {reply}")
        elif name == "reserve" and said == "held":
            self._granted(str(args[2]), keys, forced=str(args[5]) == "1")
        elif name == "apply" and reply == 1:
            self.ended(str(args[4]))
        elif name == "hello":
            self.losses.greeted(str(args[0]), said, self._place.loop.now_ms)
        elif name == "restore" and reply == 1:
            self.losses.restored()
        elif name == "caught_up" and said != "hello":
            self._caught_up(str(args[2]), admits=reply == 1)

    def granted(self, reservation: Reservation, *, forced: bool) -> None:
        """As :class:`places.Sees`."""
        keys = [rate.bucket for rate in reservation.rates] + [slot.slots for slot in reservation.slots]
        self._granted(reservation.id, keys + [charge.account for charge in reservation.charges], forced=forced)

    def ended(self, hold_id: str) -> None:
        """As :class:`places.Sees`."""
        self.ends.setdefault(hold_id, self._place.loop.now_ms)

    def _granted(self, hold_id: str, keys: list[str], *, forced: bool) -> None:
        if forced:
            self._asserted.add(hold_id)
        if hold_id in self.grants or hold_id in self._asserted:
            return
        now_ms = self._place.loop.now_ms
        self.grants[hold_id] = Grant(now_ms, tuple(key for key in keys if key.startswith(BUCKET)))
        accounts = [key for key in keys if key.startswith(ACCOUNT) and self.purse(key).enforced]
        for account, fields in zip(accounts, self._place.fields(accounts), strict=True):
            self._fits(hold_id, account, fields, now_ms)
            unknown = self._covers(account, fields, now_ms, f"as {hold_id} was held")
            self.losses.admitted_without(account, unknown)
        for key in keys:
            if key.startswith(SLOTS):
                self._room(key)

    def _caught_up(self, source: str, *, admits: bool) -> None:
        """Who says that it has told everything has."""
        if self.losses.caught_up(source):
            self._all_known(source)
        if admits:
            self.losses.fell()

    def _all_known(self, source: str) -> None:
        charges = {charge.account for attempt in self._bill.of(source) for charge in attempt.charges}
        accounts = [account for account in sorted(charges) if self.purse(account).enforced]
        for account, fields in zip(accounts, self._place.fields(accounts), strict=True):
            self._covers(account, fields, self._place.loop.now_ms, f"as {source} had told everything", only=source)

    def _fits(self, hold_id: str, account: str, fields: Fields, now_ms: int) -> None:
        limit, taken = self.purse(account).limit, counted(fields, now_ms)
        if taken > limit:
            self.violations.append(f"B.limit: {hold_id} was held on {account}: {taken} of {limit}")
        for field in ("held", "orphaned"):
            if int(fields.get(field, 0)) < 0:
                self.violations.append(f"B.negative: {account} has {field} {fields[field]}")

    def _covers(self, account: str, fields: Fields, now_ms: int, when: str, only: str = "") -> list[Attempt]:
        """See that what may be spent of *account* is counted, but for what the store may not know: those attempts."""
        oldest = (now_ms - ROLLING_MS) // BUCKET_MS
        known, unknown = 0, []
        for attempt, index in self._bill.on(account):
            bucket = attempt.charges[index].bucket
            if attempt.uncounted or attempt.tainted or (bucket is not None and bucket < oldest and attempt.over):
                continue
            if attempt.source != only and (only or self.losses.excused(attempt.source, now_ms)):
                unknown.append(attempt)
            else:
                known += attempt.exposure(index)
        taken = counted(fields, now_ms)
        if taken < known:
            self.violations.append(f"B.unknown: {account} counts {taken}, may be spent {known}, {when}")
            self._tell(account)
        return unknown

    def _tell(self, account: str) -> None:
        """Show who is charged to *account*, to a reader of a trace."""
        if self.trace is None:
            return
        for attempt, index in self._bill.on(account):
            state = "over" if attempt.over else "running"
            state += "" if attempt.id in self.grants else ", offline"
            state += ", stranger" if attempt.source in self.losses.strangers else ""
            if attempt.exposure(index):
                self.trace(f"  {account}: {attempt.id} of {attempt.source}: {attempt.exposure(index)} ({state})")

    def _room(self, slots: str) -> None:
        limit, live = self._slots[slots], len(self._place.live(slots))
        if limit is not None and live > limit:
            self.violations.append(f"B.slots: {live} calls have one of the {limit} slots {slots}")

"""What journals say that every account has posted, beside what the store says.  Pure.

What an account has posted is the sum of the settlements that were counted, and the store says which those are (its
marks): so the two are equal to the last unit at any moment, under load too.  That holds where all journals are whole;
where one is missing, or begins late, the store may rightly have more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from sluice_cli.usage_redis import Marks, Page
from sluice_dataplane.limits.store import Reservation
from sluice_dataplane.usage.lines import DropLine, HoldLine, Line, SettleLine, SnapshotLine

EXPIRY_MS = 60_000  # clocks differ: an account about to be forgotten may be gone already

Verdict = Literal["lost", "too much", "unknown"]
Posted = tuple[str, int | None]  # account, and bucket of a rolling window


class Difference(msgspec.Struct, frozen=True):
    """One figure that is not the same, in its Budget's own unit: nano-USD, tokens or requests.

    ``lost``: the store has less than was spent.  ``too much``: it has more.  ``unknown``: journals that were not read,
    or not from their beginning, may tell why.
    """

    account: str
    bucket: int | None
    store: int
    journals: int
    verdict: Verdict


class Result(msgspec.Struct, frozen=True):
    """What differs, how many figures were compared, and what keeps a surplus from being proven."""

    differences: tuple[Difference, ...]
    compared: int
    incomplete: tuple[str, ...]

    @property
    def proven(self) -> bool:
        """Whether store and journals contradict each other."""
        return any(each.verdict != "unknown" for each in self.differences)


@dataclass(slots=True)
class _Account:
    marks: Marks
    expires_at_ms: int = 0
    oldest: int = 0
    posted: dict[int | None, int] = field(default_factory=dict)


class Books:
    """Adds up journals, line by line, each up to where the store had counted it.

    Args:
        before: the marks before accounts were listed; what was counted by then is in an account that was listed.
        pages: the store's accounts.
    """

    def __init__(self, before: Marks, pages: Iterable[Page]) -> None:
        self._before = before
        self._store: dict[str, Mapping[int | None, int]] = {}
        self._accounts: dict[str, _Account] = {}
        self._last: dict[str, int] = {}  # the last settlement read of each source
        self._incomplete: dict[str, str] = {}  # source → why
        self._marks = [before]
        for page in pages:
            self._marks.append(page.marks)
            for name, posted in page.accounts.items():
                self._store[name] = posted
                self._accounts[name] = _Account(page.marks)

    def read(self, source: str, lines: Iterable[Line]) -> None:
        """Count in the journal of *source*."""
        holds: dict[str, Reservation] = {}
        self._last.setdefault(source, 0)
        for line in lines:
            match line:
                case HoldLine(reservation=reservation):
                    holds[reservation.id] = reservation
                case SnapshotLine():
                    self._begin(source, line)
                    opened = (*line.holds, *(each.reservation for each in line.open))
                    holds = {each.id: each for each in opened}
                case DropLine():
                    holds.pop(line.id, None)
                case SettleLine() if line.n > self._last[source]:
                    self._follow(source, line.n - 1)
                    self._settle(source, line, holds.pop(line.id, None) or line.reservation)
                    self._last[source] = line.n
                case _:
                    continue  # copied from the reserve, and read there too

    def _begin(self, source: str, line: SnapshotLine) -> None:
        if line.n and not self._last[source]:
            self._incomplete[source] = f"begins after settlement {line.n}"
        else:
            self._follow(source, line.n)
        self._last[source] = max(self._last[source], line.n)

    def _follow(self, source: str, n: int) -> None:
        if n > self._last[source]:
            self._incomplete.setdefault(source, f"lacks settlement {self._last[source] + 1}")

    def _settle(self, source: str, line: SettleLine, reservation: Reservation | None) -> None:
        if reservation is None:
            if any(line.spent):
                self._incomplete.setdefault(source, f"lacks the hold of settlement {line.n}")
            return
        for charge, spent in zip(reservation.charges, line.spent, strict=True):
            account = self._accounts.get(charge.account)
            if account is None:
                account = self._accounts[charge.account] = _Account(self._before)
            account.expires_at_ms = max(account.expires_at_ms, charge.expires_at_ms)
            account.oldest = max(account.oldest, charge.oldest)
            if spent and account.marks.counted(source, line.n):
                account.posted[charge.bucket] = account.posted.get(charge.bucket, 0) + spent

    def result(self, *, now_ms: int) -> Result:
        """Every figure that differs, at *now_ms* by the clock that accounts expire by."""
        incomplete = self._lacking()
        found: list[Difference] = []
        compared = 0
        for name, account in sorted(self._accounts.items()):
            store = self._store.get(name)
            if store is None and account.expires_at_ms < now_ms + EXPIRY_MS:
                continue  # forgotten: its window is over
            there = store or {}
            for bucket in sorted({*account.posted, *there}, key=lambda each: (each is not None, each)):
                forgotten = bucket is not None and bucket not in there  # perhaps: it may have left the window
                if forgotten and bucket is not None and bucket < account.oldest:
                    continue
                compared += 1
                figures = there.get(bucket, 0), account.posted.get(bucket, 0)
                if figures[0] != figures[1]:
                    sure = not incomplete or (figures[0] < figures[1] and not forgotten)
                    found.append(Difference(name, bucket, *figures, _verdict(*figures, sure=sure)))
        return Result(tuple(found), compared, tuple(incomplete))

    def _lacking(self) -> list[str]:
        known = {source for marks in self._marks for source, mark in marks.marks.items() if mark}
        why = dict.fromkeys(known - set(self._last), "was not given")
        for source, last in self._last.items():
            mark = max(marks.marks.get(source, 0) for marks in self._marks)
            if mark > last:
                why[source] = f"ends at settlement {last}, and the store has counted up to {mark}"
        return [f"source {source}: its journal {said}" for source, said in sorted({**why, **self._incomplete}.items())]


def _verdict(store: int, journals: int, *, sure: bool) -> Verdict:
    if not sure:
        return "unknown"
    return "lost" if store < journals else "too much"

"""What the segments of a journal come to.  Reads files, writes none; reads no clock."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sluice_dataplane.limits.store import Charge, Entry, KeyUsage, Reservation, Settlement
from sluice_dataplane.usage import lines
from sluice_dataplane.usage.lines import DropLine, HoldLine, Line, SettleLine, SnapshotLine

Damaged = Callable[[Path, int, bytes], None]  # told of each line that cannot be read: where it is, what is there

MAX_LINE_BYTES: Final = 64 * 1024 * 1024  # a snapshot of a great many accounts; anything longer is damage


class State:
    """The journal's memory, line by line."""

    def __init__(self) -> None:
        self.lines = 0
        self.missing = 0  # settlements that must have been written and cannot be read
        self.damaged = 0  # whole lines since the last settlement that cannot be read: each may have been one
        self.n = 0
        self.sequence = 0
        self.acknowledged = 0
        self.posted: dict[str, tuple[int, int]] = {}  # account → spent, expires at ms
        self.buckets: dict[tuple[str, int], tuple[int, int]] = {}  # the same of rolling windows, by bucket
        self.usage: dict[tuple[str, str], KeyUsage] = {}  # by key and month
        self.holds: dict[str, HoldLine] = {}

    def take(self, line: Line) -> Settlement | None:
        """Count *line* in; the settlement it stands for, unless it was counted before."""
        self.lines += 1
        match line:
            case HoldLine(reservation=reservation):
                self.holds[reservation.id] = line
            case DropLine(id=hold_id):
                self.holds.pop(hold_id, None)
            case SnapshotLine():
                self._restart(line)
            case SettleLine():
                return self._settle(line)
        return None

    def damage(self, raw: bytes) -> None:
        """There is a line that cannot be read.  It may have been the end of any hold, unless it is torn: then it is
        the last thing that its process did, and what it says was told to nobody.
        """
        if raw.endswith(b"\n"):
            self.damaged += 1
            self._doubt()

    def _doubt(self) -> None:
        """Any open hold may have ended: its progress is no longer shown, and says nothing."""
        self.holds = {hold_id: msgspec.structs.replace(hold, watched=False) for hold_id, hold in self.holds.items()}

    def _restart(self, line: SnapshotLine) -> None:
        if self.n:
            self.missing += max(line.n - self.n, 0)
        self.damaged = 0
        self.n, self.sequence, self.acknowledged = line.n, line.sequence, line.acknowledged
        self.posted = {name: (spent, expires_at_ms) for name, spent, expires_at_ms in line.accounts}
        self.buckets = {(name, bucket): (spent, expires_at_ms) for name, bucket, spent, expires_at_ms in line.buckets}
        self.usage = {(usage.key_id, usage.month): usage for usage in line.usage}
        self.holds = {hold.reservation.id: hold for hold in line.open}
        self.holds |= {reservation.id: HoldLine(0, reservation) for reservation in line.holds}

    def _settle(self, line: SettleLine) -> Settlement | None:
        if line.n <= self.n:
            return None  # copied from the reserve, and read there too
        hold = self.holds.pop(line.id, None)
        if line.n > self.n + 1:
            self.missing += line.n - self.n - 1
            self._doubt()
        self.n, self.damaged = line.n, 0
        if line.record is not None:
            self.sequence = line.record.sequence
        reservation = line.reservation if hold is None else hold.reservation
        if line.usage is not None:
            named = (line.usage.key_id, line.usage.month)
            self.usage[named] = _sum(self.usage[named], line.usage) if named in self.usage else line.usage
        if reservation is None:  # its hold line was damaged: nobody knows the accounts any more
            return Settlement(Reservation(line.id, (), (), (), 0), (), (), line.usage)
        for charge, spent in zip(reservation.charges, line.spent, strict=True):
            self._post(charge, spent)
        return Settlement(reservation, line.used, line.spent, line.usage)

    def _post(self, charge: Charge, spent: int) -> None:
        if charge.bucket is None:
            before, _ = self.posted.get(charge.account, (0, 0))
            self.posted[charge.account] = (before + spent, charge.expires_at_ms)
        else:
            named = (charge.account, charge.bucket)
            before, _ = self.buckets.get(named, (0, 0))
            self.buckets[named] = (before + spent, charge.expires_at_ms)


def _sum(one: KeyUsage, other: KeyUsage) -> KeyUsage:
    return KeyUsage(
        one.key_id,
        one.month,
        one.requests + other.requests,
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cost_nusd + other.cost_nusd,
        max(one.at_ms, other.at_ms),
    )


def read(path: Path, damaged: Damaged) -> Iterator[Line]:
    """The lines of one segment; those that cannot be read are told to *damaged* and left out."""
    offset = 0
    with path.open("rb") as file:
        while raw := file.readline(MAX_LINE_BYTES):
            line = lines.decode(raw)
            if line is not None:
                yield line
            elif raw != b"\n":  # what separates a torn line from the next
                damaged(path, offset, raw)
            offset += len(raw)


def head(path: Path) -> SnapshotLine | None:
    """The snapshot that *path* begins with; None where it has none, or a damaged one."""
    for line in read(path, _ignore):
        return line if isinstance(line, SnapshotLine) else None
    return None


def start_of(segments: Sequence[Path], acknowledged: int | None) -> Sequence[Path]:
    """The segments to read for all that came after settlement *acknowledged*, or for the latest state (None)."""
    for index in range(len(segments) - 1, 0, -1):
        snapshot = head(segments[index])
        if snapshot is not None and (acknowledged is None or snapshot.n <= acknowledged):
            return segments[index:]
    return segments


def fold(segments: Iterable[Path], damaged: Damaged) -> State:
    """What *segments*, oldest first, come to."""
    state = State()

    def told(path: Path, offset: int, raw: bytes) -> None:
        state.damage(raw)
        damaged(path, offset, raw)

    for path in segments:
        for line in read(path, told):
            state.take(line)
    return state


def settlements(
    segments: Sequence[Path], *, after: int, until: int, limit: int, only: Collection[int] | None = None
) -> list[Entry]:
    """The first *limit* settlements numbered ``after < n <= until``, in order; of those in *only*, if it is given."""
    state = State()
    found: list[Entry] = []
    for path in start_of(segments, after):
        for line in read(path, _ignore):
            if isinstance(line, SettleLine) and line.n > until:
                return found
            settlement = state.take(line)
            if settlement is None or not isinstance(line, SettleLine) or line.n <= after:
                continue
            if only is not None and line.n not in only:
                continue
            record = b"" if line.record is None else lines.encode_record(line.record)
            found.append(Entry(line.n, settlement, record))
            if len(found) >= limit:
                return found
    return found


def forgettable(
    segments: Sequence[Path],
    *,
    acknowledged: int,
    exported: int | None = None,
    now_ms: int,
    keep_ms: int,
    keep_bytes: int,
) -> list[Path]:
    """The segments that may be deleted: too old, or beyond *keep_bytes* counted from the newest, and not needed.

    The last two are always kept, and whatever holds a settlement after *acknowledged*, or a usage record after
    *exported*; None: nobody exports them.
    """
    sizes = [path.stat().st_size for path in segments]
    gone: list[Path] = []
    for index in range(len(segments) - 2):
        path, after = segments[index], head(segments[index + 1])
        over = sum(sizes[index:]) > keep_bytes or path.stat().st_mtime_ns // 1_000_000 < now_ms - keep_ms
        if not over or after is None or after.n > acknowledged:
            break
        if exported is not None and after.sequence > exported:
            break
        gone.append(path)
    return gone


def _ignore(_path: Path, _offset: int, _raw: bytes) -> None:
    return

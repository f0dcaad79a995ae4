"""What the segments of a journal come to.  Reads files, writes none; reads no clock."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from sluice_dataplane.limits.store import KeyUsage, Reservation, Settlement
from sluice_dataplane.usage import lines
from sluice_dataplane.usage.lines import HoldLine, Line, SettleLine, SnapshotLine

Damaged = Callable[[Path, int, bytes], None]  # told of each line that cannot be read: where it is, what is there

MAX_LINE_BYTES: Final = 64 * 1024 * 1024  # a snapshot of a great many accounts; anything longer is damage


class State:
    """The journal's memory, line by line."""

    def __init__(self) -> None:
        self.lines = 0
        self.missing = 0  # settlements that must have been written and cannot be read
        self.n = 0
        self.sequence = 0
        self.acknowledged = 0
        self.posted: dict[str, tuple[int, int]] = {}  # account → spent, expires at ms
        self.usage: dict[tuple[str, str], KeyUsage] = {}  # by key and month
        self.holds: dict[str, Reservation] = {}

    def take(self, line: Line) -> Settlement | None:
        """Count *line* in; the settlement it stands for, unless it was counted before."""
        self.lines += 1
        match line:
            case HoldLine(reservation=reservation):
                self.holds[reservation.id] = reservation
            case SnapshotLine():
                self._restart(line)
            case SettleLine():
                return self._settle(line)
        return None

    def _restart(self, line: SnapshotLine) -> None:
        if self.n:
            self.missing += max(line.n - self.n, 0)
        self.n, self.sequence, self.acknowledged = line.n, line.sequence, line.acknowledged
        self.posted = {name: (spent, expires_at_ms) for name, spent, expires_at_ms in line.accounts}
        self.usage = {(usage.key_id, usage.month): usage for usage in line.usage}
        self.holds = {reservation.id: reservation for reservation in line.holds}

    def _settle(self, line: SettleLine) -> Settlement | None:
        if line.n <= self.n:
            return None  # copied from the reserve, and read there too
        self.missing += line.n - self.n - 1
        self.n = line.n
        if line.record is not None:
            self.sequence = line.record.sequence
        reservation = self.holds.pop(line.id, None) or line.reservation
        if line.usage is not None:
            named = (line.usage.key_id, line.usage.month)
            self.usage[named] = _sum(self.usage[named], line.usage) if named in self.usage else line.usage
        if reservation is None:
            return None  # its hold line was damaged: nobody knows the accounts any more
        for charge, spent in zip(reservation.charges, line.spent, strict=True):
            before, _ = self.posted.get(charge.account, (0, 0))
            self.posted[charge.account] = (before + spent, charge.expires_at_ms)
        return Settlement(reservation, line.used, line.spent, line.usage)


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
    for path in segments:
        for line in read(path, damaged):
            state.take(line)
    return state


def settlements(segments: Sequence[Path], *, after: int, until: int) -> list[tuple[int, Settlement]]:
    """The settlements numbered ``after < n <= until``, in order, with their numbers."""
    state = State()
    found: list[tuple[int, Settlement]] = []
    for path in start_of(segments, after):
        for line in read(path, _ignore):
            if isinstance(line, SettleLine) and line.n > until:
                return found
            settlement = state.take(line)
            if settlement is not None and state.n > after:
                found.append((state.n, settlement))
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

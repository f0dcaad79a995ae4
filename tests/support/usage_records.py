"""Usage records in numbers, and a journal that holds them: written as a ledger writes it, without one."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from sluice_contract.usage import TokenUsage, UsageRecord
from sluice_dataplane.limits.store import Charge, Reservation
from sluice_dataplane.usage import lines
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.lines import HoldLine, SettleLine, SnapshotLine

SOURCE = "4f3a9c21-7d1e-4c57-9a55-0f6a1c2b3d4e"
OTHER = "b8d20e77-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
AT_MS = 1_795_000_000_000  # 2026-11-18T11:06:40Z
HOUR_MS = 3_600_000
FAR_MS = 253_402_300_799_000


def record(sequence: int, source: str = SOURCE, **fields: Any) -> UsageRecord:
    """The usage record of one call, which costs as many nano-USD as its number."""
    base: dict[str, Any] = {
        "id": f"{source[:8]}-{sequence}",
        "at_ms": AT_MS + sequence,
        "key_id": "vk",
        "key": "team/app",
        "model": "m",
        "target": "t",
        "upstream_model": "m-1",
        "endpoint": "chat",
        "status": 200,
        "outcome": "ok",
        "attempts": 1,
        "usage": TokenUsage(input=10, output=20),
        "cost_nusd": sequence,
    }
    return UsageRecord(source=source, sequence=sequence, **{**base, **fields})


def write(path: Path, records: Iterable[UsageRecord]) -> Path:
    """A file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in records))
    return path


class Book:
    """A journal in *folder*, begun; ``call`` writes one call down, ``turn`` begins the next segment."""

    def __init__(self, folder: Path, source: str = SOURCE, *, n: int = 0, sequence: int = 0, **options: Any) -> None:
        self.journal = Journal(folder, new_source=lambda: source, **{"reserve_bytes": 64 * 1024, **options})
        self.journal.open()
        self.n, self.sequence = n, sequence
        self.turn()

    def turn(self) -> None:
        """Begin a new segment."""
        self.journal.begin(lines.encode(SnapshotLine(self.journal.source, self.n, self.sequence, 0, (), ())))

    def call(self, *charges: tuple[str, int], recorded: bool = True, **fields: Any) -> None:
        """One call that spent so much on each account, or held it and spent nothing where it is not *recorded*."""
        self.n += 1
        self.sequence += recorded
        made = record(self.sequence, self.journal.source, **fields) if recorded else None
        spent = tuple(amount if recorded else 0 for _, amount in charges)
        for line in (
            HoldLine(AT_MS, hold(f"h{self.n}", *charges)),
            SettleLine(self.n, f"h{self.n}", (), spent, record=made),
        ):
            self.journal.append_surely(lines.encode(line))

    def calls(self, count: int) -> None:
        """So many calls."""
        for _ in itertools.repeat(None, count):
            self.call()


def hold(hold_id: str, *charges: tuple[str, int]) -> Reservation:
    """A reservation that charges accounts."""
    return Reservation(hold_id, (), (), tuple(Charge(name, amount, 10**15, FAR_MS) for name, amount in charges), 60_000)

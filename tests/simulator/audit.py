"""Oracle L, when all is quiet: every billed attempt has one record, and every sum is the sum of those records.

What a data plane wrote is read from its files, what the store knows from its keys, what is true from the bill.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simulator import journals
from simulator.bill import Attempt, Bill
from simulator.places import Fields
from simulator.scenario import BUCKET_MS, ROLLING_MS, Purse, amount_of


class Books:
    """The journals at the end: settle lines by source and number, of the disks that are still there."""

    def __init__(self, directories: Mapping[str, Path]) -> None:
        self.lines = {source: journals.settlements(path) for source, path in directories.items()}

    def settled(self) -> Iterable[tuple[str, int, dict[str, Any]]]:
        """Every settlement: source, number, line."""
        for source, found in self.lines.items():
            for number, line in found.items():
                yield source, number, line

    def records(self) -> Iterable[dict[str, Any]]:
        """Every usage record."""
        return (line["record"] for _, _, line in self.settled() if line.get("record"))


def numbers(books: Books, torn: Mapping[str, int]) -> list[str]:
    """No number is missing: of settlements but where a line was *torn* that may have had one, of records nowhere."""
    found = []
    for source, lines in books.lines.items():
        missing = sorted(set(range(1, max(lines, default=0) + 1)) - set(lines))
        if len(missing) > torn.get(source, 0):
            found.append(f"L.numbers: {source} has settlements {missing} missing")
        records = [line["record"] for _, line in sorted(lines.items()) if line.get("record")]
        sequences = [record["sequence"] for record in records]
        if sequences != list(range(1, len(sequences) + 1)):
            found.append(f"L.numbers: {source} numbers its records {sequences}")
        if any(record["source"] != source for record in records):
            found.append(f"L.numbers: {source} has records of another source")
    return found


def spent(books: Books, bill: Bill) -> list[str]:
    """A settlement without a record spends nothing, one with a record what that comes to."""
    found = []
    for source, number, line in books.settled():
        attempt, record = bill.attempts.get(line["id"]), line.get("record")
        units = () if attempt is None else attempt.units
        true = [0] * len(line["spent"])
        if record:
            said = record["usage"].get("input", 0), record["usage"].get("output", 0)
            true = [amount_of(unit, *said) for unit in units]
        if line["spent"] != true:
            found.append(f"L.records: {source} spends {line['spent']} with {number} for {line['id']}, not {true}")
    return found


def bills(books: Books, bill: Bill) -> list[str]:
    """Each attempt that was billed, on a disk that is still there, has exactly one record, of at least its bill."""
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in books.records():
        number = record.get("attempt", 1)
        records[record["id"] if number == 1 else f"{record['id']}~{number}"].append(record)
    found = [
        f"L.records: a record of {unknown}, which nobody asked for" for unknown in set(records) - set(bill.attempts)
    ]
    for attempt in bill.attempts.values():
        if attempt.source in books.lines:
            found += _record(attempt, records.get(attempt.id, []))
    return found


def _record(attempt: Attempt, records: list[dict[str, Any]]) -> list[str]:
    if not attempt.sent:
        return [f"L.records: {attempt.id} was never sent and has a record"] if records else []
    if len(records) != 1:
        return [f"L.records: {attempt.id} was billed and has {len(records)} records"]
    record = records[0]
    usage, crashed = record["usage"], "crashed" in record.get("flags", ())
    said = (usage.get("input", 0), usage.get("output", 0))
    true = (attempt.input, attempt.output)
    bound = (attempt.bound_input, attempt.bound_output)
    told = f"{attempt.id} came to {true}, its record says {said}, bound {bound}"
    found = []
    if crashed != attempt.lost and not (crashed and attempt.settled):  # it may die as it writes its settlement
        found.append(f"L.records: {told}: crashed {crashed}, lost {attempt.lost}")
    exact = not (crashed or attempt.unanswered)
    if exact and said != true:
        found.append(f"L.records: {told}")
    least = [min(one, other) for one, other in zip(true, bound, strict=True)]
    if not exact and not all(low <= one <= high for low, one, high in zip(least, said, bound, strict=True)):
        found.append(f"L.records: {told}, an estimate")
    if record["cost_nusd"] != amount_of("Cost", *said):
        found.append(f"L.records: {told}, at {record['cost_nusd']}")
    return found


class Sums:
    """What accounts, keys and the stream must come to: the sums of settlements."""

    def __init__(self) -> None:
        self.posted: Counter[str] = Counter()
        self.buckets: dict[str, Counter[int]] = defaultdict(Counter)
        self.usage: dict[str, Counter[str]] = defaultdict(Counter)
        self.records: set[tuple[str, int]] = set()

    def add(self, attempt: Attempt | None, line: Mapping[str, Any], source: str) -> None:
        """Count one settlement in; *attempt* None: of a slice."""
        if attempt is not None:
            for charge, spent in zip(attempt.charges, line["spent"], strict=True):
                if charge.bucket is None:
                    self.posted[charge.account] += spent
                else:
                    self.buckets[charge.account][charge.bucket] += spent
        usage = line.get("usage")
        if usage:
            key = f"{{sluice}}:usage:{usage['key_id']}:{usage['month']}"
            figures = {"requests": "requests", "input": "input_tokens", "output": "output_tokens", "cost": "cost_nusd"}
            for field, name in figures.items():
                self.usage[key][field] += usage[name]
        if line.get("record"):
            self.records.add((source, line["record"]["sequence"]))


def posted(sums: Sums, known: Mapping[str, Fields], now_ms: int) -> list[str]:
    """Every account's posted figure is the sum of its settlements; in a rolling window, of each bucket that counts."""
    found = []
    oldest = (now_ms - ROLLING_MS) // BUCKET_MS
    for account, fields in known.items():
        said = int(fields.get("posted", 0))
        if said != sums.posted[account]:
            found.append(f"L.posted: {account} has posted {said}, its settlements come to {sums.posted[account]}")
        true, rolling = sums.buckets[account], {int(name[1:]): int(fields[name]) for name in fields if name[0] == "b"}
        for bucket in sorted({*rolling, *true}):
            spent = rolling.get(bucket, 0)  # what does not count any more may be forgotten, and told again in part
            if spent > true[bucket] or (spent < true[bucket] and bucket >= oldest):
                found.append(f"L.posted: {account} has posted {spent} in {bucket}, should be {true[bucket]}")
    return found


def usage(sums: Sums, known: Mapping[str, Fields]) -> list[str]:
    """Every key's monthly figures are the sums of its records."""
    found = []
    for key, figures in sums.usage.items():
        said = {field: int(known.get(key, {}).get(field, 0)) for field in figures}
        if said != dict(figures):
            found.append(f"L.usage: {key} says {said}, its records {dict(figures)}")
    return found


def overspent(bill: Bill, purse_of: Mapping[str, Purse]) -> list[str]:
    """Which limits the bill is over by more than what is allowed for: holds that a store forgot together with those
    who could tell, what was billed over its bound, and budgets that fail open.
    """
    found = []
    for account, purse in purse_of.items():
        if not purse.enforced:
            continue
        rows = sorted(bill.on(account), key=lambda row: row[0].at_ms)
        spans = [rows]
        if purse.window == "rolling":
            ends = [attempt.at_ms for attempt, _ in rows]
            spans = [[row for row in rows if end - ROLLING_MS < row[0].at_ms <= end] for end in ends]
        for span in spans:
            billed = sum(attempt.billed(purse.unit) for attempt, _ in span)
            excused = sum(_excused(attempt, index) for attempt, index in span)
            if billed > purse.limit + excused:
                found.append(f"B.overspent: {billed} billed on {account} of {purse.limit}, {excused} excused")
    return found


def _excused(attempt: Attempt, index: int) -> int:
    billed = attempt.billed(attempt.units[index])
    if attempt.unseen or attempt.uncounted or attempt.tainted:
        return billed
    return max(billed - attempt.charges[index].amount, 0)

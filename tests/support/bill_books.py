"""Compares what a provider billed with what the gateway wrote down and posted: every call, every token, every nano-USD.

Works out costs by itself: nothing here asks the product what a token costs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sluice_contract import names
from sluice_contract.snapshot import Budget, Price
from sluice_contract.usage import UsageRecord
from sluice_contract.windows import Period
from support.bill import Bill, Line
from support.bill_client import Call
from support.builders import budget
from support.journals import segment_records

ONCE = Period()
# Odd rates, so that a sum that is rounded at the wrong place shows.
PRICE = Price(version="billed", input_nusd_per_mtok=150_000_003, output_nusd_per_mtok=600_000_007)
MUCH = 10**15
SLACK_TOKENS = 64  # a bound may count the words around a prompt
UNSEEN = frozenset(("crashed", "unanswered"))  # flags of records of attempts whose end nobody saw


def cost_of(input_tokens: int, output_tokens: int, price: Price = PRICE) -> int:
    """Nano-USD, rounded up once."""
    return -(-(input_tokens * price.input_nusd_per_mtok + output_tokens * price.output_nusd_per_mtok) // 1_000_000)


def three_budgets(**fields: Any) -> tuple[Budget, ...]:
    """A Budget in each unit that a bill is compared in, none of them ever spent."""
    units = ("Cost", "TotalTokens", "Requests")
    return tuple(
        budget(**{"id": f"b{unit}", "name": unit.lower(), "unit": unit, "amount": MUCH, "period": ONCE, **fields})
        for unit in units
    )


def account_name(budget_id: str) -> str:
    """The account of a Budget without windows."""
    return names.account(budget_id, "once", "-")


class Posted(msgspec.Struct, frozen=True):
    """What all records come to, in each unit of :func:`three_budgets`."""

    cost: int
    tokens: int
    requests: int


class Told(msgspec.Struct, frozen=True):
    """What a comparison found, besides that all is right."""

    exact: int  # records that equal the bill
    crashed: int
    crashed_cost: int  # of those records …
    crashed_bill: int  # … and of the entries they are for
    estimated: int  # others whose usage the provider did not say
    unbilled: int  # records of attempts that never arrived
    over: tuple[int, ...]  # tokens of output that crashed streams were written down above the bill, ascending

    @property
    def ratio(self) -> float:
        """Posted over billed, of crashed calls."""
        return self.crashed_cost / max(self.crashed_bill, 1)


def all_records(data_dirs: Iterable[Path]) -> list[UsageRecord]:
    """The records of all journals; sources and their sequences are whole."""
    return Journals(data_dirs).records()


class Journals:
    """The journals of several data planes, which may be writing them: asked again, only what is new is read."""

    def __init__(self, data_dirs: Iterable[Path]) -> None:
        self._data_dirs = list(data_dirs)
        self._read: dict[Path, tuple[int, list[UsageRecord]]] = {}  # of each segment: how long it was, what it said

    def records(self) -> list[UsageRecord]:
        """Every record, oldest first of each source; sources and their sequences are whole."""
        found = [record for data_dir in self._data_dirs for record in self._of(data_dir)]
        numbers: dict[str, list[int]] = defaultdict(list)
        for record in found:
            numbers[record.source].append(record.sequence)
        for source, told in numbers.items():
            assert sorted(told) == list(range(1, len(told) + 1)), f"{source}: sequences are missing or told twice"
        return found

    def _of(self, data_dir: Path) -> list[UsageRecord]:
        found = []
        for segment in sorted((data_dir / "journal").glob("*.log")):
            size = segment.stat().st_size
            if self._read.get(segment, (-1,))[0] != size:
                self._read[segment] = (size, segment_records(segment))
            found += self._read[segment][1]
        return found


def posted_by(found: Sequence[UsageRecord]) -> Posted:
    """What *found* come to."""
    return Posted(sum(r.cost_nusd for r in found), sum(r.usage.total for r in found), len(found))


def compare(bill: Bill, found: Sequence[UsageRecord], calls: Sequence[Call], *, price: Price = PRICE) -> Told:
    """Whether every charged entry has one record, of the right amount, and no record is for nothing.

    Raises:
        AssertionError: it is not so; says for which call.
    """
    by_marker: dict[str, list[UsageRecord]] = defaultdict(list)
    for record in found:
        by_marker[record.user or ""].append(record)
    asked = {call.marker: call for call in calls}
    entries = bill.by_marker()
    assert all(line.state != "open" for lines in entries.values() for line in lines), "calls are still being answered"
    sums: Counter[str] = Counter()
    over: list[int] = []
    for marker, call in asked.items():
        charged = [line for line in entries.get(marker, []) if line.state != "refused"]
        told = sorted(by_marker.get(marker, []), key=lambda record: record.attempt)
        _compare_call(call, charged, told, price, sums, over)
    strangers = (entries.keys() | by_marker.keys()) - asked.keys()
    assert not strangers, f"nobody asked for {sorted(strangers)[:5]}"
    return Told(
        sums["exact"],
        sums["crashed"],
        sums["crashed_cost"],
        sums["crashed_bill"],
        sums["estimated"],
        sums["unbilled"],
        tuple(sorted(over)),
    )


def _compare_call(
    call: Call, charged: list[Line], told: list[UsageRecord], price: Price, sums: Counter[str], over: list[int]
) -> None:
    why = f"{call.marker} on {call.plane}: billed {charged}, written down {told}, the client saw {_seen(call)}"
    assert len(told) >= len(charged), f"not written down: {why}"
    assert all(UNSEEN & {*record.flags} for record in told[len(charged) :]), (
        f"written down twice, or for nothing: {why}"
    )
    sums["unbilled"] += len(told) - len(charged)
    for line, record in zip(charged, told, strict=False):
        assert record.cost_nusd == cost_of(record.usage.input, record.usage.output, price), f"wrongly priced: {why}"
        if UNSEEN & {*record.flags}:
            _check_unseen(call, line, record, why)
            sums["crashed"] += 1
            if call.stream:
                over.append(record.usage.output - line.output)
            sums["crashed_cost"] += record.cost_nusd
            sums["crashed_bill"] += cost_of(line.input, line.output, price)
        elif record.usage.estimated:
            assert record.usage.input >= line.input, f"under the bill: {why}"
            assert record.usage.output >= delivered(call), f"under what was delivered: {why}"
            sums["estimated"] += 1
        else:
            assert (record.usage.input, record.usage.output) == (line.input, line.output), f"not as billed: {why}"
            sums["exact"] += 1
    if call.status == 200 and call.whole:
        last = told[-1] if told else None
        assert last is not None, f"answered and not written down: {why}"
        assert not last.usage.estimated, f"answered and estimated: {why}"


def _check_unseen(call: Call, line: Line, record: UsageRecord, why: str) -> None:
    """An attempt that nobody saw end: at least the bill, at most what was held."""
    usage = record.usage
    assert usage.estimated, f"not flagged as an estimate: {why}"
    assert usage.input >= line.input, f"under the bill: {why}"
    assert usage.output >= line.output, f"under the bill: {why}"
    assert usage.input <= len(call.request()) + SLACK_TOKENS, f"over the bound: {why}"
    assert call.max_tokens is None or usage.output <= call.max_tokens, f"over the bound: {why}"


def delivered(call: Call) -> int:
    """Tokens of output that the client has got."""
    return call.chunks * call.scripts[-1].tokens


def _seen(call: Call) -> str:
    return f"status {call.status}, {call.chunks} chunks, whole {call.whole}, broken {call.broken}"

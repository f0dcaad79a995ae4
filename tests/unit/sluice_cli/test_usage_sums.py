"""Sums of usage: exact, each record once, however it is read."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_cli import usage_inputs
from sluice_cli.usage_sums import TOKENS, Group, Query, Sum, Sums
from sluice_contract.usage import TokenUsage, UsageRecord
from support.usage_records import AT_MS, HOUR_MS, OTHER, SOURCE, record


def _sums(records: list[UsageRecord], *by: str, **options: Any) -> Sums:
    sums = Sums(replace(Query(by=by), **options))
    sums.take(records)
    return sums


def _figures(sums: Sums) -> tuple[list[tuple[Group, Sum]], Sum]:
    return sums.rows(), sums.total


def test_tokens_and_money_add_up_by_kind() -> None:
    """Each kind of token has its own sum; money is whole nano-USD, however much."""
    usage = msgspec.convert({kind: 10**12 + index for index, kind in enumerate(TOKENS)}, TokenUsage)
    total = _sums([record(n, usage=usage, cost_nusd=10**17 + 1) for n in (1, 2, 3)]).total

    assert total.tokens == [3 * (10**12 + index) for index in range(len(TOKENS))]
    assert total.cost_nusd == 3 * 10**17 + 3
    assert (total.requests, total.records, total.attempts) == (3, 3, 3)


def test_what_the_provider_reports_stands_beside_ours() -> None:
    """Its sum is of the calls it reported, and so is the sum of ours it is compared with."""
    records = [
        record(1, cost_nusd=100, provider_cost_nusd=90),
        record(2, cost_nusd=50),
        record(3, cost_nusd=7, provider_cost_nusd=0),
    ]
    total = _sums(records).total

    assert (total.cost_nusd, total.reported, total.reported_cost_nusd, total.reported_our_cost_nusd) == (
        157,
        2,
        90,
        107,
    )


def test_estimates_and_what_nobody_saw_are_told_apart() -> None:
    """How much of a sum is estimated, how many calls crashed, how many attempts went unanswered."""
    records = [
        record(1, cost_nusd=100, usage=TokenUsage(input=1, estimated=True), flags=("crashed",)),
        record(2, cost_nusd=50, usage=TokenUsage(input=1, estimated=True), flags=("unanswered", "downgraded")),
        record(3, cost_nusd=25),
    ]
    total = _sums(records).total

    assert (total.estimated, total.estimated_cost_nusd, total.crashed, total.unanswered) == (2, 150, 1, 1)


def test_an_exchange_with_several_records_is_one_request() -> None:
    """Each attempt that may have been billed has its record; the request is counted once, in each group it is in."""
    records = [
        record(1, id="x", attempt=1, attempts=1, target="a", flags=("unanswered",)),
        record(2, id="x", attempt=3, attempts=3, target="b"),
        record(3, id="y", attempt=2, attempts=2, target="b"),
        record(4, id="z", target="b"),
    ]
    sums = _sums(records, "target")

    assert (sums.total.requests, sums.total.records, sums.total.attempts) == (3, 4, 6)
    assert {group: each.requests for group, each in sums.rows()} == {("a",): 1, ("b",): 3}


def test_a_call_counts_for_each_of_its_budgets() -> None:
    """By Budget, rows overlap as Budgets do; the total counts each call once."""
    sums = _sums([record(5, budget_ids=("one", "two")), record(6, budget_ids=("two",)), record(7)], "budget")

    assert [(group, each.cost_nusd) for group, each in sums.rows()] == [
        (("two",), 11),
        ((None,), 7),
        (("one",), 5),
    ]
    assert sums.total.cost_nusd == 18


def test_several_dimensions_make_one_row_each() -> None:
    """Rows are by time first, then the dearest first; what a record does not say is a group of its own."""
    day = 24 * HOUR_MS
    records = [
        record(1, team="a", at_ms=AT_MS + day),
        record(2, team="b", at_ms=AT_MS),
        record(3, at_ms=AT_MS),
        record(4, team="a", at_ms=AT_MS + day),
    ]
    sums = _sums(records, "team", "day", "month", "hour", "key")

    assert [(*group, each.cost_nusd) for group, each in sums.rows()] == [
        (None, "2026-11-18", "2026-11", "2026-11-18T11", "team/app", 3),
        ("b", "2026-11-18", "2026-11", "2026-11-18T11", "team/app", 2),
        ("a", "2026-11-19", "2026-11", "2026-11-19T11", "team/app", 5),
    ]


@pytest.mark.parametrize(("since", "until", "numbers"), [(2, 4, {2, 3}), (None, 3, {1, 2}), (3, None, {3, 4})])
def test_spans_are_half_open(since: int | None, until: int | None, numbers: set[int]) -> None:
    """A call at the first moment counts, one at the last does not: spans in a row count each call once."""
    records = [record(n, at_ms=n, cost_nusd=10**n) for n in range(1, 5)]
    total = _sums(records, since_ms=since, until_ms=until).total

    assert total.cost_nusd == sum(10**n for n in numbers)


def test_a_call_counts_when_it_was_admitted() -> None:
    """As in Budgets: what began in November and ended in December is November's; by the end where no record says."""
    december = 1_796_083_200_000
    records = [
        record(1, at_ms=december + 5, admitted_ms=december - 1),
        record(2, at_ms=december + 5, admitted_ms=december),
        record(3, at_ms=december - 1),
    ]
    sums = _sums(records, "month", "day", "hour")

    assert [(*group, each.cost_nusd) for group, each in sums.rows()] == [
        ("2026-11", "2026-11-30", "2026-11-30T23", 4),
        ("2026-12", "2026-12-01", "2026-12-01T00", 2),
    ]
    assert _sums(records, until_ms=december).total.cost_nusd == 4
    assert _sums(records, since_ms=december).total.cost_nusd == 2


def _everything() -> list[UsageRecord]:
    draw = random.Random(7)
    made = []
    for source in (SOURCE, OTHER):
        for n in range(1, 41):
            flags = draw.choice(((), (), ("unanswered",), ("crashed",)))
            fields = {"id": f"{n // 2}", "attempt": 1 + n % 2, "attempts": draw.randint(1, 3), "flags": flags}
            more = {"model": draw.choice("abc"), "budget_ids": tuple(draw.sample("xyz", draw.randint(0, 2)))}
            made.append(record(n, source, cost_nusd=draw.randint(0, 10**9), **fields, **more))
    return made


EVERYTHING = _everything()
EXPECTED = _figures(_sums(EVERYTHING, "model", "budget"))


@given(st.data())
def test_sums_do_not_depend_on_how_records_are_read(data: st.DataObject) -> None:
    """Any order, any file twice, journals cut off and torn at any byte: while all records are somewhere, the sums
    are the same to the last nano-USD.
    """
    lines = [msgspec.json.encode(each) + b"\n" for each in EVERYTHING]
    inputs: list[bytes] = [b"".join(data.draw(st.permutations(lines)))]
    for _ in range(data.draw(st.integers(0, 3))):
        again = b"".join(data.draw(st.lists(st.sampled_from(lines), max_size=30)))
        inputs.append(again[: data.draw(st.integers(0, len(again)))])
    sums, unreadable = Sums(Query(by=("model", "budget"))), Counter[str]()
    for content in data.draw(st.permutations(inputs)):
        found = (_record(line, unreadable) for line in content.splitlines(keepends=True))
        sums.take(each for each in found if each is not None)

    assert _figures(sums) == EXPECTED
    assert sums.seen.gaps() == []
    assert sum(unreadable.values()) <= len(inputs) - 1


def _record(line: bytes, unreadable: Counter[str]) -> UsageRecord | None:
    try:
        return usage_inputs.record_in(line)
    except msgspec.MsgspecError:
        unreadable["cut"] += 1
        return None


def test_lines_from_files_sum_up_as_records_do(tmp_path: Path) -> None:
    """Nothing is lost or changed on the way through a file."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in EVERYTHING))

    assert _figures(_sums(list(usage_inputs.records([path], Counter())), "model", "budget")) == EXPECTED

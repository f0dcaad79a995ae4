"""Journals beside the store: what is equal, what differs, and what cannot be told."""

import pytest

from sluice_cli.usage_reconcile import EXPIRY_MS, Books, Difference, Result
from sluice_cli.usage_redis import Marks, Page
from sluice_dataplane.limits.store import Charge, Reservation
from sluice_dataplane.usage.lines import DropLine, HoldLine, Line, SettleLine, SnapshotLine
from support.usage_records import FAR_MS

NOW_MS = 1_800_000_000_000
A, B = "{sluice}:account:u:2026-11:-", "{sluice}:account:v:2026-11:-"

Store = dict[str, dict[int | None, int]]


def _hold(hold_id: str, *charges: Charge) -> HoldLine:
    return HoldLine(1, Reservation(hold_id, (), (), charges, 1))


def _charge(account: str = A, *, bucket: int | None = None, oldest: int = 0, until_ms: int = FAR_MS) -> Charge:
    return Charge(account, 1_000, 10**6, until_ms, bucket=bucket, oldest=oldest)


def _begin(source: str = "s", n: int = 0, *holds: HoldLine) -> SnapshotLine:
    return SnapshotLine(source, n, 0, 0, (), (), open=holds)


def _calls(*spent: int, account: str = A, first: int = 1) -> list[Line]:
    found: list[Line] = []
    for n, amount in enumerate(spent, first):
        found += [_hold(f"h{n}", _charge(account)), SettleLine(n, f"h{n}", (), (amount,))]
    return found


def _marks(holes: tuple[int, ...] = (), **marks: int) -> Marks:
    return Marks(marks, {"s": frozenset(holes)})


def _result(
    marks: Marks,
    store: dict[str, dict[int | None, int]],
    journals: dict[str, list[Line]],
    *,
    before: Marks | None = None,
) -> Result:
    books = Books(before or marks, [Page(marks, store)])
    for source, lines in journals.items():
        books.read(source, lines)
    return books.result(now_ms=NOW_MS)


def test_journals_and_store_that_agree_are_equal() -> None:
    """The sum of what was counted, of every source, is what the account has posted."""
    journals = {"s": [_begin(), *_calls(5, 7)], "t": [_begin("t"), *_calls(11), *_calls(13, account=B, first=2)]}
    result = _result(_marks(s=2, t=2), {A: {None: 23}, B: {None: 13}}, journals)

    assert result == Result((), 2, ())


@pytest.mark.parametrize(("store", "verdict"), [(11, "lost"), (13, "too much")])
def test_a_difference_is_proven_by_whole_journals(store: int, verdict: str) -> None:
    """One nano-USD is enough."""
    result = _result(_marks(s=2), {A: {None: store}}, {"s": [_begin(), *_calls(5, 7)]})

    assert result.differences == (Difference(A, None, store, 12, verdict),)  # type: ignore[arg-type]
    assert result.proven


def test_what_is_on_its_way_to_the_store_is_no_difference() -> None:
    """Only settlements that the store says it has counted are: holes below its mark and what is after it are not."""
    result = _result(_marks((2,), s=3), {A: {None: 5 + 11}}, {"s": [_begin(), *_calls(5, 7, 11, 13)]})

    assert result == Result((), 1, ())


def test_each_account_is_compared_at_the_moment_it_was_read() -> None:
    """Pages are read one after the other while settlements go on: each goes by the marks that came with it."""
    books = Books(_marks(s=1), [Page(_marks(s=2), {A: {None: 12}}), Page(_marks(s=3), {B: {None: 11}})])
    books.read("s", [_begin(), *_calls(5, 7), *_calls(11, account=B, first=3)])

    assert books.result(now_ms=NOW_MS).differences == ()


def test_an_account_that_is_not_there_at_all_is_lost() -> None:
    """What had been counted before accounts were listed must be in one of them; what came later need not be."""
    journals = {"s": [_begin(), *_calls(5), *_calls(7, account=B, first=2)]}
    lost = _result(_marks(s=2), {B: {None: 7}}, journals)
    later = _result(_marks(s=2), {A: {None: 5}}, journals, before=_marks(s=1))

    assert [each.account for each in lost.differences] == [A]
    assert later.differences == ()


def test_accounts_whose_time_is_over_are_not_missed() -> None:
    """The store forgets them, as it should; those it still has are compared."""
    ended = _charge(until_ms=NOW_MS + EXPIRY_MS - 1)
    journals: dict[str, list[Line]] = {"s": [_begin(), _hold("h", ended), SettleLine(1, "h", (), (5,))]}

    assert _result(_marks(s=1), {}, journals) == Result((), 0, ())
    assert _result(_marks(s=1), {A: {None: 4}}, journals).proven


def test_rolling_windows_are_compared_by_bucket() -> None:
    """Buckets that have left the window may be gone; those in it may not, and none may differ."""
    lines: list[Line] = [_begin()]
    for n, bucket in enumerate((10, 11, 71, 71), 1):
        charge = _charge(bucket=bucket, oldest=bucket - 60)
        lines += [_hold(f"h{n}", charge), SettleLine(n, f"h{n}", (), (10**n,))]
    pruned = _result(_marks(s=4), {A: {11: 100, 71: 11_000}}, {"s": lines})
    kept = _result(_marks(s=4), {A: {9: 1, 10: 10, 11: 100, 71: 11_000}}, {"s": lines})
    lost = _result(_marks(s=4), {A: {71: 11_000}}, {"s": lines})

    assert pruned == Result((), 2, ())
    assert [(each.bucket, each.verdict) for each in kept.differences] == [(9, "too much")]
    assert [(each.bucket, each.verdict) for each in lost.differences] == [(11, "lost")]


def test_without_all_journals_a_surplus_proves_nothing_and_a_loss_does() -> None:
    """The store may have more from replicas that were not asked; it can never rightly have less."""
    more = _result(_marks(s=1, gone=4), {A: {None: 100}}, {"s": [_begin(), *_calls(5)]})
    less = _result(_marks(s=1, gone=4), {A: {None: 4}}, {"s": [_begin(), *_calls(5)]})

    assert (more.differences[0].verdict, more.proven) == ("unknown", False)
    assert more.incomplete == ("source gone: its journal was not given",)
    assert (less.differences[0].verdict, less.proven) == ("lost", True)


def test_a_bucket_that_another_replica_may_have_forgotten_proves_nothing() -> None:
    """How far a rolling window has moved is known only to all of them together."""
    lines: list[Line] = [_begin(), _hold("h", _charge(bucket=10)), SettleLine(1, "h", (), (5,))]
    result = _result(_marks(s=1, gone=1), {A: {70: 1}}, {"s": lines})

    assert [each.verdict for each in result.differences] == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("lines", "mark", "why"),
    [
        ([_begin("s", 4), *_calls(5, first=5)], 5, "begins after settlement 4"),
        ([_begin(), *_calls(5), *_calls(7, first=3)], 3, "lacks settlement 2"),
        ([_begin(), *_calls(5), _begin("s", 3)], 3, "lacks settlement 2"),
        ([_begin(), *_calls(5)], 9, "ends at settlement 1, and the store has counted up to 9"),
        ([_begin(), SettleLine(1, "h", (), (5,))], 1, "lacks the hold of settlement 1"),
    ],
)
def test_a_journal_that_is_not_whole_says_so(lines: list[Line], mark: int, why: str) -> None:
    """Forgotten segments, damaged lines, a lost end: then a surplus in the store proves nothing."""
    result = _result(_marks(s=mark), {A: {None: 10**6}}, {"s": lines})

    assert result.incomplete == (f"source s: its journal {why}",)
    assert [each.verdict for each in result.differences] == ["unknown"]


def test_holds_are_found_across_segments_and_lines() -> None:
    """A settlement goes by its hold's accounts: opened in an older segment, repeated with it, or dropped and gone."""
    alone = _hold("alone", _charge()).reservation
    lines: list[Line] = [
        _begin("s", 0, _hold("old", _charge())),
        _hold("refused", _charge()),
        DropLine("refused"),
        SettleLine(1, "old", (), (5,)),
        SettleLine(2, "alone", (), (7,), reservation=alone),
        SettleLine(2, "alone", (), (7,), reservation=alone),  # copied from the reserve
        SettleLine(3, "void", (), (0,)),
    ]

    assert _result(_marks(s=3), {A: {None: 12}}, {"s": lines}) == Result((), 1, ())

"""Ranges of numbers: what is twice, what is missing, and how little it takes to know."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_cli.usage_numbers import LEAP, Gap, Ranges, Seen


@given(st.lists(st.integers(1, 60)))
def test_ranges_are_a_set(numbers: list[int]) -> None:
    """In whatever order numbers come, each is new once, and the holes are what is missing in between."""
    ranges, known = Ranges(), set[int]()
    for n in numbers:
        assert ranges.add(n) == (n not in known)
        known.add(n)
    missing = [n for first, last in ranges.holes() for n in range(first, last + 1)]

    assert missing == ([n for n in range(min(known), max(known)) if n not in known] if known else [])
    assert all(end + 1 < start for end, start in zip(ranges.ends, ranges.starts[1:], strict=False))


def test_a_source_without_holes_takes_one_range() -> None:
    """Memory is by holes, not by records: a million in order are one range."""
    ranges = Ranges()
    new = sum(ranges.add(n) for n in range(500_000, 1_500_000))

    assert (new, len(ranges.starts)) == (1_000_000, 1)


def test_sources_are_counted_apart() -> None:
    """The same number of another source is another record; each has its own gaps."""
    seen = Seen()
    new = [seen.add(source, n) for source, n in (("b", 7), ("a", 1), ("a", 4), ("b", 7), ("b", 9), ("a", 2))]

    assert new == [True, True, True, False, True, True]
    assert seen.gaps() == [Gap("a", 3, 3), Gap("b", 8, 8)]


def test_a_source_that_begins_late_has_no_gap() -> None:
    """Older files may have gone, as they should: only what is missing in between is a loss."""
    seen = Seen()
    for n in (500, 501):
        seen.add("a", n)

    assert seen.gaps() == []


def test_numbers_left_out_when_a_machine_went_down_are_no_loss() -> None:
    """So many numbers are left out at once that they are told apart from records that were written and are missing."""
    seen = Seen()
    for n in (1, 2, LEAP + 3, LEAP + 5):
        seen.add("a", n)

    assert seen.leaps() == [Gap("a", 3, LEAP + 2)]
    assert seen.gaps() == [Gap("a", LEAP + 4, LEAP + 4)]

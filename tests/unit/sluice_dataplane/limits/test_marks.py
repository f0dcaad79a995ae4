"""Which numbers were counted, and which holds have ended."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.limits.marks import MOST_HOLES, Ended, Marks

ranges = st.tuples(st.integers(1, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(ranges))
def test_each_number_is_new_once(told: list[tuple[int, int]]) -> None:
    """Whatever is told in whatever order: the counts are those of a plain set of numbers, and so are the holes."""
    marks, counted = Marks(), set[int]()
    for first, last in told:
        numbers = set(range(first, last + 1))

        assert marks.count("s", first, last) == len(numbers - counted)
        counted |= numbers
        mark = max(counted)
        assert marks.of("s") == (mark, tuple(sorted(set(range(1, mark)) - counted)))


def test_too_many_holes_are_refused_and_change_nothing() -> None:
    """As many as there may be are taken, one more is not."""
    marks = Marks()

    assert marks.count("s", MOST_HOLES + 2, MOST_HOLES + 2) is None
    assert marks.of("s") == (0, ())
    assert marks.count("s", MOST_HOLES + 1, MOST_HOLES + 1) == 1
    assert marks.count("s", MOST_HOLES + 3, MOST_HOLES + 3) is None
    assert len(marks.of("s")[1]) == MOST_HOLES


def test_ended_ids_are_bounded() -> None:
    """However many holds end, the memory of their ids stays within two generations, and has the latest."""
    ended = Ended()
    for n in range(3 * Ended.KEPT):
        ended.add(f"h{n}")

    assert Ended.KEPT <= len(ended) <= 2 * Ended.KEPT + 1
    assert all(f"h{n}" in ended for n in range(2 * Ended.KEPT, 3 * Ended.KEPT))

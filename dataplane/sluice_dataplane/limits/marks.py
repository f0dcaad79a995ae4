"""What was settled, in memory.  Pure.

Of a source's numbers all up to its mark were counted, but for the holes below it.
"""

from typing import Final

MOST_HOLES: Final = 1_000  # numbers of one source that may be left out: more means that the store has forgotten them


class Marks:
    """The marks of all sources."""

    __slots__ = ("_holes", "_marks")

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}
        self._holes: dict[str, set[int]] = {}

    def of(self, source: str) -> tuple[int, tuple[int, ...]]:
        """The mark of *source*, and the holes below it in their order."""
        return self._marks.get(source, 0), tuple(sorted(self._holes.get(source, ())))

    def count(self, source: str, first: int, last: int) -> int | None:
        """Count *first* to *last*: how many of them are new.  None, and nothing is counted, if they skip too many."""
        mark, holes = self._marks.get(source, 0), self._holes.setdefault(source, set())
        if first > mark + 1:
            if len(holes) + first - mark - 1 > MOST_HOLES:
                return None
            holes.update(range(mark + 1, first))
        filled = {hole for hole in holes if first <= hole <= last} if first <= mark else set()
        holes -= filled
        self._marks[source] = max(mark, last)
        return len(filled) + max(last - max(first - 1, mark), 0)


class Ended:
    """The ids of holds that ended lately, at least KEPT and at most twice as many."""

    KEPT: Final = 20_000  # a second settlement, or a reservation that was given up, comes soon or never

    __slots__ = ("_before", "_ids")

    def __init__(self) -> None:
        self._ids: set[str] = set()  # in two generations
        self._before: set[str] = set()

    def __contains__(self, hold_id: str) -> bool:
        return hold_id in self._ids or hold_id in self._before

    def __len__(self) -> int:
        return len(self._ids) + len(self._before)

    def add(self, hold_id: str) -> None:
        """Remember *hold_id*."""
        self._ids.add(hold_id)
        if len(self._ids) > self.KEPT:
            self._ids, self._before = set(), self._ids

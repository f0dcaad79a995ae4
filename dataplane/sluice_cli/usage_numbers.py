"""Which numbers of each source were seen: what comes twice, and what is missing in between.  Pure.

Numbers are kept as ranges, so that a source without holes takes one, however many records it has written.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sluice_dataplane.usage.recovery import LOST_NUMBERS

# A journal whose machine went down leaves out so many numbers: it cannot know which it had given.
LEAP: Final = LOST_NUMBERS


class Gap(NamedTuple):
    """Records ``first`` … ``last`` of *source* are in none of what was read."""

    source: str
    first: int
    last: int

    @property
    def leap(self) -> bool:
        """Whether the numbers were left out because the machine went down; else records were written, and are lost."""
        return self.last - self.first + 1 >= LEAP


@dataclass(slots=True)
class Ranges:
    """A set of whole numbers: range i is ``starts[i]`` … ``ends[i]``, both included; they ascend and do not touch."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, n: int) -> bool:
        """Put *n* in; False where it was there already."""
        starts, ends = self.starts, self.ends
        at = len(starts) if not starts or n > ends[-1] else bisect_right(starts, n)
        if at and n <= ends[at - 1]:
            return False
        after_last, before_next = at > 0 and ends[at - 1] == n - 1, at < len(starts) and starts[at] == n + 1
        if after_last and before_next:
            ends[at - 1] = ends.pop(at)
            starts.pop(at)
        elif after_last:
            ends[at - 1] = n
        elif before_next:
            starts[at] = n
        else:
            starts.insert(at, n)
            ends.insert(at, n)
        return True

    def holes(self) -> Iterator[tuple[int, int]]:
        """What is missing between the ranges: the first and the last number of each hole."""
        for end, start in zip(self.ends, self.starts[1:], strict=False):
            yield end + 1, start - 1


@dataclass(slots=True)
class Seen:
    """The numbers seen of each source."""

    sources: dict[str, Ranges] = field(default_factory=dict)

    def add(self, source: str, sequence: int) -> bool:
        """Whether record *sequence* of *source* was not seen before."""
        ranges = self.sources.get(source)
        if ranges is None:
            ranges = self.sources[source] = Ranges()
        return ranges.add(sequence)

    def gaps(self) -> list[Gap]:
        """What is lost, by source and number.  Where a source begins late, nothing is: older files may have gone."""
        return [gap for gap in self._holes() if not gap.leap]

    def leaps(self) -> list[Gap]:
        """The numbers that were left out, by source."""
        return [gap for gap in self._holes() if gap.leap]

    def _holes(self) -> Iterator[Gap]:
        for source in sorted(self.sources):
            for hole in self.sources[source].holes():
                yield Gap(source, *hole)

"""Ids for calls that came without one: by their place, so that reading twice gives the same."""

from collections.abc import Container


class Ids:
    """Gives ids that are none of *taken*, which may grow; never tries one twice."""

    __slots__ = ("_next", "_taken")

    def __init__(self, taken: Container[str]) -> None:
        self._taken = taken
        self._next = 0

    def free(self) -> str:
        """The next."""
        while (identity := f"call_{self._next}") in self._taken:
            self._next += 1
        self._next += 1
        return identity

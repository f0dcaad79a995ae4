"""Whom a store that forgot has not heard from yet, and whom it may admit others without."""

from collections.abc import Iterable
from typing import Final

from simulator.bill import Attempt

FENCE_MIN_MS: Final = 2_000  # nobody is admitted sooner: others must have time to come
FENCE_MAX_MS: Final = 5_000  # nobody is waited for longer


class Losses:
    """``strangers`` are sources that have not said, since the last loss, that they have told everything."""

    def __init__(self) -> None:
        self.sources: set[str] = set()  # all there ever were
        self.strangers: set[str] = set()
        self._greeted: set[str] = set()  # in this run, while the fence was up
        self._fell = False  # the fence, in this run
        self._run = ""
        self._raised_ms: int | None = None
        self._unheard: dict[str, set[str]] = {}  # of a stranger: the accounts on which others were admitted meanwhile

    def forgot(self) -> None:
        """The store came back with less than it knew."""
        self.strangers = set(self.sources)
        self._unheard = {source: set() for source in self.strangers}
        self._raised_ms = None

    def buried(self) -> None:
        """The store was in a process whose disk is gone: nobody can ever tell what it knew."""
        self.forgot()
        self._raised_ms = -FENCE_MAX_MS

    def greeted(self, source: str, run: str, now_ms: int) -> None:
        """*source* said hello; one that comes after the fence fell could not be waited for."""
        if run != self._run:
            self._run, self._raised_ms, self._greeted, self._fell = run, now_ms, set(), False
        if not self._fell:
            self._greeted.add(source)

    def fell(self) -> None:
        """The store says that it admits again."""
        self._fell = True

    def restored(self) -> None:
        """A checkpoint is in place of what the store knew: it has to be told the rest anew."""
        self.forgot()

    def caught_up(self, source: str) -> bool:
        """*source* says that it has told everything; whether it had to."""
        was = source in self.strangers
        self.strangers.discard(source)
        return was

    def excused(self, source: str, now_ms: int) -> bool:
        """Whether the store may admit others and know nothing of *source*."""
        if source not in self.strangers or self._raised_ms is None:
            return False
        fenced_ms = now_ms - self._raised_ms
        return fenced_ms > FENCE_MAX_MS or (fenced_ms >= FENCE_MIN_MS and source not in self._greeted)

    def admitted_without(self, account: str, attempts: Iterable[Attempt]) -> None:
        """Somebody was admitted on *account*, and nothing was known of *attempts*."""
        for attempt in attempts:
            attempt.unseen = True
        for source in self.strangers:
            self._unheard[source].add(account)

    def begun(self, attempt: Attempt) -> None:
        """A data plane has begun *attempt*: one that the store does not know may spend what others were given."""
        unheard = self._unheard[attempt.source] if attempt.source in self.strangers else set()
        attempt.unseen = any(charge.account in unheard for charge in attempt.charges)

"""Keeps what one identity fetched: when it has to be fetched anew, and what holds while that fails.

Pure over times passed in (monotonic seconds); fetches through its source only when told to.
"""

from collections.abc import Callable
from typing import Final

from sluice_dataplane.upstream.identity.grants import Grant, IdentityFailedError, Source

DUE_SHARE: Final = 0.8  # of its life, after which a grant is fetched anew …
DUE_BEFORE_S: Final = 300.0  # … or so long before its end, whichever is later
JITTER_SHARE: Final = 0.05  # of its life, by which that may be earlier: replicas do not all ask at once
MARGIN_SHARE: Final = 0.1  # of its life, but at most MARGIN_S: how long before its end it is not sent any more
MARGIN_S: Final = 10.0
DOUBT_S: Final = 30.0  # how often a provider that refuses a grant may have it thrown away
PAUSE_S: Final = 1.0  # after a failure; doubled by each further one
MAX_PAUSE_S: Final = 30.0  # while the old one still holds
MAX_PAUSE_WITHOUT_S: Final = 5.0  # while there is none, and every call fails


class Keeper:
    """One identity's grant.  *draw* gives numbers in [0, 1)."""

    def __init__(self, source: Source, *, draw: Callable[[], float]) -> None:
        self._source = source
        self._draw = draw
        self._grant: Grant | None = None
        self._due_s = 0.0
        self._ends_s: float | None = None
        self._doubted_s: float | None = None
        self._failures = 0
        self._pause_until_s = 0.0
        self.failure = ""  # of the last attempt; "" if it went well

    def grant(self, now_s: float) -> Grant | None:
        """What may be sent now, None where there is none."""
        if self._ends_s is not None and now_s >= self._ends_s:
            self._grant = self._ends_s = None
        return self._grant

    def is_due(self, now_s: float) -> bool:
        """Whether it should be fetched now: there is none, or it grows old; not within the pause after a failure."""
        if now_s < self._pause_until_s:
            return False
        return self.grant(now_s) is None or (self._ends_s is not None and now_s >= self._due_s)

    def doubt(self, refused: Grant, now_s: float) -> bool:
        """*refused* was refused: whether another try, with what is fetched or was fetched since, may go better."""
        if refused.lives_s is None:
            return False
        if self._grant is not refused:
            return True
        if self._doubted_s is not None and now_s - self._doubted_s < DOUBT_S:
            return False
        self._doubted_s = now_s
        self._grant = self._ends_s = None
        return True

    async def renew(self, clock_s: Callable[[], float]) -> None:
        """Fetch once.  What was held before is held on if that fails, for as long as it is good."""
        asked_s = clock_s()
        try:
            grant = await self._source.fetch()
        except IdentityFailedError as error:
            self._failed(str(error), clock_s())
            return
        self.failure = ""
        self._failures = 0
        self._pause_until_s = 0.0
        self._take(grant, asked_s)

    def _take(self, grant: Grant, asked_s: float) -> None:
        self._grant = grant
        life_s = grant.lives_s
        if life_s is None:
            self._ends_s = None
            return
        self._ends_s = asked_s + life_s - min(MARGIN_S, life_s * MARGIN_SHARE)
        self._due_s = asked_s + max(life_s * DUE_SHARE, life_s - DUE_BEFORE_S) - self._draw() * JITTER_SHARE * life_s

    def _failed(self, why: str, now_s: float) -> None:
        self.failure = why
        cap_s = MAX_PAUSE_WITHOUT_S if self.grant(now_s) is None else MAX_PAUSE_S
        pause_s = min(cap_s, PAUSE_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self._pause_until_s = now_s + pause_s * (0.5 + self._draw() / 2)

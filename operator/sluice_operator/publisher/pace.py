"""When to compile again.  Pure: told what happened and when, says when the next pass is due."""

from dataclasses import dataclass, replace
from typing import Final, Self

URGENT_MS: Final = 10  # what may revoke waits only for what comes along with it
MAX_WAIT_MS: Final = 200  # a stream of changes must not put a pass off for ever
MIN_INTERVAL_MS: Final = 200  # between passes nobody is in a hurry for …
MAX_INTERVAL_MS: Final = 2_000
_REST: Final = 2  # … and this many times as long as the last one took: a storm may cost half a core
_RETRY_MS: Final = 500
_MAX_RETRY_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Moments in milliseconds; None where there is none."""

    debounce_ms: int = 50
    first_dirty_ms: int | None = None
    last_dirty_ms: int | None = None
    urgent_ms: int | None = None
    rest_until_ms: int = 0
    began_ms: int = 0
    wake_ms: int | None = None  # when the passing of time alone changes something
    retry_ms: int | None = None
    failures: int = 0

    def dirtied(self, now_ms: int, *, urgent: bool) -> Self:
        """After a change."""
        return replace(
            self,
            first_dirty_ms=now_ms if self.first_dirty_ms is None else self.first_dirty_ms,
            last_dirty_ms=now_ms,
            urgent_ms=now_ms if urgent and self.urgent_ms is None else self.urgent_ms,
        )

    def began(self, now_ms: int) -> Self:
        """At the start of a pass: what comes from now on is for the next one."""
        return replace(self, first_dirty_ms=None, last_dirty_ms=None, urgent_ms=None, began_ms=now_ms, wake_ms=None)

    def succeeded(self, now_ms: int, *, wake_ms: int | None) -> Self:
        """After a pass that ended well; *wake_ms* is when compiling again would say something else by itself."""
        rest_ms = min(max(_REST * (now_ms - self.began_ms), MIN_INTERVAL_MS), MAX_INTERVAL_MS)
        return replace(self, failures=0, retry_ms=None, wake_ms=wake_ms, rest_until_ms=self.began_ms + rest_ms)

    def failed(self, now_ms: int, *, since_ms: int | None) -> Self:
        """After a pass that did not: try again, later each time; *since_ms* keeps the age of what is unpublished."""
        delay_ms = min(_RETRY_MS << min(self.failures, 8), _MAX_RETRY_MS)
        first = min((moment for moment in (since_ms, self.first_dirty_ms) if moment is not None), default=None)
        return replace(self, failures=self.failures + 1, retry_ms=now_ms + delay_ms, first_dirty_ms=first)

    def due_ms(self) -> int | None:
        """When the next pass is due; None while there is nothing to do."""
        urgent = None if self.urgent_ms is None else self.urgent_ms + URGENT_MS
        others = (self._dirty_due_ms(), self.wake_ms) if self.retry_ms is None else (self.retry_ms,)
        return min((moment for moment in (urgent, *others) if moment is not None), default=None)

    def _dirty_due_ms(self) -> int | None:
        if self.first_dirty_ms is None or self.last_dirty_ms is None:
            return None
        due_ms = min(self.last_dirty_ms + self.debounce_ms, self.first_dirty_ms + MAX_WAIT_MS)
        return max(due_ms, self.rest_until_ms)

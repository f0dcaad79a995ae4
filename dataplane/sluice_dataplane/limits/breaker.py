"""When to stop asking a store that does not answer, and when to try it again.  Reads no clock of its own."""

from collections.abc import Callable
from typing import Final

FAILURES_TO_OPEN: Final = 5
PROBE_EVERY_MS: Final = 1_000
JITTER: Final = 0.25  # of the time between probes: replicas must not ask in step


class Breaker:
    """Closed: every call may pass.  Open: one call may pass per second; its success closes the breaker."""

    def __init__(self, clock_ms: Callable[[], int], draw: Callable[[], float]) -> None:
        self._clock_ms = clock_ms  # monotonic
        self._draw = draw  # a number in [0, 1)
        self.failures = 0  # in a row
        self._probe_at_ms = 0

    @property
    def open(self) -> bool:
        """Whether calls are being refused."""
        return self.failures >= FAILURES_TO_OPEN

    def may_pass(self) -> bool:
        """Whether a call may be made now; an open breaker lets one pass and makes the next wait."""
        if not self.open:
            return True
        now_ms = self._clock_ms()
        if now_ms < self._probe_at_ms:
            return False
        self._wait(now_ms)
        return True

    def succeeded(self) -> None:
        """The store answered."""
        self.failures = 0

    def failed(self) -> None:
        """The store did not answer, or said that it cannot work now."""
        self.failures += 1
        if self.failures == FAILURES_TO_OPEN:
            self._wait(self._clock_ms())

    def _wait(self, now_ms: int) -> None:
        self._probe_at_ms = now_ms + int(PROBE_EVERY_MS * (1 + JITTER * self._draw()))

"""When running holds are due to be extended: every third of their time to live.  Pure."""

from collections.abc import Iterable

from sluice_dataplane.limits.store import Reservation


class Heart:
    """Remembers when the holds of each time to live were extended last."""

    def __init__(self) -> None:
        self._next_ms: dict[int, int] = {}  # ttl → when

    def due(self, running: Iterable[Reservation], *, now_ms: int) -> list[tuple[int, list[str]]]:
        """The ids of running holds to extend now, by their time to live in milliseconds."""
        by_ttl: dict[int, list[str]] = {}
        for reservation in running:
            by_ttl.setdefault(reservation.ttl_ms, []).append(reservation.id)
        self._next_ms = {ttl_ms: next_ms for ttl_ms, next_ms in self._next_ms.items() if ttl_ms in by_ttl}
        return [(ttl_ms, ids) for ttl_ms, ids in by_ttl.items() if self._is_due(ttl_ms, now_ms)]

    def _is_due(self, ttl_ms: int, now_ms: int) -> bool:
        """A clock that was put back does not stop it."""
        next_ms = self._next_ms.get(ttl_ms, now_ms)
        return now_ms >= next_ms or next_ms > now_ms + ttl_ms

    def beat(self, ttl_ms: int, *, now_ms: int) -> None:
        """The holds of *ttl_ms* were extended at *now_ms*."""
        self._next_ms[ttl_ms] = now_ms + ttl_ms // 3

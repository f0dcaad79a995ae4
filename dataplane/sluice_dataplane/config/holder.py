"""Holds the table in force: replaced whole, or the last good one stays."""

from collections.abc import Callable, Mapping

from sluice_contract import codec
from sluice_contract.snapshot import Snapshot
from sluice_dataplane.config.table import Table

EMPTY = Table.build(Snapshot(), revision="")


class Holder:
    """The one place where the table changes.  *clock_ms* is the wall clock."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._table = EMPTY
        self._applied_at_ms = 0
        self._listeners: list[Callable[[Table], None]] = []

    @property
    def ready(self) -> bool:
        """Whether any snapshot is in force."""
        return self._table is not EMPTY

    @property
    def applied_at_ms(self) -> int:
        """When the table in force was put there."""
        return self._applied_at_ms

    def current(self) -> Table:
        """The table in force; an exchange takes it once, at the door."""
        return self._table

    def listen(self, listener: Callable[[Table], None]) -> None:
        """Call *listener* after every change; it must not raise."""
        self._listeners.append(listener)

    def offer(self, index: bytes, parts: Mapping[str, bytes]) -> Table:
        """Put a snapshot in force, whole or not at all.

        Raises:
            SnapshotInvalidError: it cannot be read; the old table stays.
        """
        if codec.revision_of(index) != self._table.revision:
            self._table = Table.from_parts(index, parts)  # the only assignment
            self._applied_at_ms = self._clock_ms()
            for listener in self._listeners:
                listener(self._table)
        return self._table

"""A start: what the last life left in the journal is read, and ended.

Nothing is forgotten before what replaces it is written down, so that a process that dies in the middle of it can begin
again.
"""

from pathlib import Path
from typing import Final

import msgspec

from sluice_dataplane.errors import JournalError
from sluice_dataplane.limits.memory import MemoryStore
from sluice_dataplane.usage import crash, quarantine, slots
from sluice_dataplane.usage.journal import Journal
from sluice_dataplane.usage.outbox import Outbox
from sluice_dataplane.usage.replay import State, fold, start_of
from sluice_dataplane.usage.writer import Writer

PROGRESS: Final = "progress"  # in the journal's directory
LOST_NUMBERS: Final = 1_000_000  # more than a disk can have lost with its machine


class Replayed(msgspec.Struct, frozen=True):
    """What a start found in the journal."""

    lines: int  # read
    damaged: int  # torn or damaged, copied into quarantine
    missing: int  # settlements that were written and cannot be read any more
    crashed: int  # calls of an earlier life whose end nobody saw, and that were sent: billed now
    voided: int = 0  # those that were never sent


def recover(
    journal: Journal,
    writer: Writer,
    outbox: Outbox,
    progress: slots.Slots,
    local: MemoryStore | None,
    *,
    boot_id: str,
) -> Replayed:
    """Open *journal*, end what is open in it, and be ready to write.

    Raises:
        JournalError: the journal cannot be read or written, or another process has it.
    """
    damaged = 0

    def keep(segment: Path, offset: int, raw: bytes) -> None:
        nonlocal damaged
        damaged += 1
        quarantine.keep(journal.directory, segment, offset, raw)

    journal.open()
    path = journal.directory / PROGRESS
    try:
        state = fold(start_of(journal.segments(), None), keep)
        left = slots.read(path, boot=boot_id)
    except OSError as error:
        raise JournalError(f"The journal cannot be read: {error.strerror}.") from error
    writer.n, writer.sequence = state.n, state.sequence
    # Numbers that were given, and that nobody can read any more, must not be given again.
    writer.skip(state.damaged + (LOST_NUMBERS if left.rebooted else 0))
    if local is not None:
        _restore(local, state)
    else:
        _resume(outbox, journal, state, n=writer.n)
    writer.begin_segment(state.holds.values())
    crashed, voided = _end(writer, state, left)
    progress.begin(path, boot=boot_id)
    return Replayed(state.lines, damaged, state.missing, crashed, voided)


def _restore(local: MemoryStore, state: State) -> None:
    for account, (spent, expires_at_ms) in state.posted.items():
        local.post(account, spent, expires_at_ms)
    for (account, bucket), (spent, expires_at_ms) in state.buckets.items():
        local.post(account, spent, expires_at_ms, bucket)
    for usage in state.usage.values():
        local.add_usage(usage)


def _resume(outbox: Outbox, journal: Journal, state: State, *, n: int) -> None:
    acknowledged = journal.mark("acknowledged")
    acknowledged = min(state.acknowledged if acknowledged is None else acknowledged, state.n)
    base = journal.mark("base")
    if base is None:
        base = acknowledged  # what was answered by a store that kept no marks is counted there
        journal.put_mark("base", base)
    outbox.begin(acknowledged=acknowledged, base=base, n=n)


def _end(writer: Writer, state: State, left: slots.Left) -> tuple[int, int]:
    """End all that is open, slices after what was drawn from them: how many calls are billed, and how many are not."""
    crashed = voided = 0
    for hold in sorted(state.holds.values(), key=lambda hold: hold.slice):
        known = hold.watched and not left.rebooted
        progress = left.of(hold.reservation.id) if known else crash.UNSEEN
        settlement, record = crash.settled(hold, progress)
        writer.settle(settlement, record, estimated=record is not None or progress is not None)
        if not hold.slice:
            crashed += progress is not None
            voided += progress is None
    return crashed, voided

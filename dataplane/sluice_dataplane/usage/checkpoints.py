"""A copy of a shared store's counters beside the journal, for the day when the store has lost them all.

Knows bytes and files; what is in a checkpoint is the store's own affair.
"""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from sluice_dataplane.limits.store import Checkpoint
from sluice_dataplane.usage import lines

NAME: Final = "checkpoint"  # in the journal's directory

_decoder: Final = msgspec.json.Decoder(Checkpoint)


def save(directory: Path, checkpoint: Checkpoint) -> None:
    """Put *checkpoint* in the place of the one before it, whole or not at all; on a full disk that one stays."""
    new = directory / f"{NAME}.new"
    with contextlib.suppress(OSError):
        new.write_bytes(lines.frame(msgspec.json.encode(checkpoint)))
        new.replace(directory / NAME)


def load(directory: Path) -> Checkpoint | None:
    """The last one that was saved; None where there is none, or it is damaged."""
    try:
        body = lines.body_of((directory / NAME).read_bytes())
        return None if body is None else _decoder.decode(body)
    except (OSError, msgspec.MsgspecError):
        return None

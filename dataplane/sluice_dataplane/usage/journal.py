"""The local journal: an append-only file of holds and settlements, the truth for usage."""

from pathlib import Path
from typing import Literal


class Journal:
    """One directory of segments; one process owns it at a time."""

    def __init__(
        self, directory: Path, *, fsync: Literal["never", "interval"] = "never", segment_bytes: int = 64 * 1024 * 1024
    ) -> None:
        raise NotImplementedError

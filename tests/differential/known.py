"""The kinds of differences that are known, from ``known.toml``: what the page of the reference is made of."""

import re
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

_FILE: Final = Path(__file__).with_name("known.toml")


class Known(NamedTuple):
    """One kind of difference: *who* is right (``ours``, ``theirs``, or ``both``), and *why*."""

    pattern: str
    who: str
    why: str

    def matches(self, kind: str) -> bool:
        """Whether it is about differences of *kind*."""
        return re.fullmatch(".*".join(map(re.escape, self.pattern.split("*"))), kind) is not None


KNOWN: Final = tuple(
    Known(each["pattern"], each["who"], " ".join(each["why"].split()))
    for each in tomllib.loads(_FILE.read_text())["kind"]
)

"""What a provider charges, written by the provider itself: the lines of its bill, and how to read them.

One entry a request that arrived, whoever it was retried by.  A line is written before what it says is sent, so that
nobody can have got more than the bill says.  The last line of an entry counts.
"""

from pathlib import Path
from typing import Literal

import msgspec

State = Literal[
    "open",  # arrived, or in the middle of its answer
    "ended",  # answered to its end
    "gone",  # the caller went away; nothing more is generated
    "reset",  # this provider broke off, and charges for what it had generated
    "hung",  # this provider never ended its answer, and charges for all of it
    "refused",  # an error status: free
]


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one request is to be answered; it travels in the request's ``metadata``.

    ``chunks`` None: drawn from the seed and the caller's marker.  One that names a ``model`` is for its attempts only.
    """

    model: str = ""
    chunks: int | None = None  # of a stream; a plain answer holds them all
    tokens: int = 4  # of output in each
    gap_ms: int = 20  # between chunks
    first_ms: int = 0  # before the head
    status: int = 200  # another one is an error, and free
    reset_after: int | None = None  # TCP reset: 0 instead of a head, n after n chunks
    hang_after: int | None = None  # never go on: 0 without a head, n after n chunks; all of it is charged
    usage: bool = True  # whether the answer says what it used


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of the bill: what entry *number* has come to by now."""

    number: int
    marker: str  # the ``user`` of the request's body
    model: str
    state: State
    input: int
    output: int


_lines = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


def encode(line: Line) -> bytes:
    """The bytes of *line*, newline included."""
    return _encoder.encode(line) + b"\n"


class Bill:
    """A bill that is being written: :meth:`read` takes in what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._entries: dict[int, Line] = {}

    def read(self) -> dict[int, Line]:
        """Every entry's last line, by number, oldest first."""
        if not self._path.exists():
            return {}
        with self._path.open("rb") as file:
            file.seek(self._offset)
            fresh = file.read()
        whole = fresh.rfind(b"\n") + 1
        self._offset += whole
        for raw in fresh[:whole].splitlines():
            line = _lines.decode(raw)
            self._entries[line.number] = line
        return self._entries

    def entries(self, prefix: str = "") -> list[Line]:
        """The entries whose marker begins with *prefix*, oldest first."""
        return [line for line in self.read().values() if line.marker.startswith(prefix)]

    def live(self) -> int:
        """How many requests are being answered."""
        return sum(line.state == "open" for line in self.read().values())

    def by_marker(self) -> dict[str, list[Line]]:
        """The entries of each marker, first attempt first."""
        found: dict[str, list[Line]] = {}
        for line in self.read().values():
            found.setdefault(line.marker, []).append(line)
        return found

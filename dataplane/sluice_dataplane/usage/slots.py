"""How far running calls have come, in a memory-mapped file: what is stored there survives this process, without a call
to the system.

One slot a call: a word of progress (0: free, or not sent), when the first and the last token came, then the hold's
id.  The header says which boot of the machine wrote it: what a machine that died had not brought to its disk is not
there to be read.

Knows ids and counts of tokens, not what they cost.
"""

import contextlib
import hashlib
import logging
import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

SLOT_BYTES: Final = 64
WORDS: Final = 8  # in a slot
ID_START: Final = 24
ID_BYTES: Final = SLOT_BYTES - ID_START
SLOTS: Final = 4_096  # as many as calls in flight by default

_SENT: Final = 1
_STALLED: Final = 2
_TOKENS_SHIFT: Final = 2
_MAGIC: Final = b"sluice-progress-2 "
_CLEAN: Final = b"clean"

_log: Final = logging.getLogger(__name__)


class Progress(msgspec.Struct, frozen=True, gc=False):
    """How far a call that was sent has come: tokens relayed, and whether unread ones may have piled up.

    ``ms`` is how long those tokens took to come, from the first to the last.
    """

    tokens: int
    stalled: bool
    ms: int = 0


class Left(msgspec.Struct, frozen=True):
    """What the last life left.  ``rebooted``: the machine ended with it, so that neither this nor the end of the
    journal can be trusted to be all there was.
    """

    calls: Mapping[str, Progress]  # those that were sent
    rebooted: bool

    def of(self, hold_id: str) -> Progress | None:
        """The progress of a call; None where it was not sent."""
        return self.calls.get(_known_as(hold_id).decode("utf-8", "replace"))


def boot_id() -> str:
    """What tells this boot of the machine from others; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _known_as(hold_id: str) -> bytes:
    raw = hold_id.encode("utf-8", "surrogatepass")
    if len(raw) > ID_BYTES:
        return hashlib.blake2b(raw, digest_size=ID_BYTES // 2).hexdigest().encode()
    return raw


def read(path: Path, *, boot: str) -> Left:
    """What is in the file at *path*; nothing where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Left({}, rebooted=False)
    header = content[:SLOT_BYTES].rstrip(b"\0")
    if header not in (_header(boot), _MAGIC + _CLEAN):
        return Left({}, rebooted=True)
    calls: dict[str, Progress] = {}
    for start in range(SLOT_BYTES, len(content) - SLOT_BYTES + 1, SLOT_BYTES):
        word, first_ms, last_ms = struct.unpack_from("<QQQ", content, start)
        if word & _SENT:
            known_as = content[start + ID_START : start + SLOT_BYTES].rstrip(b"\0").decode("utf-8", "replace")
            calls[known_as] = Progress(word >> _TOKENS_SHIFT, bool(word & _STALLED), max(last_ms - first_ms, 0))
    return Left(calls, rebooted=False)


def _header(boot: str) -> bytes:
    return _MAGIC + hashlib.blake2b(boot.encode(), digest_size=16).hexdigest().encode()


class Slots:
    """A fixed number of slots; without :meth:`begin`, or without room on the disk, there are none."""

    def __init__(self, count: int = SLOTS) -> None:
        self._count = count
        self._free: list[int] = []
        self._map: mmap.mmap | None = None
        self._words = memoryview(bytearray(8)).cast("Q")

    def begin(self, path: Path, *, boot: str) -> None:
        """Put a new, empty file in the place of the one at *path*."""
        size = SLOT_BYTES * (self._count + 1)
        new = path.with_suffix(".new")
        fd = -1
        try:
            fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.posix_fallocate(fd, 0, size)  # a page that has no room on the disk would kill us when it is touched
            os.pwrite(fd, _header(boot), 0)
            new.replace(path)
            self._map = mmap.mmap(fd, size)
        except OSError as error:
            _log.error("slots.none", extra={"reason": error.strerror})
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)  # what it says is of another life
            return
        finally:
            if fd >= 0:
                os.close(fd)
        self._words = memoryview(self._map).cast("Q")
        self._free = list(range(self._count, 0, -1))

    def take(self) -> int:
        """A free slot; 0 where there is none."""
        return self._free.pop() if self._free else 0

    def release(self, slot: int) -> None:
        """The call has ended, and its end is written down."""
        if slot:
            self._words[slot * WORDS] = 0
            self._free.append(slot)

    def sent(self, slot: int, hold_id: str) -> None:
        """The call is about to be sent."""
        if slot and self._map is not None:
            start = slot * SLOT_BYTES
            self._map[start : start + ID_START] = bytes(ID_START)
            self._map[start + ID_START : start + SLOT_BYTES] = _known_as(hold_id).ljust(ID_BYTES, b"\0")
            self._words[slot * WORDS] = _SENT  # last: from here on it counts as sent

    def saw(self, slot: int, tokens: int, *, stalled: bool, at_ms: int) -> None:
        """So many tokens of its answer came so far; *stalled* while more may come unseen."""
        if slot:
            words, place = self._words, slot * WORDS
            if tokens:
                if not words[place + 1]:
                    words[place + 1] = at_ms
                words[place + 2] = at_ms
            words[place] = tokens << _TOKENS_SHIFT | (_SENT | _STALLED if stalled else _SENT)

    def close(self, *, clean: bool) -> None:
        """Let go of the file; *clean*: the journal is on its disk, and so is this.  May take long."""
        if self._map is None:
            return
        if clean:
            self._map[:SLOT_BYTES] = (_MAGIC + _CLEAN).ljust(SLOT_BYTES, b"\0")
            with contextlib.suppress(OSError):
                self._map.flush()
        self._words.release()
        self._words = memoryview(bytearray(8)).cast("Q")
        self._map.close()
        self._map = None
        self._free = []

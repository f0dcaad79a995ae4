"""Answers that are passed on whatever they are: sound, files, bodies of routes that nobody here knows."""

from typing import Final

from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.passed import usage
from sluice_dataplane.dialects.seam import Tally
from sluice_dataplane.exchange import Reported

END: Final = "end"  # the event of the frame that stands for the end of the body
MAX_LOOKED_BYTES: Final = 1024 * 1024  # of an answer's beginning, that usage is looked for in


class RawFramer:
    """Each chunk is a frame; the end of the body is one of no bytes."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """*chunk* as it came."""
        return [Frame(chunk, None)]

    def finish(self) -> list[Frame]:
        """The end."""
        return [Frame(b"", None, event=END)]


class RawWatcher:
    """Counts bytes; ``ended`` with the body.  A JSON object that tells of its usage is believed."""

    __slots__ = ("_kept", "_kept_bytes", "_tally", "ended", "failed")

    def __init__(self, tally: Tally) -> None:
        self.ended = self.failed = False  # what fails here is not known
        self._tally = tally
        self._kept: list[bytes] = []
        self._kept_bytes = 0

    def passes(self, frame: Frame) -> bool:
        """All of it passes."""
        if frame.event == END:
            self.ended = True
            if 0 < self._kept_bytes <= MAX_LOOKED_BYTES:
                self._tally.reported = self._tally.reported or reported_in(b"".join(self._kept))
            return True
        self._tally.saw_event(len(frame.raw))
        self._kept_bytes += len(frame.raw)
        if self._kept_bytes <= MAX_LOOKED_BYTES:
            self._kept.append(frame.raw)
        else:
            self._kept.clear()
        return True


def reported_in(body: bytes) -> Reported | None:
    """The usage that *body* tells of; None if it is none that we know."""
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        return usage.answer_usage(body)
    except ValueError:
        return None

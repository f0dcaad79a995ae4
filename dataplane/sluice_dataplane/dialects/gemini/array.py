"""Gemini's wire: a stream of events as the JSON array that Google sends where events were not asked for.

Stands behind everything that writes events, the end of a broken stream included.  What writes them has limits; here
there is none but a last one.  However the bytes are cut, the array is the same.  Google's own has each object on lines
of its own, and so has this.
"""

from typing import Final

from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.sse import SseFramer

MAX_EVENT_BYTES: Final = 256 * 1024 * 1024  # more than any writer or framer lets through
CONTENT_TYPE: Final = "application/json; charset=UTF-8"


class ArrayOfEvents:
    """Events in, one JSON array out."""

    __slots__ = ("_began", "_framer")

    def __init__(self) -> None:
        self._framer = SseFramer(max_line_bytes=MAX_EVENT_BYTES, max_event_bytes=MAX_EVENT_BYTES)
        self._began = False

    def feed(self, chunk: bytes) -> bytes:
        """What *chunk* adds to the array; may be empty.  Raises FramingError as the framer does."""
        return self._write(self._framer.feed(chunk))

    def finish(self) -> bytes:
        """The end of the array.  It is valid JSON also where the stream broke: then its last object is the error."""
        rest = self._write([frame for frame in self._framer.finish() if frame.whole])
        return rest + (b"\n]" if self._began else b"[]")

    def _write(self, frames: list[Frame]) -> bytes:
        out: list[bytes] = []
        for frame in frames:
            if frame.data:
                out.append((b"\n,\r\n" if self._began else b"[") + frame.data)
                self._began = True
        return b"".join(out)

"""Server-sent events as frames: where each begins and ends, and the data in it.  No I/O; knows no API's content.

However the stream is cut into chunks, the frames are the same, and their raw bytes joined are the stream.
Source: the HTML standard's section on interpreting an event stream (line ends LF, CRLF and CR, byte order mark,
comments, one space after the colon, data lines joined by LF).
"""

import re
from typing import Final

from sluice_dataplane.dialects.frames import Frame, FramingError

MAX_LINE_BYTES: Final = 1024 * 1024  # a line that never ends must not eat our memory
MAX_EVENT_BYTES: Final = 4 * 1024 * 1024  # nor must an event
MAX_PICTURE_BYTES: Final = 32 * 1024 * 1024  # both, where an event may hold a picture: 4096 × 4096 as PNG, in base64
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_RESCAN_BYTES: Final = 64 * 1024  # up to here an unfinished event is scanned anew with each chunk


class SseFramer:
    """Bytes in, frames out, as soon as each is complete.

    A lone CR at the end of what has come may be half a CRLF, so what it ends is given with the next byte.
    *max_line_bytes* and *max_event_bytes* are for wires whose events hold pictures.
    """

    __slots__ = ("_buffer", "_data", "_fault", "_fresh", "_line", "_max_event", "_max_line", "_pending", "_search")

    def __init__(self, *, max_line_bytes: int = MAX_LINE_BYTES, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_line = max_line_bytes
        self._max_event = max_event_bytes
        self._pending = b""  # of an event with LF ends only, not looked at yet
        self._buffer = bytearray()  # of an event read line by line; never at the same time as _pending
        self._data: bytearray | None = None  # of the event in _buffer; one piece, since lines may be many and short
        self._line = 0  # where its unfinished line begins
        self._search = 0  # up to where that line is known to hold no line end
        self._fresh = True  # no line of the stream was read yet: the next may begin with a byte order mark
        self._fault = ""  # why nothing more can be read; an error that is kept would keep us, and what we hold

    def feed(self, chunk: bytes) -> list[Frame]:
        """The events that *chunk* completes, in order.

        Raises:
            FramingError: a limit is passed.  Events before it have been returned; the framer is of no further use.
        """
        if self._fault:
            raise FramingError(self._fault)
        if self._buffer:
            return self._feed_lines(chunk)
        data = self._pending + chunk if self._pending else chunk
        if len(data) > self._max_line or b"\r" in data or b"\n\n\n" in data or data[:1] in (b"\n", b"\xef"):
            self._pending = b""
            return self._feed_lines(data)
        *events, rest = data.split(b"\n\n")
        self._pending = rest
        if events:
            self._fresh = False
            frames = [Frame(event + b"\n\n", _data_of(event)) for event in events]
        else:
            frames = []
        if len(rest) > _RESCAN_BYTES:
            self._pending = b""
            frames += self._feed_lines(rest)
        return frames

    def finish(self) -> list[Frame]:
        """What the end of the stream completes or leaves unfinished: at most two frames.

        Raises:
            FramingError: as for :meth:`feed`.
        """
        if self._fault:
            raise FramingError(self._fault)
        frames = self._feed_lines(self._pending, final=True)
        self._pending = b""
        if self._buffer:
            self._read_line(bytes(self._buffer[self._line :]))
            frames.append(self._take(len(self._buffer), whole=False))
        return frames

    def _feed_lines(self, chunk: bytes, *, final: bool = False) -> list[Frame]:
        """Line by line, never looking at a byte twice: any line end, any size."""
        buffer = self._buffer
        buffer += chunk
        frames: list[Frame] = []
        while (end := _LINE_END.search(buffer, self._search)) is not None:
            if end[0] == b"\r" and end.end() == len(buffer) and not final:
                self._search = end.start()
                break
            if end.start() - self._line > self._max_line or end.end() > self._max_event:
                self._search = end.start()
                break
            blank = self._read_line(bytes(buffer[self._line : end.start()]))
            if blank:
                frames.append(self._take(end.end(), whole=True))
            else:
                self._line = self._search = end.end()
        else:
            self._search = len(buffer)
        return self._checked(frames)

    def _checked(self, frames: list[Frame]) -> list[Frame]:
        """*frames*, unless what remains is over a limit and nothing else is to be told first."""
        # The ambiguous CR at the end is not part of the line.
        if self._search - self._line > self._max_line:
            self._fault = f"a line is longer than {self._max_line} bytes"
        elif len(self._buffer) > self._max_event:
            self._fault = f"an event is longer than {self._max_event} bytes"
        if not self._fault:
            return frames
        self._buffer.clear()
        self._data = None
        if not frames:
            raise FramingError(self._fault)
        return frames

    def _read_line(self, line: bytes) -> bool:
        """Whether *line* is blank; its data is kept if it has some."""
        if self._fresh:
            self._fresh = False
            line = line.removeprefix(_BOM)
        name, _, value = line.partition(b":")
        if name == b"data":
            self._add(value.removeprefix(b" "))
        return not line

    def _add(self, value: bytes) -> None:
        if self._data is None:
            self._data = bytearray(value)
        else:
            self._data += b"\n"
            self._data += value

    def _take(self, end: int, *, whole: bool) -> Frame:
        buffer, data = self._buffer, self._data
        frame = Frame(bytes(buffer[:end]), None if data is None else bytes(data), whole)
        del buffer[:end]
        self._data = None
        self._line = self._search = 0
        return frame


def _data_of(event: bytes) -> bytes | None:
    """The data of an event whose lines end in LF."""
    if event.startswith(b"data: ") and b"\n" not in event:  # nearly every event of every provider
        return event[6:]
    lines = [line.partition(b":") for line in event.split(b"\n")]
    data = [value.removeprefix(b" ") for name, _, value in lines if name == b"data"]
    return b"\n".join(data) if data else None


def picture_framer() -> SseFramer:
    """A framer for wires whose events hold pictures."""
    return SseFramer(max_line_bytes=MAX_PICTURE_BYTES, max_event_bytes=MAX_PICTURE_BYTES)

"""AWS's event-stream framing (``application/vnd.amazon.eventstream``).  No I/O; knows no API's content.

A message is a prelude (its length, its headers' length, a checksum of both), headers, a payload, and a checksum of all
of it; numbers are big-endian.  However the stream is cut into chunks, the frames are the same, and their raw bytes
joined are the stream.

Source: the Smithy specification's ``application/vnd.amazon.eventstream``, and Amazon Transcribe's page on it.
"""

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID
from zlib import crc32

import msgspec

from sluice_dataplane.dialects.frames import Frame, FramingError

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024  # as an event of any framing; AWS would allow 16 MiB
MAX_HEADERS_BYTES: Final = 128 * 1024  # AWS's own limit
_PRELUDE_BYTES: Final = 12
_AROUND_BYTES: Final = 16  # a message without headers and payload
_KNOWN_HEADERS: Final = 64  # every event of a kind has the same headers: they are read once

HeaderValue = bool | int | bytes | str | UUID  # times are milliseconds since 1970


class EventStreamFramer:
    """Bytes in, frames out, as soon as each is complete and both its checksums hold.

    ``event`` is the message's ``:event-type``; of a failure it is ``exception:`` and its type, or ``error:`` and its
    code.  ``data`` is the payload; of an error without one, what ``:error-message`` says, as an exception says it.
    """

    __slots__ = ("_buffer", "_fault", "_length")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length = 0  # of the message that _buffer begins with, once its prelude was read
        self._fault = ""  # why nothing more can be read; an error that is kept would keep us, and what we hold

    def feed(self, chunk: bytes) -> list[Frame]:
        """The messages that *chunk* completes, in order.

        Raises:
            FramingError: a message is damaged, or over its limit.  Those before it have been returned; the framer is
                of no further use.
        """
        if self._fault:
            raise FramingError(self._fault)
        self._buffer += chunk
        frames: list[Frame] = []
        taken = 0
        try:
            while end := self._end(taken):
                frames.append(_frame(bytes(memoryview(self._buffer)[taken:end])))
                taken, self._length = end, 0
        except FramingError as error:
            self._fault = str(error)
            self._buffer.clear()
            if not frames:
                raise
            return frames
        del self._buffer[:taken]
        return frames

    def finish(self) -> list[Frame]:
        """What the end of the stream leaves unfinished: at most one frame, whose data cannot be trusted.

        Raises:
            FramingError: as for :meth:`feed`.
        """
        if self._fault:
            raise FramingError(self._fault)
        rest = bytes(self._buffer)
        self._buffer.clear()
        return [Frame(rest, None, whole=False)] if rest else []

    def _end(self, start: int) -> int:
        """Where the message that begins at *start* ends; 0 while it has not all come."""
        here = len(self._buffer) - start
        if not self._length:
            if here < _PRELUDE_BYTES:
                return 0
            self._length = _length_of(bytes(memoryview(self._buffer)[start : start + _PRELUDE_BYTES]))
        return start + self._length if here >= self._length else 0


def _length_of(prelude: bytes) -> int:
    """The length of the message that *prelude* begins."""
    length, headers, checksum = struct.unpack(">III", prelude)
    if crc32(prelude[:8]) != checksum:
        raise FramingError("the checksum of a message's prelude does not hold")
    if length > MAX_MESSAGE_BYTES:
        raise FramingError(f"a message is longer than {MAX_MESSAGE_BYTES} bytes")
    if headers > MAX_HEADERS_BYTES:
        raise FramingError(f"a message's headers are longer than {MAX_HEADERS_BYTES} bytes")
    if headers + _AROUND_BYTES > length:
        raise FramingError("a message is shorter than its headers")
    return int(length)


def _frame(raw: bytes) -> Frame:
    """The whole message *raw*, whose prelude holds."""
    view = memoryview(raw)
    if crc32(view[:-4]) != int.from_bytes(view[-4:], "big"):
        raise FramingError("the checksum of a message does not hold")
    headers_end = _PRELUDE_BYTES + int.from_bytes(view[4:8], "big")
    event, message = _kind(raw[_PRELUDE_BYTES:headers_end])
    payload = raw[headers_end:-4]
    if message and not payload:
        payload = msgspec.json.encode({"message": message})
    return Frame(raw, payload, event=event)


@lru_cache(maxsize=_KNOWN_HEADERS)
def _kind(block: bytes) -> tuple[str, str]:
    """What a frame calls a message with these headers, and what they say of an error."""
    headers = read_headers(block)

    def text(name: str) -> str:
        value = headers.get(name)
        return value if isinstance(value, str) else ""

    match headers.get(":message-type"):
        case "exception":
            return f"exception:{text(':exception-type')}", ""
        case "error":
            return f"error:{text(':error-code')}", text(":error-message")
        case _:
            return text(":event-type"), ""


def read_headers(block: bytes) -> dict[str, HeaderValue]:
    """The headers that *block* holds.

    Raises:
        FramingError: it ends inside one, names one twice, or holds a value of an unknown type.
    """
    headers: dict[str, HeaderValue] = {}
    place = 0
    try:
        while place < len(block):
            name_end = place + 1 + block[place]
            name = str(block[place + 1 : name_end], "utf-8")
            value, place = _TYPES[block[name_end]](block, name_end + 1)
            if name in headers:
                raise FramingError("a message has a header twice")
            headers[name] = value
    except (IndexError, struct.error, UnicodeDecodeError):
        raise FramingError("a message's headers cannot be read") from None
    return headers


_Reader = Callable[[bytes, int], tuple[HeaderValue, int]]


def _number(form: str) -> _Reader:
    packed = struct.Struct(form)

    def read(block: bytes, start: int) -> tuple[HeaderValue, int]:
        return int(packed.unpack_from(block, start)[0]), start + packed.size

    return read


def _bytes(block: bytes, start: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">H", block, start)
    return _cut(block, start + 2, size), start + 2 + size


def _string(block: bytes, start: int) -> tuple[HeaderValue, int]:
    value, end = _bytes(block, start)
    return value.decode(), end


def _uuid(block: bytes, start: int) -> tuple[HeaderValue, int]:
    return UUID(bytes=_cut(block, start, 16)), start + 16


def _cut(block: bytes, start: int, size: int) -> bytes:
    if start + size > len(block):
        raise IndexError
    return block[start : start + size]


# By the number that stands before a value: true, false, byte, short, integer, long, bytes, string, time, UUID.
_TYPES: Final[tuple[_Reader, ...]] = (
    lambda _, start: (True, start),
    lambda _, start: (False, start),
    _number(">b"),
    _number(">h"),
    _number(">i"),
    _number(">q"),
    _bytes,
    _string,
    _number(">q"),
    _uuid,
)


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message; the headers' values are strings, as those of AWS's own streams are."""
    block = b"".join([_header(name.encode(), value.encode()) for name, value in headers.items()])
    prelude = struct.pack(">II", len(block) + len(payload) + _AROUND_BYTES, len(block))
    body = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return body + struct.pack(">I", crc32(body))


def _header(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + b"\x07" + struct.pack(">H", len(value)) + value

"""AWS's framing: what a message is, that cuts do not matter, that damage is seen, and that nothing grows unbounded."""

import contextlib
import struct
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.event_stream import (
    MAX_HEADERS_BYTES,
    MAX_MESSAGE_BYTES,
    EventStreamFramer,
    encode,
    read_headers,
)
from sluice_dataplane.dialects.frames import Frame, FramingError

EMPTY = bytes.fromhex("000000100000000005c248eb7d98c8ff")  # as AWS's SDKs have it in their tests
START = encode({":message-type": "event", ":event-type": "messageStart"}, b'{"role":"assistant"}')
DELTA = encode({":event-type": "contentBlockDelta", ":message-type": "event"}, b'{"delta":{"text":"a"}}')
NAMES = st.text(max_size=20)
MESSAGES = st.builds(encode, st.dictionaries(NAMES, st.text(max_size=30), max_size=4), st.binary(max_size=60))
STREAMS = st.lists(st.one_of(MESSAGES, st.just(DELTA)), max_size=6).map(b"".join)
# One header of each of the ten types, and what it says.
TYPED = {
    b"\x00": True,
    b"\x01": False,
    b"\x02\xff": -1,
    b"\x03\xff\xfe": -2,
    b"\x04\x00\x00\x00\x03": 3,
    b"\x05\x00\x00\x00\x00\x00\x00\x00\x04": 4,
    b"\x06\x00\x02\x00\xff": b"\x00\xff",
    b"\x07\x00\x02\xc3\xa9": "é",
    b"\x08\x00\x00\x01\x94\xb2\x1d\x68\x00": 1738155059200,
    b"\x09" + bytes(range(16)): UUID(bytes=bytes(range(16))),
}


def _framed(chunks: Iterable[bytes]) -> list[Frame]:
    framer = EventStreamFramer()
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    return [*frames, *framer.finish()]


def _outcome(chunks: Iterable[bytes]) -> tuple[list[Frame], str]:
    """The frames, and the error that ends them."""
    framer = EventStreamFramer()
    frames: list[Frame] = []
    try:
        for chunk in chunks:
            frames += framer.feed(chunk)
        frames += framer.finish()
    except FramingError as error:
        return frames, str(error)
    return frames, ""


def _cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:end] for start, end in pairwise(ends)]


def _raw(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    body = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def _prelude(length: int, headers: int) -> bytes:
    start = struct.pack(">II", length, headers)
    return start + struct.pack(">I", crc32(start))


def test_a_message_is_a_frame_named_by_its_event() -> None:
    """A frame's event is ``:event-type``, its data the payload, and its bytes are the message's."""
    assert _framed([START + DELTA]) == [
        Frame(START, b'{"role":"assistant"}', event="messageStart"),
        Frame(DELTA, b'{"delta":{"text":"a"}}', event="contentBlockDelta"),
    ]


def test_a_message_may_be_empty() -> None:
    """The smallest message there is has neither headers nor a payload."""
    assert encode({}, b"") == EMPTY
    assert _framed([EMPTY]) == [Frame(EMPTY, b"")]


def test_an_exception_is_told_from_an_event() -> None:
    """What the service throws in mid-stream is named ``exception:`` and its type."""
    headers = {
        ":message-type": "exception",
        ":exception-type": "throttlingException",
        ":event-type": "contentBlockDelta",
    }
    message = encode(headers, b'{"message":"slow down"}')

    assert _framed([message]) == [Frame(message, b'{"message":"slow down"}', event="exception:throttlingException")]


def test_an_error_says_in_its_data_what_it_has_in_a_header() -> None:
    """An error that was not modelled has no payload: its words are in a header."""
    message = encode({":message-type": "error", ":error-code": "InternalError", ":error-message": 'it "broke"'}, b"")

    assert _framed([message]) == [Frame(message, b'{"message":"it \\"broke\\""}', event="error:InternalError")]


@pytest.mark.parametrize(("value", "expected"), TYPED.items())
def test_headers_of_every_type_are_read(value: bytes, expected: object) -> None:
    """A header may be of any of ten types; those after it are found all the same."""
    block = b"\x01a" + value + b"\x01b\x07\x00\x01c"

    headers = read_headers(block)

    assert headers == {"a": expected, "b": "c"}
    assert type(headers["a"]) is type(expected)


@pytest.mark.parametrize(
    "block",
    [
        b"\x01",
        b"\x05ab",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x07\x00",
        b"\x01a\x07\x00\x02b",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x00",
        b"\x01a\x05\x00",
        b"\x01a\x09" + bytes(15),
        b"\x01a\x00\x01a\x00",
    ],
)
def test_headers_that_cannot_be_read_end_the_stream(block: bytes) -> None:
    """A header that is cut off, of no known type, no text where text is due, or there twice: nothing is guessed."""
    with pytest.raises(FramingError, match="header"):
        _framed([_raw(block, b"{}")])


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=12))
def test_cuts_do_not_matter(stream: bytes, places: list[int]) -> None:
    """However the stream is cut, the frames are the same, and their bytes are the stream."""
    frames = _framed(_cut(stream, places))

    assert frames == _framed([stream])
    assert b"".join(frame.raw for frame in frames) == stream


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=12), st.integers(min_value=0), st.integers(1, 255))
def test_cuts_do_not_matter_where_there_is_damage(stream: bytes, places: list[int], where: int, flip: int) -> None:
    """The frames before a damaged byte come, then the same error, however the stream is cut."""
    damaged = bytearray(stream + DELTA)
    damaged[where % len(damaged)] ^= flip

    assert _outcome(_cut(bytes(damaged), places)) == _outcome([bytes(damaged)])


@given(st.integers(min_value=0, max_value=len(DELTA) - 1), st.integers(1, 255))
def test_no_damaged_byte_goes_unseen(where: int, flip: int) -> None:
    """A message with any byte changed is not given as whole; one before it is."""
    damaged = bytearray(DELTA)
    damaged[where] ^= flip

    frames, error = _outcome([START + bytes(damaged) + DELTA])

    assert [frame.raw for frame in frames if frame.whole] == [START]
    assert error


@given(st.binary(max_size=200))
def test_anything_else_is_an_error_or_unfinished(stream: bytes) -> None:
    """Bytes that are no message give frames, a FramingError or an unfinished frame, and nothing else."""
    frames, error = _outcome([stream])

    assert error or b"".join(frame.raw for frame in frames) == stream


@given(st.binary(max_size=60))
def test_any_headers_are_read_or_refused(block: bytes) -> None:
    """A message whose checksums hold but whose headers are anything gives a frame or a FramingError."""
    frames, error = _outcome([_raw(block, b"")])

    assert bool(frames) is not bool(error)


@pytest.mark.parametrize("end", range(1, len(DELTA)))
def test_a_message_that_is_cut_off_is_not_whole(end: int) -> None:
    """A stream that ends inside a message says so, and gives nothing of it as data."""
    assert _framed([START, DELTA[:end]])[1:] == [Frame(DELTA[:end], None, whole=False)]


def test_a_message_over_the_limit_is_refused_by_its_prelude() -> None:
    """A length over the limit ends the stream at once: nothing is gathered for it; one at the limit is taken."""
    assert EventStreamFramer().feed(_prelude(MAX_MESSAGE_BYTES, 0)) == []
    with pytest.raises(FramingError, match="longer"):
        EventStreamFramer().feed(_prelude(MAX_MESSAGE_BYTES + 1, 0))


def test_headers_over_the_limit_are_refused_by_the_prelude() -> None:
    """Headers have a limit of their own."""
    assert EventStreamFramer().feed(_prelude(MAX_MESSAGE_BYTES, MAX_HEADERS_BYTES)) == []
    with pytest.raises(FramingError, match="headers are longer"):
        EventStreamFramer().feed(_prelude(MAX_MESSAGE_BYTES, MAX_HEADERS_BYTES + 1))


@pytest.mark.parametrize(("length", "headers"), [(15, 0), (16, 1), (0, 0), (100, 85)])
def test_a_length_that_cannot_be_is_refused(length: int, headers: int) -> None:
    """A message is never shorter than what it says it holds."""
    with pytest.raises(FramingError, match="shorter"):
        EventStreamFramer().feed(_prelude(length, headers))


def test_an_error_stays() -> None:
    """After damage nothing is read any more, not even what looks right."""
    framer = EventStreamFramer()
    assert len(framer.feed(START + b"\x00" * 12)) == 1

    for _ in range(2):
        with pytest.raises(FramingError):
            framer.feed(DELTA)
    with pytest.raises(FramingError):
        framer.finish()


def test_what_was_given_is_let_go() -> None:
    """A long stream leaves nothing behind in the framer."""
    framer = EventStreamFramer()
    for _ in range(1000):
        framer.feed(START + DELTA)

    assert framer.finish() == []


def test_what_broke_holds_nothing() -> None:
    """Whoever remembers the error does not remember what it was about; and it is said again."""
    framer = EventStreamFramer()
    damaged = bytearray(encode({}, b"x" * 1_000_000))
    damaged[-1] ^= 1
    tracemalloc.start()
    try:
        for start in range(0, len(damaged), 65_536):
            with contextlib.suppress(FramingError):
                framer.feed(bytes(damaged[start : start + 65_536]))
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held_bytes < 100_000
    with pytest.raises(FramingError, match="checksum"):
        framer.feed(DELTA)
    with pytest.raises(FramingError, match="checksum"):
        framer.finish()

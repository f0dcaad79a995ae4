"""Framing of server-sent events: what a frame is, that cuts do not matter, and that nothing grows without a bound."""

import tracemalloc
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.sse import MAX_EVENT_BYTES, MAX_LINE_BYTES, SseFramer
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.exchange import Endpoint

PIECES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b"data:  c", b": ping", b"event: x", b"id", b"\xef\xbb\xbf", b"\n", b"\r", b"\r\n"]
)
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)


def _framed(chunks: Iterable[bytes]) -> list[Frame]:
    framer = SseFramer()
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    return [*frames, *framer.finish()]


def _data(stream: bytes) -> list[bytes | None]:
    return [frame.data for frame in _framed([stream])]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_an_event_ends_at_a_blank_line_of_any_kind(end: bytes) -> None:
    """LF, CRLF and CR end lines; two in a row end an event, and belong to it."""
    one, two = b"data: 1" + end + end, b"event: e" + end + b"data: 2" + end + end

    assert _framed([one + two]) == [Frame(one, b"1"), Frame(two, b"2")]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data:a\n\n", b"a"),
        (b"data:  a\n\n", b" a"),
        (b"data\n\n", b""),
        (b"data:\n\n", b""),
        (b": comment\n\n", None),
        (b"event: ping\n\n", None),
        (b"datax: a\n\n", None),
        (b"\xef\xbb\xbfdata: a\n\n", b"a"),
        (b"data: a: b\n\n", b"a: b"),
        (b"data: \xc3\xa9\xe2\x80\xa8\n\n", b"\xc3\xa9\xe2\x80\xa8"),
        (b"data: a\rdata: b\r\n\n", b"a\nb"),
    ],
)
def test_data_is_read_by_the_standard(event: bytes, expected: bytes | None) -> None:
    """One space after the colon goes, data lines are joined by LF, comments and other fields carry no data."""
    assert _data(event) == [expected]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"], ids=["lf", "crlf"])
def test_a_byte_order_mark_counts_at_the_start_only(end: bytes) -> None:
    """Later in the stream the same bytes are part of a field's name."""
    frames = _framed([b"data: a" + end, b"\xef\xbb\xbfdata: b" + end])

    assert [frame.data for frame in frames] == [b"a", None]


@given(STREAMS, st.data())
@example(b"data: a\r\r\n", None)
def test_cuts_do_not_matter(stream: bytes, draw: st.DataObject | None) -> None:
    """However the stream is cut, the frames are those of the uncut stream."""
    cuts = range(len(stream) + 1) if draw is None else sorted(draw.draw(st.sets(st.integers(0, len(stream)))))
    edges = [0, *cuts, len(stream)]

    assert _framed(stream[a:b] for a, b in pairwise(edges)) == _framed([stream])


@given(STREAMS)
def test_cutting_at_every_byte_gives_the_same(stream: bytes) -> None:
    """Byte by byte is the hardest cut of all."""
    assert _framed(stream[i : i + 1] for i in range(len(stream))) == _framed([stream])


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_nothing_is_lost_or_added(chunks: list[bytes]) -> None:
    """The raw bytes of the frames, joined, are the stream, whatever it holds."""
    assert b"".join(frame.raw for frame in _framed(chunks)) == b"".join(chunks)


@given(STREAMS)
def test_quick_way_and_line_by_line_agree(stream: bytes) -> None:
    """The quick way for LF gives what reading line by line gives."""
    stream = stream.replace(b"\r", b"\n")
    slow = SseFramer()
    frames = slow._feed_lines(stream)

    assert [*frames, *slow.finish()] == _framed([stream])


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    """A complete event does not wait for the next one."""
    framer = SseFramer()
    framer.feed(b"data: a\r\n\r")

    assert framer.feed(b"\n") == [Frame(b"data: a\r\n\r\n", b"a")]


def test_an_unfinished_event_is_marked() -> None:
    """What the stream ends inside of is handed over at the end, and said not to be whole."""
    assert _framed([b"data: a\n\ndata: {"]) == [Frame(b"data: a\n\n", b"a"), Frame(b"data: {", b"{", whole=False)]


def test_nothing_is_made_of_an_ended_stream() -> None:
    """A stream that ends after an event has no further frame."""
    framer = SseFramer()
    framer.feed(b"data: a\n\n")

    assert framer.finish() == []


@pytest.mark.parametrize("step", [1000, 65_536, 3 * MAX_LINE_BYTES])
def test_a_line_has_a_limit(step: int) -> None:
    """A line over the limit is refused, however it comes."""
    line = b"data: " + b"x" * (MAX_LINE_BYTES - 5) + b"\n\n"

    with pytest.raises(FramingError, match="line"):
        _framed(line[i : i + step] for i in range(0, len(line), step))


def test_a_line_may_reach_its_limit() -> None:
    """The limit itself is allowed."""
    line = b"data: " + b"x" * (MAX_LINE_BYTES - 6) + b"\r\n\r\n"

    assert [len(frame.raw) for frame in _framed([line])] == [len(line)]


@pytest.mark.parametrize("step", [65_536, 6 * MAX_LINE_BYTES])
def test_an_event_has_a_limit(step: int) -> None:
    """Many short lines do not get past it."""
    event = b"data: x\n" * (MAX_EVENT_BYTES // 8) + b"\n"

    with pytest.raises(FramingError, match="event"):
        _framed(event[i : i + step] for i in range(0, len(event), step))


def test_an_event_may_reach_its_limit() -> None:
    """The limit itself is allowed, with the blank line counted."""
    event = b"data: x\n" * (MAX_EVENT_BYTES // 8 - 1) + b"id:123\n\n"

    assert [len(frame.raw) for frame in _framed([event, event])] == [MAX_EVENT_BYTES, MAX_EVENT_BYTES]


def test_good_events_come_before_the_error() -> None:
    """Events before one that is over its limit are handed over first; then every call fails."""
    framer = SseFramer()
    frames = framer.feed(b"data: a\n\ndata: " + b"x" * MAX_LINE_BYTES)

    assert frames == [Frame(b"data: a\n\n", b"a")]
    with pytest.raises(FramingError):
        framer.feed(b"x")
    with pytest.raises(FramingError):
        framer.finish()


@pytest.mark.parametrize("wire", ["chat", "responses", "gemini", "images"])
def test_an_event_may_hold_a_picture(wire: Endpoint) -> None:
    """Answers of these APIs have pictures in base64 in them, on one line."""
    event = b"data: " + b"x" * (4 * MAX_LINE_BYTES) + b"\n\n"

    assert WIRES[wire].framer().feed(event)[0].raw == event


@pytest.mark.parametrize("line", [b"data: xxxxxxxx\n", b"data: " + b"x" * 65_536])
def test_what_broke_holds_nothing(line: bytes) -> None:
    """Whoever remembers the error does not remember a megabyte of what it was about."""
    framer, errors = SseFramer(), []
    tracemalloc.start()
    try:
        for _ in range(2 * MAX_EVENT_BYTES // len(line)):
            try:
                framer.feed(line)
            except FramingError as error:
                errors.append(error)
                break
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(errors) == 1
    assert held_bytes < MAX_LINE_BYTES // 2


def test_many_short_lines_are_held_as_one() -> None:
    """Not each with an envelope of its own, which would be several times its size."""
    framer, line = SseFramer(), b"data: xxxx\n"
    tracemalloc.start()
    try:
        for _ in range(MAX_EVENT_BYTES // len(line) // 2):
            framer.feed(line)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held_bytes < 2 * MAX_EVENT_BYTES // 2

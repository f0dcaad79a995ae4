"""Bytes to answers: what is an answer, what is not, and that cuts do not matter."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.upstream.incoming import MAX_HEAD_BYTES, MAX_INTERIM, Incoming, decoded

OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"Content-Type: text/plain\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n6\r\n world\r\n0\r\nx-trailer: t\r\n\r\n"
ANSWERS = {
    "length": (PLAIN, b"hello", True),
    "chunked": (CHUNKED, b"hello world", True),
    "close": (OK + b"connection: close\r\ncontent-length: 2\r\n\r\nhi", b"hi", False),
    "http-1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"hi", False),
    "empty": (OK + b"content-length: 0\r\n\r\n", b"", True),
    "no-content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "not-modified": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", b"", True),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + PLAIN, b"hello", True),
    "redirect": (b"HTTP/1.1 307 Away\r\nlocation: http://x\r\ncontent-length: 0\r\n\r\n", b"", True),
    "identity": (OK + b"content-encoding: identity\r\ncontent-length: 2\r\n\r\nhi", b"hi", True),
}
FAULTS = {
    "two-lengths": OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi",
    "the-same-length-twice": OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\nhi",
    "a-list-of-lengths": OK + b"content-length: 2, 2\r\n\r\nhi",
    "negative-length": OK + b"content-length: -1\r\n\r\nhi",
    "length-and-chunks": OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks-and-length": OK + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
    "chunk-size-is-no-number": OK + b"transfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n",
    "chunk-without-end": OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhiXX0\r\n\r\n",
    "folded-header": OK + b"x-a: 1\r\n 2\r\ncontent-length: 0\r\n\r\n",
    "header-without-name": OK + b": 1\r\ncontent-length: 0\r\n\r\n",
    "nul-in-header": OK + b"x-a: a\0b\r\ncontent-length: 0\r\n\r\n",
    "gzip": OK + b"Content-Encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b",
    "gzip-as-transfer": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "another-protocol": b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "another-protocol-unsaid": b"HTTP/1.1 101 Switching\r\n\r\n",
    "interim-flood": b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM + 1) + PLAIN,
    "not-http": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "http-2": b"HTTP/2 200\r\ncontent-length: 0\r\n\r\n",
    "status-is-no-number": b"HTTP/1.1 OK OK\r\n\r\n",
    "endless-header": OK + b"x-a: " + b"a" * (MAX_HEAD_BYTES + 1),
    "endless-status-line": b"HTTP/1.1 200 " + b"a" * (MAX_HEAD_BYTES + 1),
    "many-headers": OK + b"x-a: 1\r\n" * (MAX_HEAD_BYTES // 8) + b"content-length: 0\r\n\r\n",
    "large-head-in-one-piece": OK + b"x-a: " + b"a" * MAX_HEAD_BYTES + b"\r\ncontent-length: 0\r\n\r\n",
}


def _fed(stream: bytes, cuts: list[int] | None = None, *, is_head: bool = False) -> tuple[Incoming, bytes]:
    """What was read, fed as a connection feeds it: no further than a completion or a fault."""
    incoming = Incoming()
    incoming.expect(is_head=is_head)
    body = b""
    for start, end in pairwise([0, *(cuts or []), len(stream)]):
        if incoming.complete or incoming.fault is not None:
            break
        incoming.feed(stream[start:end])
        body += incoming.take()
    return incoming, body


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read(name: str) -> None:
    """Its body, and whether another may follow on the connection."""
    stream, body, keep = ANSWERS[name]
    incoming, read = _fed(stream)

    assert (read, incoming.complete, incoming.keep, incoming.fault) == (body, True, keep, None)


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_answer_is_a_fault(name: str) -> None:
    """What could be read in two ways, is compressed, or is too long is never taken for an answer."""
    incoming, _ = _fed(FAULTS[name])

    assert (incoming.complete, incoming.keep, incoming.fault is None) == (False, False, False)


@given(st.sampled_from(sorted(ANSWERS)), st.data())
def test_cuts_do_not_matter_to_answers(name: str, data: st.DataObject) -> None:
    """However TCP cuts an answer, the same is read."""
    stream, body, keep = ANSWERS[name]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)))))
    incoming, read = _fed(stream, cuts)

    assert (read, incoming.complete, incoming.keep, decoded(incoming.raw_headers)) == (
        body,
        True,
        keep,
        decoded(_fed(stream)[0].raw_headers),
    )


@given(st.sampled_from(sorted(FAULTS)), st.data())
def test_cuts_do_not_matter_to_faults(name: str, data: st.DataObject) -> None:
    """However TCP cuts it, a fault is found."""
    stream = FAULTS[name]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=20)))

    assert _fed(stream, cuts)[0].fault is not None


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_no_bytes_make_it_raise(chunks: list[bytes]) -> None:
    """Whatever comes is an answer, a fault, or the beginning of one of them."""
    incoming = Incoming()
    for chunk in [OK, *chunks]:
        if not incoming.complete and incoming.fault is None:
            incoming.feed(chunk)

    assert not (incoming.complete and incoming.fault)


def test_headers_are_told_in_order_and_lower_case() -> None:
    """Doubles are kept; an interim answer's are not."""
    incoming, _ = _fed(ANSWERS["interim"][0])

    assert decoded(incoming.raw_headers) == (
        ("content-type", "text/plain"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("content-length", "5"),
    )


def test_trailers_are_not_headers() -> None:
    """What follows the body adds nothing to the head."""
    assert decoded(_fed(CHUNKED)[0].raw_headers) == (("transfer-encoding", "chunked"),)


@pytest.mark.parametrize("extra", [b"x", PLAIN, b"0\r\n\r\n"])
def test_bytes_after_an_answer_end_the_connection(extra: bytes) -> None:
    """The answer itself is good; what follows it is nobody's, and nothing else is read from there."""
    incoming, body = _fed(PLAIN + extra)

    assert (body, incoming.complete, incoming.keep, incoming.fault) == (b"hello", True, False, None)


def test_an_answer_to_head_has_no_body() -> None:
    """A length without a body is the rule there; the connection is not used again, as llhttp cannot be told."""
    incoming, body = _fed(OK + b"content-length: 5\r\n\r\n", is_head=True)

    assert (body, incoming.complete, incoming.keep, incoming.fault) == (b"", True, False, None)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """Until then it is not complete."""
    incoming, body = _fed(OK + b"x-a: 1\r\n\r\nabc")
    before = incoming.complete
    incoming.end_of_stream()

    assert (body, before, incoming.complete, incoming.fault, incoming.keep) == (b"abc", False, True, None, False)


@pytest.mark.parametrize("stream", [PLAIN[:-1], CHUNKED[:-1], CHUNKED[:60], OK, b"HTTP/1.1 200 OK\r\nx-a: 1\r\n", b""])
def test_any_other_answer_that_ends_with_the_connection_is_a_fault(stream: bytes) -> None:
    """A body that is shorter than it said is not a body."""
    incoming, _ = _fed(stream)
    incoming.end_of_stream()

    assert (incoming.complete, incoming.fault is None) == (False, False)


@pytest.mark.parametrize(
    "piece", [b"x-t: " + b"t" * 1000 + b"\r\n", b"x" * 1000], ids=["many-trailers", "one-endless-trailer"]
)
def test_trailers_have_a_limit(piece: bytes) -> None:
    """What follows the body may not go on for ever."""
    incoming = Incoming()
    incoming.feed(OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n")
    fed = 0
    while incoming.fault is None and fed < 10 * MAX_HEAD_BYTES:
        incoming.feed(piece)
        fed += len(piece)

    assert MAX_HEAD_BYTES < fed <= MAX_HEAD_BYTES + 2 * len(piece)


def test_the_framing_of_a_long_stream_is_no_trailer() -> None:
    """Chunk sizes that come in pieces of their own may add up to more than a head, as long as body comes between."""
    incoming = Incoming()
    incoming.feed(OK + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(MAX_HEAD_BYTES // 4):
        for piece in (b"1\r\n", b"x", b"\r\n"):
            incoming.feed(piece)

    assert (incoming.fault, incoming.buffered_bytes) == (None, MAX_HEAD_BYTES // 4)


def test_a_head_may_be_nearly_as_long_as_its_limit() -> None:
    """The limit is the head's alone: a large body in the same piece does not count."""
    head = OK + b"x-a: " + b"a" * (MAX_HEAD_BYTES - 100) + b"\r\ncontent-length: 100000\r\n\r\n"
    incoming, body = _fed(head + b"b" * 100_000)

    assert (incoming.fault, len(body)) == (None, 100_000)


def test_one_answer_after_another() -> None:
    """Nothing of the one before is left in the next."""
    incoming = Incoming()
    incoming.feed(CHUNKED)
    incoming.expect(is_head=False)
    incoming.feed(b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno")

    assert (incoming.status, incoming.take(), decoded(incoming.raw_headers)) == (500, b"no", (("content-length", "2"),))

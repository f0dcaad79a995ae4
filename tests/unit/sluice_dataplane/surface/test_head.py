"""Heads: what the lean front takes for a call of its own, and how it writes the head of an answer."""

import pytest

from sluice_dataplane.surface.head import Head, ResponseHeads, may_begin, read_head
from support.h1_corpus import CORPUS

LINE = b"POST /v1/chat/completions HTTP/1.1\r\n"
USUAL = LINE + b"Host: a\r\nAuthorization: Bearer k\r\nX-Other: 1\r\ncontent-length: 12\r\n\r\n"


def head(
    heads: ResponseHeads, status: int = 200, *headers: tuple[str, str], at_ms: int = 0, close: bool = False
) -> str:
    """The head of an answer of two bytes."""
    return heads.head(status, headers, "req_1", at_ms=at_ms, closing=close, end="content-length: 2").decode()


def test_a_usual_call_is_read_with_the_headers_we_know() -> None:
    """Endpoint, length and credentials; names in lower case, and nothing else of the client's."""
    found = read_head(USUAL)

    assert found == Head("/v1/chat/completions", "chat", (("authorization", "Bearer k"),), 12, keep=True)


def test_each_endpoint_has_its_paths() -> None:
    """With and without /v1."""
    found = [
        read_head(USUAL.replace(b"/v1/chat/completions", path))
        for path in (b"/embeddings", b"/v1/embeddings", b"/v1/completions")
    ]

    assert [each and each.endpoint for each in found] == ["embeddings", "embeddings", "completions"]


def test_the_client_says_whether_the_connection_stays() -> None:
    """``connection: close`` is heard in any case of letters."""
    found = read_head(USUAL.replace(b"X-Other: 1", b"connection: Close"))

    assert found is not None
    assert not found.keep


@pytest.mark.parametrize(
    "unusual",
    [
        USUAL.replace(b"POST", b"GET"),
        USUAL.replace(b"/v1/chat/completions", b"/v1/models"),
        USUAL.replace(b"completions", b"completions?key=1"),
        USUAL.replace(b"HTTP/1.1", b"HTTP/1.0"),
        USUAL.replace(b"X-Other: 1", b"Expect: 100-continue"),
        USUAL.replace(b"X-Other: 1", b"Content-Encoding: gzip"),
        USUAL.replace(b"X-Other: 1", b"Connection: upgrade\r\nUpgrade: h2c"),
        USUAL.replace(b"content-length: 12", b"Transfer-Encoding: chunked"),
        USUAL.replace(b"content-length: 12\r\n", b""),
        USUAL.replace(b"Host: a\r\n", b""),
        USUAL.replace(b"Host: a", b"Host: a\r\nHost: b"),
        b"\r\n" + USUAL,
    ],
)
def test_whatever_is_not_usual_is_not_for_us(unusual: bytes) -> None:
    """Another path, method or version, or anything about the body or the connection that needs care."""
    assert read_head(unusual) is None


@pytest.mark.parametrize("name", [name for name in CORPUS if name not in ("two authorizations", "two types")])
def test_nothing_doubtful_is_taken_for_a_call(name: str) -> None:
    """No message of the corpus, whose only harmless ones repeat a header that says nothing about the body."""
    end = CORPUS[name].find(b"\r\n\r\n") + 4

    assert end < 4 or read_head(CORPUS[name][:end]) is None


@pytest.mark.parametrize(
    ("data", "may"),
    [(b"P", True), (LINE, True), (b"\r\nPOST", True), (b"\x16\x03\x01", False), (b"GET / HTTP/1.1\nHost", False)],
)
def test_what_can_never_become_a_request_is_known_at_once(data: bytes, may: bool) -> None:
    """TLS on a plain port, or lines without carriage returns, are not waited for."""
    assert may_begin(data) is may


def test_an_answers_head_is_whole() -> None:
    """Status line, headers in order, both ids, date, framing, and an empty line."""
    written = head(ResponseHeads(), 429, ("retry-after", "1"), at_ms=1_790_000_000_000, close=True)

    assert written == (
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nx-request-id: req_1\r\nrequest-id: req_1\r\n"
        "date: Mon, 21 Sep 2026 14:13:20 GMT\r\nconnection: close\r\ncontent-length: 2\r\n\r\n"
    )


def test_the_date_is_that_of_the_answer() -> None:
    """Remembered for its second only."""
    heads = ResponseHeads()
    first, same, later = (head(heads, at_ms=at_ms) for at_ms in (0, 999, 1_000))

    assert first == same != later


def test_a_status_without_a_phrase_is_a_status() -> None:
    """Providers answer with numbers that no standard knows."""
    assert head(ResponseHeads(), 498).startswith("HTTP/1.1 498 \r\n")


def test_of_two_headers_with_one_name_the_last_counts() -> None:
    """As on the other front."""
    written = head(ResponseHeads(), 200, ("x-a", "1"), ("x-a", "2"))

    assert written.count("x-a") == 1
    assert "x-a: 2\r\n" in written


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x", "a\nb", "a\rb"])
def test_a_header_cannot_become_two(value: str) -> None:
    """A line break in a value would let its author write our answers."""
    with pytest.raises(ValueError, match="line break"):
        head(ResponseHeads(), 200, ("x-a", value))

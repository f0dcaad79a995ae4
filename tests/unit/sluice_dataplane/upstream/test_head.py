"""What is sent before a body: where it goes, with which headers, and what is never sent."""

import pytest

from sluice_contract.snapshot import Upstream
from sluice_dataplane.exchange import UpstreamRequest
from sluice_dataplane.upstream.head import MAX_HEADS, Heads, Place, place_of
from sluice_dataplane.upstream.seam import AttemptFailedError


def _upstream(base_url: str = "https://api.example.com/v1", **more: object) -> Upstream:
    return Upstream(id="ns/u", type="OpenAI", provider_name="openai", base_url=base_url, **more)  # type: ignore[arg-type]


def _head(
    upstream: Upstream,
    *headers: tuple[str, str],
    path: str = "/chat",
    method: str = "POST",
    credential: str | None = None,
) -> str:
    heads = Heads(upstream, place_of(upstream))
    return heads.head(UpstreamRequest(method, path, headers, b""), credential).decode("latin-1")


@pytest.mark.parametrize(
    ("base_url", "place"),
    [
        ("https://api.example.com/v1", Place(True, "api.example.com", 443, "api.example.com", "/v1")),
        ("http://vllm.ns.svc:8000/", Place(False, "vllm.ns.svc", 8000, "vllm.ns.svc:8000", "")),
        ("http://h:80", Place(False, "h", 80, "h", "")),
        ("https://h:80/a/b/", Place(True, "h", 80, "h:80", "/a/b")),
        ("http://[::1]:8080/v1", Place(False, "::1", 8080, "[::1]:8080", "/v1")),
        ("https://[2001:db8::1]", Place(True, "2001:db8::1", 443, "[2001:db8::1]", "")),
        ("https://BÜCHER.example", Place(True, "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "")),
    ],
)
def test_base_url_says_where(base_url: str, place: Place) -> None:
    """Scheme, host, port and path prefix; the Host header names the port unless it is the usual one."""
    assert place_of(_upstream(base_url)) == place


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.example.com",
        "ftp://h",
        "http://",
        "http://h:port",
        "http://h:99999",
        "http://[::1",
        "http://user:secret@h",
        "http://h?x=1",
        "http://h/#f",
        "http://h/a b",
        "http://h/ä",
        "http://a\r\nb",
        "http://-h",
        "http://h h/",
        "http://h%0d%0a/",
    ],
)
def test_base_url_that_is_not_one_is_refused(base_url: str) -> None:
    """Nothing is guessed; the message names the upstream and never quotes the URL, which may hold a secret."""
    with pytest.raises(AttemptFailedError) as caught:
        place_of(_upstream(base_url))

    assert (caught.value.cause, caught.value.sent, "ns/u" in str(caught.value)) == ("Refused", False, True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"), [("1.2.3.4", True), ("[::1]", True), ("h.example", False), ("1.2.3", False)]
)
def test_an_address_is_told_from_a_name(host: str, expected: bool) -> None:
    """Names are looked up, addresses are not."""
    assert place_of(_upstream(f"http://{host}")).is_address is expected


def test_a_head_is_whole() -> None:
    """Request line with prefix and path, Host, identity encoding, the credential, and no header twice."""
    upstream = _upstream(auth_header="Authorization", auth_prefix="Bearer ", headers={"X-Org": "o"})

    assert _head(upstream, ("content-type", "application/json"), credential="sk") == (
        "POST /v1/chat HTTP/1.1\r\n"
        "host: api.example.com\r\n"
        "accept-encoding: identity\r\n"
        "x-org: o\r\n"
        "authorization: Bearer sk\r\n"
        "content-type: application/json\r\n"
        "user-agent: sluice\r\n"
        "content-length: "
    )


def test_an_upstreams_headers_win_over_a_requests() -> None:
    """A client cannot replace the credential or a fixed header, in any case of letters."""
    upstream = _upstream(auth_header="x-api-key", headers={"X-Org": "ours"})
    head = _head(upstream, ("X-API-Key", "theirs"), ("x-org", "theirs"), ("User-Agent", "me"), credential="ours")

    assert ("theirs" in head, head.count("ours"), head.count("user-agent: me"), "sluice" in head) == (
        False,
        2,
        1,
        False,
    )


@pytest.mark.parametrize("bad", ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "a\x7f", "€"])
def test_a_value_that_would_break_out_is_refused(bad: str) -> None:
    """CR, LF, NUL and other controls never reach the wire, wherever the value comes from; it is not quoted."""
    places: list[tuple[Upstream, tuple[tuple[str, str], ...], str | None]] = [
        (_upstream(), (("x-a", bad),), None),
        (_upstream(headers={"x-a": bad}), (), None),
        (_upstream(auth_header="x-a"), (), bad),
    ]
    for upstream, headers, credential in places:
        with pytest.raises(AttemptFailedError, match="x-a holds a forbidden") as caught:
            _head(upstream, *headers, credential=credential)
        assert (caught.value.cause, bad in str(caught.value)) == ("Refused", False)


@pytest.mark.parametrize(
    "name", ["", "a b", "a:", "a\r\n", "ä", "content-length", "Transfer-Encoding", "host", "Expect"]
)
def test_a_name_that_is_not_a_requests_is_refused(name: str) -> None:
    """Names that are no tokens, and those that frame the message or keep the connection."""
    with pytest.raises(AttemptFailedError):
        _head(_upstream(), (name, "1"))
    with pytest.raises(AttemptFailedError):
        _head(_upstream(headers={name: "1"}))


@pytest.mark.parametrize("path", ["chat", "/a b", "/a\r\nb", "/ä", "/a\0"])
def test_a_path_that_would_break_out_is_refused(path: str) -> None:
    """A request line has two spaces and one line end."""
    with pytest.raises(AttemptFailedError):
        _head(_upstream("http://h"), path=path)


@pytest.mark.parametrize("method", ["", "post", "GET /", "A\r\n"])
def test_a_method_that_would_break_out_is_refused(method: str) -> None:
    """Capital letters only."""
    with pytest.raises(AttemptFailedError):
        _head(_upstream(), method=method)


@pytest.mark.parametrize("credential", [None, ""])
def test_a_missing_credential_is_refused(credential: str | None) -> None:
    """An upstream that wants a credential is never called without one."""
    with pytest.raises(AttemptFailedError, match="needs a credential"):
        _head(_upstream(auth_header="authorization"), credential=credential)


def test_no_credential_is_sent_where_none_is_wanted() -> None:
    """auth_header None sends none, even if one is there."""
    assert "sk-secret" not in _head(_upstream(auth_prefix="Bearer "), credential="sk-secret")


def test_a_new_credential_is_used_at_once() -> None:
    """What is remembered belongs to one credential."""
    upstream = _upstream(auth_header="authorization")
    heads = Heads(upstream, place_of(upstream))
    request = UpstreamRequest("POST", "/chat", (), b"")
    heads.head(request, "old")

    assert b"authorization: new\r\n" in heads.head(request, "new")


def test_a_known_head_is_not_made_again() -> None:
    """The second call gets the very same bytes."""
    upstream = _upstream()
    heads = Heads(upstream, place_of(upstream))

    assert heads.head(UpstreamRequest("POST", "/c", (("a", "b"),), b"1"), None) is heads.head(
        UpstreamRequest("POST", "/c", (("a", "b"),), b"2"), None
    )


def test_what_is_remembered_has_a_limit() -> None:
    """Headers that differ with each call do not pile up."""
    upstream = _upstream()
    heads = Heads(upstream, place_of(upstream))
    for number in range(3 * MAX_HEADS):
        heads.head(UpstreamRequest("POST", "/c", (("x-request-id", str(number)),), b""), None)

    assert len(heads._heads) == MAX_HEADS

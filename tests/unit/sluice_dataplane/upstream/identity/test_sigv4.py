"""Signatures are AWS's: what is expected here was computed by botocore, with the example keys of AWS's own suite."""

from typing import Final

import msgspec
import pytest

from sluice_dataplane.exchange import Headers
from sluice_dataplane.upstream.identity.grants import SigningKeys
from sluice_dataplane.upstream.identity.sigv4 import Call, Scope, canonical_path, canonical_query, sign

SUITE_MS: Final = 1_440_938_160_000  # 2015-08-30T12:36:00Z
CONVERSE_MS: Final = 1_764_072_000_000  # 2025-11-25T12:00:00Z
SUITE: Final = Scope("us-east-1", "service")
BEDROCK: Final = Scope("us-east-1", "bedrock")
KEYS: Final = SigningKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST: Final = "example.amazonaws.com"
RUNTIME: Final = "bedrock-runtime.us-east-1.amazonaws.com"
JSON: Final[Headers] = (("content-type", "application/json"),)


def _signature(headers: Headers) -> tuple[str, str]:
    """The names that are signed, and the signature."""
    text = dict(headers)["authorization"]
    return text.split("SignedHeaders=")[1].split(",")[0], text.split("Signature=")[1]


def _get(target: str, headers: Headers = ()) -> Call:
    return Call("GET", HOST, target, headers, b"")


@pytest.mark.parametrize(
    ("call", "names", "expected"),
    [
        (
            _get("/"),
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            Call("POST", HOST, "/", (), b""),
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            _get("/?Param1=value2&Param1=Value1"),
            "host;x-amz-date",
            "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
        ),
        (
            _get("/?Param2=value2&Param1=value1"),
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            _get("//example//"),
            "host;x-amz-date",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        (
            _get("/example1/example2/../.."),
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            _get("/example%20space/"),
            "host;x-amz-date",
            "446b817944c553435b35e813c261ff4e161fff982d1bacdef1c87f6785dd1662",
        ),
        (
            _get("/%E1%88%B4"),
            "host;x-amz-date",
            "697b34846207a3f72246f99d74ae1ee4fe54f44bb06730c58a0d339eb079596d",
        ),
        (
            Call("POST", HOST, "/", (("content-type", "application/x-www-form-urlencoded"),), b"Param1=value1"),
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            _get("/", (("x-amz-meta", "  a   b \t c  "),)),
            "host;x-amz-date;x-amz-meta",
            "f80426e08e02701ba1e6a801742b691f719c2a836756d8c1bceca61b8d71043b",
        ),
    ],
    ids=["get", "post", "values", "names", "slashes", "dots", "space", "utf8", "form", "spaces in a header"],
)
def test_signatures_are_those_of_the_suite(call: Call, names: str, expected: str) -> None:
    """Path, query, headers and body count as they do in AWS's test suite."""
    assert _signature(sign(call, KEYS, SUITE, at_ms=SUITE_MS)) == (names, expected)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse",
            "14d4297ac1f4aa2a7d6ac92dbd50f113d019356c031d48a925ad20c9c74b6c1d",
        ),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A111122223333%3Aapplication-inference-profile%2Fabc123/converse",
            "a0d2e4f6b8c88881aee71e9d3143dca39e9664666653bb1cb2faa755d2505e9d",
        ),
    ],
    ids=["colon", "slash"],
)
def test_names_of_models_are_signed_as_they_are_sent(target: str, expected: str) -> None:
    """A colon or slash of a model's name is encoded once in the path, and a second time in what is signed."""
    body = b'{"messages":[]}' if "anthropic" in target else b"{}"
    call = Call("POST", RUNTIME, target, JSON, body)

    assert _signature(sign(call, KEYS, BEDROCK, at_ms=CONVERSE_MS)) == ("content-type;host;x-amz-date", expected)


def test_a_session_token_is_sent_and_signed() -> None:
    """Keys that expire prove themselves with their token; parts of a second do not count."""
    keys = msgspec.structs.replace(KEYS, session_token="IQoJb3JpZ2luX2VjEXAMPLE+/==")
    body = '{"messages":[{"role":"user","content":[{"text":"é"}]}]}'.encode()
    target = "/model/eu.anthropic.claude-opus-4-5-20251101-v1%3A0/converse-stream"
    call = Call("POST", "bedrock-runtime.eu-west-1.amazonaws.com", target, JSON, body)

    headers = sign(call, keys, Scope("eu-west-1", "bedrock"), at_ms=CONVERSE_MS + 999)

    assert dict(headers) == {
        "x-amz-date": "20251125T120000Z",
        "x-amz-security-token": "IQoJb3JpZ2luX2VjEXAMPLE+/==",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20251125/eu-west-1/bedrock/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
        "Signature=ab98edc34666a12aa7ea9eea30baf6471573f42ea3dc5243f28ba329db8a0926",
    }


def test_a_port_is_part_of_the_host() -> None:
    """The host is signed as it is sent."""
    call = Call("POST", "127.0.0.1:8443", "/model/x/converse", JSON, b"{}")

    _, signature = _signature(sign(call, KEYS, BEDROCK, at_ms=CONVERSE_MS))

    assert signature == "728c84313f36f7e41fad857dd2255af8f6ea263e6cded5a00c860001706640fc"


def test_what_may_change_on_its_way_is_not_signed() -> None:
    """Headers that are neither Amazon's nor the body's, and an earlier signature, do not count."""
    plain = Call("POST", RUNTIME, "/model/x/converse", JSON, b"{}")
    earlier: Headers = (("host", "other"), ("x-amz-date", "1"), ("authorization", "old"), ("user-agent", "u"))
    more = msgspec.structs.replace(plain, headers=(*JSON, *earlier, ("traceparent", "t")))

    assert sign(more, KEYS, BEDROCK, at_ms=1) == sign(plain, KEYS, BEDROCK, at_ms=1)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("/a/", "/a/"),
        ("//a//b/./../c", "/a/c"),
        ("/a%2Fb", "/a%252Fb"),
        ("/~-._", "/~-._"),
        ("/a:b", "/a%3Ab"),
    ],
)
def test_paths_are_resolved_and_encoded_once_more(path: str, expected: str) -> None:
    """Dots and double slashes go, a slash at the end stays, what is encoded is encoded again."""
    assert canonical_path(path) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ""),
        ("b=1&a=2", "a=2&b=1"),
        ("a=2&a=1&a", "a=&a=1&a=2"),
        ("a-b=1&a=1", "a=1&a-b=1"),
        ("q=a/b&p=%7e%2f", "p=~%2F&q=a%2Fb"),
        ("x=%ff&&", "x=%FF"),
        ("a=b=c", "a=b%3Dc"),
    ],
)
def test_queries_are_sorted_and_encoded_once(query: str, expected: str) -> None:
    """However a client wrote its query, one form of it is signed."""
    assert canonical_query(query) == expected

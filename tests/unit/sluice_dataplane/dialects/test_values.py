"""JSON looked at from outside, and data URLs."""

import msgspec
import pytest

from sluice_dataplane.dialects import values
from sluice_dataplane.errors import InvalidRequestError


def test_a_member_that_is_null_or_absent_says_nothing() -> None:
    """Null is what clients send for what they do not mean."""
    assert [values.said(each) for each in (None, values.ABSENT, msgspec.Raw(b"null"))] == [False] * 3
    something: tuple[object, ...] = (False, 0, "", [], "null")
    assert [values.said(values.raw(each)) for each in something] == [True] * 5


@pytest.mark.parametrize("body", [b'{"\xff":1}', b"[]", b"", b'{"a":' + b"[" * 5_000])
def test_members_of_what_is_no_object_are_a_400(body: bytes) -> None:
    """However far another reader came with it."""
    with pytest.raises(InvalidRequestError) as caught:
        values.members_of(body)

    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize(
    ("value", "expected"), [(b'"abc"', 3), (b"null", 0), (b"", 0), (b"12", 2), (b'""', 0), (b"[1]", 3)]
)
def test_a_string_is_as_long_as_what_is_between_its_quotes(value: bytes, expected: int) -> None:
    """Quotes are no text of anybody's."""
    assert values.length(msgspec.Raw(value)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a"}', False),
        (b'{"model":"a","model":"b"}', True),
        (b'{"model":"a","mode\\u006c":"b"}', True),
        (b'{"model":"a","text":"caf\\u00e9"}', False),
    ],
)
def test_a_key_that_may_stand_twice_is_seen_however_it_is_spelt(body: bytes, expected: bool) -> None:
    """Two readers of one body must not see two models."""
    assert values.may_repeat(body, (b'"model"',)) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:image/PNG;base64,QUJD", ("image/png", "QUJD")),
        ("DATA:text/plain;charset=utf-8;BASE64,QQ==", ("text/plain", "QQ==")),
        ("data:;base64,QQ==", ("", "QQ==")),
        ("data:text/plain,hello", None),
        ("https://example.com/a.png", None),
        ("data:", None),
    ],
)
def test_a_data_url_falls_into_type_and_data(url: str, expected: tuple[str, str] | None) -> None:
    """Only base64 is data that another wire can carry."""
    assert values.split_data_url(url) == expected


def test_a_data_url_is_split_into_what_it_was_made_of() -> None:
    """Both directions agree."""
    assert values.split_data_url(values.data_url("image/png", "QUJD")) == ("image/png", "QUJD")

"""A client's JSON at the edge: every fault is told by the field's name."""

import msgspec
import pytest

from sluice_dataplane.dialects.chat.edge import decode, unread_object
from sluice_dataplane.errors import InvalidRequestError


class _Shape(msgspec.Struct):
    items: list[int] = []


@pytest.mark.parametrize(
    ("body", "at", "param", "code"),
    [
        (b'{"items":["a"]}', "", "items[0]", "invalid_request"),
        (b'{"items":["a"]}', "tools[1]", "tools[1].items[0]", "invalid_request"),
        (b"[]", "", "the body", "invalid_request"),
        (b"{", "", "the body", "invalid_json"),
        (b'{"\xff', "a", "a", "invalid_json"),
    ],
)
def test_fault_has_a_place(body: bytes, at: str, param: str, code: str) -> None:
    """Whatever is wrong, the error says where."""
    with pytest.raises(InvalidRequestError) as caught:
        decode(msgspec.json.Decoder(_Shape), body, at)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_object_that_is_passed_on_is_looked_at() -> None:
    """It is an object in UTF-8, or nothing."""
    assert unread_object(msgspec.Raw(b"null"), "a") is None
    assert unread_object(msgspec.Raw(b'{"a":1}'), "a") == msgspec.Raw(b'{"a":1}')
    for wrong in (b"7", b'{"\xff":1}'):
        with pytest.raises(InvalidRequestError):
            unread_object(msgspec.Raw(wrong), "a")

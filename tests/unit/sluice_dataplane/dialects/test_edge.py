"""A client's JSON at the edge: every fault is told by the field's name."""

import msgspec
import pytest

from sluice_dataplane.dialects.edge import decode, read_fields, wrong_type
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


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b'{"items":["a"]}', "items[0]", "invalid_request"),
        (b"[]", None, "invalid_request"),
        (b"{", None, "invalid_json"),
        (b'{"\xff', None, "invalid_json"),
    ],
)
def test_fault_of_an_owned_field_names_it(body: bytes, param: str | None, code: str) -> None:
    """The body as a whole has no name."""
    with pytest.raises(InvalidRequestError) as caught:
        read_fields(msgspec.json.Decoder(_Shape), body)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_fault_within_a_member_names_both() -> None:
    """Members that are decoded by themselves know where they stand."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.Decoder(_Shape).decode(b'{"items":7}')
    assert wrong_type(caught.value, "metadata").param == "metadata.items"

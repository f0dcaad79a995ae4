"""The Responses API: what is read of a request, and what is changed in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.responses.fields import read_ask, request_body
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask


def ask_of(fields: dict[str, Any]) -> Ask:
    """The ask that a body with *fields* makes."""
    return read_ask(json.dumps(fields).encode())


def sent(body: bytes, *, model: str = "m", ceiling: int | None = None) -> bytes:
    """What the upstream gets of *body*."""
    return request_body(body, read_ask(body), Edit(model, ceiling))


def test_owned_fields_are_read_and_the_rest_is_not_looked_at() -> None:
    """Vendor fields of any shape pass; the fields we own are understood."""
    fields = {
        "model": "m",
        "input": {"not": "even a list"},
        "stream": True,
        "max_output_tokens": 7,
        "safety_identifier": "ann",
        "service_tier": "flex",
        "tools": [{"type": "function", "name": "f"}],
        "x_vendor": [{}],
    }

    assert ask_of(fields) == Ask(
        model="m",
        stream=True,
        max_output_tokens=7,
        usage_wanted=True,
        user="ann",
        instructed=True,
        service_tier="flex",
    )


def test_what_costs_more_than_tokens_is_named_in_whichever_of_two_it_stands() -> None:
    """The provider may read the first, though the last switches it off."""
    assert read_ask(b'{"model":"m","background":true,"background":false}').unpriced == "background"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b'{"model":"\xff"}', "invalid_json", None),
        (b'{"model":"m","input":' + b"[" * 100_000, "invalid_json", None),
        (b"[]", "invalid_request", None),
        (b"{}", "missing_model", "model"),
        (b'{"model":7}', "invalid_request", "model"),
        (b'{"model":"m","stream":"yes"}', "invalid_request", "stream"),
        (b'{"model":"m","max_output_tokens":-1}', "invalid_request", "max_output_tokens"),
        (b'{"model":"m","max_output_tokens":1.5}', "invalid_request", "max_output_tokens"),
    ],
)
def test_what_cannot_be_understood_names_the_field(body: bytes, code: str, param: str | None) -> None:
    """A client sees which field is wrong."""
    with pytest.raises(InvalidRequestError) as refused:
        read_ask(body)

    assert (refused.value.code, refused.value.param) == (code, param)


@pytest.mark.parametrize(
    ("field", "value"),
    [("background", True), ("plugins", [{"id": "web"}]), ("models", ["other"]), ("search_parameters", {"mode": "on"})],
)
def test_what_costs_more_than_tokens_is_named(field: str, value: object) -> None:
    """No price of a token covers it, so that a Budget in money can refuse it."""
    assert ask_of({"model": "m", field: value}).unpriced == field
    assert ask_of({"model": "m", field: None}).unpriced == ""


def test_background_that_is_off_costs_nothing_more() -> None:
    """Clients spell their defaults out."""
    assert ask_of({"model": "m", "background": False}).unpriced == ""


def test_a_body_of_which_nothing_must_change_is_the_same_bytes() -> None:
    """Whatever a client and its provider agree on is theirs."""
    body = b'{ "model" : "m",\n "input" : "hi", "max_output_tokens": 5, "x": 1.0e5 }'

    assert sent(body) is body
    assert sent(body, ceiling=5) is body
    assert sent(body, ceiling=9) is body


def test_a_changed_body_keeps_its_other_members_as_they_were() -> None:
    """Only model and ceiling are the gateway's."""
    body = b'{"x":1.0e5,"model":"m","input":[{"role":"user","content":"h\\u00e9"}]}'

    assert sent(body, model="up", ceiling=9) == (
        b'{"x":1.0e5,"model":"up","input":[{"role":"user","content":"h\\u00e9"}],"max_output_tokens":9}'
    )


@pytest.mark.parametrize(("asked", "expected"), [(None, 10), (7, 7), (10, 10), (11, 10)])
def test_the_ceiling_is_set_or_lowered_and_never_raised(asked: int | None, expected: int) -> None:
    """What was held for is the most that may come."""
    fields = {"model": "m"} if asked is None else {"model": "m", "max_output_tokens": asked}

    assert json.loads(sent(json.dumps(fields).encode(), ceiling=10))["max_output_tokens"] == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"dear","model":"m"}',
        b'{"mode\\u006c":"dear","model":"m"}',
        b'{"tools":[{"type":"web_search"}],"model":"m","tools":[]}',
        b'{"background":true,"model":"m","background":false}',
    ],
)
def test_a_field_that_stands_twice_is_sent_once_as_we_read_it(body: bytes) -> None:
    """The provider cannot read another value than the one that was checked and held for."""
    pairs = json.loads(sent(body), object_pairs_hook=lambda pairs: pairs)

    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    assert dict(pairs)["model"] == "m"
    assert not dict(pairs).get("background")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["model", "stream", "max_output_tokens", "tools", "service_tier", "user"]), x)))  # fmt: skip
def test_any_json_is_read_or_refused(value: object) -> None:
    """No other error than the client's own fault comes of any body."""
    body = json.dumps(value).encode()
    try:
        ask = read_ask(body)
    except InvalidRequestError:
        return
    json.loads(request_body(body, ask, Edit("up", 3)))

"""OpenAI's wire: what is read of a request, what is changed in it, what is read of an answer."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.quirks import NEW_CEILING
from sluice_dataplane.dialects.openai.fields import read_ask, request_body
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask

NEW = (NEW_CEILING,)


def ask_of(fields: dict[str, Any], *, generates: bool = True) -> Ask:
    """The ask that a body with *fields* makes."""
    return read_ask(json.dumps(fields).encode(), generates=generates)


def sent(body: bytes, *, model: str = "m", quirks: tuple[str, ...] = NEW, ceiling: int | None = None) -> bytes:
    """What the upstream gets of a chat *body*."""
    ask = read_ask(body)
    return request_body(body, ask, Edit(model, ceiling, quirks))


def test_owned_fields_are_read_and_the_rest_is_not_looked_at() -> None:
    """Vendor fields of any shape pass; the fields we own are understood."""
    fields = {
        "model": "m",
        "messages": "not even a list",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 7,
        "n": 2,
        "user": "ann",
        "x_vendor": [{}],
    }

    expected = Ask(model="m", stream=True, max_output_tokens=7, choices=2, usage_wanted=True, user="ann")
    assert expected == ask_of(fields)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b'{"model":"m"} x', "invalid_json", None),
        (b'{"model":"\xff"}', "invalid_json", None),
        (b"[]", "invalid_request", None),
        (b'"m"', "invalid_request", None),
        (b"{}", "missing_model", "model"),
        (b'{"model":""}', "missing_model", "model"),
        (b'{"model":7}', "invalid_request", "model"),
        (b'{"model":"m","stream":"yes"}', "invalid_request", "stream"),
        (b'{"model":"m","max_tokens":-1}', "invalid_request", "max_tokens"),
        (b'{"model":"m","max_tokens":1.5}', "invalid_request", "max_tokens"),
        (b'{"model":"m","max_tokens":"9"}', "invalid_request", "max_tokens"),
        (b'{"model":"m","max_tokens":1e308}', "invalid_request", "max_tokens"),
        (b'{"model":"m","max_tokens":NaN}', "invalid_json", None),
        (b'{"model":"m","max_completion_tokens":99999999999999999999}', "invalid_request", "max_completion_tokens"),
        (b'{"model":"m","n":0}', "invalid_request", "n"),
        (b'{"model":"m","n":1000000}', "invalid_request", "n"),
        (b'{"model":"m","x":' + b"[" * 100_000, "invalid_json", None),
    ],
)
def test_a_bad_body_is_a_400_that_names_the_field(body: bytes, code: str, param: str | None) -> None:
    """Whatever is wrong with a body, the client learns which field, and never gets a 500."""
    with pytest.raises(InvalidRequestError) as caught:
        read_ask(body)

    assert (code, param) == (caught.value.code, caught.value.param)


def test_an_error_never_quotes_the_prompt() -> None:
    """What a client wrote does not come back in the error (and so never reaches a log)."""
    with pytest.raises(InvalidRequestError) as caught:
        read_ask(b'{"model":"m","stream":"canary-prompt"}')

    assert "canary" not in caught.value.message


def test_a_body_passes_untouched_when_nothing_must_change() -> None:
    """Same name, no stream, no ceiling: the very bytes go upstream, white space included."""
    body = b'{ "model" : "m",\n "messages":[{"role":"user","content":"\\u00e9 \xc3\xa9"}]}'

    assert sent(body) is body


def test_a_changed_name_leaves_every_other_member_its_bytes() -> None:
    """Numbers, escapes and order survive the splice."""
    body = b'{"seed":1.10e2,"model":"m","messages":[ {"content":"\\u00e9"} ]}'

    assert sent(body, model="up") == b'{"seed":1.10e2,"model":"up","messages":[ {"content":"\\u00e9"} ]}'


def test_a_stream_is_always_asked_for_its_usage() -> None:
    """include_usage is added, other stream options stay."""
    body = json.dumps({"model": "m", "stream": True, "stream_options": {"include_obfuscation": False}}).encode()

    assert json.loads(sent(body))["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("fields", "quirks", "expected"),
    [
        ({}, NEW, {"max_completion_tokens": 10}),
        ({}, (), {"max_tokens": 10}),
        ({"max_tokens": 50}, NEW, {"max_tokens": 10}),
        ({"max_completion_tokens": 50}, (), {"max_completion_tokens": 10}),
        (
            {"max_tokens": 5, "max_completion_tokens": 50},
            NEW,
            {"max_tokens": 5, "max_completion_tokens": 10},
        ),
        ({"max_tokens": None}, (), {"max_tokens": 10}),
        ({"max_tokens": 5}, (), {"max_tokens": 5}),
    ],
)
def test_the_output_ceiling_is_set_or_clamped_and_never_raised(
    fields: dict[str, Any], quirks: tuple[str, ...], expected: dict[str, Any]
) -> None:
    """However the client names its ceiling, the upstream gets none above ours."""
    body = json.dumps({"model": "m", **fields}).encode()
    got = json.loads(sent(body, quirks=quirks, ceiling=10))

    assert expected == {name: value for name, value in got.items() if name.startswith("max_")}


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"dear","model":"m"}',
        b'{"mod\\u0065l":"dear","model":"m"}',
        b'{"model":"m","n":1,"n":1}',
        b'{"model":"m","service_tier":"priority","service_tier":null}',
        b'{"model":"m","tools":[{"type":"web_search"}],"tools":[]}',
    ],
)
def test_a_field_named_twice_reaches_the_upstream_once(body: bytes) -> None:
    """The upstream cannot read another model (number of choices, service tier) than the one we priced."""
    got = sent(body)
    pairs = json.loads(got, object_pairs_hook=list)

    assert len({name for name, _ in pairs}) == len(pairs)
    assert ("model", "m") in pairs


@pytest.mark.parametrize("name", ["prediction", "web_search_options", "plugins"])
def test_what_costs_more_than_tokens_is_named_in_whichever_of_two_it_stands(name: str) -> None:
    """The provider may read the first, though the last switches it off."""
    assert read_ask(b'{"model":"m","%s":{"a":1},"%s":null}' % (name.encode(), name.encode())).unpriced == name


def test_an_answer_may_be_spoken_in_whichever_of_two_it_stands() -> None:
    """As above."""
    assert read_ask(b'{"model":"m","modalities":["audio"],"modalities":["text"]}').audio_wanted


@pytest.mark.parametrize(
    ("prompt", "choices"),
    [
        ("one", 3),
        (["one", "two"], 6),
        ([1, 2, 3, 4], 3),
        ([[1, 2], [3]], 6),
        ([], 3),
        (None, 3),
    ],
)
def test_every_prompt_of_several_has_its_own_choices(prompt: Any, choices: int) -> None:
    """An array of prompts is completed n times each: what is held for the answer grows with it."""
    assert ask_of({"model": "m", "prompt": prompt, "n": 2, "best_of": 3}).choices == choices


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prediction", {"type": "content", "content": "x"}),
        ("web_search_options", {}),
        ("search_parameters", {"mode": "on"}),
        ("enable_search", True),
        ("plugins", [{"id": "web"}]),
        ("models", ["dear/model"]),
        ("fallbacks", ["dear/model"]),
        ("preset", "mine"),
    ],
)
def test_what_costs_more_than_tokens_is_named(field: str, value: Any) -> None:
    """A search, a prediction, another model: whoever holds a Budget must know of it."""
    assert ask_of({"model": "m", field: value}).unpriced == field


@pytest.mark.parametrize("value", [None, False, [], ""])
def test_what_is_switched_off_costs_nothing(value: Any) -> None:
    """Clients that send every field with its default are served."""
    assert ask_of({"model": "m", "plugins": value, "models": value, "enable_search": value}).unpriced == ""


@pytest.mark.parametrize(
    ("value", "tier"),
    [("priority", "priority"), ("default", "default"), (None, "auto"), ("", "auto"), (7, "?"), (["priority"], "?")],
)
def test_the_service_tier_that_is_asked_for_is_seen(value: Any, tier: str) -> None:
    """It has a price of its own; null is the provider's own choice, and what is no name is no tier that we know."""
    assert ask_of({"model": "m", "service_tier": value}).service_tier == tier
    assert ask_of({"model": "m"}).service_tier == ""


def test_a_spoken_answer_and_a_described_form_are_seen() -> None:
    """Both cost tokens that the text of the messages does not show."""
    plain = ask_of({"model": "m", "modalities": ["text"]})
    spoken = ask_of({"model": "m", "modalities": ["text", "audio"], "audio": {"voice": "x"}})

    assert (plain.audio_wanted, spoken.audio_wanted) == (False, True)
    assert not plain.instructed
    for field in ("tools", "functions", "response_format"):
        assert ask_of({"model": "m", field: []}).instructed


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_names = st.sampled_from(
    [
        "model",
        "stream",
        "stream_options",
        "max_tokens",
        "n",
        "best_of",
        "user",
        "prompt",
        "plugins",
        "modalities",
        "service_tier",
        "x",
    ]
)


@given(st.dictionaries(_names, _json), st.booleans())
def test_any_json_object_is_read_or_refused_and_can_be_sent(fields: dict[str, Any], generates: bool) -> None:
    """No JSON object makes the reader fail otherwise, and what is read can be rewritten to valid JSON."""
    body = json.dumps(fields).encode()
    try:
        ask = read_ask(body, generates=generates)
    except InvalidRequestError:
        return
    got = request_body(body, ask, Edit("up", 3), generates=generates)

    assert json.loads(got)["model"] == "up"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Arbitrary bytes end in an ask or a clear refusal."""
    with contextlib.suppress(InvalidRequestError):
        read_ask(body)


@pytest.mark.parametrize(
    ("named", "expected", "ceilings"),
    [
        ({"max_tokens": 1, "n_predict": 9_000}, 9_000, {"max_tokens": 1, "n_predict": 100}),
        ({"max_tokens": 1, "n_predict": -1}, None, {"max_tokens": 1, "n_predict": 100}),
        ({"max_new_tokens": 500}, 500, {"max_new_tokens": 100}),
        ({"n_predict": 7}, 7, {"n_predict": 7}),
    ],
)
def test_a_ceiling_by_any_name_is_one(named: dict[str, int], expected: int | None, ceilings: dict[str, int]) -> None:
    """llama.cpp takes ``n_predict`` before ``max_tokens``: what is held is the higher, and both are clamped."""
    body = json.dumps({"model": "m", **named}).encode()

    assert read_ask(body).max_output_tokens == expected
    assert json.loads(sent(body, ceiling=100)) == {"model": "m", **ceilings}


def test_choices_by_another_name_are_choices() -> None:
    """Each has the whole ceiling; so has each prompt, whatever it is made of."""
    assert ask_of({"model": "m", "n_cmpl": 5}).choices == 5
    assert ask_of({"model": "m", "prompt": [{"prompt_string": "a"}, {"prompt_string": "b"}]}).choices == 2
    assert ask_of({"model": "m", "prompt": [1, "a"]}).choices == 2
    assert ask_of({"model": "m", "prompt": [1, 2, 3]}).choices == 1


def test_what_is_spoken_may_be_spelt_as_it_likes() -> None:
    """An escape does not hide that the answer costs what sound costs."""
    assert read_ask(b'{"model":"m","modalities":["text","\\u0061udio"]}').audio_wanted


@pytest.mark.parametrize("name", ["deferred", "provider", "extra_body", "cached_content", "chat_template"])
def test_what_the_bytes_do_not_bound_is_named(name: str) -> None:
    """An answer that comes later, a dearer provider, what is kept, a template that writes what it likes."""
    assert ask_of({"model": "m", name: {"a": 1}}).unpriced == name

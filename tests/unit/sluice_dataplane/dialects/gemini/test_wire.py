"""Gemini's wire: what is read of a request, what is changed in it, what is read of an answer."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.gemini.wire import GEMINI
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Reported, Route
from support.builders import exchange

CONTENTS = b'"contents": [ {"parts": [{"text": "maxOutputTokens"}]} ]'


def ask(body: Any, *, stream: bool = False, model: str = "gemini-x") -> Ask:
    """What *body* asks for."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = exchange(data, endpoint="gemini")
    return GEMINI.read_ask(msgspec.structs.replace(call, route=Route(model=model, stream=stream)))


def sent(body: bytes, ceiling: int | None = None) -> bytes:
    """*body* as the upstream gets it."""
    return GEMINI.request_body(body, ask(body), Edit("gemini-y", ceiling))


def test_the_path_says_model_and_stream() -> None:
    """The body has neither."""
    found = ask({"contents": []}, stream=True)

    assert (found.model, found.stream, found.usage_wanted) == ("gemini-x", True, True)


@pytest.mark.parametrize("snake", [False, True])
def test_ceilings_choices_and_users_are_read_in_both_spellings(*, snake: bool) -> None:
    """Google takes both, so that neither may hide anything."""
    config = {"maxOutputTokens": 7, "candidateCount": 2}
    body = {"generationConfig": config, "labels": {"user": "ann"}, "serviceTier": "SERVICE_TIER_PRIORITY"}
    if snake:
        config = {"max_output_tokens": 7, "candidate_count": 2}
        body = {"generation_config": config, "labels": {"user": "ann"}, "service_tier": "priority"}
    found = ask(body)

    assert (found.max_output_tokens, found.choices, found.user) == (7, 2, "ann")
    assert found.service_tier == "priority"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        ({"generationConfig": {"maxOutputTokens": -1}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"maxOutputTokens": "many"}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"candidateCount": 1_000}}, "generationConfig.candidateCount"),
        ({"generationConfig": []}, "generationConfig"),
        ({"generationConfig": {}, "generation_config": {}}, "generationConfig"),
        ({"labels": {"user": 1}}, "labels.user"),
    ],
)
def test_an_owned_field_that_is_wrong_is_named(body: Any, param: str | None) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        ask(body)

    assert caught.value.param == param


def test_a_path_without_a_model_asks_for_none() -> None:
    """It says so."""
    with pytest.raises(InvalidRequestError) as caught:
        ask({}, model="")

    assert caught.value.code == "missing_model"


def test_instructions_sound_and_routing_are_seen() -> None:
    """They bear on what the call can come to."""
    assert ask({"tools": [{}]}).instructed
    assert ask({"generationConfig": {"responseMimeType": "application/json"}}).instructed
    assert ask({"generationConfig": {"responseModalities": ["AUDIO"]}}).audio_wanted
    assert ask({"generationConfig": {"routingConfig": {}}}).unpriced == "generationConfig.routingConfig"
    assert ask({"contents": []}) == Ask(model="gemini-x", usage_wanted=True)


def test_a_body_passes_byte_for_byte() -> None:
    """Nothing of it is the gateway's to change, whatever else it holds."""
    body = b"{" + CONTENTS + b', "vendor": [1,  2], "tools": {"model": 1}, "generationConfig":{"maxOutputTokens": 5}}'

    assert sent(body) is body
    assert sent(body, ceiling=5) is body
    assert sent(body, ceiling=6) is body


@pytest.mark.parametrize("name", [b"generationConfig", b"generation_config"])
def test_a_ceiling_is_lowered_where_it_stands(name: bytes) -> None:
    """And everything else keeps its own bytes."""
    body = b"{" + CONTENTS + b',"' + name + b'":{"max_output_tokens":50,"topP": 0.50}}'

    changed = sent(body, ceiling=9)

    assert changed == b'{"contents":[ {"parts": [{"text": "maxOutputTokens"}]} ],"' + name + (
        b'":{"max_output_tokens":9,"topP":0.50}}'
    )


@pytest.mark.parametrize("config", [b"", b',"generationConfig":null', b',"generationConfig":{"topK":1}'])
def test_a_ceiling_is_set_where_there_is_none(config: bytes) -> None:
    """The provider must not write more than what is held."""
    changed = json.loads(sent(b"{" + CONTENTS + config + b"}", ceiling=9))

    assert changed["generationConfig"]["maxOutputTokens"] == 9


@pytest.mark.parametrize(
    "body",
    [
        b'{"generationConfig":{"maxOutputTokens":999},"generationConfig":{"maxOutputTokens":5}}',
        b'{"generationConfig":{"maxOutputTokens":999,"maxOutputTokens":5}}',
        b'{"generationConfig":{"maxOutputTokens":999,"max\\u004futputTokens":5}}',
    ],
)
def test_a_field_that_stands_twice_is_sent_once(body: bytes) -> None:
    """The last one counts, here and there."""
    assert ask(body).max_output_tokens == 5
    assert b"999" not in sent(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"generationConfig":null,"generation_config":{"maxOutputTokens":999}}',
        b'{"generationConfig":{"maxOutputTokens":null,"max_output_tokens":999}}',
    ],
)
def test_a_ceiling_is_lowered_where_it_says_something(body: bytes) -> None:
    """Under its other name null stands for nothing, and must not be taken for it."""
    assert ask(body).max_output_tokens == 999
    assert b"999" not in sent(body, ceiling=9)
    assert b":9}" in sent(body, ceiling=9)


def test_null_under_any_other_name_stays() -> None:
    """What is not the gateway's to change passes as it came."""
    body = b'{"contents":null,"generationConfig":{"topK":null,"maxOutputTokens":999}}'

    assert sent(body, ceiling=9) == b'{"contents":null,"generationConfig":{"topK":null,"maxOutputTokens":9}}'


def test_a_model_in_the_body_does_not_pass() -> None:
    """The path says it."""
    assert json.loads(sent(b'{"model":"models/dear","contents":[]}')) == {"contents": []}


def test_no_header_of_the_client_passes() -> None:
    """Google's own are credentials, accounts and service tiers."""
    client = (("x-goog-api-key", "k"), ("x-vertex-ai-llm-shared-request-type", "priority"))

    assert GEMINI.request_headers(client, ()) == (("content-type", "application/json"),)


def test_an_answer_tells_its_use() -> None:
    """Or nothing, if it says nothing that makes sense."""
    assert GEMINI.read_usage(b'{"usageMetadata":{"promptTokenCount":3}}') == Reported(TokenUsage(input=3))
    assert GEMINI.read_usage(b'{"candidates":[]}') is None


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error":{"code":500}}', b"", b'{"a":' * 100_000, b"{}"])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    """Nobody is charged for it."""
    with pytest.raises(ValueError):
        GEMINI.read_usage(body)


def test_the_beginning_of_an_answer_is_known() -> None:
    """Then the provider has done its work."""
    assert GEMINI.begins_answer(b' {"candidates": [{"content')
    assert not GEMINI.begins_answer(b"<html>candidates")


def test_a_picture_comes_in_one_event() -> None:
    """Several megabytes of base64 in one line; no line is without a limit."""
    line = b'data: {"data":"' + b"A" * 20_000_000 + b'"}\n\n'

    assert len(GEMINI.framer().feed(line)) == 1
    with pytest.raises(FramingError):
        GEMINI.framer().feed(line[:-3] * 2)

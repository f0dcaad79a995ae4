"""Converse: what of a request goes where, what is lost by its name, and what is never sent."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Format, Reasoning, Request, Text, Turn
from sluice_dataplane.dialects.converse.request_out import MAX_METADATA, write_request
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

TURNS = (Turn(role="user", parts=(Text(text="Hi"),)),)
NAMES = {"choices": "n", "format": "response_format"}
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def _to(*, allowed: bool = False, model: str = CLAUDE, **fields: Any) -> To:
    return To(model=model, losses=Losses(allowed=allowed, names=NAMES), usual_ceiling=4096, **fields)


def _body(request: Request, to: To | None = None) -> Any:
    return json.loads(write_request(msgspec.structs.replace(request, turns=TURNS), to or _to()))


@pytest.mark.parametrize(
    ("request_", "model", "name"),
    [
        (Request(seed=0), CLAUDE, "seed"),
        (Request(presence_penalty=0.1), CLAUDE, "presence_penalty"),
        (Request(frequency_penalty=-1), CLAUDE, "frequency_penalty"),
        (Request(logit_bias={"1": 1}), CLAUDE, "logit_bias"),
        (Request(logprobs=True), CLAUDE, "logprobs"),
        (Request(choices=2), CLAUDE, "n"),
        (Request(temperature=1.5), CLAUDE, "temperature"),
        (Request(top_k=3), "meta.llama4-maverick-17b-instruct-v1:0", "top_k"),
        (Request(service_tier="scale"), CLAUDE, "service_tier"),
        (Request(temperature=0.5, reasoning=Reasoning(budget=2000)), CLAUDE, "temperature"),
        (Request(top_p=0.5, reasoning=Reasoning(budget=2000)), CLAUDE, "top_p"),
        (Request(top_k=5, reasoning=Reasoning(budget=2000)), CLAUDE, "top_k"),
    ],
)
def test_what_the_api_cannot_say_is_lost_by_name(request_: Request, model: str, name: str) -> None:
    """Each field is refused by the client's name for it; where it may be dropped, it is, and is said to be."""
    with pytest.raises(InvalidRequestError) as caught:
        _body(request_, _to(model=model))
    to = _to(allowed=True, model=model)
    _body(request_, to)

    assert caught.value.param == name
    assert to.losses.dropped == [name]


def test_what_says_nothing_is_not_lost() -> None:
    """Values that change nothing are left out, whatever the rule."""
    request = Request(
        presence_penalty=0, frequency_penalty=0.0, top_p=1.0, choices=1, service_tier="auto", verbosity="low", user="u"
    )

    assert set(_body(request)) == {"messages"}


def test_the_highest_temperature_is_no_loss() -> None:
    """What the API takes is sent."""
    assert _body(Request(temperature=1.0))["inferenceConfig"] == {"temperature": 1.0}


def test_a_temperature_over_the_highest_is_the_highest() -> None:
    """Where it may be dropped, the nearest that the API takes is sent."""
    assert _body(Request(temperature=1.9), _to(allowed=True))["inferenceConfig"] == {"temperature": 1.0}


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
def test_models_without_sampling_are_sent_none(field: str) -> None:
    """A model that takes no sampling parameters is never sent one."""
    request = msgspec.structs.replace(Request(), **{field: 0.5 if field != "top_k" else 5})
    capabilities = Capabilities(sampling=False)
    with pytest.raises(InvalidRequestError) as caught:
        _body(request, _to(capabilities=capabilities))

    assert caught.value.param == field
    assert set(_body(request, _to(allowed=True, capabilities=capabilities))) == {"messages"}


def test_the_usual_temperature_is_no_loss() -> None:
    """Temperature 1 is what such a model does anyway."""
    capabilities = Capabilities(sampling=False)

    assert set(_body(Request(temperature=1), _to(capabilities=capabilities))) == {"messages"}


@pytest.mark.parametrize(
    ("client", "budget", "most", "expected"),
    [
        (None, None, None, None),
        (None, None, 100, None),
        (50, None, None, 50),
        (50, None, 40, 40),
        (500, 60, None, 60),
        (50, 60, 55, 55),
    ],
)
def test_the_ceiling_is_the_gateways_and_never_over_the_models(
    client: int | None, budget: int | None, most: int | None, expected: int | None
) -> None:
    """What the gateway set counts before what the client said; the API needs none, so none is made up."""
    to = _to(ceiling=budget, capabilities=Capabilities(max_output_tokens=most))

    assert _body(Request(ceiling=client), to).get("inferenceConfig", {}).get("maxTokens") == expected


def test_any_object_is_asked_for_in_words() -> None:
    """The API has no form without a schema: the system says it."""
    body = _body(Request(format=Format(kind="object")))

    assert "JSON object" in body["system"][0]["text"]
    assert "outputConfig" not in body


def test_a_schema_that_the_model_cannot_be_held_to_is_lost() -> None:
    """A model without structured output is asked in words, if the client's provider may drop the rest."""
    request = Request(format=Format(kind="schema", schema=msgspec.Raw(b'{"type":"object"}')))
    capabilities = Capabilities(structured_output=False)
    with pytest.raises(InvalidRequestError) as caught:
        _body(request, _to(capabilities=capabilities))
    body = _body(request, _to(allowed=True, capabilities=capabilities))

    assert caught.value.param == "response_format"
    assert '{"type":"object"}' in body["system"][0]["text"]
    assert "outputConfig" not in body


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("priority", "priority"),
        ("flex", "flex"),
        ("reserved", "reserved"),
        ("default", "default"),
        ("standard", "default"),
    ],
)
def test_service_tiers_are_those_of_the_api(name: str, expected: str) -> None:
    """A tier is asked for by Bedrock's name."""
    assert _body(Request(service_tier=name))["serviceTier"] == {"type": expected}


def test_metadata_that_does_not_fit_is_left_out() -> None:
    """AWS refuses what is not in its few characters, or too much: it changes no answer, so it goes."""
    metadata = {"": "x", "a": "é", "b": "x" * 257, **{f"k{number:02}": "v" for number in range(20)}}

    assert list(_body(Request(metadata=metadata))["requestMetadata"]) == [
        f"k{number:02}" for number in range(MAX_METADATA)
    ]


def test_which_sequence_ended_the_answer_is_asked_of_claude_only() -> None:
    """Others have no such field, and nobody asks where there are no sequences."""
    request = Request(stop=("END",))

    assert _body(request)["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert "additionalModelResponseFieldPaths" not in _body(request, _to(model="amazon.nova-pro-v1:0"))
    assert "additionalModelResponseFieldPaths" not in _body(Request())


def test_sequences_of_white_space_are_lost_with_claude() -> None:
    """Claude refuses them; others do not, and an empty one says nothing to anybody."""
    request = Request(stop=("\n", "", "END"))
    with pytest.raises(InvalidRequestError) as caught:
        _body(request)

    assert caught.value.param == "stop"
    assert _body(request, _to(allowed=True))["inferenceConfig"] == {"stopSequences": ["END"]}
    assert _body(request, _to(model="other"))["inferenceConfig"] == {"stopSequences": ["\n", "END"]}
    assert "inferenceConfig" not in _body(Request(stop=("",)))


def test_the_model_is_not_in_the_body() -> None:
    """It goes into the path."""
    assert CLAUDE.encode() not in write_request(Request(turns=TURNS), _to())

"""Counts: asked in one API's words of a provider that speaks another's."""

import json
from typing import Any

import pytest

from sluice_contract.quirks import VERTEX_CLAUDE
from sluice_dataplane.dialects.counts import COUNTED, COUNTERS
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import Shown, To
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Endpoint

ANTHROPIC = {
    "model": "m",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Hi"}],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
}
GOOGLE = {"generateContentRequest": {"model": "models/m", "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}}
ANSWERS: dict[Endpoint, bytes] = {
    "count_tokens": b'{"input_tokens":7}',
    "gemini_count": b'{"totalTokens":7}',
    "responses_tokens": b'{"object":"response.input_tokens","input_tokens":7}',
}
SHOWN = Shown(id="1", model="m", created_s=1)


def sent(front: Endpoint, back: Endpoint, body: Any, *, quirks: tuple[str, ...] = ()) -> Any:
    """What the provider is asked."""
    request = COUNTERS[front].read_request(json.dumps(body).encode(), Ask(model="m"))
    to = To(model="up/m", losses=Losses(allowed=False, names=request.names), usual_ceiling=4_096, quirks=quirks)
    return json.loads(COUNTERS[back].write_request(request, to))


def test_only_what_is_counted_is_sent() -> None:
    """Neither a ceiling nor how to sample: the calls that count take none."""
    count = sent("gemini_count", "count_tokens", GOOGLE)
    input_ = sent("count_tokens", "responses_tokens", ANTHROPIC)

    assert count == {"model": "up/m", "messages": [{"role": "user", "content": "Hi"}]}
    assert set(input_) <= {"model", "input", "instructions", "tools", "tool_choice", "text", "reasoning"}
    assert (input_["model"], input_["tools"][0]["name"]) == ("up/m", "f")


def test_a_cloud_that_has_a_messages_model_in_the_path_has_a_counts_in_the_body() -> None:
    """One path of Vertex AI counts for all models of Anthropic's."""
    count = sent("gemini_count", "count_tokens", GOOGLE, quirks=(VERTEX_CLAUDE,))

    assert (count["model"], count["anthropic_version"]) == ("up/m", "vertex-2023-10-16")


def test_google_is_asked_for_a_whole_request() -> None:
    """Its plain form has no system prompt and no tools."""
    request = sent("count_tokens", "gemini_count", ANTHROPIC)["generateContentRequest"]

    assert request["model"] == "models/up/m"
    assert request["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert request["tools"][0]["functionDeclarations"][0]["name"] == "f"


@pytest.mark.parametrize("key", ["generateContentRequest", "generate_content_request", ""])
def test_google_may_ask_by_contents_or_by_request(key: str) -> None:
    """All three forms count the same."""
    contents = GOOGLE["generateContentRequest"]["contents"]
    body = {key: GOOGLE["generateContentRequest"]} if key else {"contents": contents}

    assert sent("gemini_count", "count_tokens", body) == sent("gemini_count", "count_tokens", GOOGLE)


@pytest.mark.parametrize("front", COUNTERS)
@pytest.mark.parametrize("back", COUNTERS)
def test_the_count_comes_back_in_the_clients_words(front: Endpoint, back: Endpoint) -> None:
    """A number is a number."""
    request = COUNTERS["count_tokens"].read_request(json.dumps(ANTHROPIC).encode(), Ask(model="m"))
    told = COUNTERS[front].write_answer(COUNTERS[back].read_answer(ANSWERS[back]), request, SHOWN)

    assert told == ANSWERS[front]
    assert COUNTED.keys() == COUNTERS.keys() == ANSWERS.keys()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"input_tokens":-1}', b'{"totalTokens":"7"}'])
def test_what_is_no_count_is_no_answer(body: bytes) -> None:
    """It is never taken for a zero."""
    for counter in COUNTERS.values():
        with pytest.raises(ValueError, match=r"."):
            counter.read_answer(body)


@pytest.mark.parametrize("body", [b"x", b"[]", b'{"messages":7,"contents":7,"input":7}'])
def test_a_bad_request_is_named(body: bytes) -> None:
    """As by the API's own codec."""
    for counter in COUNTERS.values():
        with pytest.raises(InvalidRequestError):
            counter.read_request(body, Ask(model="m"))

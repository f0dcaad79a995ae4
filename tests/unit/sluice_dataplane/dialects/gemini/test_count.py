"""Gemini's wire: counting tokens and embeddings."""

import json
from typing import Any

import msgspec
import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.gemini.count import GEMINI_COUNT, GEMINI_EMBEDDINGS
from sluice_dataplane.dialects.seam import Edit, Wire
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.exchange import Ask, Reported, Route
from support.builders import exchange


def ask(wire: Wire, body: bytes) -> Ask:
    """What *body* asks for."""
    return wire.read_ask(msgspec.structs.replace(exchange(body, endpoint=wire.name), route=Route(model="m")))


def sent(wire: Wire, body: Any) -> Any:
    """What the upstream gets, which calls the model ``up``."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return wire.request_body(data, ask(wire, data), Edit("up"))


@pytest.mark.parametrize("wire", [GEMINI_COUNT, GEMINI_EMBEDDINGS])
def test_neither_has_output(wire: Wire) -> None:
    """So neither gets a ceiling."""
    assert not wire.generates
    assert ask(wire, b'{"contents":[]}') == Ask(model="m")


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"requests":1}', b'{"requests":[1]}'])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    """Before it is sent."""
    with pytest.raises(InvalidRequestError):
        ask(GEMINI_EMBEDDINGS, body)


def test_counting_uses_nothing() -> None:
    """Google does not bill it: an explicit zero, not an estimate."""
    assert GEMINI_COUNT.read_usage(b'{"totalTokens":31}') == Reported(TokenUsage())
    with pytest.raises(ValueError):
        GEMINI_COUNT.read_usage(b"<html>")


def test_what_is_counted_passes_byte_for_byte() -> None:
    """Where it names no model."""
    body = b'{"contents" : []}'
    assert sent(GEMINI_COUNT, body) is body


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_a_request_that_is_counted_names_the_upstreams_model(name: str) -> None:
    """Google wants it there, and it must be the path's."""
    assert json.loads(sent(GEMINI_COUNT, {name: {"model": "models/m", "contents": []}})) == {
        name: {"model": "models/up", "contents": []}
    }


def test_each_request_of_a_batch_names_the_upstreams_model() -> None:
    """Google refuses a batch otherwise."""
    body = {"requests": [{"model": "models/m", "content": {}}, {"content": {}}]}

    assert [each["model"] for each in json.loads(sent(GEMINI_EMBEDDINGS, body))["requests"]] == ["models/up"] * 2


def test_an_embedding_passes_byte_for_byte() -> None:
    """Where nothing in it is the gateway's."""
    for body in (b'{"content" : {}}', b'{"requests": [{"model" : "models/up"}]}'):
        assert sent(GEMINI_EMBEDDINGS, body) is body


def test_an_embedding_tells_its_use_where_it_does() -> None:
    """Else it is estimated."""
    answer = b'{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":2}}'

    assert GEMINI_EMBEDDINGS.read_usage(answer) == Reported(TokenUsage(input=2))
    assert GEMINI_EMBEDDINGS.read_usage(b'{"embeddings":[]}') is None
    assert GEMINI_EMBEDDINGS.begins_answer(b'{"embedding":{"val')
    assert GEMINI_COUNT.begins_answer(b'{"totalTokens": 3')

"""Moderations and rankings."""

import json

import pytest

from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.passed.rankings import MODERATIONS, RERANK
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError
from support.builders import exchange


def test_a_moderation_without_a_model_asks_for_the_usual_one() -> None:
    """As OpenAI has it, so that clients which name none work; what is sent names it."""
    call = exchange(b'{"input":"x"}')
    ask = MODERATIONS.read_ask(call)

    assert ask.model == "omni-moderation-latest"
    assert MODERATIONS.request_body(call.body, ask, Edit("up")) == b'{"input":"x","model":"up"}'
    assert MODERATIONS.request_body(call.body, ask, Edit(ask.model)) == call.body


@pytest.mark.parametrize("body", [b'{"query":"x"}', b'{"model":7}', b"x"])
def test_a_ranking_names_its_model(body: bytes) -> None:
    """There is no usual one; and what is no JSON is no moderation either."""
    with pytest.raises(InvalidRequestError):
        RERANK.read_ask(exchange(body))
    with pytest.raises(InvalidRequestError):
        MODERATIONS.read_ask(exchange(body.replace(b'{"query":"x"}', b"x")))


def test_a_query_is_read_with_each_document() -> None:
    """Voyage and Jina bill it so: a long query before many short documents is not held as its bytes alone."""
    body = json.dumps({"model": "m", "query": "q" * 1_000, "documents": ["a"] * 500}).encode()

    assert RERANK.parts_of(body) == Parts(extra_tokens=499_000)
    assert RERANK.parts_of(b'{"model":"m","query":"q","documents":["a"]}') == PLAIN


def test_a_document_may_be_a_picture() -> None:
    """Its URL says nothing of its tokens."""
    documents = [{"image": "https://x/a.png"}, {"text": "a"}, {"content": [{"type": "image_url"}]}]

    assert RERANK.parts_of(json.dumps({"query": "", "documents": documents}).encode()) == Parts(images=2)


@pytest.mark.parametrize(
    "body", [b'{"query":{"image":"x"}}', b'{"documents":"x"}', b'{"query":"a","documents":{}}', b"x"]
)
def test_what_is_ranked_in_another_form_is_named(body: bytes) -> None:
    """Nobody here can count it."""
    assert RERANK.parts_of(body).opaque

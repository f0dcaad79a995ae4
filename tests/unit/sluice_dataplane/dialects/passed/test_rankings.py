"""Moderations and rankings."""

import pytest

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

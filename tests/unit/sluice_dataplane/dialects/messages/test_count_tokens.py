"""Anthropic's counting of tokens."""

import json

import pytest

from sluice_contract.quirks import VERTEX_CLAUDE
from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.messages.count_tokens import COUNT_TOKENS
from sluice_dataplane.dialects.messages.fields import read_ask
from sluice_dataplane.dialects.parts import PLAIN
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.exchange import Reported

BODY = b'{"model":"m","messages":[],"tools":[{"type":"web_search_20250305"}]}'


def test_a_count_costs_nothing() -> None:
    """It is reported as nothing, so that nobody estimates."""
    assert COUNT_TOKENS.read_usage(b'{"input_tokens":2095}') == Reported(TokenUsage())


@pytest.mark.parametrize(
    "body", [b"{}", b"<html>", b'{"type":"error","error":{"message":"x"}}', b'{"input_tokens":""}']
)
def test_what_is_no_count_is_an_error(body: bytes) -> None:
    """Whatever its status says."""
    with pytest.raises(ValueError):
        COUNT_TOKENS.read_usage(body)


def test_what_would_cost_is_only_counted() -> None:
    """Tools of the provider's are not run."""
    assert COUNT_TOKENS.parts_of(BODY) is PLAIN
    assert not COUNT_TOKENS.generates


def test_no_ceiling_is_put_in() -> None:
    """The endpoint knows no ``max_tokens``; the bytes stay."""
    ask = read_ask(BODY, generates=False)

    assert COUNT_TOKENS.request_body(BODY, ask, Edit("m", 10)) is BODY


def test_vertex_counts_by_the_model_in_the_body() -> None:
    """Its path is the same for all models."""
    sent = json.loads(
        COUNT_TOKENS.request_body(BODY, read_ask(BODY, generates=False), Edit("c", None, (VERTEX_CLAUDE,)))
    )

    assert (sent["model"], sent["anthropic_version"]) == ("c", "vertex-2023-10-16")

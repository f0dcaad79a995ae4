"""Anthropic's wire: what an answer says it used, in our words and in its own."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.messages.usage import answer_usage, written
from sluice_dataplane.exchange import Reported

FULL = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 500,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
    "output_tokens": 40,
    "output_tokens_details": {"thinking_tokens": 25},
    "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
    "service_tier": "standard",
}
FULL_TOKENS = TokenUsage(input=540, output=40, cached_input=500, cache_write=30, cache_write_1h=10, reasoning=25)


def said(**usage: Any) -> Reported | None:
    """What an answer with *usage* reports."""
    return answer_usage(json.dumps({"type": "message", "content": [], "usage": usage}).encode())


def test_the_input_includes_what_caches_gave_and_took() -> None:
    """Anthropic counts them beside it; a token of each kind is still counted once."""
    assert said(**FULL) == Reported(FULL_TOKENS, "standard")


def test_counts_alone_are_enough() -> None:
    """As other servers of this wire report them."""
    assert said(input_tokens=3, output_tokens=4) == Reported(TokenUsage(input=3, output=4))


def test_an_explicit_zero_stays_zero() -> None:
    """Nothing is estimated where the provider says that nothing was used."""
    assert said(input_tokens=0, output_tokens=0) == Reported(TokenUsage())


def test_rounds_that_the_sums_leave_out_are_counted() -> None:
    """A compaction is billed beside the message."""
    rounds = [
        {"type": "compaction", "input_tokens": 1_000, "output_tokens": 50, "cache_creation_input_tokens": 7},
        {"type": "message", "input_tokens": 10, "output_tokens": 5},
    ]
    found = said(input_tokens=10, output_tokens=5, iterations=rounds)

    assert found == Reported(TokenUsage(input=1_017, output=55, cache_write=7))


def test_rounds_that_the_sums_hold_are_counted_once() -> None:
    """Turns of a loop of server tools, say."""
    rounds = [{"type": "message", "input_tokens": 10, "output_tokens": 5}] * 2

    assert said(input_tokens=20, output_tokens=10, iterations=rounds) == Reported(TokenUsage(input=20, output=10))


@pytest.mark.parametrize(
    ("fields", "tier"),
    [
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "standard", "speed": "fast"}, "fast"),
        ({"service_tier": "standard", "inference_geo": "us"}, "us"),
        ({"service_tier": "batch", "inference_geo": "not_available", "speed": "standard"}, "batch"),
        ({"service_tier": 7, "speed": [], "inference_geo": None}, ""),
    ],
)
def test_how_it_was_served_is_one_name(fields: dict[str, Any], tier: str) -> None:
    """What costs more than usual has a name that a price can cover."""
    found = said(input_tokens=1, output_tokens=1, **fields)

    assert found is not None
    assert found.service_tier == tier


def test_sums_count_where_details_are_odd() -> None:
    """A detail of next year does not make the call free."""
    found = said(input_tokens=3, output_tokens=4, cache_creation="much", iterations={})

    assert found == Reported(TokenUsage(input=3, output=4))


@pytest.mark.parametrize(
    "usage", [{}, {"input_tokens": "many"}, {"input_tokens": -5, "output_tokens": 1}, {"input_tokens": 10**30}]
)
def test_what_makes_no_sense_is_not_reported(usage: dict[str, Any]) -> None:
    """The caller then estimates."""
    assert said(**usage) is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"type":"error","error":{}}', b'{"error":{"message":"x"}}']
)
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    """Whatever its status says."""
    with pytest.raises(ValueError):
        answer_usage(body)


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_bytes_do_harm(body: bytes | str) -> None:
    """Nothing but the named error is raised."""
    with contextlib.suppress(ValueError):
        answer_usage(body if isinstance(body, bytes) else b'{"usage":' + body.encode() + b"}")


def test_what_is_written_is_read_as_the_same() -> None:
    """Either direction of the convention loses nothing."""
    assert said(**written(FULL_TOKENS)) == Reported(FULL_TOKENS, "standard")
    assert written(FULL_TOKENS)["input_tokens"] == 10


def test_an_answer_always_has_counts() -> None:
    """The SDKs require them, said or not."""
    assert (written(None)["input_tokens"], written(None)["output_tokens"]) == (0, 0)
    assert written(None, "flex")["service_tier"] == "standard"

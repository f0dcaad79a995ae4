"""Converse: what an answer used, in totals."""

from typing import Any

import msgspec
import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.converse.usage import answer_usage, event_usage
from sluice_dataplane.dialects.values import MAX_SERVICE_TIER
from sluice_dataplane.exchange import Reported

OUTPUT = {"message": {"role": "assistant", "content": []}}


def _of(usage: Any, **more: Any) -> Reported | None:
    return answer_usage(msgspec.json.encode({"output": OUTPUT, "usage": usage, **more}))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}, TokenUsage(input=3, output=4)),
        ({"inputTokens": 3}, TokenUsage(input=3)),
        ({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}, TokenUsage()),
        (
            {"inputTokens": 3, "outputTokens": 4, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 6},
            TokenUsage(input=14, output=4, cached_input=5, cache_write=6),
        ),
        (
            {"inputTokens": 1, "outputTokens": 1, "totalTokens": 12, "cacheReadInputTokens": 10},
            TokenUsage(input=11, output=1, cached_input=10),
        ),
        (
            {
                "inputTokens": 1,
                "outputTokens": 1,
                "cacheWriteInputTokens": 9,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 5}],
            },
            TokenUsage(input=10, output=1, cache_write=9, cache_write_1h=4),
        ),
        (
            {
                "inputTokens": 1,
                "outputTokens": 1,
                "cacheWriteInputTokens": 2,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}],
            },
            TokenUsage(input=3, output=1, cache_write=2, cache_write_1h=2),
        ),
        ({"inputTokens": 3, "outputTokens": 4, "totalTokens": 10}, TokenUsage(input=3, output=7)),
        ({"inputTokens": 3, "outputTokens": 4, "totalTokens": 2}, TokenUsage(input=3, output=4)),
        ({"inputTokens": 3, "outputTokens": 4, "cacheDetails": "?"}, TokenUsage(input=3, output=4)),
        ({"inputTokens": 3, "outputTokens": 4, "cacheReadInputTokens": -5}, TokenUsage(input=3, output=4)),
    ],
)
def test_input_is_told_with_what_the_cache_took(usage: Any, expected: TokenUsage) -> None:
    """Totals with their parts; what only the sum has is not free; a detail that makes no sense costs no sums."""
    assert _of(usage) == Reported(expected)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "x",
        {"inputTokens": -1, "outputTokens": 1},
        {"inputTokens": 1, "outputTokens": -1},
        {"inputTokens": "3"},
    ],
)
def test_usage_that_makes_no_sense_is_none(usage: Any) -> None:
    """An answer without usable figures says nothing; it is an answer all the same."""
    assert _of(usage) is None


def test_the_tier_that_served_is_told() -> None:
    """By the provider's name for it, not longer than a record takes."""
    usage = {"inputTokens": 1, "outputTokens": 1}

    assert _of(usage, serviceTier={"type": "flex"}) == Reported(TokenUsage(input=1, output=1), "flex")
    assert _of(usage, serviceTier={"type": "x" * 99}) == Reported(TokenUsage(input=1, output=1), "x" * MAX_SERVICE_TIER)
    assert _of(usage, serviceTier="flex") == Reported(TokenUsage(input=1, output=1))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"message":"no"}', b"<html>", b'{"output":null}'])
def test_what_is_no_answer_is_a_value_error(body: bytes) -> None:
    """An error, a page, half an answer: nobody is charged by its figures."""
    with pytest.raises(ValueError, match=r".*"):
        answer_usage(body)


def test_a_stream_tells_at_its_end() -> None:
    """The metadata event has the same figures as an answer; what it has not, it does not say."""
    data = b'{"metrics":{"latencyMs":1},"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}'

    assert event_usage(data) == Reported(TokenUsage(input=1, output=2))
    assert event_usage(b"{}") is None
    assert event_usage(b"{") is None

"""OpenAI's wire: what answers say they used, with what other providers add to it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.openai.usage import answer_usage, chunk_usage, is_failure, text_bytes
from sluice_dataplane.exchange import Reported


def reported(usage: Any, **answer: Any) -> Reported | None:
    """What a plain answer with *usage* reports."""
    return answer_usage(json.dumps({"choices": [], "usage": usage, **answer}).encode())


def tokens(usage: Any) -> TokenUsage | None:
    """The tokens of it."""
    found = reported(usage)
    return None if found is None else found.usage


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, TokenUsage(input=3, output=4)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, TokenUsage()),
        ({"total_tokens": 9}, TokenUsage(input=9)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            TokenUsage(input=10, output=5, cached_input=4, cache_write=2, reasoning=3),
        ),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99}}, TokenUsage(input=10, cached_input=10)),
        (None, None),
        ({}, None),
        ({"prompt_tokens": -1}, None),
        ({"prompt_tokens": 1.5}, None),
        ({"prompt_tokens": "many"}, None),
    ],
)
def test_usage_is_read_strictly_and_zero_is_a_figure(usage: dict[str, Any] | None, expected: TokenUsage | None) -> None:
    """Kinds are parts of their totals, an explicit zero stays zero, nonsense is no usage at all."""
    assert tokens(usage) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (  # OpenAI, speech in and out
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {
                    "audio_tokens": 60,
                    "cached_tokens": 40,
                    "cached_tokens_details": {"audio_tokens": 30},
                },
                "completion_tokens_details": {"audio_tokens": 45},
            },
            TokenUsage(input=100, output=50, audio_input=60, cached_input=40, cached_audio=30, audio_output=45),
        ),
        (  # image models
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"image_tokens": 90},
                "completion_tokens_details": {"image_tokens": 40},
            },
            TokenUsage(input=100, output=50, image_input=90, image_output=40),
        ),
        (  # LiteLLM before Anthropic: the prompt includes what was cached
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "total_tokens": 105,
                "cache_read_input_tokens": 40,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            },
            TokenUsage(input=100, output=5, cached_input=40, cache_write=30, cache_write_1h=20),
        ),
        (  # … and one whose prompt does not
            {
                "prompt_tokens": 30,
                "completion_tokens": 5,
                "total_tokens": 105,
                "cache_read_input_tokens": 40,
                "cache_creation_input_tokens": 30,
            },
            TokenUsage(input=100, output=5, cached_input=40, cache_write=30),
        ),
        (  # DeepSeek
            {"prompt_tokens": 10, "completion_tokens": 1, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2},
            TokenUsage(input=10, output=1, cached_input=8),
        ),
        (  # Moonshot
            {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 8},
            TokenUsage(input=10, output=1, cached_input=8),
        ),
        (  # xAI: reasoning is beside the completion, and in the total
            {
                "prompt_tokens": 12,
                "completion_tokens": 1,
                "total_tokens": 399,
                "completion_tokens_details": {"reasoning_tokens": 386},
            },
            TokenUsage(input=12, output=387, reasoning=386),
        ),
        (  # Gemini: the same, and not told apart
            {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 530},
            TokenUsage(input=10, output=520),
        ),
        (  # Perplexity
            {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30, "reasoning_tokens": 7},
            TokenUsage(input=10, output=20, reasoning=7),
        ),
    ],
    ids=["audio", "images", "litellm", "beside", "deepseek", "moonshot", "xai", "gemini", "perplexity"],
)
def test_kinds_are_found_wherever_a_provider_puts_them(usage: dict[str, Any], expected: TokenUsage) -> None:
    """Real shapes of real providers; what only the total shows was used all the same."""
    assert tokens(usage) == expected


@pytest.mark.parametrize(
    ("usage", "nusd"),
    [
        ({"cost": 0.95, "cost_details": {"upstream_inference_cost": 19}}, 950_000_000),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, 210_000_000),
        ({"cost": 1e-10}, 1),
        ({"cost": 0}, 0),
        ({"cost": {"input_tokens_cost": 0.1, "total_cost": 0.000_012_5}}, 12_500),
        ({"cost_in_usd_ticks": 232_856_000}, 23_285_600),
        ({"estimated_cost": 2.4e-05}, 24_000),
        ({}, None),
        ({"cost": None}, None),
        ({"cost": "0.95"}, None),
        ({"cost": -1}, None),
        ({"cost": 1e300}, None),
        ({"cost": True}, None),
    ],
)
def test_what_a_provider_says_it_costs_is_kept_exactly(usage: dict[str, Any], nusd: int | None) -> None:
    """OpenRouter, Perplexity, xAI and DeepInfra, from decimals to nano-USD without a float; nonsense is nothing."""
    found = reported({"prompt_tokens": 1, "completion_tokens": 1, **usage})

    assert found is not None
    assert found.provider_cost_nusd == nusd


@pytest.mark.parametrize(
    ("answer", "usage", "tier"),
    [
        ({"service_tier": "priority"}, {}, "priority"),
        ({}, {"service_tier": "flex"}, "flex"),
        ({"service_tier": None}, {"service_tier": "batch"}, "batch"),
        ({"service_tier": 7}, {}, ""),
        ({"service_tier": "x" * 1_000}, {}, "x" * 64),
    ],
)
def test_the_service_tier_is_the_answers(answer: dict[str, Any], usage: dict[str, Any], tier: str) -> None:
    """What was asked for is not what was served: the price goes by the answer."""
    found = reported({"prompt_tokens": 1, **usage}, **answer)

    assert found is not None
    assert found.service_tier == tier


def test_odd_details_do_not_lose_the_sums() -> None:
    """A provider with details of its own shape is still billed by its own figures."""
    odd = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": ["?"], "cached_tokens": "many"}

    assert tokens(odd) == TokenUsage(input=7, output=3)
    event = json.dumps({"choices": [], "usage": odd}).encode()
    assert chunk_usage(event) == (Reported(TokenUsage(input=7, output=3)), True)


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b"", b"[1]", b'{"usage":{"prompt_tokens":1}', b'{"error":{"code":"x"}}'),
        *(b"{}", b'{"ok":true,"data":[]}', b'{"error":' * 100_000),
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(body: bytes) -> None:
    """HTML, cut JSON, errors under a status of 200 and JSON of another kind are told from answers without usage."""
    with pytest.raises(ValueError):
        answer_usage(body)


def test_what_generates_answers_with_choices_all_else_with_data() -> None:
    """Neither needs to tell of its use."""
    assert answer_usage(b'{"choices":[]}') is None
    assert answer_usage(b'{"data":[]}', generates=False) is None
    with pytest.raises(ValueError):
        answer_usage(b'{"choices":[]}', generates=False)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"error":{"message":"x"}}', True),
        (b'{"type":"error","error":"busy","choices":null}', True),
        (b'{"error":null}', False),
        (b'{"choices":[{"delta":{"content":"x"}}],"error":{"message":"x"}}', False),
        (b'"error"', False),
        (b'{"error":' * 100_000, False),
    ],
)
def test_an_event_that_is_an_error_and_nothing_else(data: bytes, expected: bool) -> None:
    """One that carries words besides is not one of those."""
    assert is_failure(data) is expected


def test_the_usage_chunk_is_told_from_chunks_that_carry_content_too() -> None:
    """Only a chunk without choices may be left out of the client's stream."""
    alone = b'{"choices":[],"service_tier":"flex","usage":{"prompt_tokens":1,"completion_tokens":2}}'
    beside = b'{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'

    assert chunk_usage(alone) == (Reported(TokenUsage(input=1, output=2), "flex"), True)
    assert chunk_usage(beside) == (Reported(TokenUsage(input=1, output=2)), False)
    assert chunk_usage(b'{"choices":[],"usage":null}') == (None, False)
    assert chunk_usage(b"garbage") == (None, False)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_fields = st.sampled_from(
    [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cache_creation",
        "cost",
        "cost_in_usd_ticks",
        "service_tier",
        "is_byok",
    ]
)


@given(st.dictionaries(_fields, st.integers(-5, 50) | _json, max_size=8))
def test_any_usage_is_read_or_is_none(usage: dict[str, Any]) -> None:
    """No report, however odd, makes the reader fail or a figure negative, and parts stay within their whole."""
    with contextlib.suppress(ValueError):
        found = tokens(usage)
        if found is not None:
            assert min(found.input, found.output, found.cached_input, found.cache_write, found.reasoning) >= 0
            assert max(found.cached_input, found.audio_input, found.image_input, found.cache_write) <= found.input
            assert max(found.reasoning, found.audio_output, found.image_output) <= found.output


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (
            b'{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null}}]}',
            0,
        ),
        (b'{"id":"c","choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null}]}', 6),
        ('{"choices":[{"delta":{"content":"Grüße"}}]}'.encode(), 7),
        (b'{"choices":[{"delta":{"content":"ab"}},{"delta":{"reasoning_content":"cde"}}]}', 5),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}', 43),
        (b'{"choices":[{"text":"four"}]}', 4),
        (b'{"choices":[]}', 0),
        (b'{"choices":[{"delta":{}}]}', 0),
        (b'{"else":"where"}', 16),
        (b"not json", 8),
        (b'{"choices":[{"delta":{"content":"cut', 36),
    ],
)
def test_what_was_generated_is_told_from_its_envelope(data: bytes, length: int) -> None:
    """An event's text counts, not what is around it; one of another form counts whole."""
    assert text_bytes(data) == length

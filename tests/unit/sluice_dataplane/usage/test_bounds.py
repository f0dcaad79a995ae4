"""Bounds: never below what a request can come to, and no higher than they must be."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import Target
from sluice_dataplane.dialects.openai.fields import read_ask
from sluice_dataplane.dialects.wires import WIRES
from sluice_dataplane.exchange import Candidate, Endpoint
from sluice_dataplane.usage.bounds import (
    INSTRUCTION_TOKENS,
    MOST_IMAGE_TOKENS,
    TEMPLATE_TOKENS,
    Bound,
    bound_of,
    image_tokens,
)
from support.builders import model, upstream

PNG = "data:image/png;base64," + base64.b64encode(bytes(200_000)).decode()


def bound(body: dict[str, Any] | bytes, *names: str, window: int | None = None, endpoint: Endpoint = "chat") -> Bound:
    """The bound of *body* for upstream models of *names*."""
    raw = body if isinstance(body, bytes) else json.dumps({"model": "m", **body}).encode()
    candidates = tuple(
        Candidate(model(), Target(name=name, upstream_id="up"), upstream(), name) for name in names or ("m",)
    )
    return bound_of(
        endpoint, raw, read_ask(raw, generates=WIRES[endpoint].generates), candidates, context_window=window
    )


def messages(*content: Any) -> dict[str, Any]:
    """One message."""
    return {"messages": [{"role": "user", "content": list(content)}]}


def image(**fields: Any) -> dict[str, Any]:
    """An image of 200 kB."""
    return {"type": "image_url", "image_url": {"url": PNG, **fields}}


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8), st.booleans(), st.booleans())
def test_text_never_has_more_tokens_than_its_bound(texts: list[str], escaped: bool, parted: bool) -> None:
    """A token is at least one byte of UTF-8: in any script, with or without escapes, as strings or as parts."""
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    contents: list[Any] = [[{"type": "text", "text": text}] if parted else text for text in texts]
    body = {"model": "m", "messages": [{"role": "user", "content": each} for each in contents]}
    raw = json.dumps(body, ensure_ascii=escaped).encode()
    most = sum(len(text.encode()) for text in texts) + 8 * len(texts)  # what a message is wrapped in, at most

    assert bound(raw).input >= most + TEMPLATE_TOKENS


def test_escapes_are_counted_as_what_they_stand_for() -> None:
    """A Chinese prompt that a client wrote in numbers is held as its three bytes, not as six."""
    text = "你好" * 500
    escaped = bound(json.dumps({"model": "m", "messages": [{"content": text}]}).encode())
    plain = bound(json.dumps({"model": "m", "messages": [{"content": text}]}, ensure_ascii=False).encode())

    assert escaped.input == plain.input


@pytest.mark.parametrize("text", [r"C:\users\u0041", "\\" * 7 + "u0041", r"\\u0041 \u"])
def test_a_backslash_before_an_escape_makes_no_discount(text: str) -> None:
    """What looks like an escape and is a backslash of the text is never counted for less than it is."""
    assert bound({"messages": [{"content": text}]}).input >= len(text.encode()) + TEMPLATE_TOKENS


def test_an_image_is_held_as_its_model_bills_it() -> None:
    """200 kB of base64 are not 270,000 tokens, but at most what the dearest of the possible models makes of them."""
    text = bound(messages({"type": "text", "text": ""})).input
    for name, tokens in (
        ("gpt-4o", 1_445),
        ("gpt-4o-mini-2024-07-18", 48_169),
        ("x/gpt-4.1-mini", 3_779),
        ("?", 72_000),
    ):
        found = bound(messages(image()), name)
        assert found.image == tokens
        assert tokens < found.input <= tokens + text + 100
    assert bound(messages(image()), "gpt-4o", "gpt-4o-mini").image == 48_169


def test_low_detail_counts_where_the_model_knows_it() -> None:
    """85 tokens for gpt-4o, 2,833 for its small sister, and nothing off for models that do not say so."""
    low = [bound(messages(image(detail="low")), name).image for name in ("gpt-4o", "gpt-4o-mini", "claude-opus", "x")]

    assert low == [85, 2_833, 4_784, MOST_IMAGE_TOKENS]


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("gpt-4o-audio-preview", 1_445),
        ("chatgpt-4o-latest", 1_445),
        ("o1", 1_275),
        ("o3-pro", 1_275),
        ("o3-2025-04-16", 1_275),
        ("openai/o3", 1_275),
        ("foo3", MOST_IMAGE_TOKENS),
        ("o4-mini", 3_779),
        ("gpt-5", 1_190),
        ("gpt-5-nano", 3_779),
        ("gpt-5.2", MOST_IMAGE_TOKENS),
        ("anthropic.claude-sonnet-4-5", 4_784),
        ("my-deployment", MOST_IMAGE_TOKENS),
    ],
)
def test_only_models_that_are_known_are_held_for_less(name: str, most: int) -> None:
    """A name we do not know is held at the most that anybody bills for an image."""
    assert image_tokens(name)[0] == most


def test_sound_is_held_as_long_as_it_can_last() -> None:
    """A minute of speech at the lowest bit rate that carries any, at the most tokens that anybody counts a second."""
    data = base64.b64encode(bytes(60 * 750)).decode()
    found = bound(messages({"type": "input_audio", "input_audio": {"data": data, "format": "opus"}}))

    assert 60 * 32 <= found.audio <= 60 * 32 + 2
    assert found.input < 60 * 32 + 500


def test_a_known_context_window_bounds_all_but_images() -> None:
    """No prompt is longer than its model takes; gpt-4o-mini's image tokens are billed beside it."""
    long = {"type": "text", "text": "x" * 500_000}

    assert bound(messages(long), window=128_000).input == 128_000
    assert bound(messages(long, image()), "gpt-4o-mini", window=128_000).input == 128_000 + 48_169
    assert bound({"input": ["x" * 9_000] * 3}, window=8_192, endpoint="embeddings").input > 27_000


def test_a_file_is_bounded_by_the_window_or_not_at_all() -> None:
    """The page images of a small file are many tokens: without a window it is for the caller to refuse."""
    pdf = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}
    known, unknown = bound(messages(pdf), window=128_000), bound(messages(pdf))

    assert (known.input, known.image, known.audio, known.opaque) == (128_000, 128_000, 128_000, "")
    assert unknown.opaque == "messages[0].content[0]"


def test_described_tools_are_held_with_the_providers_own_words() -> None:
    """Providers explain tools to the model in a text that nobody sent."""
    plain, tools = bound({"messages": []}), bound({"messages": [], "tools": []})

    assert tools.input == plain.input + INSTRUCTION_TOKENS + len(', "tools": []')


def test_what_costs_more_than_tokens_is_passed_on() -> None:
    """The first of the fields, whether it is the request's own or one of its tools."""
    assert bound({"plugins": [1], "tools": [{"type": "web_search"}]}).unpriced == "plugins"
    assert bound({"tools": [{"type": "web_search"}]}).unpriced == "tools[0].type"


@given(st.text(max_size=300), st.integers(0, 3), st.sampled_from(["gpt-4o", "gpt-4o-mini", "other"]))
def test_what_is_likely_is_never_above_the_bound(text: str, images: int, name: str) -> None:
    """An estimate is billed only within what was held."""
    found = bound(messages({"type": "text", "text": text}, *[image()] * images), name, window=500)

    assert 0 < found.likely <= found.input


def test_calls_in_the_conversation_are_described_too() -> None:
    """An API that wants tools beside their calls gets them, and its provider's words about them."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {"messages": [{"role": "assistant", "tool_calls": [call]}]}

    assert bound(body).input >= TEMPLATE_TOKENS + INSTRUCTION_TOKENS

"""The Responses API: what of a request is no text, and what of it costs more than tokens."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.responses.parts import parts_of

PNG = "data:image/png;base64,QUJD"


def seen(**fields: Any) -> Parts:
    """The parts of a body with *fields*."""
    return parts_of(json.dumps({"model": "m", **fields}).encode())


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    """Input of one message."""
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    "items",
    [
        "hello",
        [{"role": "user", "content": "hello"}],
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}],
        [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}],
        [{"type": "function_call_output", "call_id": "c", "output": "done"}],
        [{"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "a"}]}],
        [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}],
        [{"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "a"}]}],
        [{"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a"}]}],
    ],
)
def test_text_is_nothing_but_text(items: object) -> None:
    """Its bytes bound it, encrypted thoughts included."""
    assert seen(input=items) is PLAIN


def test_images_are_counted_and_their_bytes_are_no_text() -> None:
    """An image costs by its size in pixels, not in bytes."""
    parts = seen(
        input=user(
            {"type": "input_image", "image_url": PNG},
            {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
        )
    )

    assert parts == Parts(len(PNG) + len("https://example.com/a.png"), 2, 1)


def test_screenshots_and_images_of_tools_are_images() -> None:
    """Wherever they stand in the input."""
    parts = seen(
        input=[
            {
                "type": "computer_call_output",
                "call_id": "c",
                "output": {"type": "computer_screenshot", "image_url": PNG},
            },
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": PNG}]},
            {"type": "image_generation_call", "id": "ig_1", "result": "QUJD", "status": "completed"},
        ]
    )

    assert (parts.images, parts.media_bytes, parts.opaque) == (3, 2 * len(PNG) + 4, "")


def test_sound_is_counted_by_its_decoded_bytes() -> None:
    """How long it can last follows from them."""
    parts = seen(input=user({"type": "input_audio", "input_audio": {"data": "QUJDRA==", "format": "wav"}}))

    assert (parts.audio_bytes, parts.media_bytes) == (6, 8)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"instructions": [{"role": "user", "content": "a"}]}, "instructions"),
        ({"input": user({"type": "input_image", "file_id": "file-1"})}, "input[0].content[0]"),
        (
            {"input": user({"type": "input_image", "image_url": "data:application/pdf;base64,AA"})},
            "input[0].content[0]",
        ),
        ({"input": user({"type": "input_file", "file_data": "data:application/pdf;base64,AA"})}, "input[0].content[0]"),
        ({"input": user({"type": "input_video", "url": "https://example.com"})}, "input[0].content[0]"),
        ({"input": user({"type": "input_audio", "input_audio": {"id": "a"}})}, "input[0].content[0]"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input[0]"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0]"),
        ({"input": [{"type": "image_generation_call", "id": "ig_1"}]}, "input[0]"),
        ({"input": [{"type": "brand_new"}]}, "input[0]"),
        ({"input": [{"type": "function_call_output", "output": {"odd": 1}}]}, "input[0].output"),
        ({"input": [7]}, "input"),
    ],
)
def test_what_its_bytes_do_not_bound_is_named(fields: dict[str, Any], name: str) -> None:
    """What the provider keeps, what is fetched and what is not known has no bound here."""
    assert seen(**fields).opaque == name


@pytest.mark.parametrize(
    ("tool", "free"),
    [
        ({"type": "function", "name": "f"}, True),
        ({"type": "custom", "name": "f"}, True),
        ({"type": "local_shell"}, True),
        ({"type": "apply_patch"}, True),
        ({"type": "shell"}, True),
        ({"type": "shell", "environment": {"type": "local"}}, True),
        ({"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}, True),
        ({"type": "shell", "environment": {"type": "container_auto"}}, False),
        ({"type": "web_search"}, False),
        ({"type": "file_search", "vector_store_ids": ["v"]}, False),
        ({"type": "code_interpreter", "container": {"type": "auto"}}, False),
        ({"type": "computer_use_preview"}, False),
        ({"type": "image_generation"}, False),
        ({"type": "mcp", "server_label": "s"}, False),
        ({"type": "brand_new"}, False),
        ({}, False),
    ],
)
def test_tools_that_the_provider_runs_are_not_paid_in_tokens(tool: dict[str, Any], free: bool) -> None:
    """Only what runs at the client is free."""
    expected = "" if free else "tools[1].type"

    assert seen(tools=[{"type": "function", "name": "g"}, tool]).unpriced == expected


def test_tools_inside_of_items_and_namespaces_are_seen_too() -> None:
    """A paid tool cannot hide."""
    paid = [{"type": "web_search"}]

    assert seen(input=[{"type": "additional_tools", "role": "developer", "tools": paid}]).unpriced == (
        "input[0].tools[0].type"
    )
    assert seen(tools=[{"type": "namespace", "tools": paid}]).unpriced == "tools[0].tools[0].type"
    assert seen(tools="odd").unpriced == "tools"


def test_a_stored_prompt_may_have_tools() -> None:
    """They are the provider's secret until the bill comes."""
    assert seen(prompt={"id": "pmpt_1"}).unpriced == "prompt"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([PNG, "message", "input_image", "reasoning", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "input", "output", "image_url", "tools", "id", "input_audio"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["input", "tools", "instructions", "prompt"]), JSON))
def test_any_object_has_parts(body: dict[str, Any]) -> None:
    """What cannot be understood is named, and nothing else happens."""
    parts_of(json.dumps(body).encode())


def test_what_is_nested_without_end_is_named() -> None:
    """Depth is no way to crash."""
    assert parts_of(b'{"input":' + b"[" * 100_000 + b"]" * 100_000 + b"}").opaque == "input"

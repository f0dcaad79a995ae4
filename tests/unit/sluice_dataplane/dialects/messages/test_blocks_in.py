"""Anthropic's wire: a client's blocks, where they are not as the goldens have them."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Cache, Document, Part, Text, ToolCall, ToolResult
from sluice_dataplane.dialects.messages import shapes
from sluice_dataplane.dialects.messages.blocks_in import parts_of
from sluice_dataplane.errors import InvalidRequestError

TEXT = {"type": "text", "text": "t"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A"}}


def read(*blocks: Any) -> tuple[tuple[Part, ...], list[str]]:
    """The parts of *blocks*, and what has no like elsewhere."""
    beyond: list[str] = []
    return parts_of(shapes.blocks.decode(json.dumps(blocks).encode()), "c", beyond), beyond


@pytest.mark.parametrize(
    "block",
    [
        *({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, {"type": "container_upload"}),
        *({"type": "tool_reference", "tool_name": "t"}, {"type": "compaction", "content": "c"}, {"type": "next_year"}),
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": {"error_code": "x"}},
    ],
    ids=lambda block: str(block["type"]),
)
def test_what_only_anthropic_has_is_named_by_its_place(block: dict[str, Any]) -> None:
    """Inside of what a tool gave too."""
    parts, beyond = read(TEXT, block, {"type": "tool_result", "tool_use_id": "t", "content": [block]})

    assert beyond == ["c[1]", "c[2].content[0]"]
    assert parts == (Text(text="t", at="c[0]"), ToolResult(call_id="t", at="c[2]"))


def test_a_picture_inside_of_a_document_is_named() -> None:
    """Elsewhere a document is words, or a file."""
    parts, beyond = read({"type": "document", "source": {"type": "content", "content": [TEXT, PNG]}})

    assert parts == (Document(text="t", at="c[0]"),)
    assert beyond == ["c[0].source.content[1]"]


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "tool_use", "name": "n"}, "c[0].id"),
        ({"type": "tool_use", "id": "t"}, "c[0].name"),
        ({"type": "tool_use", "id": "t", "name": "n", "input": "x"}, "c[0].input"),
        ({"type": "tool_result"}, "c[0].tool_use_id"),
        ({"type": "image"}, "c[0].source"),
        ({"type": "image", "source": {"type": "base64"}}, "c[0].source"),
        ({"type": "document", "source": 3}, "c[0]"),
        ({"type": "tool_result", "tool_use_id": "t", "content": [TEXT, {"type": "text"}]}, "c[0].content[1].text"),
        ({"type": "text", "text": "t", "citations": [3]}, "c[0]"),
    ],
    ids=str,
)
def test_a_block_of_the_wrong_form_is_named(block: dict[str, Any], param: str) -> None:
    """By its place."""
    with pytest.raises(InvalidRequestError) as caught:
        read(block)

    assert caught.value.param == param


def test_marks_of_caches_are_kept() -> None:
    """With how long they last, and nothing else that they say."""
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}

    assert read({**TEXT, "cache_control": mark})[0] == (Text(text="t", cache=Cache(ttl="1h"), at="c[0]"),)


def test_bytes_that_are_no_text_are_no_arguments() -> None:
    """They are told as what they are."""
    raw = b'[{"type":"tool_use","id":"t","name":"n","input":{"a":"\xff"}}]'
    try:
        blocks = shapes.blocks.decode(raw)
    except ValueError:
        return
    with pytest.raises(InvalidRequestError):
        parts_of(blocks, "c", [])


def test_arguments_are_kept_as_the_model_wrote_them() -> None:
    """Spaces, order, escapes and numbers."""
    raw = b'[{"type":"tool_use","id":"t","name":"n","input":{ "b": 1.50, "a": "\\u00e9" }}]'
    (call,) = parts_of(shapes.blocks.decode(raw), "c", [])

    assert isinstance(call, ToolCall)
    assert call.arguments == '{ "b": 1.50, "a": "\\u00e9" }'

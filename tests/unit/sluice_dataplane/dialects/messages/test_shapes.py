"""Anthropic's wire: the forms of its JSON."""

import json
from typing import Any

import pytest

from sluice_dataplane.dialects.messages import shapes

BLOCKS: list[dict[str, Any]] = [
    {"type": "text", "text": "t", "citations": None},
    {"type": "image", "source": {"type": "file", "file_id": "f"}, "transformations": {"x": {}}},
    {"type": "document", "source": {"type": "text", "data": "d"}, "citations": {"enabled": True}, "title": None},
    {"type": "search_result", "source": "https://x.example", "title": "t", "content": []},
    {"type": "tool_use", "id": "t", "name": "n", "input": {}, "caller": {"type": "direct"}, "toolset_name": None},
    {"type": "tool_result", "tool_use_id": "t", "content": "words", "is_error": None},
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": {"error_code": "max_uses_exceeded"}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]},
    {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {"stdout": "", "content": []}},
    {"type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "s", "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "m", "is_error": False, "content": []},
    {"type": "thinking", "thinking": "t", "signature": "s"},
    {"type": "redacted_thinking", "data": "d"},
    {"type": "compaction", "content": None},
    {"type": "container_upload", "file_id": "f"},
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block["type"]))
def test_a_block_of_any_kind_is_read(block: dict[str, Any]) -> None:
    """One form holds them all, with what they have that we do not know; absent and null are the same."""
    blocks = shapes.blocks.decode(json.dumps([block]).encode())

    assert isinstance(blocks, list)
    assert [found.type for found in blocks] == [block["type"]]


def test_a_citation_of_any_kind_is_read() -> None:
    """By pages, by blocks, of searches."""
    pages = b'{"type":"page_location","cited_text":"c","document_index":1,"start_page_number":1,"file_id":null}'

    assert shapes.location.decode(pages).document_index == 1
    assert shapes.location.decode(b'{"type":"search_result_location","source":"s","title":null}').source == "s"

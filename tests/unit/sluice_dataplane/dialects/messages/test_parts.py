"""Anthropic's wire: what of a request is not text, and what nobody can count."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.messages.parts import DESCRIPTION_TOKENS, parts_of
from sluice_dataplane.dialects.parts import PLAIN, Parts

TEXT = {"type": "text", "text": "what is this?"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 400}}


def asked(*content: Any, **fields: Any) -> Parts:
    """The parts of a request whose one message holds *content*."""
    return parts_of(json.dumps({"messages": [{"role": "user", "content": list(content)}], **fields}).encode())


def test_text_is_text_however_it_is_written() -> None:
    """Strings, blocks, thoughts, calls and what tools said: all of it is in the body, and none of it anything else."""
    result = {"type": "tool_result", "tool_use_id": "t", "content": [TEXT]}
    call = {"type": "tool_use", "id": "t", "name": "n", "input": {"type": "image"}}
    thought = {"type": "thinking", "thinking": "…", "signature": "s"}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "long"}}

    assert asked(TEXT, result, call, thought, document, system=[TEXT], tools=[{"name": "n"}]) is PLAIN
    assert parts_of(b'{"messages":[{"content":"hi"}],"system":"s"}') is PLAIN


def test_an_image_is_not_its_base64() -> None:
    """Its bytes are taken out of the text; one by URL or of a file is an image all the same."""
    url = {"type": "image", "source": {"type": "url", "url": "https://x.example/y.png"}}
    file = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    found = asked(TEXT, PNG, url, file)

    assert (found.images, found.media_bytes, found.opaque) == (3, 400 + len("https://x.example/y.png"), "")


@pytest.mark.parametrize(
    "around",
    [
        lambda block: {"type": "tool_result", "tool_use_id": "t", "content": [block]},
        lambda block: {"type": "document", "source": {"type": "content", "content": [block]}},
        lambda block: {"type": "search_result", "source": "s", "title": "t", "content": [block]},
    ],
    ids=["tool_result", "document", "search_result"],
)
def test_images_in_other_blocks_are_found(around: Any) -> None:
    """In what a tool gave, and in documents made of blocks."""
    assert asked(around(PNG)).images == 1


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
        {"type": "document", "source": {"type": "url", "url": "https://x.example/y.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document"},
        {"type": "image", "source": {"type": "base64", "media_type": "video/mp4", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "gs://bucket/video"}},
        {"type": "image"},
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "web_fetch_tool_result", "content": {"content": {"source": {"media_type": "application/pdf"}}}},
        {"type": "something_new"},
        {"something": "new"},
    ],
    ids=lambda block: json.dumps(block)[:60],
)
def test_what_cannot_be_counted_is_named(block: dict[str, Any]) -> None:
    """A file, a page, a thing of next year: nobody here knows how many tokens that is."""
    assert asked(TEXT, block).opaque == "messages[0].content[1]"


def test_what_cannot_be_counted_is_named_by_its_place() -> None:
    """However deep."""
    pdf = {"type": "document", "source": {"type": "file", "file_id": "f"}}

    assert asked({"type": "tool_result", "content": [TEXT, pdf]}).opaque == "messages[0].content[0].content[1]"
    assert asked(thread={"id": "t"}).opaque == "thread"


@pytest.mark.parametrize(
    "kind", ["web_search_20250305", "web_fetch_20250910", "code_execution_20250825", "mcp_toolset", "next_2030"]
)
def test_tools_that_the_provider_runs_have_no_price(kind: str) -> None:
    """They are billed by the search, or take rounds of their own."""
    assert asked(TEXT, tools=[{"name": "mine"}, {"type": kind, "name": "x"}]).unpriced == "tools[1].type"


@pytest.mark.parametrize("kind", ["bash_20250124", "text_editor_20250728", "computer_20251124", "memory_20250818"])
def test_tools_that_the_provider_describes_are_more_than_their_name(kind: str) -> None:
    """The client runs them; their descriptions are tokens that the body does not have."""
    assert asked(TEXT, tools=[{"type": kind}, {"type": "custom"}]) == Parts(extra_tokens=DESCRIPTION_TOKENS)


def test_a_set_of_tools_is_as_long_as_it_is() -> None:
    """Nobody says how many tokens describe it."""
    assert asked(TEXT, tools=[{"type": "browser_toolset_20260801"}]).opaque == "tools[0]"


@pytest.mark.parametrize("body", [b"{}", b'{"messages":{}}', b'{"messages":[{"content":3}]}', b'{"tools":[3]}'])
def test_what_is_formed_wrong_is_opaque_or_nothing(body: bytes) -> None:
    """It never passes as an image that costs less."""
    assert parts_of(body) in (PLAIN, Parts(opaque="messages"))


@given(st.binary())
def test_no_bytes_do_harm(body: bytes) -> None:
    """Nothing is raised, whatever comes."""
    parts_of(body)


@pytest.mark.parametrize("spelt", [b'"application/pdf"', b'"application\\/pdf"', b'"\\u0061pplication/pdf"'])
def test_a_page_that_was_fetched_is_what_it_is_however_it_is_spelt(spelt: bytes) -> None:
    """Text is its bytes, a PDF is not."""
    block = b'{"type":"web_fetch_tool_result","content":{"content":{"type":"document","source":'
    body = b'{"messages":[{"role":"user","content":[' + block + b'{"type":%s,"media_type":%s,"data":"a\\n"}}}}]}]}'

    assert parts_of(body % (b'"base64"', spelt)).opaque == "messages[0].content[0]"
    assert parts_of(body % (b'"text"', b'"text/plain"')) == PLAIN

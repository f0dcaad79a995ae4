"""The Responses API: parts of messages."""

import json
from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.conversation import Audio, Cache, Citation, Document, Image, Text
from sluice_dataplane.dialects.responses.media_in import citations_of, read_content
from sluice_dataplane.errors import InvalidRequestError


def part_of(**fields: Any) -> object:
    """The one part with *fields*."""
    (part,) = read_content(msgspec.Raw(json.dumps([fields]).encode()), "c")
    return part


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "input_text", "text": "a"}, Text(text="a", at="c[0]")),
        ({"text": "a"}, Text(text="a", at="c[0]")),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text(text="a", cache=Cache(), at="c[0]"),
        ),
        (
            {"type": "input_image", "image_url": "data:image/PNG;base64,QQ=="},
            Image(media_type="image/png", data="QQ==", at="c[0]"),
        ),
        ({"type": "input_image", "image_url": {"url": "https://e.com/a"}}, Image(url="https://e.com/a", at="c[0]")),
        (
            {"type": "input_image", "file_id": "file-1", "detail": "low"},
            Image(file_id="file-1", detail="low", at="c[0]"),
        ),
        ({"type": "computer_screenshot", "image_url": "https://e.com/a"}, Image(url="https://e.com/a", at="c[0]")),
        (
            {"type": "input_file", "filename": "a.CSV", "file_data": "QQ=="},
            Document(media_type="text/csv", data="QQ==", title="a.CSV", at="c[0]"),
        ),
        (
            {"type": "input_file", "file_data": "data:text/plain;base64,QQ=="},
            Document(media_type="text/plain", data="QQ==", at="c[0]"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
            Audio(data="QQ==", format="mp3", at="c[0]"),
        ),
    ],
)
def test_a_part_is_what_it_is(fields: dict[str, Any], expected: object) -> None:
    """By URL, in base64 or by the id of a file."""
    assert part_of(**fields) == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"type": "input_image"}, "c[0].image_url"),
        ({"type": "input_file", "filename": "a"}, "c[0].file_data"),
        ({"type": "input_audio"}, "c[0]"),
        ({"type": "input_video"}, "c[0]"),
        ({}, "c[0]"),
    ],
)
def test_a_part_that_holds_nothing_known_is_named(fields: dict[str, Any], param: str) -> None:
    """A part of the prompt is never left out."""
    with pytest.raises(InvalidRequestError) as refused:
        part_of(**fields)

    assert refused.value.param == param


def test_only_citations_that_lead_somewhere_are_read() -> None:
    """The provider's own files say nothing to others; what is odd is not worth an error."""
    annotations = [
        {"type": "url_citation", "url": "https://e.com", "title": "E", "start_index": 1, "end_index": 2},
        {"type": "file_citation", "file_id": "f", "filename": "n", "index": 3},
    ]

    assert citations_of(msgspec.Raw(json.dumps(annotations).encode())) == (
        Citation(url="https://e.com", title="E", start=1, end=2),
    )
    assert citations_of(msgspec.Raw(b'[{"url":7}]')) == ()

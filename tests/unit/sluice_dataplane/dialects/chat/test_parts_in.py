"""Parts of a client's message, however they are spelt."""

from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.chat.parts_in import ContentPart, read_content
from sluice_dataplane.dialects.conversation import Cache, Document, Image, Part, Text
from sluice_dataplane.errors import InvalidRequestError


def read(part: dict[str, Any]) -> Part:
    """The one part."""
    return read_content([msgspec.json.decode(msgspec.json.encode(part), type=ContentPart)], "c")[0]


def image(url: str) -> dict[str, Any]:
    """An image part."""
    return {"type": "image_url", "image_url": {"url": url}}


def test_part_without_type_is_what_it_has() -> None:
    """Clients that leave the type out are understood."""
    assert read({"text": "a"}) == Text(text="a", at="c[0]")
    assert read({"image_url": "https://e/x.png"}) == Image(url="https://e/x.png", at="c[0]")


def test_text_among_parts() -> None:
    """A bare string among parts is text."""
    assert read_content(["a"], "c") == [Text(text="a", at="c[0]")]


@pytest.mark.parametrize(
    "mark", [{"cache_control": {"type": "ephemeral"}}, {"prompt_cache_breakpoint": {"mode": "explicit"}}]
)
def test_marks_of_caches(mark: dict[str, Any]) -> None:
    """Both forms of a mark are the same mark."""
    assert read({"type": "text", "text": "a", **mark}) == Text(text="a", cache=Cache(), at="c[0]")


def test_data_url_that_is_no_image_is_a_document() -> None:
    """A file is a file, whatever its part is called."""
    assert read(image("data:application/pdf;base64,AA==")) == Document(
        data="AA==", media_type="application/pdf", at="c[0]"
    )


def test_data_url_must_be_in_base64() -> None:
    """Other encodings are refused by name, and not sent as an address."""
    with pytest.raises(InvalidRequestError) as caught:
        read(image("data:image/svg+xml,<svg/>"))
    assert caught.value.param == "c[0].image_url"


@pytest.mark.parametrize(
    ("file", "document"),
    [
        ({"file_data": "AA==", "filename": "a.txt"}, Document(data="AA==", media_type="text/plain", title="a.txt")),
        ({"file_data": "AA=="}, Document(data="AA==", media_type="application/pdf")),
        ({"file_data": "data:text/csv;base64,AA=="}, Document(data="AA==", media_type="text/csv")),
        ({"file_data": "https://e/a.pdf"}, Document(url="https://e/a.pdf")),
        ({"file_id": "f", "filename": "a.pdf"}, Document(file_id="f", title="a.pdf")),
    ],
)
def test_files(file: dict[str, str], document: Document) -> None:
    """A file is its bytes, its address or its id; its type is told, guessed from its name, or PDF."""
    assert read({"type": "file", "file": file}) == msgspec.structs.replace(document, at="c[0]")


@pytest.mark.parametrize(
    ("part", "param", "code"),
    [
        ({"type": "video_url", "video_url": {"url": "x"}}, "c[0].type", "unsupported_field"),
        ({"type": "text"}, "c[0].text", "invalid_request"),
        ({"type": "file", "file": {}}, "c[0].file", "invalid_request"),
        ({}, "c[0].type", "unsupported_field"),
    ],
)
def test_what_is_no_part_is_refused(part: dict[str, Any], param: str, code: str) -> None:
    """A part that is missing, or that no other API has, is named: without it the prompt would be another."""
    with pytest.raises(InvalidRequestError) as caught:
        read(part)
    assert (caught.value.param, caught.value.code) == (param, code)

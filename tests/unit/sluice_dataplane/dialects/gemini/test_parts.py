"""Gemini's wire: what of a request is not text, and what nobody can count."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.gemini.parts import parts_of, parts_to_count, parts_to_embed
from sluice_dataplane.dialects.parts import PLAIN, Parts

DATA = base64.b64encode(bytes(3_000)).decode()


def asked(*parts: Any, **fields: Any) -> Parts:
    """The parts of a request of one content that holds *parts*."""
    return parts_of(json.dumps({"contents": [{"role": "user", "parts": list(parts)}], **fields}).encode())


def blob(media_type: str) -> dict[str, Any]:
    """Something inline."""
    return {"inlineData": {"mimeType": media_type, "data": DATA}}


def test_text_is_text_whatever_it_belongs_to() -> None:
    """Thoughts, calls of functions and their results, code and what it gave."""
    assert (
        asked(
            {"text": "inlineData", "thought": True, "thoughtSignature": "eA=="},
            {"functionCall": {"name": "f", "args": {"fileData": 1}}},
            {"functionResponse": {"name": "f", "response": {"inlineData": {}}}},
            {"executableCode": {"code": "1"}},
            {"codeExecutionResult": {"output": "1"}},
            tools=[{"functionDeclarations": [{"name": "f"}]}],
        )
        is PLAIN
    )


@pytest.mark.parametrize("wrap", ["alone", "in a result"])
def test_an_image_is_not_its_base64(wrap: str) -> None:
    """Its bytes are taken out of the text, wherever it is."""
    image = blob("image/png")
    found = asked(image if wrap == "alone" else {"function_response": {"name": "f", "parts": [image]}})

    assert (found.images, found.opaque) == (1, "")
    assert found.media_bytes == len(DATA) + 2


def test_sound_is_counted_by_its_decoded_bytes() -> None:
    """Base64 is a third longer than what it stands for."""
    found = asked(blob("audio/mp3"))

    assert 3_000 <= found.audio_bytes <= 3_003
    assert found.media_bytes >= 4_000


def test_text_in_base64_is_text() -> None:
    """It has fewer tokens than its base64 has bytes."""
    assert asked(blob("text/csv")) is PLAIN


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (blob("video/mp4"), "contents[0].parts[0].inlineData"),
        (blob("application/pdf"), "contents[0].parts[0].inlineData"),
        ({"fileData": {"fileUri": "https://x.example/a.png"}}, "contents[0].parts[0].fileData"),
        ({"file_data": {"file_uri": "gs://a"}}, "contents[0].parts[0].fileData"),
        ({"somethingNew": {}}, "contents[0].parts[0].somethingNew"),
    ],
)
def test_what_its_bytes_do_not_bound_is_named(part: Any, name: str) -> None:
    """Videos, files, what is kept elsewhere, what is not known."""
    assert asked(part).opaque == name


def test_a_cached_prompt_is_named() -> None:
    """Nobody here knows how long it is."""
    assert asked({"text": "x"}, cachedContent="cachedContents/a").opaque == "cachedContent"


def test_a_system_instruction_is_looked_at() -> None:
    """It has parts like any other content."""
    body = {"system_instruction": {"parts": blob("video/mp4")}}
    assert parts_of(json.dumps(body).encode()).opaque == "systemInstruction[0].parts[0].inlineData"


@pytest.mark.parametrize(
    "tool",
    ["googleSearch", "google_search", "googleMaps", "urlContext", "codeExecution", "fileSearch", "computerUse", "new"],
)
def test_what_google_runs_is_unpriced(tool: str) -> None:
    """It costs more than tokens; functions are the client's own."""
    assert asked({"text": "x"}, tools=[{"functionDeclarations": [], tool: {}}]).unpriced.startswith("tools[0].")


@pytest.mark.parametrize("body", [b"{", b'{"contents":1}', b'{"contents":["x"]}', b'{"contents":[{"parts":"x"}]}'])
def test_what_cannot_be_read_is_opaque(body: bytes) -> None:
    """It is for the caller to refuse."""
    assert parts_of(body).opaque


def test_counting_is_free_whatever_is_counted() -> None:
    """So nothing of it is unpriced or unbounded; pictures are still not text."""
    body = {"generateContentRequest": {"contents": [{"parts": [blob("image/png"), blob("video/mp4")]}]}}
    found = parts_to_count(json.dumps(body).encode())

    assert (found.images, found.opaque, found.unpriced) == (1, "", "")
    assert parts_to_count(b"{") is PLAIN


def test_each_request_of_a_batch_of_embeddings_is_looked_at() -> None:
    """As is the only one."""
    batch = {"requests": [{"content": {"parts": [{"text": "x"}]}}, {"content": {"parts": [blob("image/png")]}}]}

    assert parts_to_embed(json.dumps(batch).encode()).images == 1
    assert parts_to_embed(b'{"content":{"parts":[{"fileData":{}}]}}').opaque == "content.parts[0].fileData"
    assert parts_to_embed(b'{"content":1}').opaque == "content"


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_body_breaks_it(value: Any) -> None:
    """Whatever it holds, it is counted or named."""
    body = json.dumps({"contents": value, "tools": value, "systemInstruction": value}).encode()

    assert isinstance(parts_of(body), Parts)

"""OpenAI's wire: what of a request is not text, and what nobody can count."""

import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.openai.parts import parts_of_chat, parts_of_embeddings
from sluice_dataplane.dialects.parts import PLAIN, Parts

PNG = "data:image/png;base64," + base64.b64encode(bytes(300)).decode()
TEXT = {"type": "text", "text": "what is this?"}


def chat(*content: Any, **fields: Any) -> Parts:
    """The parts of a chat of one message that holds *content*."""
    body = {"model": "m", "messages": [{"role": "user", "content": list(content)}], **fields}
    return parts_of_chat(json.dumps(body).encode())


def image(url: str, **fields: Any) -> dict[str, Any]:
    """An image by URL."""
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def test_text_is_text_however_it_is_written() -> None:
    """A string, a list of text parts, an assistant's refusal: all of it is text, and none of it anything else."""
    plain = b'{"messages":[{"role":"user","content":"[{\\"type\\":\\"image_url\\"}]"},{"role":"assistant"}]}'

    assert parts_of_chat(plain) is PLAIN
    assert chat(TEXT, {"type": "refusal", "refusal": "no"}, {"text": "x"}, "bare") == PLAIN


def test_an_image_is_not_its_base64() -> None:
    """Its bytes are taken out of the text, and it counts as one image, in low detail where that was asked for."""
    found = chat(TEXT, image(PNG), image(PNG, detail="low"), image("https://x.example/y.png"))

    assert (found.images, found.low_images, found.opaque) == (3, 1, "")
    assert found.media_bytes == 2 * len(json.dumps(PNG)) + len('"https://x.example/y.png"')


def test_an_image_may_be_named_without_an_object_or_a_type() -> None:
    """The short forms that some servers take are images too."""
    assert chat({"image_url": PNG}).images == chat({"type": "image_url", "image_url": PNG}).images == 1


def test_sound_is_counted_by_its_decoded_bytes() -> None:
    """Base64 is a third longer than what it stands for."""
    data = base64.b64encode(bytes(3_000)).decode()
    found = chat({"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}})

    assert 3_000 <= found.audio_bytes <= 3_003
    assert found.media_bytes >= 4_000


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "video_url", "video_url": {"url": "https://x.example/v.mp4"}},
        {"type": "audio_url", "audio_url": {"url": "https://x.example/a.mp3"}},
        {"type": "input_audio", "input_audio": {}},
        {"type": "image_url", "image_url": {"url": "data:application/pdf;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "gs://bucket/v.mp4"}},
        {"type": "image_url"},
        {"type": "something_new"},
        {"something": "new"},
    ],
    ids=lambda part: json.dumps(part)[:40],
)
def test_what_cannot_be_counted_is_named(part: dict[str, Any]) -> None:
    """A file, a video, a thing of next year: nobody here knows how many tokens that is."""
    assert chat(TEXT, part).opaque == "messages[0].content[1]"


def test_a_marker_spelt_with_escapes_is_no_hiding_place() -> None:
    """JSON lets any letter be written as its number; what is read is what the upstream will read."""
    body = rb'{"messages":[{"content":[{"t\u0079pe":"image\u005furl","im\u0061ge_url":{"url":"http://x"}}]}]}'

    assert parts_of_chat(body).images == 1


def test_an_earlier_answer_given_back_is_looked_at() -> None:
    """Sound that the provider keeps is named by its field; images that came with an answer are images again."""
    spoken = {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}
    drawn = {"messages": [{"role": "assistant", "content": "", "images": [image(PNG)]}]}

    assert parts_of_chat(json.dumps(spoken).encode()).opaque == "messages[0].audio"
    assert parts_of_chat(json.dumps(drawn).encode()).images == 1
    assert parts_of_chat(b'{"messages":[{"role":"assistant","audio":null}]}').opaque == ""


@pytest.mark.parametrize("messages", ['"text"', "[1]", '[{"content":7}]', '[{"content":{"type":"image_url"}}]'])
def test_messages_of_no_known_shape_are_not_taken_for_text(messages: str) -> None:
    """What we do not understand an upstream may."""
    assert parts_of_chat(f'{{"messages":{messages}}}'.encode()).opaque == "messages"


def test_tools_that_others_run_are_named() -> None:
    """A function costs nothing but its tokens; a search, an interpreter, a remote server do."""
    function = {"type": "function", "function": {"name": "f", "parameters": {}}}

    assert chat(tools=[function, {"type": "custom", "custom": {"name": "g"}}, {"function": {"name": "h"}}]) == PLAIN
    assert chat(tools=None) == PLAIN
    assert chat(tools=[function, {"type": "web_search"}]).unpriced == "tools[1].type"
    assert chat(tools=[{"google_search": {}}]).unpriced == "tools[0].type"
    assert chat(tools="all").unpriced == "tools"


def test_embeddings_are_of_text_or_named() -> None:
    """Strings and tokens are counted by their bytes, anything else is not."""
    for plain in ('"a {x}"', '["a {x}","b {y}"]', "[1,2]", "[[1],[2]]"):
        assert parts_of_embeddings(f'{{"model":"m","input":{plain}}}'.encode()) == PLAIN
    assert parts_of_embeddings(b'{"model":"m","input":[{"image":"http://x"}]}').opaque == "input"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "content", "image_url", "url", "detail", "input_audio", "data", "messages", "tools", "input"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(
    st.dictionaries(st.sampled_from(["messages", "tools", "input", "model"]), _json),
    st.sampled_from([parts_of_chat, parts_of_embeddings]),
)
def test_any_json_object_has_parts(body: dict[str, Any], parts_of: Callable[[bytes], Parts]) -> None:
    """Whatever a client sends is counted or named, and never more media than there are bytes."""
    raw = json.dumps(body).encode()
    with contextlib.suppress(RecursionError):
        assert 0 <= parts_of(raw).media_bytes <= len(raw)


@pytest.mark.parametrize("name", ["messages", "inputs", "images", "image"])
def test_what_is_embedded_besides_the_input_is_named(name: str) -> None:
    """Some servers take messages or pictures there, of which one URL may be thousands of tokens."""
    assert parts_of_embeddings(b'{"model":"m","input":"a","%s":["http://x"]}' % name.encode()).opaque == name
    assert parts_of_embeddings(b'{"model":"m","input":"a","%s":null}' % name.encode()) == PLAIN

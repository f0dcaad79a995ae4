"""Gemini's pictures, sound and files."""

from typing import Any

import pytest

from sluice_dataplane.dialects.conversation import Audio, Document, Image
from sluice_dataplane.dialects.gemini import media
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

TO = To(model="m", losses=Losses(allowed=True), usual_ceiling=9)


@pytest.mark.parametrize(
    ("media_type", "found"),
    [
        ("image/png", Image(data="d", media_type="image/png")),
        ("audio/mpeg", Audio(data="d", format="mp3")),
        ("audio/x-wav;rate=1", Audio(data="d", format="wav")),
        ("text/csv", Document(data="d", media_type="text/csv")),
        ("video/mp4", None),
        ("", None),
    ],
)
def test_the_type_says_what_it_is(media_type: str, found: Any) -> None:
    """A video is nothing that another provider could have."""
    assert media.media_of(media_type, "d") == found


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (
            Image(url="https://x/a.webp?s=1"),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://x/a.webp?s=1"}},
        ),
        (Image(url="https://x/a"), {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/a"}}),
        (Image(url="https://[bad/a"), {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://[bad/a"}}),
        (Image(url="data:image/gif;base64,AA=="), {"inlineData": {"mimeType": "image/gif", "data": "AA=="}}),
        (Image(url="https://x/a.pdf"), {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/a.pdf"}}),
        (
            Image(url="https://x/a", media_type="video/mp4"),
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/a"}},
        ),
        (Image(data="AA=="), {"inlineData": {"mimeType": "image/jpeg", "data": "AA=="}}),
        (Image(file_id="gs://b/a.png"), {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}}),
    ],
)
def test_an_image_goes_by_url_or_inline(image: Image, found: Any) -> None:
    """With a type in any case: Google wants one."""
    assert media.write_image(image, TO) == found


def test_a_document_of_words_is_words() -> None:
    """With its title and context before them."""
    assert media.write_document(Document(text="c", title="a", context="b"), TO) == {"text": "a\n\nb\n\nc"}


def test_citations_of_a_document_are_lost_by_name() -> None:
    """Gemini cites only what it searched."""
    losses = Losses(allowed=False)
    with pytest.raises(InvalidRequestError) as caught:
        media.write_document(
            Document(text="x", citations=True, at="messages[0].content[1]"),
            To(model="m", losses=losses, usual_ceiling=9),
        )

    assert caught.value.param == "messages[0].content[1].citations"


@pytest.mark.parametrize("url", ["https://www.youtube.com/watch?v=x", "https://YOUTU.BE/x", "https://m.youtube.com./x"])
def test_a_film_is_no_picture(url: str) -> None:
    """Google would play it, at hundreds of tokens a second; as a picture it is held for one."""
    with pytest.raises(InvalidRequestError):
        media.write_image(Image(url=url), TO)

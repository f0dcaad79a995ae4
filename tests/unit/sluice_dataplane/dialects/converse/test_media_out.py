"""Converse: pictures, files and sound: what the API takes, what is refused, how files are named."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.snapshot import Capabilities
from sluice_dataplane.dialects.conversation import Audio, Document, Image
from sluice_dataplane.dialects.converse.media_out import MAX_NAME, Media
from sluice_dataplane.dialects.losses import Losses
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.errors import InvalidRequestError

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _media(**capabilities: Any) -> Media:
    losses = Losses(allowed=True)
    return Media(To(model="m", losses=losses, usual_ceiling=1, capabilities=Capabilities(**capabilities)))


def _name(media: Media, title: str) -> str:
    block: Any = media.document(Document(text="t", title=title))
    return str(block["document"]["name"])


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [("image/png", "png"), ("IMAGE/JPG", "jpeg"), ("image/gif", "gif"), ("image/webp", "webp")],
)
def test_pictures_are_sent_by_their_bytes(media_type: str, expected: str) -> None:
    """In one of four formats."""
    assert _media().image(Image(data="AA==", media_type=media_type)) == {
        "image": {"format": expected, "source": {"bytes": "AA=="}}
    }


@pytest.mark.parametrize(
    "image",
    [
        Image(url="https://example.com/a.png", at="here"),
        Image(file_id="f", at="here"),
        Image(data="AA==", media_type="image/tiff", at="here"),
        Image(data="AA==", at="here"),
    ],
)
def test_other_pictures_are_refused_where_they_stand(image: Image) -> None:
    """Nothing is fetched for a client, and a request without its picture would be another."""
    with pytest.raises(InvalidRequestError) as caught:
        _media().image(image)

    assert caught.value.param == "here"


def test_a_model_that_sees_nothing_gets_no_pictures() -> None:
    """They are refused, whatever may be dropped."""
    with pytest.raises(InvalidRequestError, match="sees no images"):
        _media(vision=False).image(Image(data="AA==", media_type="image/png"))


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("application/pdf", "pdf"),
        (DOCX, "docx"),
        ("text/csv;charset=utf-8", "csv"),
        ("text/x-python", "txt"),
        ("application/json", "txt"),
        ("text/markdown", "md"),
    ],
)
def test_files_are_sent_by_their_bytes(media_type: str, expected: str) -> None:
    """In one of nine formats; text of any other kind is text."""
    block: Any = _media().document(Document(data="AA==", media_type=media_type))

    assert block["document"] == {"format": expected, "name": "document", "source": {"bytes": "AA=="}}


@pytest.mark.parametrize(
    "document",
    [
        Document(url="https://example.com/a.pdf", at="here"),
        Document(file_id="f", at="here"),
        Document(data="AA==", media_type="application/zip", at="here"),
    ],
)
def test_other_files_are_refused_where_they_stand(document: Document) -> None:
    """As pictures are."""
    with pytest.raises(InvalidRequestError) as caught:
        _media().document(document)

    assert caught.value.param == "here"


def test_a_model_that_reads_nothing_gets_no_files() -> None:
    """They are refused, whatever may be dropped."""
    with pytest.raises(InvalidRequestError, match="reads no documents"):
        _media(documents=False).document(Document(text="t"))


def test_names_are_in_the_few_characters_there_are_and_unique() -> None:
    """The API takes no others, one space at a time, and no name twice."""
    media = _media()

    assert [_name(media, title) for title in ("a.pdf", "a.pdf", "a  b\tc", "", "é", " [x] (y) ")] == [
        "a-pdf",
        "a-pdf (2)",
        "a b c",
        "document",
        "-",
        "[x] (y)",
    ]


@given(st.lists(st.text(max_size=30) | st.text("ab .", min_size=190, max_size=230), max_size=5))
def test_any_title_gives_a_name(titles: list[str]) -> None:
    """Whatever a file is called, and however many are called the same."""
    media = _media()
    names = [_name(media, title) for title in titles]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9\-()\[\]]+( [A-Za-z0-9\-()\[\]]+)*", name) for name in names)
    assert all(len(name) <= MAX_NAME for name in names)


def test_sound_is_sent_in_formats_that_are_known() -> None:
    """Others are refused where they stand."""
    with pytest.raises(InvalidRequestError) as caught:
        _media().audio(Audio(data="AA==", format="midi", at="here"))

    assert caught.value.param == "here"
    assert _media().audio(Audio(data="AA==", format="mp3")) == {"audio": {"format": "mp3", "source": {"bytes": "AA=="}}}

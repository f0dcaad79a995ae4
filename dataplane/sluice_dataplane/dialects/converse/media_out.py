"""Converse: pictures, files and sound as the API takes them: in the body, by their bytes.  Pure.

What is named by a URL or kept elsewhere is refused: the gateway fetches nothing on a client's behalf.
Source: the API reference (``ImageBlock``, ``DocumentBlock``, ``AudioBlock``).
"""

import re
from base64 import b64encode
from typing import Final

from sluice_dataplane.dialects.conversation import Audio, Document, Image
from sluice_dataplane.dialects.seam import To

Block = dict[str, object]

MAX_NAME: Final = 200  # characters of a document's name
_IMAGES: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    "application/json": "txt",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
}
_SOUNDS: Final = frozenset(
    ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm")
)
_UNNAMEABLE: Final = re.compile(r"[^A-Za-z0-9\-()\[\] ]+")
_SPACES: Final = re.compile(r"\s+")


class Media:
    """Writes the media of one request; no two documents get the same name."""

    __slots__ = ("_names", "_numbers", "_to")

    def __init__(self, to: To) -> None:
        self._to = to
        self._names: set[str] = set()
        self._numbers: dict[str, int] = {}  # the last number behind a name: thousands may be called the same

    def image(self, image: Image) -> Block:
        """The block of *image*.

        Raises:
            InvalidRequestError: the model sees nothing, or the picture is not in the body or of another format.
        """
        refuse, at = self._to.losses.refuse, image.at or "turns"
        if self._to.capabilities.vision is False:
            raise refuse(at, "this model sees no images")
        if not image.data:
            raise refuse(at, "the provider of this model takes images only in the body, in base64, not by URL or id")
        form = _IMAGES.get(_media_type(image.media_type))
        if form is None:
            raise refuse(at, "the provider of this model takes images as PNG, JPEG, GIF or WebP only")
        return {"image": {"format": form, "source": {"bytes": image.data}}}

    def document(self, document: Document) -> Block:
        """The block of *document*.

        Raises:
            InvalidRequestError: the model reads none, or the file is not in the body or of another format.
        """
        refuse, at = self._to.losses.refuse, document.at or "turns"
        if self._to.capabilities.documents is False:
            raise refuse(at, "this model reads no documents")
        if document.data:
            form, data = _document_format(document.media_type), document.data
        elif document.text:
            form, data = "txt", b64encode(document.text.encode()).decode()
        else:
            raise refuse(at, "the provider of this model takes documents only in the body, not by URL or id")
        if not form:
            raise refuse(at, "the provider of this model takes no documents of this type")
        block: Block = {"format": form, "name": self._name(document.title), "source": {"bytes": data}}
        if document.context:
            block["context"] = document.context
        if document.citations:
            block["citations"] = {"enabled": True}
        return {"document": block}

    def audio(self, audio: Audio) -> Block:
        """The block of *audio*.

        Raises:
            InvalidRequestError: it is of a format that the API does not take.
        """
        if audio.format not in _SOUNDS:
            why = "the provider of this model takes no sound of this format"
            raise self._to.losses.refuse(audio.at or "turns", why)
        return {"audio": {"format": audio.format, "source": {"bytes": audio.data}}}

    def _name(self, title: str) -> str:
        """*title* in the few characters that a name may have; numbered where it is taken."""
        base = _SPACES.sub(" ", _UNNAMEABLE.sub("-", _SPACES.sub(" ", title))).strip()[: MAX_NAME - 10].strip()
        base = base or "document"
        name, number = base, self._numbers.get(base, 1)
        while name in self._names:
            number += 1
            name = f"{base} ({number})"
        self._numbers[base] = number
        self._names.add(name)
        return name


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _document_format(text: str) -> str:
    media_type = _media_type(text)
    return _DOCUMENTS.get(media_type) or ("txt" if media_type.startswith("text/") else "")

"""Gemini's wire: pictures, sound and files, as ``inlineData`` and ``fileData``.  Pure."""

from typing import Any, Final
from urllib.parse import urlsplit

from sluice_dataplane.dialects.conversation import Audio, Document, Image
from sluice_dataplane.dialects.gemini.fields import Fields
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import split_data_url
from sluice_dataplane.errors import InvalidRequestError

Media = Image | Document | Audio

_FORMATS: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "x-aiff": "aiff", "x-flac": "flac"}
_KEPT: Final = ("https://generativelanguage.googleapis.com/", "gs://")  # what Google keeps, not what it fetches
_DETAILS: Final = {"MEDIA_RESOLUTION_LOW": "low", "MEDIA_RESOLUTION_HIGH": "high"}
_TYPES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
}


def read_media(part: Fields) -> Media | None:
    """The picture, sound or file in *part*; None where there is none.

    Raises:
        FieldError: it is not what it must be.
        InvalidRequestError: it is what only Gemini can see, as a video.
    """
    blob, file = part.one("inlineData"), part.one("fileData")
    if blob is not None:
        return _read_blob(blob, _detail(part), part.at)
    return None if file is None else _read_file(file, _detail(part), part.at)


def media_of(media_type: str, data: str, *, detail: str = "", title: str = "", at: str = "") -> Media | None:
    """What *data* of *media_type* is; None for a video, which nothing here can hold."""
    kind, _, subtype = media_type.lower().partition(";")[0].partition("/")
    if kind == "image":
        return Image(data=data, media_type=media_type, detail=detail, at=at)
    if kind == "audio":
        return Audio(data=data, format=_FORMATS.get(subtype, subtype), at=at)
    return None if kind == "video" or not media_type else Document(data=data, media_type=media_type, title=title, at=at)


def _read_blob(blob: Fields, detail: str, at: str) -> Media:
    found = media_of(blob.text("mimeType"), blob.text("data"), detail=detail, title=blob.text("displayName"), at=at)
    if found is None:
        raise _unsupported(at, blob.text("mimeType"))
    return found


def _read_file(file: Fields, detail: str, at: str) -> Media:
    uri, media_type = file.text("fileUri"), file.text("mimeType")
    url, file_id = ("", uri) if uri.startswith(_KEPT) else (uri, "")
    kind = media_type.partition("/")[0].lower()
    if kind == "image":
        return Image(url=url, file_id=file_id, media_type=media_type, detail=detail, at=at)
    if kind in ("audio", "video", ""):
        raise _unsupported(at, media_type)
    return Document(url=url, file_id=file_id, media_type=media_type, title=file.text("displayName"), at=at)


def _detail(part: Fields) -> str:
    resolution = part.one("mediaResolution")
    return "" if resolution is None else _DETAILS.get(resolution.text("level"), "")


def _unsupported(at: str, media_type: str) -> InvalidRequestError:
    what = f"of type {media_type[:64]}" if media_type else "of no named type"
    message = f"{at}: the provider of this model takes nothing {what} here."
    return InvalidRequestError(message, code="unsupported_field", param=at)


def write_image(image: Image, to: To) -> dict[str, Any]:
    """*image* as a part.

    Raises:
        InvalidRequestError: the model sees none, or another provider keeps it.
    """
    if to.capabilities.vision is False:
        raise to.losses.refuse(image.at or "turns", "this model does not see images")
    return _write(image, "image/jpeg", to)


def write_document(document: Document, to: To) -> dict[str, Any]:
    """*document* as a part.  Raises as :func:`write_image`."""
    if to.capabilities.documents is False:
        raise to.losses.refuse(document.at or "turns", "this model does not read files")
    if document.citations:
        to.losses.lose(f"{document.at or 'turns'}.citations")
    if document.text:
        heads = [head for head in (document.title, document.context) if head]
        return {"text": "\n\n".join([*heads, document.text])}
    return _write(document, "application/pdf", to)


def write_audio(audio: Audio) -> dict[str, Any]:
    """*audio* as a part."""
    return inline(f"audio/{audio.format}", audio.data)


def inline(media_type: str, data: str) -> dict[str, Any]:
    """*data*, in base64, as a part."""
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _write(media: Image | Document, usual_type: str, to: To) -> dict[str, Any]:
    split = split_data_url(media.url)
    if split is not None:
        return inline(split[0] or usual_type, split[1])
    if media.data:
        return inline(media.media_type or usual_type, media.data)
    uri = media.url or media.file_id
    if not media.url and not uri.startswith(("https://", "gs://")):
        raise to.losses.refuse(media.at or "turns", "a file that another provider keeps cannot be sent")
    if _is_film(uri):
        raise to.losses.refuse(media.at or "turns", "a video is no picture and no file")
    media_type = media.media_type or _by_name(uri) or usual_type
    if isinstance(media, Image) and not media_type.lower().startswith("image/"):
        media_type = usual_type  # as a picture it is held and billed: what its name says must not make it a book
    return {"fileData": {"mimeType": media_type, "fileUri": uri}}


def _is_film(uri: str) -> bool:
    """Whether Google would play it, whatever type is said to be there."""
    try:
        host = (urlsplit(uri).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    return f".{host}".endswith((".youtube.com", ".youtu.be", ".youtube-nocookie.com"))


def _by_name(uri: str) -> str:
    try:
        path = urlsplit(uri).path
    except ValueError:
        return ""
    return _TYPES.get(path.rpartition(".")[2].lower(), "")

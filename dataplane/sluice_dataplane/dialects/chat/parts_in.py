"""The parts of a client's message: text, pictures, sound and files, however they are spelt.

Sources: the OpenAI API reference (content parts); OpenRouter's and LiteLLM's pages on ``cache_control`` and files.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sluice_dataplane.dialects.chat.edge import beyond_translation
from sluice_dataplane.dialects.conversation import Audio, Cache, Document, Image, Part, Refusal, Text
from sluice_dataplane.dialects.edge import invalid
from sluice_dataplane.dialects.values import ABSENT, FILE_TYPES, said, split_data_url


class CacheControl(msgspec.Struct, gc=False):
    """Up to here may be kept; Anthropic's form, which OpenRouter and LiteLLM take."""

    ttl: str | None = None


class _ImageUrl(msgspec.Struct, gc=False):
    url: str
    detail: str | None = None


class _InputAudio(msgspec.Struct, gc=False):
    data: str
    format: str


class _File(msgspec.Struct, gc=False):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ContentPart(msgspec.Struct, gc=False):
    """One part; which member counts is said by ``type``."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    image_url: str | _ImageUrl | None = None
    input_audio: _InputAudio | None = None
    file: _File | None = None
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: msgspec.Raw = ABSENT

    @property
    def cache(self) -> Cache | None:
        """The mark on it, in whichever form."""
        return cache_of(self.cache_control) or (Cache() if said(self.prompt_cache_breakpoint) else None)


def cache_of(control: CacheControl | None) -> Cache | None:
    """The mark that *control* is."""
    return None if control is None else Cache(ttl=control.ttl or "")


def read_content(content: str | Sequence[str | ContentPart] | None, at: str) -> list[Part]:
    """The parts of the *content* that stands at *at*.

    Raises:
        InvalidRequestError: a part cannot be understood, or no other API has its like; names the part.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(text=content, at=at)]
    parts: list[Part] = []
    for number, part in enumerate(content):
        place = f"{at}[{number}]"
        parts.append(Text(text=part, at=place) if isinstance(part, str) else _part(part, place))
    return parts


def _part(part: ContentPart, at: str) -> Part:
    kind = part.type or _kind(part)
    read = _PARTS.get(kind)
    found = read(part, at) if read is not None else None
    if found is not None:
        return found
    if read is not None:
        raise invalid(f"{at}.{kind}", "is missing")
    raise beyond_translation(f"{at}.type", "a part of this kind")


def _kind(part: ContentPart) -> str:
    """What a part without a type is: what it has."""
    return next((name for name in _PARTS if getattr(part, name, None) is not None), "")


def _text(part: ContentPart, at: str) -> Text | None:
    return None if part.text is None else Text(text=part.text, cache=part.cache, at=at)


def _refusal(part: ContentPart, at: str) -> Refusal | None:
    return None if part.refusal is None else Refusal(text=part.refusal, at=at)


def _image(part: ContentPart, at: str) -> Image | Document | None:
    if part.image_url is None:
        return None
    image = _ImageUrl(part.image_url) if isinstance(part.image_url, str) else part.image_url
    inline = split_data_url(image.url)
    if inline is None:
        if image.url[:5].lower() == "data:":
            raise invalid(f"{at}.image_url", "a data: URL must be in base64")
        return Image(url=image.url, detail=image.detail or "", cache=part.cache, at=at)
    media_type, data = inline
    if not media_type.startswith("image/"):  # a file, whatever the part is called
        return Document(data=data, media_type=media_type, cache=part.cache, at=at)
    return Image(data=data, media_type=media_type, detail=image.detail or "", cache=part.cache, at=at)


def _audio(part: ContentPart, at: str) -> Audio | None:
    sound = part.input_audio
    return None if sound is None else Audio(data=sound.data, format=sound.format, at=at)


def _document(part: ContentPart, at: str) -> Document | None:
    file = part.file
    if file is None or not (file.file_data or file.file_id):
        return None
    title, given = file.filename or "", file.file_data or ""
    if file.file_id and not given:
        return Document(file_id=file.file_id, title=title, cache=part.cache, at=at)
    if given[:8].lower().startswith(("http://", "https://")):  # OpenRouter's
        return Document(url=given, title=title, cache=part.cache, at=at)
    guessed = FILE_TYPES.get(title.rpartition(".")[2].lower(), "application/pdf")
    media_type, data = split_data_url(given) or (guessed, given)
    return Document(data=data, media_type=media_type or guessed, title=title, cache=part.cache, at=at)


_PARTS: Final[dict[str, Callable[[ContentPart, str], Part | None]]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _document,
    "refusal": _refusal,
}

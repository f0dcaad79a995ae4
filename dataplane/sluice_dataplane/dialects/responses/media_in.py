"""Parts of messages and of tools' outputs, read from a client's request or a provider's answer."""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Audio, Cache, Citation, Document, Image, Refusal, Text
from sluice_dataplane.dialects.edge import decode, invalid
from sluice_dataplane.dialects.responses.edge import untranslatable
from sluice_dataplane.dialects.values import ABSENT, FILE_TYPES, said, split_data_url, starts


class _Sound(msgspec.Struct):
    data: str
    format: str = "wav"


class _Url(msgspec.Struct):
    url: str = ""


class _Breakpoint(msgspec.Struct):
    ttl: str | None = None


class Annotation(msgspec.Struct):
    """What a text rests on."""

    type: str = ""
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Part(msgspec.Struct):
    """One part, of any kind."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    image_url: str | _Url | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: _Sound | None = None
    annotations: msgspec.Raw = ABSENT
    prompt_cache_breakpoint: _Breakpoint | None = None


_parts: Final = msgspec.json.Decoder(list[Part])
_string: Final = msgspec.json.Decoder(str)
_annotations: Final = msgspec.json.Decoder(list[Annotation])

Content = Text | Image | Document | Audio | Refusal


def read_content(value: msgspec.Raw, at: str) -> tuple[Content, ...]:
    """What stands in ``content`` or ``output`` at *at*: a text, or parts.

    Raises:
        InvalidRequestError: it is neither, or a part is of no known type; names it.
    """
    if not said(value):
        return ()
    if starts(value, b'"'):
        return (Text(text=decode(_string, value, at), at=at),)
    parts = decode(_parts, value, at)
    return tuple(_read_part(part, f"{at}[{number}]") for number, part in enumerate(parts))


def _read_part(part: Part, at: str) -> Content:
    kind = part.type
    if kind in ("input_text", "output_text", "text", None) and part.text is not None:
        return Text(text=part.text, cache=_cache(part), citations=citations_of(part.annotations), at=at)
    if kind == "refusal":
        return Refusal(text=part.refusal or "", at=at)
    if kind in ("input_image", "computer_screenshot"):
        return _image(part, at)
    if kind == "input_file":
        return _document(part, at)
    if kind == "input_audio" and part.input_audio is not None:
        return Audio(data=part.input_audio.data, format=part.input_audio.format, at=at)
    if kind in ("input_text", "output_text", "text", "input_audio", None):
        raise invalid(at, "has no content of its type")
    raise untranslatable(at, f"parts of type {kind[:40]} are this API's own")


def _cache(part: Part) -> Cache | None:
    found = part.prompt_cache_breakpoint
    return None if found is None else Cache(ttl="1h" if found.ttl == "12h" else "")


def _image(part: Part, at: str) -> Image:
    url = part.image_url.url if isinstance(part.image_url, _Url) else part.image_url or ""
    detail, cache = part.detail or "", _cache(part)
    if not url and not part.file_id:
        raise invalid(f"{at}.image_url", "is missing")
    data = split_data_url(url)
    if data is not None:
        return Image(media_type=data[0], data=data[1], detail=detail, cache=cache, at=at)
    return Image(url=url, file_id="" if url else part.file_id or "", detail=detail, cache=cache, at=at)


def _document(part: Part, at: str) -> Document:
    title, cache = part.filename or "", _cache(part)
    if part.file_data:
        media_type, data = split_data_url(part.file_data) or ("", part.file_data)
        guessed = FILE_TYPES.get(title.rpartition(".")[2].lower(), "application/pdf")
        return Document(media_type=media_type or guessed, data=data, title=title, cache=cache, at=at)
    if part.file_url:
        return Document(url=part.file_url, title=title, cache=cache, at=at)
    if not part.file_id:
        raise invalid(f"{at}.file_data", "is missing")
    return Document(file_id=part.file_id, title=title, cache=cache, at=at)


def citations_of(value: msgspec.Raw) -> tuple[Citation, ...]:
    """What ``annotations`` say; those of the provider's own files say nothing to others."""
    if not said(value):
        return ()
    try:
        found = _annotations.decode(value)
    except (ValueError, RecursionError):
        return ()
    return tuple(cited for each in found if (cited := citation_of(each)) is not None)


def citation_of(annotation: Annotation) -> Citation | None:
    """One of them; None where it leads nowhere."""
    if not annotation.url:
        return None
    return Citation(
        url=annotation.url, title=annotation.title or "", start=annotation.start_index, end=annotation.end_index
    )

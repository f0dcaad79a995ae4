"""Anthropic's wire: blocks of content as parts, of a client's turns and of a provider's answers."""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import (
    Cache,
    Citation,
    Document,
    Image,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluice_dataplane.dialects.edge import wrong_type
from sluice_dataplane.dialects.messages import shapes
from sluice_dataplane.dialects.messages.marks import calls_proven
from sluice_dataplane.dialects.messages.thoughts import read_thought
from sluice_dataplane.dialects.values import items, said, starts
from sluice_dataplane.errors import InvalidRequestError

Blocks = str | list[shapes.Block]


def cache_of(control: shapes.CacheControl | None) -> Cache | None:
    """What a mark of a cache says."""
    return None if control is None else Cache(ttl=control.ttl or "")


def parts_of(content: Blocks, at: str, beyond: list[str]) -> tuple[Part, ...]:
    """The parts that the client's *content* holds, which stands at *at*; what has no like elsewhere goes to *beyond*.

    Raises:
        InvalidRequestError: a block is not of the form that its type must have.
    """
    if isinstance(content, str):
        return (Text(text=content, at=at),) if content else ()
    found: list[Part] = []
    for number, block in enumerate(content):
        place = f"{at}[{number}]"
        try:
            part = _part(block, place, beyond)
        except msgspec.ValidationError as error:
            raise wrong_type(error, place) from None
        except (ValueError, RecursionError):
            raise InvalidRequestError(f"{place}: is not valid JSON.", code="invalid_json", param=place) from None
        if part is None:
            beyond.append(place)
        else:
            found.append(part)
    return tuple(calls_proven(found))


def _part(block: shapes.Block, at: str, beyond: list[str]) -> Part | None:
    match block.type:
        case "text":
            return Text(
                text=_must(block.text, at, "text"),
                cache=cache_of(block.cache_control),
                citations=citations_of(block.citations),
                at=at,
            )
        case "image" | "document" | "search_result":
            return _medium(block, at, beyond)
        case "tool_use":
            return _tool_use(block, at)
        case "tool_result":
            return _result(block, at, beyond)
        case _:
            return _thought(block, at)


def _thought(block: shapes.Block, at: str) -> Thinking | None:
    """A client's block of thinking; None for any other."""
    if block.type == "thinking":
        return read_thought(block.thinking or "", block.signature or "", "", at)
    if block.type == "redacted_thinking" and block.data:
        return read_thought("", "", block.data, at)
    return None


def arguments_of(raw: msgspec.Raw) -> str:
    """A call's arguments as text."""
    return bytes(raw).decode() if said(raw) else ""


def _tool_use(block: shapes.Block, at: str) -> ToolCall:
    if said(block.input) and not starts(block.input, b"{"):
        raise InvalidRequestError(f"{at}.input: must be an object.", param=f"{at}.input")
    return ToolCall(
        id=_must(block.id, at, "id"),
        name=_must(block.name, at, "name"),
        arguments=arguments_of(block.input),
        cache=cache_of(block.cache_control),
        at=at,
    )


def _result(block: shapes.Block, at: str, beyond: list[str]) -> ToolResult:
    content = shapes.blocks.decode(block.content) if said(block.content) else ""
    parts = parts_of(content, f"{at}.content", beyond)
    return ToolResult(
        call_id=_must(block.tool_use_id, at, "tool_use_id"),
        parts=tuple([part for part in parts if isinstance(part, Text | Image | Document)]),
        is_error=bool(block.is_error),
        cache=cache_of(block.cache_control),
        at=at,
    )


def _medium(block: shapes.Block, at: str, beyond: list[str]) -> Image | Document | None:
    if block.type == "search_result":
        return _search_result(block, at, beyond)
    source = shapes.source.decode(block.source) if said(block.source) else shapes.Source()
    cache = cache_of(block.cache_control)
    data, url, file_id = source.data or "", source.url or "", source.file_id or ""
    if not (data or url or file_id) and source.type != "content":
        raise InvalidRequestError(f"{at}.source: says where it is.", param=f"{at}.source")
    media_type = source.media_type or ""
    if block.type == "image":
        return Image(data=data, media_type=media_type, url=url, file_id=file_id, cache=cache, at=at)
    text = ""
    if source.type == "text":
        text, data = data, ""
    elif source.type == "content":
        text = _words(source.content, f"{at}.source.content", beyond)
    return Document(
        url=url,
        data=data,
        text=text,
        media_type=media_type,
        file_id=file_id,
        title=block.title or "",
        context=block.context or "",
        citations=_cites(block.citations),
        cache=cache,
        at=at,
    )


def _search_result(block: shapes.Block, at: str, beyond: list[str]) -> Document:
    source = msgspec.json.decode(block.source, type=str) if said(block.source) else ""
    return Document(
        text=_words(block.content, f"{at}.content", beyond),
        media_type="text/plain",
        title=block.title or "",
        context=source,
        citations=_cites(block.citations),
        cache=cache_of(block.cache_control),
        at=at,
    )


def _words(raw: msgspec.Raw, at: str, beyond: list[str]) -> str:
    """The words of a document made of blocks."""
    parts = parts_of(shapes.blocks.decode(raw) if said(raw) else "", at, beyond)
    beyond.extend([part.at for part in parts if not isinstance(part, Text)])
    return "\n\n".join([part.text for part in parts if isinstance(part, Text)])


def _cites(raw: msgspec.Raw) -> bool:
    return starts(raw, b"{") and b'"enabled":true' in bytes(raw).replace(b" ", b"")


def _must(value: str | None, at: str, name: str) -> str:
    if value is None:
        raise InvalidRequestError(f"{at}.{name}: is missing.", param=f"{at}.{name}")
    return value


_KINDS: Final = ("char_location", "page_location", "content_block_location")


def citations_of(raw: msgspec.Raw) -> tuple[Citation, ...]:
    """What a text rests on.  Raises msgspec.ValidationError where that is not said in this wire's form."""
    return tuple([citation_of(each) for each in items.decode(raw)]) if starts(raw, b"[") else ()


def citation_of(raw: msgspec.Raw) -> Citation:
    """One citation.  Raises msgspec.ValidationError where it is none."""
    place = shapes.location.decode(raw)
    in_document = place.type in _KINDS
    return Citation(
        url=place.url or place.source or "",
        title=place.document_title or place.title or "",
        quote=place.cited_text or "",
        document=place.document_index if in_document else None,
        start=place.start_char_index if in_document else None,
        end=place.end_char_index if in_document else None,
        raw=msgspec.Raw(bytes(raw)),
    )

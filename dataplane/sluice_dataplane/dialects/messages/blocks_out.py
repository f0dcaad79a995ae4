"""Anthropic's wire: parts as blocks of content, for a provider.

Sources: the API reference of Messages; the page on errors of it for what a block must be (words that are not blank, ids
of letters, digits, ``_`` and ``-``); the pages on vision and PDF support for what can be looked at.
"""

import base64
import binascii
import re
import zlib
from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.conversation import Cache, Document, Image, Text, ToolCall, ToolResult
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import members, raw, split_data_url

Block = dict[str, Any]
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_SAME_TYPES: Final = {"image/jpg": "image/jpeg", "": "image/png"}
_WORDS: Final = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")


def cached(block: Block, cache: Cache | None) -> Block:
    """*block* with the mark of *cache*, where there is one."""
    if cache is not None:
        block["cache_control"] = {"type": "ephemeral", "ttl": cache.ttl} if cache.ttl else {"type": "ephemeral"}
    return block


def text_block(text: str, cache: Cache | None = None) -> list[Block]:
    """The block of *text*; none where it is blank, since the provider refuses that."""
    return [cached({"type": "text", "text": text}, cache)] if text.strip() else []


def call_id(identity: str) -> str:
    """*identity* as an id that the provider takes: the same one always, and different ones stay different."""
    if _ID.fullmatch(identity):
        return identity
    return f"{_NO_ID.sub('_', identity)}_{zlib.crc32(identity.encode('utf-8', 'surrogatepass')):08x}"


def arguments_object(call: ToolCall) -> msgspec.Raw | dict[str, object]:
    """A call's arguments as the object they must be: plain text is its ``input``, another thing its ``arguments``."""
    if call.free:
        return {"input": call.arguments}
    if not call.arguments.strip():
        return {}
    try:
        members.decode(call.arguments.encode())
    except (ValueError, RecursionError):
        return {"arguments": call.arguments}
    return msgspec.Raw(call.arguments.encode())


def call_block(call: ToolCall) -> Block:
    """The block of a call."""
    block = {"type": "tool_use", "id": call_id(call.id), "name": call.name, "input": arguments_object(call)}
    return cached(block, call.cache)


def result_block(result: ToolResult, to: To) -> Block:
    """The block of what a tool gave; words alone go as they are."""
    block: Block = {"type": "tool_result", "tool_use_id": call_id(result.call_id)}
    parts = result.parts
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        block["content"] = parts[0].text
    elif content := [each for part in parts for each in _within(part, to)]:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return cached(block, result.cache)


def _within(part: Text | Image | Document, to: To) -> list[Block]:
    return text_block(part.text, part.cache) if isinstance(part, Text) else [medium_block(part, to)]


def medium_block(part: Image | Document, to: To) -> Block:
    """The block of an image or a document.

    Raises:
        InvalidRequestError: the model cannot look at it, or it is with another provider.
    """
    if part.file_id:
        raise to.losses.refuse(part.at or "file_id", "the file is kept by another provider than this model's")
    return cached(_image(part, to) if isinstance(part, Image) else _document(part, to), part.cache)


def _image(part: Image, to: To) -> Block:
    if to.capabilities.vision is False:
        raise to.losses.refuse(part.at or "image", "this model cannot see images")
    data, media_type = part.data, part.media_type
    if not data:
        found = split_data_url(part.url)
        if found is None:
            return {"type": "image", "source": {"type": "url", "url": part.url}}
        media_type, data = found
    source = {"type": "base64", "media_type": _SAME_TYPES.get(media_type, media_type), "data": data}
    return {"type": "image", "source": source}


def _document(part: Document, to: To) -> Block:
    block: Block = {"type": "document", "source": _source(part, to)}
    for name in ("title", "context"):
        if value := getattr(part, name):
            block[name] = value
    if part.citations:
        block["citations"] = {"enabled": True}
    return block


def _source(part: Document, to: To) -> Block:
    if part.text:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.media_type.startswith(_WORDS) and not part.url:
        return {"type": "text", "media_type": "text/plain", "data": _decoded(part, to)}
    if to.capabilities.documents is False:
        raise to.losses.refuse(part.at or "document", "this model cannot read documents")
    if part.media_type not in ("", "application/pdf"):
        why = f"this model reads PDF, and text that is in the request itself, not {part.media_type}"
        raise to.losses.refuse(part.at or "document", f"{why} by URL" if part.url else why)
    if part.url:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": "application/pdf", "data": part.data}


def _decoded(part: Document, to: To) -> str:
    try:
        return base64.b64decode(part.data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise to.losses.refuse(part.at or "document", "is not text in base64") from None


def object_schema(schema: msgspec.Raw) -> msgspec.Raw:
    """A tool's *schema* as one of an object, which it must be.  Raises ValueError where it is none of anything."""
    found = members.decode(schema)
    if bytes(found.get("type", b"")) == b'"object"':
        return schema
    return raw({**found, "type": "object"})


def closed_schema(schema: msgspec.Raw) -> msgspec.Raw:
    """*schema* with every object closed to members that it does not name, which the provider wants to be said."""
    return raw(_closed(msgspec.json.decode(schema))) if b'"properties"' in bytes(schema) else schema


def _closed(value: Any) -> Any:  # noqa: ANN401  any JSON
    if isinstance(value, list):
        return [_closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: _closed(each) for name, each in value.items()}
    if found.get("type") == "object" and isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found

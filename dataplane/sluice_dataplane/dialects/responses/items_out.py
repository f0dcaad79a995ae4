"""Turns as ``input`` of a request to a provider of the Responses API."""

import hashlib
from typing import Any, Final

from sluice_dataplane.dialects.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.responses.thoughts import ORIGIN
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import FILE_TYPES, data_url

_MAX_CALL_ID: Final = 64  # characters; OpenAI refuses longer ones
_FILE_ID: Final = "file-"  # files of OpenAI's; other wires' ids mean nothing here
_EXTENSIONS: Final = {media_type: extension for extension, media_type in FILE_TYPES.items()}

Object = dict[str, Any]


def write_turns(turns: tuple[Turn, ...], to: To) -> tuple[str, list[Object]]:
    """``instructions`` ("" for none) and ``input``.

    Raises:
        InvalidRequestError: a part cannot be carried, and may not be dropped; names it.
    """
    instructions = ""
    if turns and turns[0].role == "system" and len(turns[0].parts) == 1 and isinstance(turns[0].parts[0], Text):
        instructions, turns = turns[0].parts[0].text, turns[1:]
    items: list[Object] = []
    for turn in turns:
        _write_turn(turn, to, items)
    return instructions, items


def _write_turn(turn: Turn, to: To, items: list[Object]) -> None:
    words: list[Part] = []
    for part in turn.parts:
        if isinstance(part, ToolCall | ToolResult | Thinking):
            _flush(turn, words, to, items)
            item = _write_item(part, to)
            if item is not None:
                items.append(item)
        else:
            words.append(part)
    _flush(turn, words, to, items)


def _flush(turn: Turn, words: list[Part], to: To, items: list[Object]) -> None:
    """One message of the *words* that came so far."""
    if not words:
        return
    said = turn.role == "assistant"
    content: str | list[Object]
    if len(words) == 1 and isinstance(words[0], Text) and not said:
        content = words[0].text
    else:
        content = [part for each in words for part in _write_part(each, to, said=said)]
    if content or isinstance(content, str):
        # Some servers, llama.cpp's for one, know what was answered in its long form only; all know that one.
        items.append(({"type": "message"} if said else {}) | {"role": turn.role, "content": content})
    words.clear()


def _write_item(part: ToolCall | ToolResult | Thinking, to: To) -> Object | None:
    if isinstance(part, Thinking):
        return _write_thought(part)
    if isinstance(part, ToolResult):
        kind = "custom_tool_call_output" if part.free else "function_call_output"
        return {"type": kind, "call_id": _call_id(part.call_id), "output": _write_output(part, to)}
    call_id = _call_id(part.id)
    if part.free:
        return {"type": "custom_tool_call", "call_id": call_id, "name": part.name, "input": part.arguments}
    return {"type": "function_call", "call_id": call_id, "name": part.name, "arguments": part.arguments or "{}"}


def _write_thought(thought: Thinking) -> Object | None:
    """Only what a provider of this API signed: another's it could not read."""
    if thought.origin != ORIGIN or not thought.signature:
        return None
    item: Object = {"type": "reasoning"}
    if thought.id:
        item["id"] = thought.id
    item["summary"] = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    item["encrypted_content"] = thought.signature
    return item


def _write_output(result: ToolResult, to: To) -> str | list[Object]:
    """What a tool gave; that it failed is told in words, for which this API has no field."""
    begin, end = ("<tool_error>", "</tool_error>") if result.is_error else ("", "")
    parts = result.parts
    if not parts:
        return begin + end
    if len(parts) == 1 and isinstance(parts[0], Text):
        return begin + parts[0].text + end
    around = (Text(begin), *parts, Text(end)) if result.is_error else parts
    return [part for each in around for part in _write_part(each, to, said=False)]


def _write_part(part: Part, to: To, *, said: bool) -> list[Object]:
    """The parts of a message for *part*; *said*: the assistant's."""
    if isinstance(part, Text):
        return [{"type": "output_text" if said else "input_text", "text": part.text}]
    if isinstance(part, Refusal):
        return [{"type": "refusal", "refusal": part.text}]
    if isinstance(part, Image):
        return [_write_image(part, to)]
    if isinstance(part, Document):
        return [_write_document(part, to)]
    assert isinstance(part, Audio)
    return [{"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}]


def _write_image(image: Image, to: To) -> Object:
    if to.capabilities.vision is False:
        raise to.losses.refuse(image.at or "image", "this model takes no images")
    written: Object = {"type": "input_image", "detail": image.detail or "auto"}
    if image.file_id:
        written["file_id"] = _file_id(image.file_id, image.at, to)
    else:
        written["image_url"] = image.url or data_url(image.media_type or "image/png", image.data)
    return written


def _write_document(document: Document, to: To) -> Object:
    if document.citations:
        to.losses.lose(f"{document.at or 'document'}.citations", "this API cites no documents of the request")
    if document.text:
        return {"type": "input_text", "text": _titled(document)}
    if to.capabilities.documents is False:
        raise to.losses.refuse(document.at or "document", "this model takes no documents")
    if document.file_id:
        return {"type": "input_file", "file_id": _file_id(document.file_id, document.at, to)}
    if document.url:
        return {"type": "input_file", "file_url": document.url}
    media_type = document.media_type or "application/pdf"
    name = document.title or f"document.{_EXTENSIONS.get(media_type, 'bin')}"
    return {"type": "input_file", "filename": name, "file_data": data_url(media_type, document.data)}


def _titled(document: Document) -> str:
    return "\n\n".join(each for each in (document.title, document.context, document.text) if each)


def _file_id(file_id: str, at: str, to: To) -> str:
    if not file_id.startswith(_FILE_ID):
        raise to.losses.refuse(at or "file_id", "the file is kept by another provider")
    return file_id


def _call_id(call_id: str) -> str:
    """The same for the call and its result."""
    if len(call_id) <= _MAX_CALL_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:32]

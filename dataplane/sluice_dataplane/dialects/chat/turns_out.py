"""Turns as messages of a chat completion that many servers take, not only OpenAI's.

Text is one string wherever it can be, since several servers take no parts for some roles.  Leading instructions are
one system message, and so are those of a developer: templates of open models know one, at the beginning, and OpenAI
reads it as a developer's where its model wants that.  Turns of one side in a row are one message.  A picture that a
tool gave follows in a user's message, because a tool's message holds text only.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sluice_dataplane.dialects.chat import thoughts
from sluice_dataplane.dialects.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import FILE_TYPES, data_url

Message = dict[str, object]
_INSTRUCTIONS: Final = ("system", "developer")
_NOTHING_LIKE_IT: Final = "the provider of this model has nothing like it"
_EXTENSIONS: Final = {media_type: end for end, media_type in FILE_TYPES.items()}


def write_turns(turns: Sequence[Turn], to: To) -> list[Message]:
    """The messages that say *turns*.

    Raises:
        InvalidRequestError: a part has no like here; names it.
    """
    leading = 0
    while leading < len(turns) and turns[leading].role in _INSTRUCTIONS:
        leading += 1
    messages: list[Message] = []
    instructions = [part for turn in turns[:leading] for part in turn.parts]
    if instructions:
        name = turns[0].name if leading == 1 else ""
        messages.append(_named("system", name, {"content": _words(instructions, to)}))
    for role, name, parts in _merged(turns[leading:]):
        if role == "assistant":
            messages += _assistant(parts, name, to)
        elif role == "user":
            messages += _user(parts, name, to)
        else:
            messages.append(_named("system", name, {"content": _words(parts, to)}))
    return messages


def _merged(turns: Iterable[Turn]) -> list[tuple[Role, str, list[Part]]]:
    """*turns* with those of one speaker in a row as one."""
    merged: list[tuple[Role, str, list[Part]]] = []
    for turn in turns:
        if merged and merged[-1][:2] == (turn.role, turn.name):
            merged[-1][2].extend(turn.parts)
        else:
            merged.append((turn.role, turn.name, list(turn.parts)))
    return merged


def _named(role: str, name: str, members: Message) -> Message:
    return {"role": role, "name": name, **members} if name else {"role": role, **members}


def _words(parts: Iterable[Part], to: To) -> str:
    words: list[str] = []
    for part in parts:
        if not isinstance(part, Text):
            raise to.losses.refuse(part.at or "turns", "only text can stand here for this provider")
        words.append(part.text)
    return "\n\n".join(words)


def _assistant(parts: Iterable[Part], name: str, to: To) -> list[Message]:
    words: list[str] = []
    refusals: list[str] = []
    calls: list[Message] = []
    thought: list[Thinking] = []
    for part in parts:
        if isinstance(part, Text):
            words.append(part.text)
        elif isinstance(part, Refusal):
            refusals.append(part.text)
        elif isinstance(part, ToolCall):
            calls.append(_call(part))
        elif isinstance(part, Thinking):
            thought.append(part)
        else:
            raise to.losses.refuse(part.at or "turns", f"in the assistant's turn {_NOTHING_LIKE_IT}")
    if not (words or refusals or calls):
        return []
    message = _named("assistant", name, {"content": "\n".join(words) if words else None})
    if refusals:
        message["refusal"] = "\n".join(refusals)
    if calls:
        message["tool_calls"] = calls
    return [message | thoughts.for_provider(thought)]


def _call(call: ToolCall) -> Message:
    if call.free:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _user(parts: Iterable[Part], name: str, to: To) -> list[Message]:
    messages: list[Message] = []
    shown: list[Message] = []  # of results, what no tool's message can hold
    said: list[Message] = []
    for part in parts:
        if isinstance(part, ToolResult):
            message, media = _result(part, to)
            messages.append(message)
            shown += media
        elif not isinstance(part, Thinking):
            said.append(_part(part, to))
    if shown or said:
        messages.append(_named("user", name, {"content": _content(shown + said)}))
    return messages


def _content(parts: list[Message]) -> object:
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return "\n".join(map(str, texts)) if len(texts) == len(parts) else parts


def _result(result: ToolResult, to: To) -> tuple[Message, list[Message]]:
    words: list[str] = []
    media: list[Message] = []
    for part in result.parts:
        written = _part(part, to)
        if written["type"] == "text":
            words.append(str(written["text"]))
        else:
            media.append(written)
    text = "\n".join(words)
    if result.is_error:
        text = f"<tool_error>{text}</tool_error>"
    if media:
        text = text or "(what it gave follows)"
        media = [_text(f'<tool_result id="{result.call_id}">'), *media, _text("</tool_result>")]
    return {"role": "tool", "tool_call_id": result.call_id, "content": text}, media


def _text(text: str) -> Message:
    return {"type": "text", "text": text}


def _part(part: Part, to: To) -> Message:
    if isinstance(part, Text | Refusal):
        return _text(part.text)
    if isinstance(part, Image):
        return _image(part, to)
    if isinstance(part, Document):
        return _document(part, to)
    if isinstance(part, Audio):
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
    raise to.losses.refuse(part.at or "turns", _NOTHING_LIKE_IT)


def _image(image: Image, to: To) -> Message:
    if to.capabilities.vision is False:
        raise to.losses.refuse(image.at or "turns", "this model does not see images")
    if image.file_id:
        raise to.losses.refuse(image.at or "turns", "an image that another provider keeps cannot be sent")
    url = image.url or data_url(image.media_type, image.data)
    return {"type": "image_url", "image_url": {"url": url, "detail": image.detail} if image.detail else {"url": url}}


def _document(document: Document, to: To) -> Message:
    place = document.at or "turns"
    if document.citations:
        to.losses.lose(f"{place}.citations")
    if document.text:
        return _text(_described(document))
    if to.capabilities.documents is False:
        raise to.losses.refuse(place, "this model does not read files")
    if document.file_id:
        return {"type": "file", "file": {"file_id": document.file_id}}
    if document.url:
        raise to.losses.refuse(place, "a file must be in the request itself for this provider")
    title = document.title or f"document.{_EXTENSIONS.get(document.media_type, 'pdf')}"
    file = {"filename": title, "file_data": data_url(document.media_type, document.data)}
    return {"type": "file", "file": file}


def _described(document: Document) -> str:
    title = f"<title>{document.title}</title>\n" if document.title else ""
    context = f"<context>{document.context}</context>\n" if document.context else ""
    return f"<document>\n{title}{context}{document.text}\n</document>"

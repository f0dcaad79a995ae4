"""OpenAI's wire: what of a request is not text, and what of it costs more than tokens.

Reads types and lengths, never the content.  What it does not know it names: it is for the caller to refuse that.

Sources: the API reference for chat completions (content parts ``text``, ``refusal``, ``image_url``, ``input_audio``,
``file``; messages' ``audio``; ``tools``), vLLM's and Gemini's documentation of their OpenAI-compatible servers.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, said, starts

_TEXT: Final = frozenset(("text", "refusal", "input_text", "output_text", "thinking", "reasoning"))
_FREE_TOOLS: Final = frozenset(
    ("function", "custom")
)  # the client runs them; all others are run, and billed, by others


class _Part(msgspec.Struct, gc=False):
    type: str | None = None
    text: msgspec.Raw = ABSENT
    image_url: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT


class _Message(msgspec.Struct, gc=False):
    content: str | list[str | _Part] | None = None
    audio: msgspec.Raw = ABSENT  # an earlier answer's, by id
    images: list[_Part] | None = None  # an earlier answer's, given back


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None
    function: msgspec.Raw = ABSENT


class _Chat(msgspec.Struct, gc=False):
    messages: list[_Message] = []
    tools: msgspec.Raw = ABSENT


class _Image(msgspec.Struct, gc=False):
    url: msgspec.Raw = ABSENT
    detail: str | None = None


class _Sound(msgspec.Struct, gc=False):
    data: msgspec.Raw = ABSENT


class _Embeddings(msgspec.Struct, gc=False):
    input: str | list[str | int | list[int]] | None = None


class _Others(msgspec.Struct, gc=False):
    """What some servers embed besides, or in place of, ``input``: messages (vLLM), pictures (Voyage, Jina)."""

    messages: msgspec.Raw = ABSENT
    inputs: msgspec.Raw = ABSENT
    images: msgspec.Raw = ABSENT
    image: msgspec.Raw = ABSENT


_chat: Final = msgspec.json.Decoder(_Chat)
_tools: Final = msgspec.json.Decoder(list[_Tool] | None)
_image: Final = msgspec.json.Decoder(_Image)
_sound: Final = msgspec.json.Decoder(_Sound)
_embeddings: Final = msgspec.json.Decoder(_Embeddings)
_others: Final = msgspec.json.Decoder(_Others)


def parts_of_chat(body: bytes) -> Parts:
    """What *body*, a chat's JSON object, holds besides text."""
    try:
        return _parts_of_chat(_chat.decode(body))
    except UNREADABLE:
        return Parts(opaque="messages")


def parts_of_embeddings(body: bytes) -> Parts:
    """What *body*, a JSON object with an ``input``, holds besides text and tokens."""
    try:
        if body.count(b"{") > 1:
            _embeddings.decode(body)
        others = _others.decode(body)
    except UNREADABLE:
        return Parts(opaque="input")
    for name in _Others.__struct_fields__:
        if said(getattr(others, name)):
            return Parts(opaque=name)
    return PLAIN


def _parts_of_chat(chat: _Chat) -> Parts:
    unpriced = "" if chat.tools is ABSENT else _paid_tool(chat.tools)
    for message in chat.messages:
        if type(message.content) is list or message.audio is not ABSENT or message.images is not None:
            return _counted(chat, unpriced)
    return Parts(unpriced=unpriced) if unpriced else PLAIN


def _counted(chat: _Chat, unpriced: str) -> Parts:
    sums = _Count()
    for number, message in enumerate(chat.messages):
        sums.see(message, f"messages[{number}]")
    return Parts(sums.media_bytes, sums.images, sums.low_images, sums.audio_bytes, sums.opaque, unpriced)


class _Count:
    """The sums over all messages."""

    __slots__ = ("audio_bytes", "images", "low_images", "media_bytes", "opaque")

    def __init__(self) -> None:
        self.media_bytes = self.images = self.low_images = self.audio_bytes = 0
        self.opaque = ""

    def see(self, message: _Message, name: str) -> None:
        """Count the parts of the message called *name*."""
        if said(message.audio):
            self._give_up(f"{name}.audio")
        for place, parts in (("content", message.content), ("images", message.images)):
            if isinstance(parts, list):
                for number, part in enumerate(parts):
                    if isinstance(part, _Part):
                        self._see_part(part, f"{name}.{place}[{number}]")

    def _see_part(self, part: _Part, name: str) -> None:
        if part.image_url is not ABSENT and part.type in (None, "image_url"):
            self._see_image(part.image_url, name)
        elif part.input_audio is not ABSENT and part.type in (None, "input_audio"):
            self._see_sound(part.input_audio, name)
        elif part.type not in _TEXT and not (part.type is None and part.text is not ABSENT):
            self._give_up(name)

    def _see_image(self, raw: msgspec.Raw, name: str) -> None:
        image = _Image(url=raw) if starts(raw, b'"') else _image.decode(raw)
        # A ``data:`` URL of another type is a file, whatever the part is called; so is what a provider has stored.
        if not (starts(image.url, b'"data:image/') or starts(image.url, b'"http')):
            self._give_up(name)
            return
        self.images += 1
        self.low_images += image.detail == "low"
        self.media_bytes += _size(image.url)

    def _see_sound(self, raw: msgspec.Raw, name: str) -> None:
        data = _sound.decode(raw).data
        if not starts(data, b'"'):
            self._give_up(name)
            return
        self.audio_bytes += _size(data) * 3 // 4
        self.media_bytes += _size(data)

    def _give_up(self, name: str) -> None:
        self.opaque = self.opaque or name


def _paid_tool(raw: msgspec.Raw) -> str:
    try:
        tools = _tools.decode(raw) or ()
    except UNREADABLE:
        return "tools"
    for number, tool in enumerate(tools):
        if tool.type not in _FREE_TOOLS and not (tool.type is None and tool.function is not ABSENT):
            return f"tools[{number}].type"
    return ""


def _size(raw: msgspec.Raw) -> int:
    """The bytes of a value, its quotes included: so many of the body are no text."""
    return len(memoryview(raw))

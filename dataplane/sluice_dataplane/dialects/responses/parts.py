"""The Responses API: what of a request is not text, and what of it costs more than tokens.

Reads types and lengths, never the content.  What it does not know it names: it is for the caller to refuse that.
What the provider keeps (earlier responses, conversations, prompts, items and files by id) is not in the bytes, so
that they do not bound it.

Source: the API reference (``input`` items, ``tools``).
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, length, said, starts

_TEXT: Final = frozenset(("input_text", "output_text", "text", "refusal", "summary_text", "reasoning_text"))
# Items that hold all they stand for, as text.
_TEXT_ITEMS: Final = frozenset((
    "function_call", "custom_tool_call", "local_shell_call", "local_shell_call_output", "shell_call",
    "shell_call_output", "apply_patch_call", "apply_patch_call_output", "computer_call", "mcp_list_tools",
    "mcp_approval_request", "mcp_approval_response", "mcp_call", "tool_search_call", "compaction",
    "compaction_trigger", "configuration_update", "program", "program_output",
))  # fmt: skip
_OUTPUTS: Final = frozenset(("function_call_output", "custom_tool_call_output"))
_TOOL_ITEMS: Final = frozenset(("additional_tools", "tool_search_output"))
# The client runs them, or they are only words about tools; all others are run, and billed, by the provider.
_FREE_TOOLS: Final = frozenset(("function", "custom", "local_shell", "apply_patch", "tool_search"))
_KEPT: Final = ("prompt", "previous_response_id", "conversation")


class _Part(msgspec.Struct, gc=False):
    type: str | None = None
    text: msgspec.Raw = ABSENT
    image_url: msgspec.Raw = ABSENT
    detail: str | None = None
    input_audio: msgspec.Raw = ABSENT


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    role: str | None = None
    content: msgspec.Raw = ABSENT
    output: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    encrypted_content: msgspec.Raw = ABSENT
    id: msgspec.Raw = ABSENT
    result: msgspec.Raw = ABSENT


class _Environment(msgspec.Struct, gc=False):
    type: str | None = None


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None
    environment: _Environment | None = None
    tools: msgspec.Raw = ABSENT


class _Body(msgspec.Struct, gc=False):
    input: str | list[_Item] | None = None
    instructions: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    prompt: msgspec.Raw = ABSENT
    previous_response_id: msgspec.Raw = ABSENT
    conversation: msgspec.Raw = ABSENT


class _Sound(msgspec.Struct, gc=False):
    data: msgspec.Raw = ABSENT


class _Image(msgspec.Struct, gc=False):
    url: msgspec.Raw = ABSENT


_body: Final = msgspec.json.Decoder(_Body)
_parts: Final = msgspec.json.Decoder(list[str | _Part])
_part: Final = msgspec.json.Decoder(_Part)
_tools: Final = msgspec.json.Decoder(list[_Tool] | None)
_sound: Final = msgspec.json.Decoder(_Sound)
_image: Final = msgspec.json.Decoder(_Image)


def parts_of(body: bytes) -> Parts:
    """What *body*, a JSON object, holds besides text."""
    sums = _Count()
    try:
        read = _body.decode(body)
        sums.see_body(read)
    except UNREADABLE:
        sums.give_up("input")
    return sums.parts()


class _Count:
    """The sums over all items."""

    __slots__ = ("audio_bytes", "images", "low_images", "media_bytes", "opaque", "unpriced")

    def __init__(self) -> None:
        self.media_bytes = self.images = self.low_images = self.audio_bytes = 0
        self.opaque = self.unpriced = ""

    def parts(self) -> Parts:
        """The sums."""
        if not (self.images or self.audio_bytes or self.opaque or self.unpriced):
            return PLAIN
        return Parts(self.media_bytes, self.images, self.low_images, self.audio_bytes, self.opaque, self.unpriced)

    def give_up(self, name: str) -> None:
        """The bytes of *name* do not bound it."""
        self.opaque = self.opaque or name

    def see_body(self, body: _Body) -> None:
        """Count all of *body*."""
        for name in _KEPT:
            if said(getattr(body, name)):
                self.give_up(name)
        if said(body.prompt):  # which may have tools of its own
            self.unpriced = "prompt"
        if starts(body.instructions, b"["):
            self.give_up("instructions")
        self._see_tools(body.tools, "tools")
        if isinstance(body.input, list):
            for number, item in enumerate(body.input):
                self._see_item(item, f"input[{number}]")

    def _see_item(self, item: _Item, name: str) -> None:
        kind = item.type
        if kind == "message" or (kind is None and item.role is not None):
            self._see_parts(item.content, f"{name}.content")
        elif kind in _OUTPUTS:
            self._see_parts(item.output, f"{name}.output")
        elif kind in _TOOL_ITEMS:
            self._see_tools(item.tools, f"{name}.tools")
        elif kind == "reasoning":
            # Without its content it stands for what the provider keeps under its id.
            if said(item.id) and not (said(item.encrypted_content) or length(item.content) > len("[]")):
                self.give_up(name)
        elif kind == "computer_call_output" and starts(item.output, b"{"):
            self._see_part(_part.decode(item.output), f"{name}.output")
        elif kind == "image_generation_call" and starts(item.result, b'"'):
            self._see_image(item.result, low=False)
        elif kind not in _TEXT_ITEMS:
            self.give_up(name)

    def _see_parts(self, raw: msgspec.Raw, name: str) -> None:
        if starts(raw, b"["):
            for number, part in enumerate(_parts.decode(raw)):
                if isinstance(part, _Part):
                    self._see_part(part, f"{name}[{number}]")
        elif said(raw) and not starts(raw, b'"'):
            self.give_up(name)

    def _see_part(self, part: _Part, name: str) -> None:
        if part.type in ("input_image", "computer_screenshot"):
            url = _image.decode(part.image_url).url if starts(part.image_url, b"{") else part.image_url
            # A ``data:`` URL of another type is a file, whatever the part is called; a file's id says nothing of it.
            if starts(url, b'"data:image/') or starts(url, b'"http'):
                self._see_image(url, low=part.detail == "low")
            else:
                self.give_up(name)
        elif part.type == "input_audio":
            self._see_sound(part.input_audio, name)
        elif part.type not in _TEXT and not (part.type is None and part.text is not ABSENT):
            self.give_up(name)

    def _see_image(self, data: msgspec.Raw, *, low: bool) -> None:
        self.images += 1
        self.low_images += low
        self.media_bytes += length(data)

    def _see_sound(self, raw: msgspec.Raw, name: str) -> None:
        data = _sound.decode(raw).data if starts(raw, b"{") else ABSENT
        if not starts(data, b'"'):
            self.give_up(name)
            return
        self.audio_bytes += length(data) * 3 // 4
        self.media_bytes += length(data)

    def _see_tools(self, raw: msgspec.Raw, name: str, *, nested: bool = False) -> None:
        if self.unpriced or not said(raw):
            return
        try:
            tools = _tools.decode(raw) or ()
        except UNREADABLE:
            self.unpriced = name
            return
        for number, tool in enumerate(tools):
            if tool.type == "namespace" and not nested:
                self._see_tools(tool.tools, f"{name}[{number}].tools", nested=True)
            elif not _is_free(tool):
                self.unpriced = self.unpriced or f"{name}[{number}].type"


def _is_free(tool: _Tool) -> bool:
    """A shell is free where it is the client's own: in a container of the provider it is not."""
    if tool.type == "shell":
        return tool.environment is None or tool.environment.type == "local"
    return tool.type in _FREE_TOOLS

"""Anthropic's wire: what of a request is not text, and what of it costs more than tokens.

Reads types and lengths, never the content.  What it does not know it names: it is for the caller to refuse that.

Sources: the API reference of Messages (blocks of content, tools) with its betas, the pages on vision, PDF support,
files, tool use (what the provider's prompts for tools come to) and computer use.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, length, said, starts

# All of it is in the body, as text or encrypted text: no more tokens than bytes.
_TEXT: Final = frozenset(
    (
        *("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use", "tool_reference"),
        *("web_search_tool_result", "web_search_result", "tool_search_tool_result", "mcp_tool_listing"),
        *("code_execution_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result"),
        *("advisor_tool_result", "compaction", "fallback", "tool_removal"),
    )
)
_NESTED: Final = frozenset(("tool_result", "mcp_tool_result", "search_result"))
# The client runs these, the provider describes them: no more than so many tokens each (735 for computer use with 499 of
# its prompt, 700 for the text editor, 245 for bash; nothing is said of memory).
_DESCRIBED: Final = ("bash_", "text_editor_", "computer_2", "memory_")
DESCRIPTION_TOKENS: Final = 1_500


class _Source(msgspec.Struct, gc=False):
    type: str | None = None
    media_type: msgspec.Raw = ABSENT
    data: msgspec.Raw = ABSENT
    url: msgspec.Raw = ABSENT
    content: msgspec.Raw = ABSENT


class _Block(msgspec.Struct, gc=False):
    type: str | None = None
    text: msgspec.Raw = ABSENT
    source: msgspec.Raw = ABSENT
    content: msgspec.Raw = ABSENT


class _Fetched(msgspec.Struct, gc=False):
    content: _Block | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | list[str | _Block] | None = None


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None


class _Body(msgspec.Struct, gc=False):
    messages: list[_Message] = []
    system: str | list[str | _Block] | None = None
    tools: msgspec.Raw = ABSENT
    thread: msgspec.Raw = ABSENT


_body: Final = msgspec.json.Decoder(_Body)
_tools: Final = msgspec.json.Decoder(list[_Tool])
_source: Final = msgspec.json.Decoder(_Source)
_fetched: Final = msgspec.json.Decoder(_Fetched)
_content: Final = msgspec.json.Decoder(str | list[str | _Block])


def parts_of(body: bytes) -> Parts:
    """What *body*, a JSON object, holds besides text."""
    try:
        found = _body.decode(body)
        sums = _Count()
        sums.see_tools(found.tools)
        if said(found.thread):
            sums.give_up("thread")
        sums.see_all(found.system, "system")
        for number, message in enumerate(found.messages):
            if type(message.content) is list:
                sums.see_all(message.content, f"messages[{number}].content")
    except UNREADABLE:
        return Parts(opaque="messages")
    return sums.parts()


class _Count:
    """The sums over all blocks."""

    __slots__ = ("extra_tokens", "images", "media_bytes", "opaque", "unpriced")

    def __init__(self) -> None:
        self.media_bytes = self.images = self.extra_tokens = 0
        self.opaque = self.unpriced = ""

    def parts(self) -> Parts:
        found = Parts(
            media_bytes=self.media_bytes,
            images=self.images,
            opaque=self.opaque,
            unpriced=self.unpriced,
            extra_tokens=self.extra_tokens,
        )
        return PLAIN if found == PLAIN else found

    def give_up(self, name: str) -> None:
        self.opaque = self.opaque or name

    def see_tools(self, raw: msgspec.Raw) -> None:
        """Tools that the provider runs cost more than tokens; sets of tools are described in nobody knows how many."""
        if not said(raw):
            return
        for number, tool in enumerate(_tools.decode(raw)):
            kind = tool.type or "custom"
            if kind == "custom":
                continue
            if "_toolset_2" in kind:
                self.give_up(f"tools[{number}]")
            elif kind.startswith(_DESCRIBED):
                self.extra_tokens += DESCRIPTION_TOKENS
            else:
                self.unpriced = self.unpriced or f"tools[{number}].type"

    def see_all(self, content: "str | list[str | _Block] | None", name: str) -> None:
        """Count the blocks of what is called *name*."""
        if isinstance(content, list):
            for number, block in enumerate(content):
                if isinstance(block, _Block):
                    self._see(block, f"{name}[{number}]")

    def _see(self, block: _Block, name: str) -> None:
        kind = block.type
        if kind in _TEXT or (kind is None and said(block.text)):
            return
        if kind == "image":
            self._see_image(block, name)
        elif kind == "document":
            self._see_document(block, name)
        elif kind in _NESTED:
            self._see_content(block.content, f"{name}.content")
        elif kind == "web_fetch_tool_result":
            self._see_fetched(block.content, name)
        else:
            self.give_up(name)

    def _see_content(self, raw: msgspec.Raw, name: str) -> None:
        if said(raw):
            self.see_all(_content.decode(raw), name)

    def _see_fetched(self, raw: msgspec.Raw, name: str) -> None:
        """A page that the provider fetched before, or an error; a PDF in it is one as anywhere."""
        fetched = _fetched.decode(raw).content if starts(raw, b"{") else None
        if fetched is not None and said(fetched.source):
            self._see_document(fetched, name)

    def _see_image(self, block: _Block, name: str) -> None:
        source = _source.decode(block.source) if said(block.source) else _Source()
        if source.type == "base64" and (starts(source.media_type, b'"image/') or not said(source.media_type)):
            self._image(length(source.data))
        elif source.type == "url" and starts(source.url, b'"http'):
            self._image(length(source.url))
        elif source.type == "file":  # an image as large as any
            self._image(0)
        else:
            self.give_up(name)

    def _image(self, size_bytes: int) -> None:
        self.images += 1
        self.media_bytes += size_bytes

    def _see_document(self, block: _Block, name: str) -> None:
        source = _source.decode(block.source) if said(block.source) else _Source()
        if source.type == "content":
            self._see_content(source.content, f"{name}.source.content")
        elif source.type != "text":  # pages are images as well as text; what is kept elsewhere is as long as it is
            self.give_up(name)

"""Gemini's wire: what of a request is not text, and what of it costs more than tokens.

Reads types and lengths, never the content.  What it does not know it names: it is for the caller to refuse that.
Sources: Google's reference of ``Content``, ``Part``, ``Tool`` and ``GenerationConfig``; its page on tokens (an image is
258 tokens for each tile, sound 32 a second, a video 290 a second at any size, so that its bytes bound nothing).
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.gemini.fields import FieldError, Fields
from sluice_dataplane.dialects.parts import PLAIN, Parts

# Members of a part that are text, or say something of another member.
_TEXT: Final = frozenset(
    (
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "executableCode",
        "codeExecutionResult",
        "mediaResolution",
        "partMetadata",
    )
)


class Count:
    """The sums over all parts of a request."""

    __slots__ = ("_audio_bytes", "_images", "_media_bytes", "_opaque", "_unpriced")

    def __init__(self) -> None:
        self._media_bytes = self._images = self._audio_bytes = 0
        self._opaque = self._unpriced = ""

    def see_generation(self, body: Fields) -> None:
        """Count a request to generate, or one to count what it would come to."""
        for content in [*body.many("contents"), *body.many("systemInstruction")]:
            self.see_content(content)
        if body.raw("cachedContent") is not None:
            self._give_up(body.place("cachedContent"))
        for tool in body.many("tools"):
            paid = [name for name in tool.names() if name != "functionDeclarations"]
            if paid and not self._unpriced:  # Google runs it, and bills for it
                self._unpriced = tool.place(paid[0])

    def see_content(self, content: Fields) -> None:
        """Count one content's parts."""
        for part in content.many("parts"):
            self._see_part(part)

    def parts(self) -> Parts:
        """What was seen."""
        return Parts(
            self._media_bytes, self._images, 0, self._audio_bytes, opaque=self._opaque, unpriced=self._unpriced
        )

    def _see_part(self, part: Fields) -> None:
        for name in part.names():
            if name == "inlineData":
                self._see_blob(part.one(name))
            elif name == "functionResponse":
                self._see_response(part.one(name))
            elif name not in _TEXT:
                self._give_up(part.place(name))

    def _see_response(self, response: Fields | None) -> None:
        for part in response.many("parts") if response else ():
            self._see_part(part)

    def _see_blob(self, blob: Fields | None) -> None:
        if blob is None:
            return
        kind, _, _ = blob.text("mimeType").lower().partition("/")
        data = blob.raw("data")
        length = 0 if data is None else len(memoryview(data))
        if kind == "image":
            self._images += 1
            self._media_bytes += length
        elif kind == "audio":
            self._audio_bytes += length * 3 // 4
            self._media_bytes += length
        elif kind != "text":  # text in base64 has fewer tokens than its base64 has bytes
            self._give_up(blob.at)

    def _give_up(self, name: str) -> None:
        self._opaque = self._opaque or name


def parts_of(body: bytes) -> Parts:
    """What *body*, a request to generate, holds besides text."""
    count = Count()
    try:
        count.see_generation(Fields(body))
    except FieldError as error:
        return Parts(opaque=error.path or "contents")
    return _plain(count.parts())


def parts_to_count(body: bytes) -> Parts:
    """What *body*, a request to count tokens, holds.  Counting costs nothing, so that nothing in it is unpriced."""
    count = Count()
    try:
        fields = Fields(body)
        count.see_generation(fields.one("generateContentRequest") or fields)
    except FieldError:
        return PLAIN
    return _plain(msgspec.structs.replace(count.parts(), opaque="", unpriced=""))


def parts_to_embed(body: bytes) -> Parts:
    """What *body*, a request for one embedding or for several, holds besides text."""
    count = Count()
    try:
        fields = Fields(body)
        for request in [fields, *fields.many("requests")]:
            content = request.one("content")
            if content is not None:
                count.see_content(content)
    except FieldError as error:
        return Parts(opaque=error.path or "content")
    return _plain(count.parts())


def _plain(parts: Parts) -> Parts:
    return PLAIN if parts == PLAIN else parts

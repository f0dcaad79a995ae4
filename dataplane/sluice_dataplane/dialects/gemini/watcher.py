"""Gemini's wire: counts a stream that goes by.

Each chunk is an answer of its own: what was generated since the last one, and what was used so far.  It is whole when
each candidate it began has said why it ended, or the prompt was blocked.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects import values
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.gemini.usage import reported_of
from sluice_dataplane.dialects.seam import Tally

_NOT_WRITTEN: Final = frozenset(("thought", "thoughtSignature", "inlineData"))
# Google bills a picture as 2,520 tokens at most and sound as 32 tokens a second, which is 64 kB of base64 at least.
_MOST_OF_AN_IMAGE: Final = 8 * 1024
_BASE64_PER_TEXT_BYTE: Final = 64


class _Content(msgspec.Struct, gc=False):
    parts: list[dict[str, msgspec.Raw]] | None = None


class _Candidate(msgspec.Struct, rename="camel", gc=False):
    content: _Content | None = None
    index: int | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, rename="camel", gc=False):
    block_reason: str | None = None


class _Chunk(msgspec.Struct, rename="camel", gc=False):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: msgspec.Raw = values.ABSENT
    error: msgspec.Raw = values.ABSENT


class _Blob(msgspec.Struct, rename="camel", gc=False):
    mime_type: str = ""
    data: msgspec.Raw = values.ABSENT


_chunk: Final = msgspec.json.Decoder(_Chunk)
_blob: Final = msgspec.json.Decoder(_Blob)


class GeminiWatcher:
    """Watches one streamed answer go by."""

    __slots__ = ("_finished", "_tally", "_unfinished", "ended", "failed")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._unfinished: set[int] = set()
        self._finished = False
        self.ended = self.failed = False

    def passes(self, frame: Frame) -> bool:
        """Count *frame*.  All of them are the client's."""
        if frame.data is not None and frame.whole:
            self._count(frame.data)
        return True

    def _count(self, data: bytes) -> None:
        try:
            chunk = _chunk.decode(data)
        except values.UNREADABLE:
            self._tally.saw_event(len(data))
            return
        if values.said(chunk.error):
            self.failed = True
        if chunk.candidates or not self.failed:
            self._tally.saw_event(sum(self._see(each) for each in chunk.candidates or ()))
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._finished = True
        self.ended = self._finished and not self._unfinished and not self.failed
        if chunk.usage_metadata is not values.ABSENT:
            self._use(chunk.usage_metadata)

    def _see(self, candidate: _Candidate) -> int:
        index = candidate.index or 0
        if candidate.finish_reason:
            self._unfinished.discard(index)
            self._finished = True
        else:
            self._unfinished.add(index)
        content = candidate.content
        return 0 if content is None else sum(map(_text_bytes, content.parts or ()))

    def _use(self, raw: msgspec.Raw) -> None:
        reported = reported_of(raw)
        if reported is not None:
            if self.ended:
                self._tally.reported = reported
            else:
                self._tally.begun = reported.usage


def _text_bytes(part: dict[str, msgspec.Raw]) -> int:
    found = 0
    for name, value in part.items():
        if name not in _NOT_WRITTEN:
            found += values.length(value)
    media = part.get("inlineData")
    return found if media is None else found + _media_bytes(media)


def _media_bytes(raw: msgspec.Raw) -> int:
    """As many bytes of text as come to the tokens of a picture or of sound."""
    try:
        blob = _blob.decode(raw)
    except values.UNREADABLE:
        return len(memoryview(raw))
    length = len(memoryview(blob.data))
    if blob.mime_type.startswith("image/"):
        return min(length, _MOST_OF_AN_IMAGE)
    return -(-length // _BASE64_PER_TEXT_BYTE) if blob.mime_type.startswith("audio/") else length

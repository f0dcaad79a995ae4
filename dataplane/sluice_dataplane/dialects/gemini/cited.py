"""Gemini's wire: what an answer rests on, both ways.  Pure.

Google counts places in bytes of UTF-8, everybody else in characters: a :class:`Ruler` converts as long as it knows the
text, and is silent about what it cannot say.
Source: Google's reference of ``GroundingMetadata`` and ``CitationMetadata``.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from sluice_dataplane.dialects.conversation import Citation
from sluice_dataplane.dialects.gemini.answer_shapes import Candidate, Chunk, Recited, Segment

Json = dict[str, Any]
MAX_CITATIONS: Final = 1_000  # of one candidate: an index of two bytes stands for a page and a piece of text
_NO_SEGMENT: Final = Segment()


class Ruler:
    """Places in one text.  Of a streamed one nothing is kept: places in one that is not ASCII only are lost."""

    __slots__ = ("_plain", "_text")

    def __init__(self, text: str | None = None) -> None:
        self._text = text
        self._plain = text is None or text.isascii()

    def saw(self, text: str) -> None:
        """More of a streamed text came."""
        self._plain = self._plain and text.isascii()

    def characters(self, byte: int | None) -> int | None:
        """The character that *byte* is the beginning of."""
        if byte is None or self._plain:
            return byte
        if self._text is None:
            return None
        return len(self._text.encode("utf-8", "replace")[: max(byte, 0)].decode("utf-8", "ignore"))

    def bytes(self, character: int | None) -> int | None:
        """The byte that *character* begins with."""
        if character is None or self._plain:
            return character
        return None if self._text is None else len(self._text[: max(character, 0)].encode("utf-8", "replace"))


def read_citations(candidate: Candidate, ruler: Ruler) -> list[Citation]:
    """What *candidate* rests on, in the order it says so; MAX_CITATIONS at most."""
    return [each for each in islice(_citations(candidate, ruler), MAX_CITATIONS) if each.url or each.title]


def _citations(candidate: Candidate, ruler: Ruler) -> Iterator[Citation]:
    grounding = candidate.grounding_metadata
    if grounding is not None:
        chunks = grounding.grounding_chunks or []
        for support in grounding.grounding_supports or ():
            for index in dict.fromkeys(support.grounding_chunk_indices or ()):
                if 0 <= index < len(chunks):
                    yield _grounded(chunks[index], support.segment or _NO_SEGMENT, ruler)
    recited = candidate.citation_metadata
    if recited is not None:
        for each in recited.citations or recited.citation_sources or ():
            yield _recited(each, ruler)


def _grounded(chunk: Chunk, segment: Segment, ruler: Ruler) -> Citation:
    source = chunk.web or chunk.maps or chunk.retrieved_context
    if source is None:
        return Citation()
    if not source.uri:
        return Citation(title=source.title or "", quote=source.text or "")
    return Citation(
        url=source.uri,
        title=source.title or "",
        quote=segment.text or "",
        start=ruler.characters(_begin(segment)),
        end=ruler.characters(segment.end_index),
    )


def _begin(piece: Segment | Recited) -> int | None:
    """Zero is left out."""
    return 0 if piece.start_index is None and piece.end_index is not None else piece.start_index


def _recited(each: Recited, ruler: Ruler) -> Citation:
    return Citation(
        url=each.uri or "",
        title=each.title or "",
        start=ruler.characters(_begin(each)),
        end=ruler.characters(each.end_index),
    )


def write_citations(cited: list[tuple[int, Citation, Ruler]]) -> Json:
    """``groundingMetadata`` of citations, each with the number of its part and the places in that; {} for none."""
    chunks: list[Json] = []
    supports: list[Json] = []
    places: dict[tuple[str, str, str], int] = {}
    for part, citation, ruler in cited:
        source = (citation.url, citation.title, "" if citation.url else citation.quote)
        if source not in places:
            places[source] = len(chunks)
            chunks.append(_chunk(citation))
        segment = _segment(part, citation, ruler)
        if segment:
            supports.append({"segment": segment, "groundingChunkIndices": [places[source]]})
    if not chunks:
        return {}
    grounding: Json = {"groundingChunks": chunks}
    return grounding | {"groundingSupports": supports} if supports else grounding


def _chunk(citation: Citation) -> Json:
    if citation.url:
        return {"web": {"uri": citation.url} | ({"title": citation.title} if citation.title else {})}
    return {"retrievedContext": {"title": citation.title, "text": citation.quote}}


def _segment(part: int, citation: Citation, ruler: Ruler) -> Json:
    if not citation.url:
        return {}
    segment: Json = {"partIndex": part} if part else {}
    start, end = ruler.bytes(citation.start), ruler.bytes(citation.end)
    if start is not None and end is not None:
        segment |= {"startIndex": start, "endIndex": end}
    if citation.quote:
        segment["text"] = citation.quote
    return segment

"""What an answer of Gemini's rests on; the goldens hold the usual ones."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.conversation import Citation
from sluice_dataplane.dialects.gemini.answer_shapes import Candidate
from sluice_dataplane.dialects.gemini.cited import MAX_CITATIONS, Ruler, read_citations, write_citations


@given(st.text(alphabet="aé漢🎈", max_size=20), st.data())
def test_places_come_back(text: str, data: st.DataObject) -> None:
    """Google's bytes and everybody else's characters are the same places."""
    place = data.draw(st.integers(0, len(text)))
    ruler = Ruler(text)

    assert ruler.bytes(place) == len(text[:place].encode())
    assert ruler.characters(ruler.bytes(place)) == place


def test_places_of_a_stream_are_known_while_it_is_ascii() -> None:
    """What has gone by is not kept: after that nothing is said rather than something wrong."""
    ruler = Ruler()
    ruler.saw("abc")
    assert (ruler.characters(2), ruler.bytes(2)) == (2, 2)
    ruler.saw("é")
    assert (ruler.characters(2), ruler.bytes(2)) == (None, None)


def test_a_source_is_named_once() -> None:
    """However often it is cited; a place in a document has no place in the answer."""
    page, document = Citation(url="u", quote="q", start=0, end=1), Citation(title="d", quote="x")
    found = write_citations([(2, page, Ruler("ab")), (2, page, Ruler("ab")), (0, document, Ruler("ab"))])

    assert found["groundingChunks"] == [{"web": {"uri": "u"}}, {"retrievedContext": {"title": "d", "text": "x"}}]
    assert [each["groundingChunkIndices"] for each in found["groundingSupports"]] == [[0], [0]]
    assert found["groundingSupports"][0]["segment"] == {"partIndex": 2, "startIndex": 0, "endIndex": 1, "text": "q"}


def test_nothing_cited_is_nothing() -> None:
    """No empty metadata."""
    assert write_citations([]) == {}


def cited(**grounding: object) -> list[Citation]:
    """What a candidate with this metadata rests on."""
    candidate = msgspec.json.encode({"groundingMetadata": grounding})
    return read_citations(msgspec.json.decode(candidate, type=Candidate), Ruler("text"))


def test_an_index_of_two_bytes_is_no_way_to_fill_the_memory() -> None:
    """A source that is named many times over in one place is one; of many places there are so many at most."""
    chunks = [{"web": {"uri": "u"}}, {"web": {"uri": "v"}}]
    place = {"segment": {"endIndex": 1}, "groundingChunkIndices": [0, 0, 1, 0, 7, -1]}

    assert [each.url for each in cited(groundingChunks=chunks, groundingSupports=[place])] == ["u", "v"]
    assert len(cited(groundingChunks=chunks, groundingSupports=[place] * 2_000)) == MAX_CITATIONS

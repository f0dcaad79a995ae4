"""Gemini's streams as one JSON array."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from sluice_dataplane.dialects.gemini.array import ArrayOfEvents

STREAM = b'data: {"candidates":[1]}\n\n: beat\n\ndata: {"a":"\\n"}\r\n\r\ndata: {"error":{"code":502}}\n\n'


def through(*chunks: bytes) -> bytes:
    """What the client gets."""
    array = ArrayOfEvents()
    return b"".join([*map(array.feed, chunks), array.finish()])


def test_events_are_the_objects_of_an_array() -> None:
    """The error that ends a broken stream is its last."""
    assert json.loads(through(STREAM)) == [{"candidates": [1]}, {"a": "\n"}, {"error": {"code": 502}}]


def test_nothing_is_an_empty_array() -> None:
    """Valid JSON in any case, also where half an event came."""
    assert json.loads(through()) == []
    assert json.loads(through(b'data: {"a"')) == []


@given(st.lists(st.integers(0, len(STREAM))))
def test_no_cut_changes_it(cuts: list[int]) -> None:
    """However the bytes come."""
    places = [0, *sorted(cuts), len(STREAM)]

    assert through(*[STREAM[a:b] for a, b in itertools.pairwise(places)]) == through(STREAM)


def test_a_long_event_is_passed_on() -> None:
    """A call's arguments or a picture: who wrote it has limits of its own."""
    event = b'data: {"a":"' + b"x" * 5_000_000 + b'"}\n\n'

    assert len(json.loads(through(event))[0]["a"]) == 5_000_000

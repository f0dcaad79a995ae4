"""Which piece of a stream belongs to which call."""

from itertools import count
from typing import Any

import msgspec
import pytest

from sluice_dataplane.dialects.chat.calls import MAX_CALLS, MAX_HELD, Calls, CallsError
from sluice_dataplane.dialects.chat.shapes import Call
from sluice_dataplane.dialects.events import Event
from support.conversations import told


def calls() -> Calls:
    """Those of the first choice."""
    numbers = count()
    return Calls(0, lambda: next(numbers))


def piece(arguments: Any = "", *, name: str | None = None, **fields: Any) -> Call:
    """One piece, as it comes."""
    function = {"arguments": arguments, "name": name}
    return msgspec.json.decode(msgspec.json.encode({"function": function, **fields}), type=Call)


def whole(events: list[Event]) -> list[tuple[str, str]]:
    """Each call's id and all of its arguments."""
    found: dict[int, list[str]] = {}
    for event in told(events):
        if event["is"] == "PartBegan":
            found[event["index"]] = [event["part"]["id"], ""]
        elif event["is"] == "Delta":
            found[event["index"]][1] += event["text"]
    return [(identity, arguments) for identity, arguments in found.values()]


def read(*pieces: Call) -> list[tuple[str, str]]:
    """What *pieces* are together."""
    one = calls()
    events = [event for each in pieces for event in one.feed(each)]
    return whole(events + one.end())


def test_new_id_at_a_known_index_without_a_name_is_no_new_call() -> None:
    """Some servers make an id for each piece."""
    assert read(piece('{"a"', name="f", index=0, id="x"), piece(":1}", index=0, id="y")) == [("x", '{"a":1}')]


def test_name_that_is_repeated_is_no_new_call() -> None:
    """Nor is a name that comes with each piece, even where one ends like an object."""
    pieces = ['{"a":{}', ',"b":{}', "}"]

    assert read(*(piece(each, name="f", index=0) for each in pieces)) == [("call_0", '{"a":{},"b":{}}')]


def test_pieces_without_anything_are_of_the_latest() -> None:
    """Where neither index nor id says which, it is the one that began last."""
    first, second = piece("{}", name="f", id="x"), piece('{"a"', name="g", id="y")

    assert read(first, second, piece(":1}")) == [("x", "{}"), ("y", '{"a":1}')]


def test_pieces_with_ids_only() -> None:
    """An id alone says which."""
    first, second = piece("{", name="f", id="x"), piece("{", name="g", id="y")

    assert read(first, second, piece("}", id="x"), piece("}", id="y")) == [("x", "{}"), ("y", "{}")]


def test_finished_call_ends_when_the_next_begins() -> None:
    """A client's machine that takes one call at a time need not wait for the end of all."""
    one = calls()
    one.feed(piece("{}", name="f", index=0))

    assert [event["is"] for event in told(one.feed(piece("", name="g", index=1)))] == ["PartEnded", "PartBegan"]


def test_more_of_a_call_that_was_ended_is_an_error() -> None:
    """Arguments are never lost in silence, nor added to another call."""
    one = calls()
    one.feed(piece("{}", name="f", index=0))
    one.feed(piece("", name="g", index=1))

    assert one.feed(piece("", index=0)) == []
    with pytest.raises(CallsError):
        one.feed(piece("x", index=0))


def test_call_whose_name_never_comes_is_told_at_the_end() -> None:
    """What a provider left out is left out, its arguments are not."""
    assert read(piece("{}", index=0, id="x")) == [("x", "{}")]


def test_call_that_comes_whole_may_be_long() -> None:
    """Only what waits for a name is bounded: servers that give a call in one piece write whole files with it."""
    file = '{"text":"' + "x" * MAX_HELD + '"}'

    assert read(piece(file, name="f", id="x")) == [("x", file)]


def test_what_is_held_is_bounded() -> None:
    """Arguments without a name, and calls without end, stop."""
    one = calls()
    with pytest.raises(CallsError):
        one.feed(piece("x" * (MAX_HELD + 1), index=0))
    several = calls()
    several.feed(piece("x" * MAX_HELD, index=0))
    with pytest.raises(CallsError):
        several.feed(piece("x", index=1))

    many = calls()
    for number in range(MAX_CALLS):
        many.feed(piece("{}", name="f", index=number))
    with pytest.raises(CallsError):
        many.feed(piece("{}", name="f", index=MAX_CALLS))

"""Converse as a wire: nobody is served in it; its answers are told from its errors."""

from typing import Any

import pytest

from sluice_dataplane.dialects.converse.wire import CONVERSE
from sluice_dataplane.dialects.seam import Edit
from sluice_dataplane.errors import InvalidRequestError, UpstreamFailedError
from sluice_dataplane.exchange import Ask


def test_no_client_is_served() -> None:
    """What only clients' wires need is refused, never guessed."""
    nothing: Any = None
    for call in (
        lambda: CONVERSE.read_ask(nothing),
        lambda: CONVERSE.parts_of(b"{}"),
        lambda: CONVERSE.request_body(b"{}", Ask("m"), Edit("m")),
    ):
        with pytest.raises(InvalidRequestError, match="providers only"):
            call()


def test_headers_of_clients_are_not_sent() -> None:
    """They are of other wires."""
    assert CONVERSE.request_headers((("anthropic-beta", "x"), ("cookie", "y")), ()) == (
        ("content-type", "application/json"),
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"metrics":{"latencyMs":1},"out', True),
        (b' {"output":{"mess', True),
        (b'{"message":"no"', False),
        (b'<html>"output"', False),
        (b"", False),
    ],
)
def test_the_beginning_of_an_answer_is_known(data: bytes, expected: bool) -> None:
    """Where an answer was cut off, the provider had done its work."""
    assert CONVERSE.begins_answer(data) is expected


@pytest.mark.parametrize(
    ("body", "expected"), [(b'{"message":"no"}', True), (b'{"output":{},"message":"no"}', False), (b"{}", False)]
)
def test_errors_are_told_from_answers(body: bytes, expected: bool) -> None:
    """An error has a message and no output."""
    assert CONVERSE.is_error(body) is expected


def test_a_broken_stream_ends_with_an_exception() -> None:
    """In the framing of the wire, so that whoever reads it sees a failure and no end."""
    body = CONVERSE.error_body(UpstreamFailedError("It broke."), "req_1")

    frames = CONVERSE.framer().feed(CONVERSE.error_event(body))

    assert [(frame.event, frame.data) for frame in frames] == [
        ("exception:internalServerException", b'{"message":"It broke."}')
    ]

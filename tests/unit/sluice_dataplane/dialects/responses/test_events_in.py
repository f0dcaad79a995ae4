"""The Responses API: the form of a stream's events."""

import pytest

from sluice_dataplane.dialects.responses.events_in import read_event, tells_of_failure, trouble_of


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b'{"type":"error","code":"c","message":"m","param":null}', "c", "m"),
        (b'{"type":"error","error":{"code":500,"message":"m"}}', 500, "m"),
        (b'{"type":"error","error":"m"}', None, "m"),
        (b'{"error":{"message":"m"}}', None, "m"),
        (b'{"type":"response.failed","response":{"error":{"code":"c","message":"m"}}}', "c", "m"),
        (b'{"type":"response.failed","response":{"error":null}}', None, None),
        (b'{"type":"response.failed","response":7}', None, None),
    ],
)
def test_what_went_wrong_is_read_in_every_form(data: bytes, code: object, message: str | None) -> None:
    """That of the reference, that of what is really sent, and that of chat completions."""
    event = read_event(data)

    assert event is not None
    assert tells_of_failure(event)
    assert (trouble_of(event).code, trouble_of(event).message) == (code, message)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"what?", b'{"type":7}', b'{"type":[]}', b"[" * 100_000, b'{"type":"brand_new","delta":{"odd":1}}'],
)
def test_what_is_no_event_is_none(data: bytes) -> None:
    """And no error of ours; nor is what nobody knows yet."""
    assert read_event(data) is None


@pytest.mark.parametrize(
    "data",
    [
        *(b"{", b'{"type":"\xff"}', b'{"type":' * 100_000),
        *(b'{"type":"response.output_text.delta","delta":{"odd":1}}', b'{"type":"response.completed","code":1'),
    ],
)
def test_words_that_cannot_be_read_are_not_left_out(data: bytes) -> None:
    """An answer without them would be another."""
    with pytest.raises(ValueError, match="kind"):
        read_event(data)


def test_other_events_tell_of_no_failure() -> None:
    """Also where they have a member of that name that says nothing."""
    event = read_event(b'{"type":"response.completed","error":null}')

    assert event is not None
    assert not tells_of_failure(event)

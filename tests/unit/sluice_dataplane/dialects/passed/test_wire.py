"""What passed calls have in common."""

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.flow import Passing
from sluice_dataplane.dialects.passed.audio import TRANSCRIPTIONS
from sluice_dataplane.dialects.passed.images import IMAGES
from sluice_dataplane.errors import InvalidRequestError
from sluice_dataplane.usage.meter import Meter


@pytest.mark.parametrize("kind", ["image_generation.completed", "transcript.text.done"])
def test_a_streams_last_event_tells_its_usage(kind: str) -> None:
    """Events pass as they came; the last one's figures are the bill, and the end."""
    partial = b'event: x\ndata: {"type":"transcript.text.delta","delta":"abc"}\n\n'
    last = b'event: x\ndata: {"type":"%b","usage":{"input_tokens":4,"output_tokens":9}}\n\n' % kind.encode()
    meter = Meter(input_tokens=100)
    flow = Passing(TRANSCRIPTIONS, meter, keep_usage=False)

    assert flow.feed(partial) == partial
    assert not flow.ended
    assert (flow.feed(last), flow.ended) == (last, True)
    assert meter.usage() == TokenUsage(input=4, output=9)


def test_a_stream_ends_as_a_chat_does_with_servers_that_have_only_its_events() -> None:
    """Transcripts of vLLM come in chunks without a type, and ``[DONE]`` after them."""
    chunk = b'data: {"object":"transcription.chunk","choices":[{"delta":{"content":"hello"}}]}\n\n'
    flow = Passing(TRANSCRIPTIONS, Meter(input_tokens=100), keep_usage=False)
    flow.feed(chunk)

    assert not flow.ended
    assert flow.feed(b"data: [DONE]\n\n") == b"data: [DONE]\n\n"
    assert flow.finish() == (b"", True)


def test_a_stream_that_breaks_is_told_by_an_event() -> None:
    """In the form that all of OpenAI's clients read; before its end it is not whole."""
    flow = Passing(IMAGES, Meter(input_tokens=1), keep_usage=False)
    flow.feed(b'data: {"type":"image_generation.partial_image"}\n\n')
    body = IMAGES.error_body(InvalidRequestError("no"), "req_1")

    assert flow.finish() == (b"", False)
    assert IMAGES.error_event(body).startswith(b"event: error\ndata: {")
    assert IMAGES.is_error(body)
    assert IMAGES.begins_answer(b' {"data"')
    assert not IMAGES.begins_answer(b"<html>")

"""Streams on their way: what passes, what is written anew, and what an end is."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Request
from sluice_dataplane.dialects.flow import Flow, Passing, Translating
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.wires import BACKS, FRONTS, WIRES
from sluice_dataplane.exchange import Endpoint
from sluice_dataplane.usage.meter import Meter

CHAT = (
    b'data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
)
DONE = b"data: [DONE]\n\n"
SHOWN = Shown(id="1", model="m", created_s=5)
MESSAGES = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m1","model":"x","content":[],'
    b'"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hi"}}\n\n'
)


def translating(back: Endpoint, front: Endpoint, meter: Meter) -> Flow:
    """A stream of *back* for a client of *front*."""
    writer = FRONTS[front].writer(Request(stream=True), SHOWN)
    return Translating(WIRES[back], meter, BACKS[back].reader(), writer)


def test_what_passes_is_untouched_but_for_what_only_we_asked_for() -> None:
    """Frames go out as they came; the usage that nobody wanted does not."""
    meter = Meter(input_tokens=9)
    flow = Passing(WIRES["chat"], meter, keep_usage=False)
    out = flow.feed(CHAT + DONE)

    assert out == b"\n\n".join(CHAT.split(b"\n\n")[:3]) + b"\n\n" + DONE
    assert (flow.ended, flow.finish()) == (True, (b"", True))
    assert meter.usage() == TokenUsage(input=3, output=1)


def test_what_is_masked_is_changed_frame_by_frame() -> None:
    """Ids of kept responses are written into what passes, the last frame included."""
    flow = Passing(WIRES["chat"], Meter(input_tokens=1), keep_usage=True, mask=lambda frame: frame.raw.upper())

    assert flow.feed(b"data: {}\n\n") == b"DATA: {}\n\n"
    assert flow.feed(b"data: [DONE]\n") + flow.finish()[0] == b"DATA: [DONE]\n"


def test_half_an_event_is_left_out_of_what_is_not_whole() -> None:
    """It would swallow the event that tells of the error."""
    flow = Passing(WIRES["chat"], Meter(input_tokens=1), keep_usage=True)
    flow.feed(b'data: {"choices":[]}\n\ndata: {"cho')

    assert flow.finish() == (b"", False)


def test_what_is_translated_ends_where_its_provider_ended() -> None:
    """The client's own end is written once, and only then."""
    meter = Meter(input_tokens=9)
    flow = translating("chat", "messages", meter)
    out = flow.feed(CHAT)

    assert b"message_stop" not in out
    assert not flow.ended
    out += flow.feed(DONE)
    assert flow.ended
    assert out.count(b"event: message_stop") == 1
    assert flow.feed(DONE) + flow.finish()[0] == b""
    assert meter.usage() == TokenUsage(input=3, output=1)


def test_what_broke_has_no_end() -> None:
    """A provider that stops in the middle was not done: the client gets no end from the translation."""
    meter = Meter(input_tokens=9)
    flow = translating("messages", "chat", meter)
    flow.feed(MESSAGES)
    out, whole = flow.finish()

    assert (whole, b"[DONE]" in out, flow.failed) == (False, False, False)
    assert meter.usage() == TokenUsage(input=3, output=2, estimated=True)


def test_a_provider_that_tells_of_its_failure_is_believed_once() -> None:
    """The client is told in its own words, nothing follows, and the answer is not whole."""
    flow = translating("messages", "chat", Meter(input_tokens=9))
    out = flow.feed(MESSAGES + b'event: error\ndata: {"type":"error","error":{"type":"x","message":"gone"}}\n\n')
    more = flow.feed(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')

    assert (b"gone" in out, more, flow.failed, flow.finish()[1]) == (True, b"", True, False)


def test_what_came_before_what_cannot_be_read_is_not_lost() -> None:
    """However the stream was cut: the client gets it, and then is told."""
    bad = b'data: {"type":"content_block_delta","index":"?"}\n\n'
    whole, cut = (translating("messages", "chat", Meter(input_tokens=9)) for _ in range(2))
    with pytest.raises(FramingError) as at_once:
        whole.feed(MESSAGES + bad)
    before = cut.feed(MESSAGES)
    with pytest.raises(FramingError) as alone:
        cut.feed(bad)

    assert b"Hi" in before
    assert (at_once.value.passed, alone.value.passed) == (before, b"")


@pytest.mark.parametrize("wire", ["chat", "messages", "responses", "gemini"])
def test_a_passed_error_is_the_clients(wire: Any) -> None:
    """It needs no other one."""
    flow = Passing(WIRES[wire], Meter(input_tokens=1), keep_usage=True)
    event = b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"gone"}}\n\n'

    before, out = flow.failed, flow.feed(event)

    assert (before, out, flow.failed) == (False, event, True)


@pytest.mark.parametrize("front", ["messages", "responses", "gemini"])
@given(cuts=st.lists(st.integers(0, len(CHAT) + len(DONE)), max_size=8))
def test_however_a_stream_is_cut_the_client_gets_the_same(front: Any, cuts: list[int]) -> None:
    """Of a translation as of a stream that passes."""
    whole = translating("chat", front, Meter(input_tokens=9)).feed(CHAT + DONE)
    flow = translating("chat", front, Meter(input_tokens=9))
    marks = [0, *sorted(cuts), len(CHAT + DONE)]
    out = b"".join(flow.feed((CHAT + DONE)[a:b]) for a, b in itertools.pairwise(marks))

    assert out + flow.finish()[0] == whole

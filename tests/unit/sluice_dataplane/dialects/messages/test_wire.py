"""Anthropic's wire as a whole."""

import pytest

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.messages.count_tokens import COUNT_TOKENS
from sluice_dataplane.dialects.messages.wire import MESSAGES
from sluice_dataplane.dialects.seam import Wire
from sluice_dataplane.exchange import Reported

STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":1}}}\n\n'
    b'event: ping\ndata: {"type": "ping"}\n\n'
    b"event: vendor_thing\ndata: {}\n\n"
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


class Silent:
    """A tally that nobody asks."""

    reported: Reported | None = None
    begun: TokenUsage | None = None

    def saw_event(self, text_bytes: int) -> None:
        """Forget it."""


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_stream_passes_byte_for_byte(cut: int) -> None:
    """``event:`` lines, pings and what is unknown too, however it is cut."""
    framer, watcher = MESSAGES.framer(), MESSAGES.watcher(Silent(), keep_usage=False)
    frames = [*framer.feed(STREAM[:cut]), *framer.feed(STREAM[cut:]), *framer.finish()]

    assert b"".join([frame.raw for frame in frames if watcher.passes(frame)]) == STREAM
    assert watcher.ended


@pytest.mark.parametrize("wire", [MESSAGES, COUNT_TOKENS], ids=["messages", "count_tokens"])
def test_half_an_answer_is_told_from_half_an_error(wire: Wire) -> None:
    """Where content had begun to come, the provider has done its work."""
    assert wire.begins_answer(b'{"id":"msg_1","content":[{"ty') == wire.generates
    assert not wire.begins_answer(b'{"type":"error","err')
    assert not wire.begins_answer(b"<html>content</html>")

"""Anthropic's wire: a streamed answer as it goes by, counted.

The stream tells of its input with its first event and of all its use with its last but one, so that it can be billed
where it breaks.  Source: the page on streaming messages.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.messages import usage as wire_usage
from sluice_dataplane.dialects.seam import Tally
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, length, members, said

_UNSAID: Final = frozenset(("type", "id", "index"))  # of a block or delta: its envelope
_SILENT: Final = frozenset(("ping", "content_block_stop"))


class _Message(msgspec.Struct, gc=False):
    usage: msgspec.Raw = ABSENT


class _Stop(msgspec.Struct, gc=False):
    stop_reason: msgspec.Raw = ABSENT


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    message: _Message | None = None
    usage: msgspec.Raw = ABSENT
    delta: msgspec.Raw = ABSENT
    content_block: msgspec.Raw = ABSENT


_event: Final = msgspec.json.Decoder(_Event)
_stop: Final = msgspec.json.Decoder(_Stop)


class Watcher:
    """See the seam.  Every event passes: the client of this wire gets all there is."""

    __slots__ = ("_tally", "_told", "_used", "ended", "failed")

    def __init__(self, tally: Tally) -> None:
        self.ended = self.failed = False
        self._tally = tally
        self._used: wire_usage.Usage | None = None
        self._told = False  # how much was generated: the first event does not know

    def passes(self, frame: Frame) -> bool:
        """Count *frame*."""
        data = frame.data
        if data is not None:
            try:
                event = _event.decode(data)
            except UNREADABLE:
                self._tally.saw_event(len(data))
            else:
                self._see(event, data)
        return True

    def _see(self, event: _Event, data: bytes) -> None:
        kind = event.type
        if kind == "content_block_delta":
            self._tally.saw_event(_said(event.delta))
        elif kind == "content_block_start":
            self._tally.saw_event(_said(event.content_block))
        elif kind == "message_start":
            self._use(ABSENT if event.message is None else event.message.usage)
        elif kind == "message_delta":
            self._told = self._told or said(event.usage)
            self._use(event.usage, last=_is_last(event.delta))
        elif kind == "message_stop":
            self.ended = True
            self._use(ABSENT, last=self._told)
        elif kind == "error":
            self.failed = True
        elif kind not in _SILENT:
            self._tally.saw_event(len(data))

    def _use(self, raw: msgspec.Raw, *, last: bool = False) -> None:
        """*raw* is what is said of usage now; *last*: nothing more is to come but the end."""
        usage = wire_usage.read(raw)
        if usage is not None:
            self._used = wire_usage.later(self._used, usage)
        if self._used is None:
            return
        reported = wire_usage.reported(self._used)
        if reported is None:
            return
        if last:
            self._tally.reported = reported
        else:
            self._tally.begun = reported.usage


def _is_last(delta: msgspec.Raw) -> bool:
    try:
        return said(_stop.decode(delta).stop_reason)
    except UNREADABLE:
        return False


def _said(value: msgspec.Raw) -> int:
    """How many bytes of a delta or a block were generated, whatever kind it is: never fewer than its text in UTF-8."""
    try:
        found = members.decode(value)
    except UNREADABLE:
        return length(value)
    return sum([length(each) for name, each in found.items() if name not in _UNSAID])

"""Converse: a streamed answer as it goes by, counted.

Source: the API reference (``ConverseStreamOutput``).  Events are padded (``p``), so only what they say is counted.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.converse.usage import event_usage
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.seam import Tally
from sluice_dataplane.dialects.values import ABSENT, length, members

_SILENT: Final = frozenset(("messageStart", "contentBlockStop", "messageStop"))


class _Event(msgspec.Struct, gc=False):
    start: msgspec.Raw = ABSENT
    delta: msgspec.Raw = ABSENT


_event: Final = msgspec.json.Decoder(_Event)


class ConverseWatcher:
    """See the seam.  ``ended`` once the usage has come, which is the stream's last word."""

    __slots__ = ("_tally", "ended", "failed")

    def __init__(self, tally: Tally) -> None:
        self.ended = self.failed = False
        self._tally = tally

    def passes(self, frame: Frame) -> bool:
        """Count *frame*; all pass."""
        if frame.event.startswith(("exception:", "error:")):
            self.failed = True
        elif frame.data is None or frame.event in _SILENT:
            return True
        elif frame.event == "metadata":
            self.ended = True
            self._tally.reported = event_usage(frame.data) or self._tally.reported
        else:
            self._tally.saw_event(text_bytes(frame.data))
        return True


def text_bytes(data: bytes) -> int:
    """How many bytes of one event were generated: never fewer than its words in UTF-8; all of one of another form."""
    try:
        event = _event.decode(data)
        said = event.delta if length(event.delta) else event.start
        return sum([_within(value) for value in members.decode(said).values()])
    except (ValueError, RecursionError):
        return len(data)


def _within(value: msgspec.Raw) -> int:
    """The bytes of a member, or of an object's members, without their names."""
    if bytes(memoryview(value)[:1]) != b"{":
        return length(value)
    return sum([length(each) for each in members.decode(value).values()])

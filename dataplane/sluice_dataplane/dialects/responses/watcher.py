"""The Responses API: what a streamed answer tells of its use, and when it has ended.

Source: the API reference, streaming events (``response.*.delta``, ``response.output_item.done``,
``response.completed``, ``response.incomplete``, ``response.failed``).
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.responses.usage import reported_of
from sluice_dataplane.dialects.seam import Tally, Watcher
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, length

DONE: Final = b"[DONE]"  # some servers close with it, as in chat completions
LAST: Final = frozenset(("response.completed", "response.incomplete", "response.failed"))
_MAX_ITEMS: Final = 4_096  # of which it is kept whether their words have been counted


class _Response(msgspec.Struct, gc=False):
    usage: msgspec.Raw = ABSENT
    service_tier: Any = None
    output: msgspec.Raw = ABSENT


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: msgspec.Raw = ABSENT
    item: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT
    output_index: Any = None


class _Encrypted(msgspec.Struct, gc=False):
    encrypted_content: msgspec.Raw = ABSENT


_event: Final = msgspec.json.Decoder(_Event)
_response: Final = msgspec.json.Decoder(_Response)
_encrypted: Final = msgspec.json.Decoder(_Encrypted)


class StreamWatcher(Watcher):
    """Counts the bytes of what is generated, once: in its deltas, or in the whole item where no delta came."""

    __slots__ = ("_counted", "_saw", "_tally", "ended")

    def __init__(self, tally: Tally) -> None:
        self.ended = False
        self._tally = tally
        self._counted: set[int] = set()  # items whose deltas came
        self._saw = False  # anything that was generated

    def passes(self, frame: Frame) -> bool:
        """Every event is the client's; see the seam."""
        data = frame.data
        if data is None:
            return True
        if data == DONE:
            self.ended = True
            return True
        try:
            event = _event.decode(data)
        except UNREADABLE:
            self._saw_bytes(len(data))
            return True
        if event.type.endswith(".delta"):
            self._note(event.output_index)
            self._saw_bytes(length(event.delta))
        elif event.type == "response.output_item.done":
            self._saw_item(event)
        elif event.response is not ABSENT:
            self._saw_response(event)
        return True

    def _note(self, index: object) -> None:
        if isinstance(index, int) and len(self._counted) < _MAX_ITEMS:
            self._counted.add(index)

    def _saw_bytes(self, count: int) -> None:
        self._saw = True
        self._tally.saw_event(count)

    def _saw_item(self, event: _Event) -> None:
        if not (isinstance(event.output_index, int) and event.output_index in self._counted):
            self._saw_bytes(length(event.item))
        elif b'"encrypted_content"' in bytes(event.item):  # thought, and told in no delta
            try:
                self._saw_bytes(length(_encrypted.decode(event.item).encrypted_content))
            except UNREADABLE:
                self._saw_bytes(length(event.item))

    def _saw_response(self, event: _Event) -> None:
        last = event.type in LAST
        if not last and b'"input_tokens"' not in bytes(event.response):
            return
        try:
            response = _response.decode(event.response)
        except UNREADABLE:
            response = _Response()
        reported = None if response.usage is ABSENT else reported_of(response.usage, response.service_tier)
        if not last:
            self._tally.begun = None if reported is None else reported.usage
            return
        self.ended = True
        if reported is not None:
            self._tally.reported = reported
        elif not self._saw:
            self._saw_bytes(length(response.output))

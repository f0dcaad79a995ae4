"""The Responses API: what a streamed answer tells of its use, and when it has ended.

Source: the API reference, streaming events (``response.*.delta``, ``response.output_item.done``,
``response.completed``, ``response.incomplete``, ``response.failed``).
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.responses.usage import reported_of
from sluice_dataplane.dialects.seam import Tally, Watcher
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, length, said

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
    error: msgspec.Raw = ABSENT
    output_index: Any = None
    item_id: Any = None


class _Item(msgspec.Struct, gc=False):
    id: Any = None
    call_id: Any = None
    encrypted_content: msgspec.Raw = ABSENT


_event: Final = msgspec.json.Decoder(_Event)
_response: Final = msgspec.json.Decoder(_Response)
_item: Final = msgspec.json.Decoder(_Item)


def tells_of_failure(kind: str, error: msgspec.Raw) -> bool:
    """Whether an event of *kind* is the stream's error, in this API's form or in that of chat completions."""
    return kind == "error" or (not kind and said(error))


class StreamWatcher(Watcher):
    """Counts the bytes of what is generated, once: in its deltas, or in the whole item where no delta came."""

    __slots__ = ("_counted", "_saw", "_tally", "ended", "failed")

    def __init__(self, tally: Tally) -> None:
        self.ended = self.failed = False
        self._tally = tally
        self._counted: set[int | str] = set()  # items whose deltas came
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
            self._note(event)
            self._saw_bytes(length(event.delta))
        elif event.type == "response.output_item.done":
            self._saw_item(event)
        elif tells_of_failure(event.type, event.error):
            self.failed = True
        elif event.response is not ABSENT:
            self._saw_response(event)
        return True

    def _note(self, event: _Event) -> None:
        """Some servers leave the place of an item out, and go by its id."""
        key = event.item_id if event.output_index is None else event.output_index
        if isinstance(key, int | str) and len(self._counted) < _MAX_ITEMS:
            self._counted.add(key)

    def _saw_bytes(self, count: int) -> None:
        self._saw = True
        self._tally.saw_event(count)

    def _saw_item(self, event: _Event) -> None:
        try:
            item = _item.decode(event.item)
        except UNREADABLE:
            self._saw_bytes(length(event.item))
            return
        key = (item.id or item.call_id) if event.output_index is None else event.output_index
        if not (isinstance(key, int | str) and key in self._counted):
            self._saw_bytes(length(event.item))
        elif thought := length(item.encrypted_content):  # it is told in no delta
            self._saw_bytes(thought)

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
        self.failed = self.failed or event.type == "response.failed"
        if reported is not None:
            self._tally.reported = reported
        elif not self._saw and not self.failed:
            self._saw_bytes(length(response.output))

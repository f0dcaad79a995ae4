"""The Responses API: what is asked of a response that its provider keeps.  It was paid for when it was made.

Source: the API reference (``GET``, ``DELETE /responses/{id}``, ``POST …/cancel``, ``GET …/input_items``).
"""

from typing import Final

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.responses.wire import ResponsesWire
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher, Wire
from sluice_dataplane.dialects.values import UNREADABLE, members
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Reported


class _Event(msgspec.Struct, gc=False):
    type: str = ""


_event: Final = msgspec.json.Decoder(_Event)
_NOTHING: Final = Reported(TokenUsage())
_ENDS: Final = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"', b'"response.cancelled"')


class _KeptWire(ResponsesWire):
    name: Endpoint = "response"
    generates = False

    def read_ask(self, exchange: Exchange) -> Ask:
        return Ask(model="", stream=exchange.route.stream)

    def parts_of(self, body: bytes) -> Parts:  # noqa: ARG002  the seam's
        return PLAIN

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:  # noqa: ARG002  nothing in it is ours
        return body

    def read_usage(self, body: bytes) -> Reported | None:
        try:
            members.decode(body)  # raises where it is no object; a response that failed is one
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        return _NOTHING

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:  # noqa: ARG002  nothing is kept back
        tally.reported = _NOTHING
        return _Watcher()


class _Watcher:
    __slots__ = ("ended", "failed")

    def __init__(self) -> None:
        self.ended = self.failed = False

    def passes(self, frame: Frame) -> bool:
        if frame.data is not None:
            self.ended = self.ended or any(end in frame.data for end in _ENDS)
            self.failed = self.failed or _is_error(frame.data)
        return True


def _is_error(data: bytes) -> bool:
    try:
        return _event.decode(data).type == "error"
    except UNREADABLE:
        return False


RESPONSE: Final[Wire] = _KeptWire()

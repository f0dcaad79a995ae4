"""Converse as it is called: no client speaks it, so nothing is passed on in it as it came."""

from typing import Final

import msgspec

from sluice_dataplane.dialects.converse import faults, usage
from sluice_dataplane.dialects.converse.watcher import ConverseWatcher
from sluice_dataplane.dialects.event_stream import EventStreamFramer, encode
from sluice_dataplane.dialects.frames import Framer
from sluice_dataplane.dialects.parts import Parts
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher, Wire
from sluice_dataplane.errors import GatewayError, InvalidRequestError
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Headers, Reported

_JSON: Final[Headers] = (("content-type", "application/json"),)


class _Converse:
    """See the seam."""

    name: Endpoint = "converse"
    generates = True
    stream_type = "application/vnd.amazon.eventstream"

    def read_ask(self, exchange: Exchange) -> Ask:  # noqa: ARG002  the seam's
        """Raises InvalidRequestError: there are no clients of this wire; so do the next two."""
        raise _not_served()

    def parts_of(self, body: bytes) -> Parts:  # noqa: ARG002  the seam's
        """See :meth:`read_ask`."""
        raise _not_served()

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:  # noqa: ARG002  the seam's
        """See :meth:`read_ask`."""
        raise _not_served()

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:  # noqa: ARG002  the seam's
        """The content type; clients' headers are of other wires."""
        return _JSON

    def read_usage(self, body: bytes) -> Reported | None:
        """``usage`` of a plain answer; see the seam."""
        return usage.answer_usage(body)

    def begins_answer(self, data: bytes) -> bool:
        """Whether the message, or what is said of the call beside it, had begun to come."""
        return data.lstrip().startswith(b"{") and (b'"output"' in data or b'"metrics"' in data)

    def is_error(self, body: bytes) -> bool:
        """Whether there is a message, and no answer."""
        return bool(faults.read_error(body))

    def framer(self) -> Framer:
        """AWS's event stream."""
        return EventStreamFramer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:  # noqa: ARG002  the seam's
        """Reads ``metadata``, which is also the end."""
        return ConverseWatcher(tally)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:  # noqa: ARG002  AWS has it in a header
        """As AWS's clients read it."""
        return msgspec.json.encode({"message": error.message})

    def error_event(self, body: bytes) -> bytes:
        """An exception of the stream."""
        headers = {
            ":exception-type": "internalServerException",
            ":content-type": "application/json",
            ":message-type": "exception",
        }
        return encode(headers, body)


def _not_served() -> InvalidRequestError:
    return InvalidRequestError("The gateway speaks Converse with providers only.", code="endpoint_not_supported")


CONVERSE: Final[Wire] = _Converse()

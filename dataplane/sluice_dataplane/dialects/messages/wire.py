"""Anthropic's Messages API as it is passed on; see the seam.  What is where: fields, parts, usage, watcher, errors."""

from typing import Final

from sluice_dataplane.dialects.frames import Framer
from sluice_dataplane.dialects.messages import errors, fields, headers, parts, usage
from sluice_dataplane.dialects.messages.watcher import Watcher
from sluice_dataplane.dialects.parts import Parts
from sluice_dataplane.dialects.seam import Edit, Tally, Wire
from sluice_dataplane.dialects.seam import Watcher as AnyWatcher
from sluice_dataplane.dialects.sse import SseFramer
from sluice_dataplane.errors import GatewayError
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Headers, Reported


class MessagesWire:
    """``/v1/messages``; see the seam."""

    name: Endpoint = "messages"
    generates = True
    stream_type = "text/event-stream"

    def read_ask(self, exchange: Exchange) -> Ask:
        """The owned fields of the body; see the seam."""
        return fields.read_ask(exchange.body, client=exchange.headers)

    def parts_of(self, body: bytes) -> Parts:
        """What is no text in it; see the seam."""
        return parts.parts_of(body)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """The same bytes but for the model and ``max_tokens``; see the seam."""
        return fields.request_body(body, ask, edit)

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:
        """``anthropic-version`` and ``anthropic-beta``, and no other header of the client's."""
        return headers.request_headers(client, quirks)

    def read_usage(self, body: bytes) -> Reported | None:
        """``usage`` of a plain answer; see the seam."""
        return usage.answer_usage(body)

    def begins_answer(self, data: bytes) -> bool:
        """Whether content had begun to come."""
        return data.lstrip().startswith(b"{") and (b'"content"' in data or b'"stop_reason"' in data)

    def is_error(self, body: bytes) -> bool:
        """Whether there is an ``error`` that says something."""
        return errors.is_error(body)

    def framer(self) -> Framer:
        """Server-sent events, whose ``event:`` lines are part of them."""
        return SseFramer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> AnyWatcher:  # noqa: ARG002  the seam's; all of it is kept
        """Reads ``usage`` as it comes; the end is ``message_stop``."""
        return Watcher(tally)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """The form that OpenAI's and Anthropic's SDKs both read, with one of Anthropic's types."""
        return errors.error_body(error, request_id)

    def error_event(self, body: bytes) -> bytes:
        """``event: error``, which Anthropic's SDKs raise."""
        return errors.error_event(body)


MESSAGES: Final[Wire] = MessagesWire()

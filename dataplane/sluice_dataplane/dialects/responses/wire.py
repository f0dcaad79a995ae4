"""The Responses API, passed on: what is read of a call, what is changed in it, and what its answer used.

Source: the API reference (``POST /responses``, streaming events, the ``error`` event).
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.frames import Framer
from sluice_dataplane.dialects.parts import Parts
from sluice_dataplane.dialects.responses import fields
from sluice_dataplane.dialects.responses.parts import parts_of
from sluice_dataplane.dialects.responses.usage import reported_of
from sluice_dataplane.dialects.responses.watcher import StreamWatcher
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher, Wire
from sluice_dataplane.dialects.sse import picture_framer
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, encoder, members, said
from sluice_dataplane.errors import GatewayError, error_body
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Headers, Reported

# Of the client's headers: betas of the API, and what names its conversation, by which providers find their caches.
SENT: Final = (
    *("openai-beta", "originator", "session-id", "session_id", "conversation_id", "thread-id", "x-grok-conv-id"),
    *("x-codex-turn-state", "x-codex-turn-metadata", "x-codex-window-id", "x-codex-parent-thread-id"),
    "x-codex-installation-id",
)
_JSON: Final = ("content-type", "application/json")


class _Answer(msgspec.Struct, gc=False):
    output: msgspec.Raw = ABSENT
    status: msgspec.Raw = ABSENT
    usage: msgspec.Raw = ABSENT
    service_tier: Any = None
    error: msgspec.Raw = ABSENT


class _Told(msgspec.Struct):
    type: str = "api_error"
    code: str | None = None
    message: str = ""
    param: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Told


class _ErrorEvent(msgspec.Struct):
    """Flat as the API has it; ``error`` besides, which makes OpenAI's SDKs raise what they else pass on silently."""

    type: str
    sequence_number: int
    code: str | None
    message: str
    param: str | None
    error: _Told


_answer: Final = msgspec.json.Decoder(_Answer)
_error_body: Final = msgspec.json.Decoder(_ErrorBody)


class ResponsesWire(Wire):
    """``POST /responses``; see the seam."""

    name: Endpoint = "responses"
    generates = True
    stream_type = "text/event-stream"

    def read_ask(self, exchange: Exchange) -> Ask:
        """The owned fields of the body."""
        return fields.read_ask(exchange.body)

    def parts_of(self, body: bytes) -> Parts:
        """What is no text, or kept by the provider, or run by it."""
        return parts_of(body)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """The same bytes but for the model and the ceiling."""
        return fields.request_body(body, ask, edit)

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:  # noqa: ARG002  the seam's
        """The content type, and the client's own that name no account."""
        return (_JSON, *[each for each in client if each[0] in SENT])

    def read_usage(self, body: bytes) -> Reported | None:
        """``usage``; what failed without having used anything is an error in spite of its status."""
        answer = _read(body)
        reported = None if answer.usage is ABSENT else reported_of(answer.usage, answer.service_tier)
        if reported is None and said(answer.error):
            raise ValueError("an error came with a status of success")
        if reported is None and not (said(answer.output) or said(answer.status)):
            raise ValueError("there is no answer in it")
        return reported

    def begins_answer(self, data: bytes) -> bool:
        """Whether a response had begun to come."""
        return data.lstrip().startswith(b"{") and (b'"output"' in data or b'"response"' in data)

    def is_error(self, body: bytes) -> bool:
        """Whether there is an ``error`` that says something."""
        try:
            return said(members.decode(body).get("error"))
        except UNREADABLE:
            return False

    def framer(self) -> Framer:
        """Server-sent events."""
        return picture_framer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:  # noqa: ARG002  the last event always has it
        """The last event has the usage."""
        return StreamWatcher(tally)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """The one form that OpenAI's and Anthropic's SDKs both read."""
        return error_body(error, request_id)

    def error_event(self, body: bytes) -> bytes:
        """The ``error`` event; never a forged ``response.completed``."""
        told = _error_body.decode(body).error
        event = _ErrorEvent("error", 0, told.code, told.message, told.param, told)
        return b"event: error\ndata: " + encoder.encode(event) + b"\n\n"


def _read(body: bytes) -> _Answer:
    try:
        return _answer.decode(body)
    except RecursionError:
        raise ValueError("nested too deep") from None


RESPONSES: Final[Wire] = ResponsesWire()

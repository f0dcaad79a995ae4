"""What is common to the calls that are passed on: errors, headers, and answers in OpenAI's form."""

from abc import ABC, abstractmethod
from typing import Final

from sluice_dataplane.dialects.frames import Frame, Framer
from sluice_dataplane.dialects.openai.usage import is_error
from sluice_dataplane.dialects.openai.wire import DONE
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.passed import usage
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher
from sluice_dataplane.dialects.sse import picture_framer
from sluice_dataplane.errors import GatewayError, error_body
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Headers, Reported

_JSON: Final[Headers] = (("content-type", "application/json"),)
_ENDS: Final = (".done", ".completed")


class PassedWire(ABC):
    """A call in OpenAI's form that nobody translates; what it asks and what changes in it is for those below."""

    stream_type = "text/event-stream"

    def __init__(self, name: Endpoint, *, generates: bool = False) -> None:
        self.name: Endpoint = name
        self.generates = generates

    @abstractmethod
    def read_ask(self, exchange: Exchange) -> Ask:
        """What is asked; see the seam."""

    def parts_of(self, body: bytes) -> Parts:  # noqa: ARG002  the seam's
        """Text alone."""
        return PLAIN

    @abstractmethod
    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """*body* for the upstream; see the seam."""

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:  # noqa: ARG002  the seam's
        """The content type of JSON; that of a form is the client's."""
        return _JSON

    def read_usage(self, body: bytes) -> Reported | None:
        """See the seam."""
        return usage.answer_usage(body)

    def begins_answer(self, data: bytes) -> bool:
        """Whether a JSON object had begun to come."""
        return data.lstrip().startswith(b"{")

    def is_error(self, body: bytes) -> bool:
        """Whether there is an ``error`` that says something."""
        return is_error(body)

    def framer(self) -> Framer:
        """Server-sent events."""
        return picture_framer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:  # noqa: ARG002  usage is never kept back here
        """Reads events whose type ends in ``.done`` or ``.completed``; some servers end with ``[DONE]`` as chats do."""
        return _EventWatcher(tally)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """The one form that all read."""
        return error_body(error, request_id)

    def error_event(self, body: bytes) -> bytes:
        """The event that ends a stream which broke."""
        return b"event: error\ndata: " + body + b"\n\n"


class _EventWatcher:
    __slots__ = ("_tally", "ended", "failed")

    def __init__(self, tally: Tally) -> None:
        self.ended = self.failed = False
        self._tally = tally

    def passes(self, frame: Frame) -> bool:
        data = frame.data
        if data is None:
            return True
        if data == DONE:
            self.ended = True
            return True
        kind, reported = usage.event_usage(data)
        if reported is not None:
            self._tally.reported = reported
        self.ended = self.ended or kind.endswith(_ENDS)
        if kind == "error" or (not kind and is_error(data)):
            self.failed = True
        else:
            self._tally.saw_event(len(data))
        return True

"""OpenAI's form of a call: JSON in, JSON or server-sent events out, errors under ``error``.

What one call has of its own (what is no text in it, whether it generates) is given to :class:`OpenAIWire`.
"""

from collections.abc import Callable
from typing import Final

from sluice_dataplane.dialects.frames import Frame, Framer
from sluice_dataplane.dialects.openai import usage
from sluice_dataplane.dialects.openai.choices import Choices
from sluice_dataplane.dialects.openai.fields import read_ask, request_body
from sluice_dataplane.dialects.parts import PLAIN, Parts
from sluice_dataplane.dialects.seam import Edit, Tally, Watcher
from sluice_dataplane.dialects.sse import picture_framer
from sluice_dataplane.errors import GatewayError, error_body
from sluice_dataplane.exchange import Ask, Endpoint, Exchange, Headers, Reported

DONE: Final = b"[DONE]"
_JSON: Final[Headers] = (("content-type", "application/json"),)


class OpenAIWire:
    """A wire in OpenAI's form; see the seam."""

    stream_type = "text/event-stream"

    def __init__(
        self,
        name: Endpoint,
        *,
        generates: bool = True,
        parts_of: Callable[[bytes], Parts] = lambda _: PLAIN,
    ) -> None:
        self.name: Endpoint = name
        self.generates = generates
        self.parts_of = parts_of

    def read_ask(self, exchange: Exchange) -> Ask:
        """The owned fields of the body; see the seam."""
        return read_ask(exchange.body, generates=self.generates)

    def request_body(self, body: bytes, ask: Ask, edit: Edit) -> bytes:
        """The same bytes but for the model, the ceiling and ``stream_options``."""
        return request_body(body, ask, edit, generates=self.generates)

    def request_headers(self, client: Headers, quirks: tuple[str, ...]) -> Headers:  # noqa: ARG002  the seam's
        """The content type; OpenAI's own headers name accounts, which are the gateway's to choose."""
        return _JSON

    def read_usage(self, body: bytes) -> Reported | None:
        """``usage`` of a plain answer; see the seam."""
        return usage.answer_usage(body, generates=self.generates)

    def begins_answer(self, data: bytes) -> bool:
        """Whether choices or embeddings had begun to come."""
        return usage.begins_answer(data)

    def is_error(self, body: bytes) -> bool:
        """Whether there is an ``error`` that says something."""
        return usage.is_error(body)

    def framer(self) -> Framer:
        """Server-sent events."""
        return picture_framer()

    def watcher(self, tally: Tally, *, keep_usage: bool) -> Watcher:
        """Reads the usage chunk; the end is ``[DONE]``."""
        return _Watcher(tally, keep_usage=keep_usage)

    def error_body(self, error: GatewayError, request_id: str) -> bytes:
        """The one form that OpenAI's and Anthropic's SDKs both read."""
        return error_body(error, request_id)

    def error_event(self, body: bytes) -> bytes:
        """The event that ends a stream which broke: never a forged ``[DONE]``."""
        return b"data: " + body + b"\n\n"


class _Watcher:
    __slots__ = ("_choices", "_keep_usage", "_latest", "_tally", "ended", "failed")

    def __init__(self, tally: Tally, *, keep_usage: bool) -> None:
        self.ended = self.failed = False
        self._tally = tally
        self._keep_usage = keep_usage
        self._latest: Reported | None = None
        self._choices = Choices()

    def passes(self, frame: Frame) -> bool:
        data = frame.data
        if data is None:
            return True
        if data == DONE:
            self.ended = True
            self._tally.reported = self._tally.reported or self._latest
            return True
        if b'"usage"' in data:
            reported, alone = usage.chunk_usage(data)
            if reported is not None:
                self._note(reported, last=alone or self._choices.over_with(data))
                if alone and not self._keep_usage:
                    return False
        if b'"error"' in data and usage.is_failure(data):
            self.failed = True
        else:
            self._tally.saw_event(usage.text_bytes(data))
        return True

    def _note(self, reported: Reported, *, last: bool) -> None:
        """Some servers tell what was used with every event: until the last, it is what was used so far."""
        self._latest = reported
        self._tally.reported = reported if last else None
        if not last:
            self._tally.begun = reported.usage

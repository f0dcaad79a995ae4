"""A streamed answer of a provider of chat completions, chunk by chunk, as events.

Chunks without choices (Azure's of its filters, keep-alives) say nothing but their usage.  A choice ends with its
``finish_reason``, the answer with ``[DONE]``, or where a provider leaves that out with the stream, if all choices that
began have ended.  Usage is what was said last.
"""

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.chat import shapes
from sluice_dataplane.dialects.chat.answers_in import said_by_error
from sluice_dataplane.dialects.chat.calls import CallsError
from sluice_dataplane.dialects.chat.choice_in import StreamedChoice
from sluice_dataplane.dialects.events import UNREADABLE, Began, Ended, Event, Failed
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.openai.fields import MAX_CHOICES
from sluice_dataplane.dialects.openai.usage import chunk_usage
from sluice_dataplane.dialects.openai.wire import DONE
from sluice_dataplane.dialects.values import NULL, members, said


class ChatReader:
    """See :class:`~sluice_dataplane.dialects.seam.Reader`."""

    __slots__ = ("_began", "_choices", "_over", "_tier", "_usage")

    def __init__(self) -> None:
        self._choices: dict[int, StreamedChoice] = {}
        self._usage: TokenUsage | None = None
        self._tier = ""
        self._began = False
        self._over = False

    def feed(self, frame: Frame) -> list[Event]:
        """What *frame* says; nothing once the answer is over."""
        data = frame.data
        if self._over or data is None:
            return []
        data = data.strip()
        if data == DONE:
            return self._done()
        if not data.startswith(b"{"):
            return []
        try:
            return self._chunk(data)
        except (ValueError, RecursionError, CallsError):
            return self._fail(UNREADABLE)

    def finish(self) -> list[Event]:
        """What is left to say when the stream has ended properly."""
        if self._over:
            return []
        if self._choices and all(choice.ended for choice in self._choices.values()):
            return self._done()
        self._over = True
        return [event for choice in self._choices.values() for event in choice.close()]

    def _done(self) -> list[Event]:
        if not self._choices:
            return self._fail(Failed(message="The provider's stream held no answer."))
        self._over = True
        events = [event for choice in self._choices.values() for event in choice.end("")]
        return [*events, Ended(usage=self._usage, service_tier=self._tier)]

    def _fail(self, failed: Failed) -> list[Event]:
        self._over = True
        return [failed]

    def _chunk(self, data: bytes) -> list[Event]:
        chunk = shapes.envelope.decode(data)
        if said(chunk.error) or chunk.object == "error":
            return self._fail(_failed(data, chunk))
        self._note(data, chunk)
        choices = shapes.choices.decode(chunk.choices) or [] if said(chunk.choices) else []
        events: list[Event] = []
        if not self._began and (choices or chunk.id):
            self._began = True
            events.append(
                Began(
                    id=chunk.id if isinstance(chunk.id, str) else "",
                    model=chunk.model if isinstance(chunk.model, str) else "",
                    service_tier=self._tier,
                )
            )
        for number, piece in enumerate(choices):
            if piece.finish_reason == "error":
                return events + self._fail(Failed(message="The provider failed."))
            events += self._choice(number if piece.index is None else piece.index).feed(piece)
        return events

    def _note(self, data: bytes, chunk: shapes.Envelope) -> None:
        if isinstance(chunk.service_tier, str):
            self._tier = chunk.service_tier
        if b'"usage"' in data:
            reported, _ = chunk_usage(data)
            if reported is not None:
                self._usage = reported.usage
                self._tier = reported.service_tier or self._tier

    def _choice(self, index: int) -> StreamedChoice:
        choice = self._choices.get(index)
        if choice is None:
            if not 0 <= index < MAX_CHOICES:
                raise ValueError(f"there is no choice {index}")
            choice = self._choices[index] = StreamedChoice(index)
        return choice


def _failed(data: bytes, chunk: shapes.Envelope) -> Failed:
    error = chunk.error if said(chunk.error) else msgspec.Raw(data)
    return Failed(
        message=said_by_error(error) or "The provider failed.",
        type=_member(error, "type") or "api_error",
        code=_member(error, "code"),
    )


def _member(error: msgspec.Raw, name: str) -> str:
    """What the error says under *name*, where that is a word or a number."""
    try:
        value = msgspec.json.decode(members.decode(error).get(name, msgspec.Raw(NULL)))
    except (ValueError, RecursionError):
        return ""
    return str(value) if isinstance(value, str | int) else ""

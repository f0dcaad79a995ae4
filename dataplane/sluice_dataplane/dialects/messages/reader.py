"""Anthropic's wire: a provider's stream as events.  Source: the page on streaming messages.

Blocks that only this wire's clients have a use for are left out, so parts are numbered anew.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Finish, Refusal, Text, Thinking, ToolCall
from sluice_dataplane.dialects.events import (
    Began,
    ChoiceEnded,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    PartBegan,
    PartEnded,
    Signed,
)
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.messages import shapes
from sluice_dataplane.dialects.messages import usage as wire_usage
from sluice_dataplane.dialects.messages.answers_in import finish_of, part_of, refusal_of
from sluice_dataplane.dialects.messages.blocks_in import citation_of
from sluice_dataplane.dialects.values import said
from sluice_dataplane.exchange import Reported


class _Kind(msgspec.Struct, gc=False):
    type: str


_kind: Final = msgspec.json.Decoder(_Kind)
_KINDS: Final = frozenset(
    (
        *("content_block_delta", "content_block_start", "content_block_stop"),
        *("message_start", "message_delta", "message_stop", "error"),
    )
)


class Reader:
    """See the seam."""

    __slots__ = ("_began", "_finish", "_next", "_open", "_over", "_stop_sequence", "_used")

    def __init__(self) -> None:
        self._began = False
        self._open: dict[int, int] = {}  # parts by the index of their block
        self._next = 0
        self._finish: Finish | None = None
        self._stop_sequence: str | None = None
        self._used: wire_usage.Usage | None = None
        self._over = False

    def feed(self, frame: Frame) -> list[Event]:
        """What *frame* says.

        Raises:
            FramingError: it is not of the form that its kind has.
        """
        data = frame.data
        if self._over or not frame.whole or data is None or not data.lstrip().startswith(b"{"):
            return []
        try:
            return self._begun(self._read(shapes.stream_event.decode(data)))
        except (ValueError, RecursionError):
            if _is_unknown(data):
                return []
            raise FramingError("an event of the stream is not what its kind is") from None

    def finish(self) -> list[Event]:
        """The end, where the provider told why it stopped; else only what is open is closed."""
        if self._over:
            return []
        return self._begun(self._close() if self._finish is None else self._end())

    def _read(self, event: shapes.StreamEvent) -> list[Event]:
        match event.type:
            case "content_block_delta":
                return self._delta(event)
            case "content_block_start":
                return self._block(event)
            case "content_block_stop":
                index = self._open.pop(event.index, None)
                return [] if index is None else [PartEnded(index=index)]
            case "message_start":
                return self._start(event.message or shapes.Answer())
            case "message_delta":
                return self._message_delta(event)
            case "message_stop":
                return self._end()
            case "error":
                return self._fail(event.error or shapes.Failure())
            case _:
                return []

    def _begun(self, events: list[Event]) -> list[Event]:
        """*events*, behind a beginning where the provider told none."""
        if self._began or not events or isinstance(events[0], Failed):
            return events
        self._began = True
        return [Began(), *events]

    def _start(self, message: shapes.Answer) -> list[Event]:
        if self._began:
            return []
        self._began = True
        reported = self._use(message.usage)
        return [
            Began(
                id=message.id or "",
                model=message.model or "",
                usage=None if reported is None else reported.usage,
                service_tier="" if reported is None else reported.service_tier,
            )
        ]

    def _block(self, event: shapes.StreamEvent) -> list[Event]:
        part = None if event.content_block is None else part_of(event.content_block)
        if part is None or event.index in self._open:
            return []
        return self._begin(event.index, part)

    def _begin(self, block: int, part: Text | Thinking | ToolCall) -> list[Event]:
        """*part* begins; the words it has already come as its first delta."""
        index = self._open[block] = self._next
        self._next += 1
        empty, words = _emptied(part)
        events: list[Event] = [PartBegan(index=index, part=empty)]
        if words:
            events.append(Delta(index=index, text=words))
        return events

    def _delta(self, event: shapes.StreamEvent) -> list[Event]:
        index, delta = self._open.get(event.index), event.delta
        if index is None or delta is None:
            return []
        if delta.type == "signature_delta":
            return [Signed(index=index, signature=delta.signature or "")]
        if delta.type == "citations_delta" and said(delta.citation):
            return [Cited(index=index, citation=citation_of(delta.citation))]
        text = delta.text or delta.partial_json or delta.thinking
        return [Delta(index=index, text=text)] if text else []

    def _message_delta(self, event: shapes.StreamEvent) -> list[Event]:
        self._use(event.usage)
        delta = event.delta
        if delta is None or delta.stop_reason is None:
            return []
        self._finish, self._stop_sequence = finish_of(delta.stop_reason), delta.stop_sequence
        return [each for part in refusal_of(delta.stop_details) for each in self._refuse(part)]

    def _refuse(self, refusal: Refusal) -> list[Event]:
        index = self._next
        self._next += 1
        return [
            PartBegan(index=index, part=Refusal(text="")),
            Delta(index=index, text=refusal.text),
            PartEnded(index=index),
        ]

    def _use(self, raw: msgspec.Raw) -> Reported | None:
        found = wire_usage.read(raw)
        if found is not None:
            self._used = wire_usage.later(self._used, found)
        return None if self._used is None else wire_usage.reported(self._used)

    def _close(self) -> list[Event]:
        ended: list[Event] = [PartEnded(index=index) for index in self._open.values()]
        self._open.clear()
        return ended

    def _end(self) -> list[Event]:
        self._over = True
        reported = None if self._used is None else wire_usage.reported(self._used)
        ended = Ended() if reported is None else Ended(usage=reported.usage, service_tier=reported.service_tier)
        return [
            *self._close(),
            ChoiceEnded(finish=self._finish or "stop", stop_sequence=self._stop_sequence),
            ended,
        ]

    def _fail(self, failure: shapes.Failure) -> list[Event]:
        self._over = True
        return [
            Failed(
                message=failure.message or "The provider failed.",
                type=failure.type or "api_error",
                code="" if failure.code is None else str(failure.code),
            )
        ]


def _is_unknown(data: bytes) -> bool:
    """Whether *data* is an event that this wire may have next year."""
    try:
        return _kind.decode(data).type not in _KINDS
    except (ValueError, RecursionError):
        return False


def _emptied(part: Text | Thinking | ToolCall) -> tuple[Text | Thinking | ToolCall, str]:
    """*part* as it begins, and its words; a call's arguments are empty until they come."""
    if isinstance(part, ToolCall):
        return msgspec.structs.replace(part, arguments=""), "" if part.arguments == "{}" else part.arguments
    return msgspec.structs.replace(part, text=""), part.text

"""Converse: a streamed answer, read as events.  A pure machine.

A text or a thought has no event of its own that begins it: its first words do.  A redacted thought may come in pieces,
and is given whole.  The usage comes after the end, in ``metadata``; an answer without it is whole when its body ends.

Source: the API reference (``ConverseStreamOutput``).
"""

from base64 import b64decode, b64encode
from typing import Final, Literal

import msgspec

from sluice_dataplane.dialects.conversation import Text, Thinking, ToolCall
from sluice_dataplane.dialects.converse.answers import FINISHES, SERVER_TOOL, CitationBlock, read_stop
from sluice_dataplane.dialects.converse.faults import read_failure
from sluice_dataplane.dialects.converse.turns_out import ORIGIN
from sluice_dataplane.dialects.converse.usage import event_usage
from sluice_dataplane.dialects.events import (
    UNREADABLE,
    Began,
    ChoiceEnded,
    Cited,
    Delta,
    Ended,
    Event,
    PartBegan,
    PartEnded,
    Signed,
)
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.values import ABSENT
from sluice_dataplane.exchange import Reported

MAX_REDACTED: Final = 16 * 1024 * 1024  # bytes of redacted thoughts that are gathered
_Kind = Literal["text", "thought", "call", "redacted", "hidden"]


class _StartTool(msgspec.Struct, gc=False, rename="camel"):
    tool_use_id: str
    name: str
    type: str | None = None


class _Start(msgspec.Struct, gc=False, rename="camel"):
    tool_use: _StartTool | None = None


class _Input(msgspec.Struct, gc=False):
    input: str = ""


class _Reasoning(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _Delta(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    tool_use: _Input | None = None
    reasoning_content: _Reasoning | None = None
    citation: CitationBlock | None = None


class _Said(msgspec.Struct, gc=False, rename="camel"):
    """Any event of a stream but the last."""

    content_block_index: int = 0
    start: _Start | None = None
    delta: _Delta | None = None
    stop_reason: str | None = None
    additional_model_response_fields: msgspec.Raw = ABSENT


class _Open(msgspec.Struct, gc=False):
    """A block that goes on; ``index`` is its part's, ``pieces`` are of a redacted thought."""

    kind: _Kind
    index: int = -1
    pieces: list[str] = []


_KINDS: Final = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop")
_said: Final = msgspec.json.Decoder(_Said)


class ConverseReader:
    """See the seam.  Keeps what is open, and redacted thoughts until they are whole."""

    __slots__ = ("_began", "_done", "_gathered", "_next", "_open", "_stopped", "_used")

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._next = 0
        self._gathered = 0
        self._began = self._stopped = self._done = False
        self._used: Reported | None = None

    def feed(self, frame: Frame) -> list[Event]:
        """What *frame* says; see the seam.

        Raises:
            FramingError: a thought is too long to be kept.
        """
        if self._done or frame.data is None:
            return []
        if (failed := read_failure(frame.event, frame.data)) is not None:
            self._done = True
            return [failed]
        if frame.event == "metadata":
            self._used = event_usage(frame.data)
            return self._end() if self._stopped else []
        try:
            said = _said.decode(frame.data)
        except (ValueError, RecursionError):
            self._done = frame.event in _KINDS
            return [UNREADABLE] if self._done else []
        return self._read(frame.event, said)

    def finish(self) -> list[Event]:
        """Open parts end; the answer ends if it was whole but for its usage."""
        if self._done:
            return []
        events = self._close_all()
        return [*events, *self._end()] if self._stopped else events

    def _read(self, event: str, said: _Said) -> list[Event]:
        block = said.content_block_index
        if event == "messageStart":
            return self._begin()
        if event == "contentBlockStart" and said.start is not None and said.start.tool_use is not None:
            return [*self._begin(), *self._start(block, said.start.tool_use)]
        if event == "contentBlockDelta" and said.delta is not None:
            return [*self._begin(), *self._delta(block, said.delta)]
        if event == "contentBlockStop":
            return self._close(block)
        if event == "messageStop" and not self._stopped:
            return [*self._begin(), *self._stop(said)]
        return []

    def _begin(self) -> list[Event]:
        if self._began:
            return []
        self._began = True
        return [Began()]

    def _start(self, block: int, tool: _StartTool) -> list[Event]:
        events = self._close(block)
        if tool.type == SERVER_TOOL:
            self._open[block] = _Open("hidden")
            return events
        return [*events, *self._part(block, "call", ToolCall(id=tool.tool_use_id, name=tool.name))]

    def _delta(self, block: int, delta: _Delta) -> list[Event]:
        if delta.text is not None:
            return self._words(block, "text", delta.text)
        if delta.tool_use is not None:
            return self._words(block, "call", delta.tool_use.input)
        if delta.reasoning_content is not None:
            return self._thought(block, delta.reasoning_content)
        if delta.citation is not None:
            events = self._part_of(block, "text")
            return [*events, Cited(index=self._open[block].index, citation=delta.citation.read())]
        return []

    def _thought(self, block: int, thought: _Reasoning) -> list[Event]:
        if thought.redacted_content is not None:
            return self._gather(block, thought.redacted_content)
        if thought.text is not None:
            return self._words(block, "thought", thought.text)
        if not thought.signature:
            return []
        events = self._part_of(block, "thought")
        return [*events, Signed(index=self._open[block].index, signature=thought.signature)]

    def _gather(self, block: int, piece: str) -> list[Event]:
        events: list[Event] = []
        if block not in self._open or self._open[block].kind != "redacted":
            events = self._close(block)
            self._open[block] = _Open("redacted", pieces=[])
        self._gathered += len(piece)
        if self._gathered > MAX_REDACTED:
            raise FramingError(f"redacted thoughts are longer than {MAX_REDACTED} bytes")
        self._open[block].pieces.append(piece)
        return events

    def _words(self, block: int, kind: _Kind, text: str) -> list[Event]:
        found = self._open.get(block)
        if not text or (kind == "call" and (found is None or found.kind != "call")):
            return []  # arguments of a call that is not the client's
        events = self._part_of(block, kind)
        return [*events, Delta(index=self._open[block].index, text=text)]

    def _part_of(self, block: int, kind: _Kind) -> list[Event]:
        """Make *block* one of *kind*, if it is not yet."""
        found = self._open.get(block)
        if found is not None and found.kind == kind:
            return []
        part = Text(text="") if kind == "text" else Thinking(origin=ORIGIN)
        return [*self._close(block), *self._part(block, kind, part)]

    def _part(self, block: int, kind: _Kind, part: Text | Thinking | ToolCall) -> list[Event]:
        opened = _Open(kind, self._next)
        self._next += 1
        self._open[block] = opened
        return [PartBegan(index=opened.index, part=part)]

    def _close(self, block: int) -> list[Event]:
        found = self._open.pop(block, None)
        if found is None or found.kind == "hidden":
            return []
        if found.kind != "redacted":
            return [PartEnded(index=found.index)]
        index = self._next
        self._next += 1
        return [
            PartBegan(index=index, part=Thinking(redacted=_joined(found.pieces), origin=ORIGIN)),
            PartEnded(index=index),
        ]

    def _close_all(self) -> list[Event]:
        return [event for block in list(self._open) for event in self._close(block)]

    def _stop(self, said: _Said) -> list[Event]:
        self._stopped = True
        ended = ChoiceEnded(
            finish=FINISHES.get(said.stop_reason or "", "stop"),
            stop_sequence=read_stop(said.additional_model_response_fields),
        )
        return [*self._close_all(), ended, *(self._end() if self._used else [])]

    def _end(self) -> list[Event]:
        self._done = True
        used = self._used
        return [Ended(usage=used.usage, service_tier=used.service_tier) if used else Ended()]


def _joined(pieces: list[str]) -> str:
    """The base64 of what *pieces* hold, each in base64 of its own."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return b64encode(b"".join([b64decode(piece) for piece in pieces])).decode()
    except ValueError:
        return "".join(pieces)

"""Gemini's wire: a provider's stream as events.

Each chunk brings whole parts: pieces of text, which are joined to one part as long as they are of one kind, and calls
of functions, which come in one piece.  A signature that is no thought's own is a thought without words.  The answer is
whole when the body ends and every candidate has said why it ended.
"""

from typing import Final, Literal

import msgspec

from sluice_contract.usage import TokenUsage
from sluice_dataplane.dialects.conversation import Choice, Refusal, Text, Thinking, TokenChance, ToolCall
from sluice_dataplane.dialects.events import (
    UNREADABLE,
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
from sluice_dataplane.dialects.frames import Frame
from sluice_dataplane.dialects.gemini import answer_shapes as shapes
from sluice_dataplane.dialects.gemini import faults
from sluice_dataplane.dialects.gemini.answer_in import CallIds, blocked_choice, read_chances, read_part
from sluice_dataplane.dialects.gemini.cited import Ruler, read_citations
from sluice_dataplane.dialects.gemini.finishes import finish_of
from sluice_dataplane.dialects.gemini.usage import reported_of
from sluice_dataplane.dialects.gemini.wire import MAX_CHOICES
from sluice_dataplane.dialects.values import said
from sluice_dataplane.exchange import Reported

_NOTHING: Final = Reported(TokenUsage())


class GeminiReader:
    """One streamed answer, frame by frame."""

    __slots__ = ("_began", "_choices", "_failed", "_ids", "_reported")

    def __init__(self) -> None:
        self._began = False
        self._failed = False
        self._ids = CallIds("")
        self._choices: dict[int, _Streamed] = {}
        self._reported: Reported | None = None

    def feed(self, frame: Frame) -> list[Event]:
        """What *frame* says."""
        if self._failed or frame.data is None or not frame.whole or not frame.data.lstrip().startswith(b"{"):
            return []
        try:
            chunk = shapes.response.decode(frame.data)
        except (ValueError, RecursionError):
            self._failed = True
            return [UNREADABLE]
        if said(chunk.error):
            return self._fail(frame.data)
        if said(chunk.usage_metadata):
            self._reported = reported_of(chunk.usage_metadata) or self._reported
        events = self._begin(chunk)
        for candidate in chunk.candidates or ():
            choice = self._choice(candidate.index or 0)
            if choice is not None:
                events += choice.read(candidate, self._ids)
        blocked = blocked_choice(chunk)
        if blocked is not None and not chunk.candidates:
            choice = self._choice(0)
            events += [] if choice is None else choice.block(blocked)
        return events

    def finish(self) -> list[Event]:
        """What is left: open parts end; the answer does if every candidate has."""
        if self._failed:
            return []
        events = [event for choice in self._choices.values() for event in choice.close()]
        if self._choices and all(choice.ended for choice in self._choices.values()):
            reported = self._reported
            usage = None if reported is None else reported.usage
            events.append(Ended(usage=usage, service_tier=(reported or _NOTHING).service_tier))
        return events

    def _begin(self, chunk: shapes.Response) -> list[Event]:
        if self._began:
            return []
        self._began = True
        self._ids = CallIds(chunk.response_id or "")
        reported = self._reported
        usage = None if reported is None else msgspec.structs.replace(reported.usage, **_NO_OUTPUT)
        tier = (reported or _NOTHING).service_tier
        return [Began(id=chunk.response_id or "", model=chunk.model_version or "", usage=usage, service_tier=tier)]

    def _choice(self, index: int) -> "_Streamed | None":
        if index not in self._choices and 0 <= index < MAX_CHOICES:
            self._choices[index] = _Streamed(index)
        return self._choices.get(index)

    def _fail(self, data: bytes) -> list[Event]:
        self._failed = True
        fault = faults.fault_of(data) or {}
        status = fault.get("status")
        message = faults.message_of(fault) or "The provider failed."
        return [Failed(message=message, type=faults.type_of(fault), code=status if isinstance(status, str) else "")]


_NO_OUTPUT: Final = {"output": 0, "reasoning": 0, "audio_output": 0, "image_output": 0}


class _Streamed:
    """One candidate that comes.  ``ended``: it has said why."""

    __slots__ = ("_called", "_choice", "_index", "_open", "_ruler", "ended")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._index = -1  # of the part that began last
        self._open: Literal["", "text", "thought"] = ""
        self._ruler = Ruler()
        self._called = False
        self.ended = False

    def read(self, candidate: shapes.Candidate, ids: CallIds) -> list[Event]:
        """What one chunk says of it.  After its end nothing is heard of it."""
        if self.ended:
            return []
        events: list[Event] = []
        logprobs = read_chances(candidate.logprobs_result)
        for part in (candidate.content.parts if candidate.content else None) or ():
            for each in _parts(part, ids):
                events += self._part(each, logprobs)
                logprobs = None if isinstance(each, Text) else logprobs
        if self._open == "text":
            events += [
                Cited(index=self._index, citation=citation, choice=self._choice)
                for citation in read_citations(candidate, self._ruler)
            ]
        if candidate.finish_reason:
            self.ended = True
            events += self.close()
            finish = finish_of(candidate.finish_reason, called=self._called)
            events.append(ChoiceEnded(finish=finish, choice=self._choice))
        return events

    def block(self, blocked: Choice) -> list[Event]:
        """The prompt was blocked."""
        if self.ended:
            return []
        self.ended = True
        events = self.close()
        for part in blocked.parts:
            if isinstance(part, Refusal):
                events += [*self._begin(Refusal(text="")), self._delta(part.text), self._end()]
        return [*events, ChoiceEnded(finish=blocked.finish, choice=self._choice)]

    def close(self) -> list[Event]:
        """The open part ends."""
        if not self._open:
            return []
        self._open = ""
        return [self._end()]

    def _part(self, part: object, logprobs: tuple[TokenChance, ...] | None) -> list[Event]:
        match part:
            case Text():
                self._ruler.saw(part.text)
                return [*self._into("text", Text(text="")), self._delta(part.text, logprobs)]
            case Thinking():
                return self._thought(part)
            case ToolCall():
                self._called = True
                begun = msgspec.structs.replace(part, arguments="")
                return [*self.close(), *self._begin(begun), self._delta(part.arguments or "{}"), self._end()]
            case _:  # pictures and sound: a stream of another wire has no words for them
                return []

    def _thought(self, part: Thinking) -> list[Event]:
        """Its words go on; a signature ends it."""
        begun = msgspec.structs.replace(part, text="", signature="")
        events = self._into("thought", begun) if part.text or self._open != "thought" else []
        if part.text:
            events.append(self._delta(part.text))
        if part.signature:
            events.append(Signed(index=self._index, signature=part.signature, choice=self._choice))
        return events + self.close() if part.signature or part.redacted else events

    def _into(self, kind: Literal["text", "thought"], part: Text | Thinking) -> list[Event]:
        if self._open == kind:
            return []
        events = self.close()
        self._open = kind
        return events + self._begin(part)

    def _begin(self, part: Text | Thinking | Refusal | ToolCall) -> list[Event]:
        self._index += 1
        return [PartBegan(index=self._index, part=part, choice=self._choice)]

    def _delta(self, text: str, logprobs: tuple[TokenChance, ...] | None = None) -> Delta:
        return Delta(index=self._index, text=text, choice=self._choice, logprobs=logprobs)

    def _end(self) -> PartEnded:
        return PartEnded(index=self._index, choice=self._choice)


def _parts(part: shapes.Part, ids: CallIds) -> list[object]:
    try:
        return list(read_part(part, ids))
    except ValueError:  # arguments that are no UTF-8
        return []

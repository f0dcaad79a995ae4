"""Gemini's wire: events as a stream for a client, each chunk a server-sent event.

Words go out as they come.  Calls of functions go out whole, since this wire has no pieces of them; what ends a choice
waits for the end of the answer, which tells of usage.  Where the client wants a JSON array, ``array`` makes one of it.
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.conversation import Citation, Finish, Refusal, Text, Thinking, ToolCall
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
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.gemini import faults, thoughts
from sluice_dataplane.dialects.gemini.answer_out import candidate_of, write_chances, write_usage
from sluice_dataplane.dialects.gemini.cited import Ruler, write_citations
from sluice_dataplane.dialects.gemini.contents_out import Json, write_call
from sluice_dataplane.dialects.gemini.finishes import reason_of
from sluice_dataplane.dialects.seam import Shown

_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")
MAX_KEPT_BYTES: Final = 16 * 1024 * 1024  # of arguments and citations, which wait for their end


class GeminiWriter:
    """One streamed answer to a client."""

    __slots__ = ("_choices", "_kept", "_open", "_shown")

    def __init__(self, shown: Shown) -> None:
        self._shown = {"modelVersion": shown.model, "responseId": shown.id}
        self._open: dict[tuple[int, int], _Open] = {}
        self._choices: dict[int, _Choice] = {}
        self._kept = 0

    def feed(self, event: Event) -> bytes:
        """The bytes for *event*; may be empty.

        Raises:
            FramingError: more waits for its end than is kept.
        """
        match event:
            case Began():
                self._begin(event)
            case PartBegan():
                self._open[event.choice, event.index] = _Open(event.part)
            case Delta():
                return self._delta(event)
            case Signed():
                self._opened(event).signature += event.signature
            case Cited():
                cited = event.citation
                self._keep(len(cited.quote) + len(cited.url) + len(cited.title) + 64)
                self._choice(event.choice).cited.append(cited)
            case PartEnded():
                return self._end(event)
            case ChoiceEnded():
                self._choice(event.choice).finish = event.finish
            case Ended():
                return self._finish(event)
            case Failed():
                return _event(faults.failure_body(event.message, event.type, event.code))
        return b""

    def _begin(self, event: Began) -> None:
        if event.model:
            self._shown["modelVersion"] = event.model
        if event.id:
            self._shown["responseId"] = event.id

    def _delta(self, event: Delta) -> bytes:
        part = self._opened(event)
        if isinstance(part.part, ToolCall):
            self._keep(len(event.text))
            part.arguments.append(event.text)
            return b""
        written: Json = {"text": event.text}
        part.spoke = True
        if isinstance(part.part, Thinking):
            written["thought"] = True
        else:
            self._choice(event.choice).ruler.saw(event.text)
        more = {"logprobsResult": write_chances(event.logprobs)} if event.logprobs else {}
        return self._say(event.choice, written, more)

    def _end(self, event: PartEnded) -> bytes:
        part = self._open.pop((event.choice, event.index), None)
        written: Json | None = None
        if part is not None and isinstance(part.part, ToolCall):
            arguments = "".join(part.arguments)
            self._kept -= len(arguments)
            signature = part.part.signature or part.signature
            written = write_call(msgspec.structs.replace(part.part, arguments=arguments, signature=signature))
        elif part is not None and isinstance(part.part, Thinking):
            signature = part.part.signature + part.signature
            proof = msgspec.structs.replace(part.part, text="", signature=signature)
            written = thoughts.part_of(proof)
            if written is not None and part.spoke:
                written["thought"] = True
        return b"" if written is None else self._say(event.choice, written)

    def _finish(self, event: Ended) -> bytes:
        candidates = [choice.last(number) for number, choice in sorted(self._choices.items())]
        chunk: Json = {"candidates": candidates or [candidate_of([], 0) | {"finishReason": "STOP"}]}
        if event.usage is not None:
            chunk["usageMetadata"] = write_usage(event.usage, event.service_tier)
        return self._chunk(chunk)

    def _say(self, choice: int, part: Json, more: Json | None = None) -> bytes:
        self._choice(choice)
        return self._chunk({"candidates": [candidate_of([part], choice) | (more or {})]})

    def _chunk(self, chunk: dict[str, Any]) -> bytes:
        return _event(msgspec.json.encode(chunk | self._shown))

    def _opened(self, event: Delta | Signed) -> "_Open":
        return self._open.setdefault((event.choice, event.index), _Open(Text(text="")))

    def _choice(self, number: int) -> "_Choice":
        return self._choices.setdefault(number, _Choice())

    def _keep(self, size: int) -> None:
        self._kept += size
        if self._kept > MAX_KEPT_BYTES:
            raise FramingError("calls' arguments and citations are longer than can be kept")


class _Open:
    """A part that comes."""

    __slots__ = ("arguments", "part", "signature", "spoke")

    def __init__(self, part: Text | Thinking | Refusal | ToolCall) -> None:
        self.part = part
        self.arguments: list[str] = []
        self.signature = ""
        self.spoke = False  # words of it went out


class _Choice:
    """What is said of a choice at its end."""

    __slots__ = ("cited", "finish", "ruler")

    def __init__(self) -> None:
        self.cited: list[Citation] = []
        self.ruler = Ruler()
        self.finish: Finish = "stop"

    def last(self, number: int) -> Json:
        """Its last candidate."""
        candidate = candidate_of([], number) | {"finishReason": reason_of(self.finish)}
        grounding = write_citations([(0, citation, self.ruler) for citation in self.cited])
        return candidate | {"groundingMetadata": grounding} if grounding else candidate


def _event(data: bytes) -> bytes:
    """One event.  A model's own JSON may be spread over lines, and a line end would end the data."""
    if b"\n" in data or b"\r" in data:
        data = data.translate(_LINE_ENDS)
    return b"data: " + data + b"\n\n"

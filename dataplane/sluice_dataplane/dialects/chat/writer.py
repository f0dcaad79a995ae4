"""A streamed answer as chunks of a chat completion, event by event.

Each chunk is whole JSON with the answer's id, time and model; what a client accumulates by ``index`` has one, and
what must not be joined twice (names, ids, formats) is said once.  The usage chunk comes only where it was asked for.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.chat import thoughts
from sluice_dataplane.dialects.chat.answers_out import (
    ID_PREFIX,
    Members,
    annotation,
    is_old,
    write_call,
    write_chances,
    write_usage,
)
from sluice_dataplane.dialects.chat.finishes import write_finish
from sluice_dataplane.dialects.chat.tiers import write_tier
from sluice_dataplane.dialects.conversation import Citation, Refusal, Request, Text, Thinking, ToolCall
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
from sluice_dataplane.dialects.seam import Shown
from sluice_dataplane.dialects.values import encoder

_DONE: Final = b"data: [DONE]\n\n"


class _Part(msgspec.Struct, gc=False):
    """One part that is open.  ``number`` is a call's or a thought's among its like; ``start`` a text's place."""

    part: Text | Thinking | Refusal | ToolCall
    number: int = 0
    start: int = 0
    filled: bool = False  # a call has arguments
    listed: bool = False  # a thought is in reasoning_details
    citations: list[Citation] = []  # of a text, that are told when it is known how long it is


class _Choice(msgspec.Struct, gc=False):
    """What must be known of one choice: counts, and the open parts."""

    parts: dict[int, _Part] = {}
    calls: int = 0
    thoughts: int = 0
    notes: int = 0
    thought: bool = False  # there are words of a thought already
    length: int = 0  # of its text so far, in characters
    refused: bool = False


class ChatWriter:
    """See :class:`~sluice_dataplane.dialects.seam.Writer`."""

    __slots__ = ("_choices", "_head", "_model", "_old", "_shown", "_tier", "_usage_wanted")

    def __init__(self, request: Request, shown: Shown) -> None:
        self._shown = shown
        self._usage_wanted = request.usage_wanted
        self._old = is_old(request)
        self._choices: dict[int, _Choice] = {}
        self._model = shown.model
        self._tier = ""
        self._head = self._written_head()

    def feed(self, event: Event) -> bytes:
        """The bytes for *event*; may be empty."""
        if isinstance(event, Delta):
            return self._delta(event)
        if isinstance(event, Began):
            self._model = event.model or self._model
            self._tier = write_tier(event.service_tier)
            self._head = self._written_head()
            return self._opening(0)
        if isinstance(event, Ended):
            return self._end(event)
        if isinstance(event, Failed):
            error = {"message": event.message, "type": event.type, "param": None, "code": event.code or None}
            return b"data: " + encoder.encode({"error": error}) + b"\n\n"
        return self._structure(event)

    def _structure(self, event: PartBegan | Signed | Cited | PartEnded | ChoiceEnded) -> bytes:
        opening = self._opening(event.choice)
        choice = self._choices[event.choice]
        if isinstance(event, ChoiceEnded):
            reason = write_finish(event.finish, refused=choice.refused, old=self._old)
            return opening + self._chunk(event.choice, {}, reason=reason)
        if isinstance(event, PartBegan):
            return opening + self._part_began(choice, event)
        part = choice.parts.get(event.index)
        if part is None:
            return opening
        members: Members | None = None
        if isinstance(event, Signed):
            members = _signed(part, event.signature)
        elif isinstance(event, Cited):
            part.citations.append(event.citation)
        else:
            del choice.parts[event.index]
            members = self._part_ended(choice, part)
        return opening if members is None else opening + self._chunk(event.choice, members)

    def _part_began(self, choice: _Choice, event: PartBegan) -> bytes:
        part = event.part
        opened = choice.parts[event.index] = _Part(part, start=choice.length)
        if isinstance(part, ToolCall):
            opened.number = choice.calls
            choice.calls += 1
            opened.filled = bool(part.arguments)
            return self._chunk(event.choice, self._call(opened, write_call(part, part.arguments)))
        if isinstance(part, Thinking):
            return self._thought_began(choice, opened, event.choice)
        if isinstance(part, Text):
            opened.citations.extend(part.citations)
        return self._delta(Delta(index=event.index, text=part.text, choice=event.choice)) if part.text else b""

    def _thought_began(self, choice: _Choice, opened: _Part, number: int) -> bytes:
        assert isinstance(opened.part, Thinking)
        thought = opened.part
        opened.number = choice.thoughts
        choice.thoughts += 1
        opened.listed = thought.origin in thoughts.FORMATS or bool(thought.redacted)
        words = ("\n\n" if choice.thought else "") + thought.text if thought.text else ""
        choice.thought = choice.thought or bool(words)
        # A thought that will be signed is listed from its first word on, so that words and signature are one entry.
        marked = thought if thought.signature or thought.redacted else msgspec.structs.replace(thought, signature="?")
        entry = thoughts.for_client(marked, opened.number) if opened.listed else None
        if entry is not None and marked is not thought:
            entry.signature = None
        members: Members = {"reasoning_content": words} if words else {}
        if entry is not None:
            members |= thoughts.lists_of([entry])
        return self._chunk(number, members) if members else b""

    def _part_ended(self, choice: _Choice, part: _Part) -> Members | None:
        kind = part.part
        if isinstance(kind, ToolCall) and not kind.free and not part.filled:
            return self._call(part, {"function": {"arguments": "{}"}})  # it was one without: their text must be JSON
        written = [note for each in part.citations if (note := annotation(each, part.start, choice.length))]
        if not written:
            return None
        notes = [{"index": choice.notes + number, **note} for number, note in enumerate(written)]
        choice.notes += len(notes)
        return {"annotations": notes}

    def _delta(self, event: Delta) -> bytes:
        opening = self._opening(event.choice)
        choice = self._choices[event.choice]
        part = choice.parts.get(event.index)
        if part is None:
            return opening
        refusal = isinstance(part.part, Refusal)
        members = self._words(choice, part, event.text)
        chances = write_chances(event.logprobs, refusal=refusal)
        return opening + self._chunk(event.choice, members, chances=chances)

    def _words(self, choice: _Choice, part: _Part, text: str) -> Members:
        kind = part.part
        if isinstance(kind, Text):
            choice.length += len(text)
            return {"content": text}
        if isinstance(kind, Refusal):
            choice.refused = True
            return {"refusal": text}
        if isinstance(kind, ToolCall):
            part.filled = part.filled or bool(text)
            field = "custom" if kind.free else "function"
            return self._call(part, {field: {"input" if kind.free else "arguments": text}})
        apart = "\n\n" if choice.thought and not part.filled and not kind.text and text else ""
        part.filled = part.filled or bool(text)
        choice.thought = choice.thought or bool(text)
        members: Members = {"reasoning_content": apart + text}
        if part.listed:
            entry = thoughts.Entry(type="reasoning.text", text=text, index=part.number)
            members |= thoughts.lists_of([entry])
        return members

    def _call(self, part: _Part, written: Members) -> Members:
        if self._old:
            return {"function_call": written["function"]} if "function" in written and not part.number else {}
        return {"tool_calls": [{"index": part.number, **written}]}

    def _opening(self, number: int) -> bytes:
        """The chunk that a choice begins with, once."""
        if number in self._choices:
            return b""
        self._choices[number] = _Choice()
        return self._chunk(number, {"role": "assistant", "content": "", "refusal": None})

    def _end(self, event: Ended) -> bytes:
        if event.usage is None or not self._usage_wanted:
            return _DONE
        if not self._tier:
            self._tier = write_tier(event.service_tier)
            self._head = self._written_head()
        return self._head + b'[],"usage":' + encoder.encode(write_usage(event.usage)) + b"}\n\n" + _DONE

    def _chunk(
        self, number: int, delta: Members, *, reason: str | None = None, chances: Members | None = None
    ) -> bytes:
        choice = {"index": number, "delta": delta, "logprobs": chances, "finish_reason": reason}
        return self._head + b"[" + encoder.encode(choice) + b"]}\n\n"

    def _written_head(self) -> bytes:
        """All of a chunk up to its choices."""
        members: Members = {
            "id": ID_PREFIX + self._shown.id,
            "object": "chat.completion.chunk",
            "created": self._shown.created_s,
            "model": self._model,
        }
        if self._tier:
            members["service_tier"] = self._tier
        return b"data: " + encoder.encode(members)[:-1] + b',"choices":'


def _signed(part: _Part, signature: str) -> Members | None:
    if not isinstance(part.part, Thinking):
        return None
    if part.listed:
        return thoughts.lists_of([thoughts.Entry(type="reasoning.text", signature=signature, index=part.number)])
    entry = thoughts.for_client(msgspec.structs.replace(part.part, signature=signature), part.number)
    return None if entry is None else thoughts.lists_of([entry])

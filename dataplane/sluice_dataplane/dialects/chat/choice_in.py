"""One choice of a streamed answer, piece by piece, as events.

Of thoughts, words and words of refusal one part is open at a time; calls of tools are :mod:`~.calls`'.
"""

from typing import Literal

import msgspec

from sluice_dataplane.dialects.chat import thoughts
from sluice_dataplane.dialects.chat.answers_in import chances_of, citation_of, cited, refused, spoken
from sluice_dataplane.dialects.chat.calls import Calls
from sluice_dataplane.dialects.chat.finishes import read_finish
from sluice_dataplane.dialects.chat.shapes import Call, Choice, Message
from sluice_dataplane.dialects.conversation import Refusal, Text, Thinking, TokenChance
from sluice_dataplane.dialects.events import ChoiceEnded, Cited, Delta, Event, PartBegan, PartEnded, Signed

_Kind = Literal["text", "refusal", "thought"]


class _Open(msgspec.Struct, gc=False):
    """The part that is open.  ``entry`` is what a thought's entry has besides words, ``key`` says which entry it is."""

    kind: _Kind
    index: int
    key: object = None
    entry: thoughts.Entry | None = None
    signature: str = ""


class StreamedChoice:
    """One choice; *index* is its number among them."""

    __slots__ = ("_calls", "_index", "_next", "_open", "_refused", "ended")

    def __init__(self, index: int) -> None:
        self._index = index
        self._next = 0
        self._open: _Open | None = None
        self._calls = Calls(index, self._number)
        self._refused = False
        self.ended = False

    def feed(self, piece: Choice) -> list[Event]:
        """What *piece* says; nothing once the choice has ended.

        Raises:
            ValueError, CallsError: it cannot be understood.
        """
        if self.ended:
            return []
        message = piece.delta or piece.message or Message()
        events = self._thoughts(message)
        words, thought = spoken(message)
        if thought:
            events += self._think("content", thought)
        events += self._words(message, words, chances_of(piece.logprobs))
        for call in message.tool_calls or ():
            events += self._call(call)
        if message.function_call is not None:
            events += self._call(Call(index=0, function=message.function_call))
        if piece.finish_reason:
            events += self.end(piece.finish_reason)
        return events

    def end(self, reason: str) -> list[Event]:
        """The choice ends, for *reason* in the provider's word."""
        if self.ended:
            return []
        self.ended = True
        events = self.close()
        finish = read_finish(reason, called=self._calls.any, refused=self._refused)
        return [*events, ChoiceEnded(finish=finish, choice=self._index)]

    def close(self) -> list[Event]:
        """All open parts end."""
        return self._shut() + self._calls.end()

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _call(self, call: Call) -> list[Event]:
        return self._shut() + self._calls.feed(call)

    def _words(self, message: Message, words: str, chances: tuple[TokenChance, ...] | None) -> list[Event]:
        events: list[Event] = []
        refusal = refused(message)
        # Tokens of thoughts and calls have chances too, at some servers.
        if words or (chances and not refusal and self._open is not None and self._open.kind == "text"):
            events += self._begin("text", Text(text=""))
            events.append(self._delta(words, chances))
        pages = cited(message)
        if pages:
            events += self._begin("text", Text(text=""))
            events += [Cited(index=self._at, citation=citation_of(page), choice=self._index) for page in pages]
        if refusal:
            self._refused = True
            events += self._begin("refusal", Refusal(text=""))
            events.append(self._delta(refusal, chances if not words else None))
        return events

    def _thoughts(self, message: Message) -> list[Event]:
        events: list[Event] = []
        worded = False
        for entry in thoughts.entries(message.reasoning_details, message.thinking_blocks):
            worded = worded or bool(entry.words)
            events += self._entry(entry)
        if worded:
            return events
        if message.reasoning_content:
            return [*events, *self._think("reasoning_content", message.reasoning_content)]
        if message.reasoning and isinstance(message.reasoning, str):
            return [*events, *self._think(thoughts.BARE, message.reasoning, signature=thoughts.BARE)]
        return events

    def _entry(self, entry: thoughts.Entry) -> list[Event]:
        if entry.data and not entry.words:
            index = self._number()
            whole = PartBegan(index=index, part=thoughts.of_provider(entry), choice=self._index)
            return [*self._shut(), whole, PartEnded(index=index, choice=self._index)]
        events = self._think((entry.type, entry.index), entry.words)
        opened = self._open
        if opened is not None:
            if opened.entry is None:
                opened.entry = thoughts.Entry(type=entry.type)
            opened.entry.grow(entry)
        return events

    def _think(self, key: object, words: str, signature: str = "") -> list[Event]:
        origin = "" if key == "content" else thoughts.ORIGIN
        events = self._begin("thought", Thinking(origin=origin), key)
        if self._open is not None:
            self._open.signature = signature
        return [*events, self._delta(words, None)] if words else events

    @property
    def _at(self) -> int:
        assert self._open is not None
        return self._open.index

    def _delta(self, text: str, chances: tuple[TokenChance, ...] | None) -> Delta:
        return Delta(index=self._at, text=text, choice=self._index, logprobs=chances)

    def _begin(self, kind: _Kind, part: Text | Refusal | Thinking, key: object = None) -> list[Event]:
        """A part of *kind* is open; what was open besides ends."""
        opened = self._open
        if opened is not None and (opened.kind, opened.key) == (kind, key):
            return []
        events = self._shut()
        self._open = _Open(kind, self._number(), key)
        return [*events, PartBegan(index=self._at, part=part, choice=self._index)]

    def _shut(self) -> list[Event]:
        opened, self._open = self._open, None
        if opened is None:
            return []
        events: list[Event] = []
        proof = opened.entry.proof() if opened.entry is not None and opened.entry.proves else opened.signature
        if proof:
            events.append(Signed(index=opened.index, signature=proof, choice=self._index))
        return [*events, PartEnded(index=opened.index, choice=self._index)]

"""Items of a streamed answer while they are written: what has been said of each, and how it is said that it is done.

Each knows its place in the output (``number``) and gives the events that are due; :mod:`writer` gives them their
sequence numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final

from sluice_dataplane.dialects.conversation import Citation, Thinking, TokenChance
from sluice_dataplane.dialects.frames import FramingError
from sluice_dataplane.dialects.responses.answer_out import (
    Object,
    annotation,
    call,
    chance_out,
    free_input,
    message,
    proven,
    reasoning,
    refusal_part,
    text_part,
)
from sluice_dataplane.dialects.responses.thoughts import encrypted_content

MAX_CHARS: Final = 16 * 1024 * 1024  # of one answer: events that say what is done repeat all of it
_MIN_COUNT: Final = 64  # of everything that is kept: an object is no smaller

Due = tuple[str, Object]  # an event's type and members


class Allowance:
    """How much of an answer may still be kept."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_CHARS

    def take(self, chars: int) -> None:
        """Raises FramingError where there is no more."""
        self._left -= chars + _MIN_COUNT
        if self._left < 0:
            raise FramingError(f"an answer is longer than {MAX_CHARS} characters")


class Open(ABC):
    """An item that began.  ``done`` once that was said."""

    def __init__(self, item: str, number: int, allowance: Allowance) -> None:
        self.id = item
        self.number = number
        self.done = False
        self.allowance = allowance

    def place(self) -> Object:
        """Where its events belong."""
        return {"item_id": self.id, "output_index": self.number}

    @abstractmethod
    def whole(self, status: str) -> Object:
        """The item as it is now."""


class OpenWords:
    """A text or refusal of an open message."""

    def __init__(self, host: "OpenMessage", *, refusal: bool) -> None:
        self.host = host
        self._refusal = refusal
        self._kind = "refusal" if refusal else "output_text"
        self._place: Object = {**host.place(), "content_index": len(host.contents)}
        self._pieces: list[str] = []
        self._length = 0
        self._annotations: list[Object] = []
        self._logprobs: list[Object] = []

    def whole(self) -> Object:
        """The part as it is now."""
        if self._refusal:
            return refusal_part("".join(self._pieces))
        return text_part("".join(self._pieces)) | {"annotations": self._annotations, "logprobs": self._logprobs}

    def begin(self) -> Iterable[Due]:
        """It begins."""
        empty = refusal_part("") if self._refusal else text_part("")
        yield "response.content_part.added", {**self._place, "part": empty}

    def say(self, text: str, logprobs: tuple[TokenChance, ...] | None) -> Iterable[Due]:
        """More words."""
        self.host.allowance.take(len(text))
        self._pieces.append(text)
        self._length += len(text)
        said = {**self._place, "delta": text}
        if not self._refusal:
            said["logprobs"] = chances = [chance_out(each) for each in logprobs or ()]
            self._logprobs.extend(chances)
            for each in logprobs or ():
                self.host.allowance.take(_MIN_COUNT * (2 + len(each.top)))
        yield f"response.{self._kind}.delta", said

    def cite(self, citation: Citation) -> Iterable[Due]:
        """What the words rest on."""
        if self._refusal:
            return
        self.host.allowance.take(len(citation.url) + len(citation.title))
        found = annotation(citation, self._length)
        number = len(self._annotations)
        self._annotations.append(found)
        yield (
            "response.output_text.annotation.added",
            {**self._place, "annotation_index": number, "annotation": found},
        )

    def end(self) -> Iterable[Due]:
        """It is whole."""
        part = self.whole()
        if self._refusal:
            yield "response.refusal.done", {**self._place, "refusal": part["refusal"]}
        else:
            yield "response.output_text.done", {**self._place, "text": part["text"], "logprobs": self._logprobs}
        yield "response.content_part.done", {**self._place, "part": part}


class OpenMessage(Open):
    """A message: one or more texts and refusals, until something else begins."""

    def __init__(self, item: str, number: int, allowance: Allowance) -> None:
        super().__init__(item, number, allowance)
        self.contents: list[OpenWords] = []
        self.open = 0  # of its contents

    def begin(self) -> Iterable[Due]:
        """It begins."""
        yield "response.output_item.added", {"output_index": self.number, "item": message(self.id, [], "in_progress")}

    def whole(self, status: str) -> Object:
        """See :class:`Open`."""
        return message(self.id, [each.whole() for each in self.contents], status)


class OpenThought(Open):
    """A thought; its words are its summary."""

    def __init__(self, item: str, number: int, allowance: Allowance, thought: Thinking) -> None:
        super().__init__(item, number, allowance)
        allowance.take(len(thought.signature) + len(thought.redacted))
        self._thought = thought
        self._pieces: list[str] = []
        self._signature = thought.signature

    def begin(self) -> Iterable[Due]:
        """It begins."""
        yield "response.output_item.added", {"output_index": self.number, "item": reasoning(self.id, "")}

    def say(self, text: str) -> Iterable[Due]:
        """More words."""
        self.allowance.take(len(text))
        place = {**self.place(), "summary_index": 0}
        if not self._pieces:
            part = {"type": "summary_text", "text": ""}
            yield "response.reasoning_summary_part.added", {**place, "part": part}
        self._pieces.append(text)
        yield "response.reasoning_summary_text.delta", {**place, "delta": text}

    def sign(self, signature: str) -> None:
        """What proves it; some providers send it in pieces."""
        self.allowance.take(len(signature))
        self._signature += signature

    def end(self) -> Iterable[Due]:
        """Its words are whole."""
        if self._pieces:
            place, text = {**self.place(), "summary_index": 0}, "".join(self._pieces)
            yield "response.reasoning_summary_text.done", {**place, "text": text}
            yield "response.reasoning_summary_part.done", {**place, "part": {"type": "summary_text", "text": text}}

    def whole(self, status: str) -> Object:  # noqa: ARG002  a thought has none
        """See :class:`Open`."""
        text = "".join(self._pieces)
        return proven(reasoning(self.id, text), encrypted_content(self._thought, text, self._signature))


class OpenProof(Open):
    """What carries the signature of the call that follows."""

    def __init__(self, item: str, number: int, allowance: Allowance, proof: str) -> None:
        super().__init__(item, number, allowance)
        allowance.take(len(proof))
        self._proof = proof

    def begin(self) -> Iterable[Due]:
        """It begins."""
        yield "response.output_item.added", {"output_index": self.number, "item": reasoning(self.id, "")}

    def whole(self, status: str) -> Object:  # noqa: ARG002  a thought has none
        """See :class:`Open`."""
        return proven(reasoning(self.id, ""), self._proof)


class OpenCall(Open):
    """A call of a tool.  ``wrapped``: its plain text comes as the only member of an object, known when it is whole."""

    def __init__(
        self, item: str, number: int, allowance: Allowance, *, call_id: str, name: tuple[str | None, str]
    ) -> None:
        super().__init__(item, number, allowance)
        self._call_id = call_id
        self._name = name
        self._pieces: list[str] = []
        self.free = False
        self.wrapped = False

    def _item(self, written: str, status: str) -> Object:
        return call(self.id, self._call_id, self._name, written, free=self.free, status=status)

    def begin(self) -> Iterable[Due]:
        """It begins."""
        yield "response.output_item.added", {"output_index": self.number, "item": self._item("", "in_progress")}

    def say(self, text: str) -> Iterable[Due]:
        """More of its argument."""
        self.allowance.take(len(text))
        self._pieces.append(text)
        if not self.wrapped:
            yield self._delta(text)

    def end(self) -> Iterable[Due]:
        """Its argument is whole."""
        written = self._written()
        if self.wrapped or not self._pieces:
            yield self._delta(written)
        if self.free:
            yield "response.custom_tool_call_input.done", {**self.place(), "input": written}
        else:
            done = {**self.place(), "name": self._name[1], "arguments": written}
            yield "response.function_call_arguments.done", done

    def _delta(self, text: str) -> Due:
        kind = "custom_tool_call_input" if self.free else "function_call_arguments"
        return f"response.{kind}.delta", {**self.place(), "delta": text}

    def _written(self) -> str:
        written = "".join(self._pieces)
        if self.wrapped:
            return free_input(written)
        return written if written or self.free else "{}"

    def whole(self, status: str) -> Object:
        """See :class:`Open`."""
        return self._item(self._written(), status)

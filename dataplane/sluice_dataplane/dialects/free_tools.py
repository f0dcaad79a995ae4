"""Tools that take plain text, for providers that know functions only.  Pure; knows no wire.

Such a tool becomes a function of one text, ``input``; a call of it becomes plain text again on its way back.  Clients
such as Codex edit files with one, and could not work without.
"""

from io import StringIO
from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Answer, Choice, Part, Request, Tool, ToolCall, ToolResult, Turn
from sluice_dataplane.dialects.events import Delta, Event, PartBegan, PartEnded
from sluice_dataplane.dialects.frames import Frame, FramingError
from sluice_dataplane.dialects.seam import Reader
from sluice_dataplane.dialects.values import UNREADABLE

MAX_INPUT_CHARS: Final = 16 * 1024 * 1024  # of all calls that are open; each is held back until it is whole
SCHEMA: Final = msgspec.Raw(
    b'{"type":"object","properties":{"input":{"type":"string","description":"The whole input, as plain text."}},'
    b'"required":["input"],"additionalProperties":false}'
)


class _Grammar(msgspec.Struct):
    definition: str = ""


class _Input(msgspec.Struct):
    input: str


_grammar: Final = msgspec.json.Decoder(_Grammar)
_input: Final = msgspec.json.Decoder(_Input)


def names_of(request: Request) -> frozenset[str]:
    """The tools of *request* that take plain text."""
    return frozenset(tool.name for tool in request.tools if tool.free)


def as_functions(request: Request) -> Request:
    """*request* with functions in their place, in its turns as well."""
    return msgspec.structs.replace(
        request,
        tools=tuple([_function(tool) if tool.free else tool for tool in request.tools]),
        turns=tuple([_turn(turn) for turn in request.turns]),
    )


def _function(tool: Tool) -> Tool:
    grammar = ""
    if tool.grammar is not None:
        try:
            grammar = _grammar.decode(tool.grammar).definition
        except UNREADABLE:
            grammar = ""
    words = [tool.description, f"The input must follow this grammar:\n{grammar}" if grammar else ""]
    return msgspec.structs.replace(
        tool, free=False, grammar=None, schema=SCHEMA, description="\n\n".join([each for each in words if each])
    )


def _turn(turn: Turn) -> Turn:
    if not any(isinstance(part, ToolCall | ToolResult) and part.free for part in turn.parts):
        return turn
    return msgspec.structs.replace(turn, parts=tuple([_wrapped(part) for part in turn.parts]))


def _wrapped(part: Part) -> Part:
    if isinstance(part, ToolCall) and part.free:
        arguments = msgspec.json.encode({"input": part.arguments}).decode()
        return msgspec.structs.replace(part, free=False, arguments=arguments)
    return msgspec.structs.replace(part, free=False) if isinstance(part, ToolResult) else part


def answer_of(answer: Answer, names: frozenset[str]) -> Answer:
    """*answer* with calls of the tools in *names* as plain text."""
    return msgspec.structs.replace(answer, choices=tuple([_choice(choice, names) for choice in answer.choices]))


def _choice(choice: Choice, names: frozenset[str]) -> Choice:
    parts = tuple(
        [
            msgspec.structs.replace(part, free=True, arguments=_text_of(part.arguments))
            if isinstance(part, ToolCall) and part.name in names
            else part
            for part in choice.parts
        ]
    )
    return msgspec.structs.replace(choice, parts=parts)


def _text_of(arguments: str) -> str:
    """The text in *arguments*; where the model did not keep to the schema, all of it."""
    try:
        return _input.decode(arguments).input
    except (*UNREADABLE, UnicodeEncodeError):
        return arguments


class FreeingReader:
    """What *reader* reads, with calls of the tools in *names* as plain text, each told at once when it is whole."""

    __slots__ = ("_held_chars", "_names", "_open", "_reader")

    def __init__(self, reader: Reader, names: frozenset[str]) -> None:
        self._reader = reader
        self._names = names
        self._open: dict[tuple[int, int], StringIO] = {}
        self._held_chars = 0

    def feed(self, frame: Frame) -> list[Event]:
        """See the seam.

        Raises:
            FramingError: as the reader does, or the inputs of open calls are over MAX_INPUT_CHARS.
        """
        return self._freed(self._reader.feed(frame))

    def finish(self) -> list[Event]:
        """See the seam."""
        return self._freed(self._reader.finish())

    def _freed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, PartBegan) and isinstance(event.part, ToolCall) and event.part.name in self._names:
                held = self._open[event.choice, event.index] = StringIO()
                self._hold(held, event.part.arguments)
                out.append(
                    msgspec.structs.replace(event, part=msgspec.structs.replace(event.part, free=True, arguments=""))
                )
            elif isinstance(event, Delta) and (event.choice, event.index) in self._open:
                self._hold(self._open[event.choice, event.index], event.text)
            else:
                if isinstance(event, PartEnded) and (event.choice, event.index) in self._open:
                    arguments = self._open.pop((event.choice, event.index)).getvalue()
                    self._held_chars -= len(arguments)
                    out.append(Delta(index=event.index, choice=event.choice, text=_text_of(arguments)))
                out.append(event)
        return out

    def _hold(self, held: StringIO, text: str) -> None:
        self._held_chars += len(text)
        if self._held_chars > MAX_INPUT_CHARS:
            raise FramingError(f"the inputs of calls are longer than {MAX_INPUT_CHARS} characters")
        held.write(text)

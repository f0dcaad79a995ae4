"""The calls of tools in one streamed choice: which piece belongs to which, whatever a provider leaves out.

OpenAI numbers calls by ``index`` and gives id and name with the first piece only.  Others give each call whole, repeat
the id with each piece, leave the index out, or give all calls the same one (Gemini's compatible server).
"""

from collections.abc import Callable
from typing import Final

import msgspec

from sluice_dataplane.dialects.chat.ids import Ids
from sluice_dataplane.dialects.chat.shapes import Call, Function, arguments_of, signature_of
from sluice_dataplane.dialects.conversation import ToolCall
from sluice_dataplane.dialects.events import Delta, Event, PartBegan, PartEnded

MAX_CALLS: Final = 1024  # of one choice
MAX_HELD: Final = 64 * 1024  # characters of arguments, of all calls of one choice, that come before their names


class CallsError(Exception):
    """A piece belongs to no call that could still take it."""


class _Open(msgspec.Struct, gc=False):
    """One call.  ``part`` None: its name has not come, and it has not begun."""

    key: int | None
    id: str
    name: str = ""
    free: bool = False
    part: int | None = None
    held: str = ""
    ends_object: bool = False  # its arguments so far end like a whole object's
    closed: bool = False


class Calls:
    """The calls of one choice.  *number* gives the next part's index."""

    __slots__ = ("_choice", "_ids", "_number", "_open", "_taken", "any")

    def __init__(self, choice: int, number: Callable[[], int]) -> None:
        self._choice = choice
        self._number = number
        self._open: list[_Open] = []
        self._taken: set[str] = set()
        self._ids = Ids(self._taken)
        self.any = False

    def feed(self, piece: Call) -> list[Event]:
        """What *piece* says.

        Raises:
            CallsError: it belongs to a call that was taken for whole.
            ValueError: its arguments are none.
        """
        self.any = True
        name, arguments, free = _read(piece)
        call, events = self._of(piece, name, arguments)
        call.free = call.free or free
        if call.part is None:
            call.name = call.name or name
            call.held += arguments
            if call.name:
                return events + self._begin(call, signature_of(piece.extra_content))
            if sum(len(each.held) for each in self._open) > MAX_HELD:
                raise CallsError("arguments came without a name")
            return events
        if not arguments:
            return events
        if call.closed:
            raise CallsError("more of a call came after the next had begun")
        call.ends_object = arguments.rstrip().endswith("}")
        events.append(Delta(index=call.part, text=arguments, choice=self._choice))
        return events

    def end(self) -> list[Event]:
        """All that are open end; one whose name never came begins without."""
        events: list[Event] = []
        for call in self._open:
            if call.part is None:
                events += self._begin(call, "")
            events += self._close(call)
        return events

    def _of(self, piece: Call, name: str, arguments: str) -> tuple[_Open, list[Event]]:
        """The call that *piece* is of, and what it means for the others if it is a new one."""
        identity = "" if piece.id is None else str(piece.id)
        known = self._known(piece.index, identity, name)
        if known is not None and not _is_another(known, identity, name, arguments):
            return known, []
        if len(self._open) == MAX_CALLS:
            raise CallsError("there are too many calls")
        events: list[Event] = []
        for call in self._open:
            if call.ends_object or call.free:
                events += self._close(call)
        call = _Open(key=piece.index, id=identity or self._ids.free())
        self._taken.add(call.id)
        self._open.append(call)
        return call, events

    def _known(self, index: int | None, identity: str, name: str) -> _Open | None:
        """The latest call that is called the same; what says nothing at all is of the latest."""
        if index is not None:
            return next((call for call in reversed(self._open) if call.key == index), None)
        if identity:
            return next((call for call in reversed(self._open) if call.id == identity), None)
        return self._open[-1] if self._open and not name else None

    def _begin(self, call: _Open, signature: str) -> list[Event]:
        call.part = self._number()
        part = ToolCall(id=call.id, name=call.name, free=call.free, signature=signature)
        events: list[Event] = [PartBegan(index=call.part, part=part, choice=self._choice)]
        if call.held:
            call.ends_object = call.held.rstrip().endswith("}")
            events.append(Delta(index=call.part, text=call.held, choice=self._choice))
            call.held = ""
        return events

    def _close(self, call: _Open) -> list[Event]:
        if call.closed or call.part is None:
            return []
        call.closed = True
        return [PartEnded(index=call.part, choice=self._choice)]


def _is_another(call: _Open, identity: str, name: str, arguments: str) -> bool:
    """Whether a piece that is called like *call* begins another: it has a name, and another id or a new object."""
    if not name or call.part is None:
        return False
    if identity and identity != call.id:
        return True
    return call.ends_object and arguments.lstrip().startswith("{")


def _read(piece: Call) -> tuple[str, str, bool]:
    """Its name, its arguments, and whether they are plain text."""
    if piece.custom is not None:
        return piece.custom.name or "", piece.custom.input or "", True
    function = piece.function or Function()
    return function.name or "", arguments_of(function), piece.type == "custom"

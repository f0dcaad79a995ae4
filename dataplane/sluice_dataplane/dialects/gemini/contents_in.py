"""Gemini's wire: a client's contents as turns.

Calls may come without ids: then they are named by their place, and a result without one belongs to the first call of
its function that has none yet.
Source: Google's reference of ``Content``, ``Part``, ``FunctionCall`` and ``FunctionResponse``.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Final

from sluice_dataplane.dialects.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.gemini.fields import FieldError, Fields
from sluice_dataplane.dialects.gemini.media import read_media
from sluice_dataplane.dialects.gemini.thoughts import is_open, joined, thought_of
from sluice_dataplane.errors import InvalidRequestError

_ROLES: Final[dict[str, Role]] = {"": "user", "user": "user", "function": "user", "model": "assistant"}


def read_system(body: Fields) -> tuple[Turn, ...]:
    """The system instruction as a turn; none if there is none.

    Raises:
        FieldError: it is not what it must be.
        InvalidRequestError: it holds something besides text.
    """
    found = body.many("systemInstruction")
    parts: list[Part] = []
    for part in [part for content in found for part in content.many("parts")]:
        if set(part.names()) - {"text"}:
            raise unsupported(part, part.names()[0])
        parts.append(Text(text=part.text("text"), at=part.at))
    return (Turn(role="system", parts=tuple(parts)),) if parts else ()


def read_contents(body: Fields) -> tuple[Turn, ...]:
    """The contents as turns.  Raises as :func:`read_system`."""
    calls = _Calls()
    turns: list[Turn] = []
    for content in body.many("contents"):
        role = _ROLES.get(content.text("role").lower())
        if role is None:
            raise FieldError(content.place("role"), "must be user or model")
        parts = _joined(read for part in content.many("parts") for read in _read_part(part, calls))
        if parts:
            turns.append(Turn(role=role, parts=parts))
    return tuple(turns)


def unsupported(fields: Fields, name: str) -> InvalidRequestError:
    """The error for what only Gemini understands."""
    place = fields.place(name)
    message = f"{place}: the provider of this model has nothing like it."
    return InvalidRequestError(message, code="unsupported_field", param=place)


def code_text(code: str, language: str = "") -> str:
    """Code that the provider ran, or what it gave, as text."""
    return f"```{language.lower()}\n{code}\n```"


def _joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """*parts*, the pieces of each thought as one: all at once, for there may be very many."""
    found: list[Part] = []
    pieces: list[Thinking] = []  # of one thought, not in *found* yet
    for part in parts:
        if pieces and not (isinstance(part, Thinking) and is_open(pieces[-1]) and not part.redacted):
            found.append(joined(pieces))
            pieces = []
        if isinstance(part, Thinking):
            pieces.append(part)
        else:
            found.append(part)
    return (*found, joined(pieces)) if pieces else tuple(found)


class _Calls:
    """The calls of functions so far, and which of them have no result yet."""

    __slots__ = ("_count", "_waiting")

    def __init__(self) -> None:
        self._count = 0
        self._waiting: dict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)  # by their function's name

    def called(self, id_: str, name: str) -> str:
        """The id of a call."""
        id_ = id_ or f"call_{self._count}"
        self._count += 1
        self._waiting[name][id_] = None
        return id_

    def answered(self, id_: str, name: str) -> str:
        """The id of the call that a result is for."""
        waiting = self._waiting[name]
        if id_:
            waiting.pop(id_, None)
            return id_
        return waiting.popitem(last=False)[0] if waiting else f"call_{name}"


def _read_part(part: Fields, calls: _Calls) -> list[Part]:
    if part.raw("functionCall") is not None:
        return [_read_call(part, calls)]
    if part.raw("functionResponse") is not None:
        return [_read_result(part, calls)]
    if part.raw("text") is not None:
        return _read_text(part)
    media = read_media(part)
    if media is not None:
        return [media]
    return _read_code(part)


def _read_text(part: Fields) -> list[Part]:
    text, signature = part.text("text"), part.text("thoughtSignature")
    if part.flag("thought") or (signature and not text):
        return [thought_of(text, signature, part.at)]
    found: list[Part] = [Text(text=text, at=part.at)] if text else []
    return [*found, thought_of("", signature, part.at)] if signature else found


def _read_code(part: Fields) -> list[Part]:
    code, result = part.one("executableCode"), part.one("codeExecutionResult")
    if code is not None:
        return [Text(text=code_text(code.text("code"), code.text("language")), at=part.at)]
    if result is not None:
        return [Text(text=code_text(result.text("output")), at=part.at)]
    signature = part.text("thoughtSignature")
    if signature:
        return [thought_of("", signature, part.at)]
    names = part.names()
    if names:
        raise unsupported(part, names[0])
    return []


def _read_call(part: Fields, calls: _Calls) -> ToolCall:
    call = part.one("functionCall")
    assert call is not None
    name = call.text("name")
    arguments = call.one("args")
    return ToolCall(
        id=calls.called(call.text("id"), name),
        name=name,
        arguments="" if arguments is None else call.json("args"),
        signature=part.text("thoughtSignature"),
        at=part.at,
    )


def _read_result(part: Fields, calls: _Calls) -> ToolResult:
    result = part.one("functionResponse")
    assert result is not None
    name = result.text("name")
    text, is_error = _read_response(result)
    parts: list[Text | Image | Document] = [Text(text=text)] if text else []
    for each in result.many("parts"):
        media = read_media(each)
        if media is None or isinstance(media, Audio):
            raise unsupported(each, next(iter(each.names()), "inlineData"))
        parts.append(media)
    return ToolResult(
        call_id=calls.answered(result.text("id"), name), parts=tuple(parts), name=name, is_error=is_error, at=part.at
    )


def _read_response(result: Fields) -> tuple[str, bool]:
    """What the function gave, and whether it failed.

    ``output`` and ``error`` are Google's names for the two; an object without either is what it gave.
    """
    response = result.one("response")
    if response is None:
        return "", False
    for name, is_error in (("output", False), ("error", True)):
        if response.names() == (name,):
            raw = response.json(name)
            return (response.text(name) if raw.startswith('"') else raw), is_error
    return result.json("response"), False

"""Gemini's wire: turns as contents for the provider.

There is one system instruction: what system and developer say before anybody else does.  What they say later stands in
the user's turns, in ``<system>`` tags.  Turns of one role are joined; results of tools come first in theirs, since they
must follow their calls.  A call that Gemini did not make gets the signature that Google gives for such calls.
"""

from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.gemini import media, thoughts
from sluice_dataplane.dialects.gemini.fields import decoded
from sluice_dataplane.dialects.seam import To

Json = dict[str, Any]
MAX_NAME: Final = 1_024  # of a tool, in characters; Google takes 128.  It is written again with every result


def write_turns(request: Request, to: To) -> Json:
    """``contents`` and, where there is one, ``systemInstruction``.

    Raises:
        InvalidRequestError: a part cannot be carried; names its place in the client's body.
    """
    first = next((n for n, turn in enumerate(request.turns) if turn.role in ("user", "assistant")), len(request.turns))
    system = [_system_text(part, to) for turn in request.turns[:first] for part in turn.parts]
    contents = _Contents(to)
    for turn in request.turns[first:]:
        contents.add(turn)
    system = [part for part in system if part["text"]]
    if not contents.all:  # somebody must have said something
        return {"contents": [{"role": "user", "parts": system}]}
    body: Json = {"contents": [{"role": each["role"], "parts": each["parts"]} for each in contents.all]}
    return {"systemInstruction": {"parts": system}} | body if system else body


def write_call(call: ToolCall) -> Json:
    """*call* as a part, with its own signature."""
    part: Json = {"functionCall": {"id": call.id, "name": call.name, "args": _arguments(call)}}
    if call.signature:
        part["thoughtSignature"] = call.signature
    return part


def _system_text(part: Part, to: To) -> Json:
    if not isinstance(part, Text):
        raise to.losses.refuse(getattr(part, "at", "") or "turns", "the system instruction is text only")
    return {"text": part.text}


class _Contents:
    """The contents so far, and the names of the functions that were called."""

    def __init__(self, to: To) -> None:
        self.all: list[Json] = []
        self._to = to
        self._names: dict[str, str] = {}

    def add(self, turn: Turn) -> None:
        """Add *turn*, to the content before it if that is of the same role."""
        if turn.role in ("system", "developer"):
            texts = [_system_text(part, self._to)["text"] for part in turn.parts]
            parts = [{"text": f"<system>{text}</system>"} for text in texts if text]
        elif turn.role == "assistant":
            parts = self._said(turn)
        else:
            parts = self._asked(turn)
        if not parts:
            return
        role = "model" if turn.role == "assistant" else "user"
        if self.all and self.all[-1]["role"] == role:
            self.all[-1]["parts"] += parts
        else:
            self.all.append({"role": role, "parts": parts})

    def _asked(self, turn: Turn) -> list[Json]:
        results = [self._result(part) for part in turn.parts if isinstance(part, ToolResult)]
        return results + [
            written
            for part in turn.parts
            if not isinstance(part, ToolResult) and (written := self._part(part)) is not None
        ]

    def _said(self, turn: Turn) -> list[Json]:
        parts: list[Json] = []
        for part in turn.parts:
            if isinstance(part, ToolCall):
                if len(part.name) > MAX_NAME:
                    raise self._to.losses.refuse(part.at or "turns", f"a tool's name has {MAX_NAME} characters at most")
                self._names[part.id] = part.name
                parts.append(write_call(part))
            elif isinstance(part, Thinking):
                written = thoughts.part_of(part) if part.origin == thoughts.ORIGIN else None
                if written is not None:
                    parts.append(written)
            elif (written := self._part(part)) is not None:
                parts.append(written)
        self._sign(parts)
        return parts

    def _sign(self, parts: list[Json]) -> None:
        """The first call of a step must be signed where the model is told by levels how to think: Gemini 3."""
        if self._to.capabilities.reasoning in ("budget", "none"):
            return
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None:
            first.setdefault("thoughtSignature", thoughts.NOBODYS)

    def _part(self, part: Part) -> Json | None:
        match part:
            case Text(text=text) | Refusal(text=text):
                return {"text": text} if text else None
            case Image():
                return media.write_image(part, self._to)
            case Document():
                return media.write_document(part, self._to)
            case Audio():
                return media.write_audio(part)
            case _:
                raise self._to.losses.refuse(part.at or "turns", "it cannot stand in a turn of this role")

    def _result(self, result: ToolResult) -> Json:
        name = result.name or self._names.get(result.call_id, "")
        if not name:
            why = "it answers no call of the turns before it, and the provider of this model must know the tool's name"
            raise self._to.losses.refuse(result.at or "turns", why)
        response: Json = {"id": result.call_id, "name": name, "response": _response(result)}
        parts = [self._part(part) for part in result.parts if not isinstance(part, Text)]
        if parts:
            response["parts"] = parts
        return {"functionResponse": response}


def _response(result: ToolResult) -> Json:
    """What a tool gave: JSON as such, anything else as text."""
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    key = "error" if result.is_error else "output"
    return {key: msgspec.Raw(text.encode()) if _is_json(text) else text}


def _arguments(call: ToolCall) -> Any:  # noqa: ANN401  JSON, kept as it is
    """An object in any case: what is none (a free tool's text, a model's broken JSON) is its only member."""
    if call.free:
        return {"input": call.arguments}
    if not call.arguments:
        return {}
    if call.arguments.lstrip()[:1] == "{" and _is_json(call.arguments):
        return msgspec.Raw(call.arguments.encode())
    return {"arguments": call.arguments}


def _is_json(text: str) -> bool:
    """Whether *text* is a JSON object or array."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        decoded(text.encode())
    except ValueError:
        return False
    return True

"""The messages of a client's chat completion, as turns.

What is not there in any other API (videos, an earlier answer's audio) is refused here, by its place in the body.
Sources: the OpenAI API reference (messages and content parts); OpenRouter's and LiteLLM's pages on ``cache_control``;
Gemini's on ``extra_content``.
"""

from typing import Final, Literal

import msgspec

from sluice_dataplane.dialects.chat import thoughts
from sluice_dataplane.dialects.chat.edge import beyond_translation
from sluice_dataplane.dialects.chat.ids import Ids
from sluice_dataplane.dialects.chat.parts_in import CacheControl, ContentPart, cache_of, read_content
from sluice_dataplane.dialects.chat.shapes import Call, Function, arguments_of, signature_of
from sluice_dataplane.dialects.conversation import (
    Document,
    Image,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.edge import decode, invalid
from sluice_dataplane.dialects.values import ABSENT, said


class _Message(msgspec.Struct, gc=False):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[str | ContentPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    tool_call_id: str | None = None
    audio: msgspec.Raw = ABSENT
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: msgspec.Raw = ABSENT
    thinking_blocks: msgspec.Raw = ABSENT
    cache_control: CacheControl | None = None


_message: Final = msgspec.json.Decoder(_Message)


class Turns:
    """Reads messages in order: results of tools are told what they are results of."""

    __slots__ = ("_calls", "_ids", "turns")

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._calls: dict[str, ToolCall] = {}  # by id, and by name for the old results that have only that
        self._ids = Ids(self._calls)

    def read(self, raw: msgspec.Raw, at: str) -> None:
        """Take the message *raw*, which stands at *at*.

        Raises:
            InvalidRequestError: it cannot be understood, or not be translated; names the field.
        """
        message = decode(_message, raw, at)
        if message.role == "tool" or message.role == "function":  # noqa: PLR1714 - mypy understands this
            self.turns.append(Turn(role="user", parts=(self._result(message, at),)))
            return
        if message.role == "assistant":
            parts = self._assistant(message, at)
        else:
            parts = read_content(message.content, f"{at}.content")
            if not parts:
                raise invalid(f"{at}.content", "must be text or parts")
        if parts:
            kept = _kept(parts, message.cache_control)
            self.turns.append(Turn(role=message.role, parts=tuple(kept), name=message.name or ""))

    def _assistant(self, message: _Message, at: str) -> list[Part]:
        if said(message.audio):
            raise beyond_translation(f"{at}.audio", "an earlier answer's audio")
        parts: list[Part] = [*_thoughts(message, at)]
        parts += [
            part
            for part in read_content(message.content, f"{at}.content")
            if not (isinstance(part, Text) and not part.text)
        ]
        if message.refusal:
            parts.append(Refusal(text=message.refusal, at=f"{at}.refusal"))
        for number, call in enumerate(message.tool_calls or ()):
            parts.append(self._call(call, f"{at}.tool_calls[{number}]"))
        if message.function_call is not None:
            place = f"{at}.function_call"
            parts.append(self._call(Call(function=message.function_call), place))
        return parts

    def _call(self, call: Call, at: str) -> ToolCall:
        free = call.custom is not None
        name = call.custom.name if call.custom else call.function.name if call.function else None
        if not name:
            raise invalid(f"{at}.{'custom' if free else 'function'}.name", "names the tool that is called")
        if call.custom is not None:
            arguments = call.custom.input or ""
        else:
            arguments = _arguments_of(call.function or Function(), f"{at}.function.arguments")
        identity = str(call.id) if call.id else self._ids.free()
        read = ToolCall(
            id=identity, name=name, arguments=arguments, free=free, signature=signature_of(call.extra_content), at=at
        )
        self._calls[identity] = self._calls[f"\0{name}"] = read
        return read

    def _result(self, message: _Message, at: str) -> ToolResult:
        if message.role == "tool" and not message.tool_call_id:
            raise invalid(f"{at}.tool_call_id", "says which call this is the result of")
        call = self._calls.get(message.tool_call_id or f"\0{message.name}")
        parts: list[Text | Image | Document] = []
        for part in read_content(message.content, f"{at}.content"):
            if not isinstance(part, Text | Image | Document):
                raise beyond_translation(part.at, "a part of this kind in the result of a tool")
            parts.append(part)
        return ToolResult(
            call_id=message.tool_call_id or (call.id if call else f"call_{message.name or ''}"),
            parts=tuple(parts),
            name=call.name if call else message.name or "",
            free=call is not None and call.free,
            cache=cache_of(message.cache_control),
            at=at,
        )


def _arguments_of(function: Function, at: str) -> str:
    try:
        return arguments_of(function)
    except ValueError:
        raise invalid(at, "must be JSON in a string") from None


def _thoughts(message: _Message, at: str) -> list[Thinking]:
    found = thoughts.entries(message.reasoning_details, message.thinking_blocks)
    field = "reasoning_details" if said(message.reasoning_details) else "thinking_blocks"
    read = [thoughts.of_client(entry, f"{at}.{field}") for entry in found]
    if any(entry.words for entry in found):
        return read
    if message.reasoning_content:
        words = Thinking(text=message.reasoning_content, origin=thoughts.ORIGIN, at=f"{at}.reasoning_content")
        return [words, *read]
    if message.reasoning:
        bare = thoughts.BARE
        return [Thinking(text=message.reasoning, signature=bare, origin=thoughts.ORIGIN, at=f"{at}.{bare}"), *read]
    return read


def _kept(parts: list[Part], control: CacheControl | None) -> list[Part]:
    """*parts* with the mark of their message on the last that can bear one."""
    if control is None:
        return parts
    for number in range(len(parts) - 1, -1, -1):
        part = parts[number]
        if isinstance(part, Text | Image | Document | ToolCall):
            marked = msgspec.structs.replace(part, cache=cache_of(control))
            return [*parts[:number], marked, *parts[number + 1 :]]
    return parts

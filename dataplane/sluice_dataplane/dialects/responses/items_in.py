"""``input`` of a request, as turns."""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import (
    Audio,
    Document,
    Image,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from sluice_dataplane.dialects.edge import decode, invalid
from sluice_dataplane.dialects.responses.edge import untranslatable
from sluice_dataplane.dialects.responses.media_in import read_content
from sluice_dataplane.dialects.responses.names import full_name
from sluice_dataplane.dialects.responses.thoughts import Proofs
from sluice_dataplane.dialects.values import ABSENT, starts

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
}
# What they stand for is kept by the provider that made them, or can be read by nobody else.
_KEPT: Final = {
    None: "an item without a type refers to what a provider keeps",
    "item_reference": "an item_reference refers to what a provider keeps",
    "compaction": "a compacted conversation can be read by its provider only",
}


class Words(msgspec.Struct):
    """A piece of a thought."""

    text: str = ""


class Item(msgspec.Struct):
    """One item, of any kind."""

    type: str | None = None
    role: str | None = None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: msgspec.Raw = ABSENT
    input: str | None = None
    content: msgspec.Raw = ABSENT
    output: msgspec.Raw = ABSENT
    summary: list[Words] | None = None
    encrypted_content: str | None = None
    tools: msgspec.Raw = ABSENT


_items: Final = msgspec.json.Decoder(list[Item])
_string: Final = msgspec.json.Decoder(str)
_words: Final = msgspec.json.Decoder(list[Words] | None)


class Reading:
    """Items, read one after the other.

    ``turns`` are (role, parts); ``tools`` the lists of tools that items brought, with where they stand; ``beyond``
    names items that mean nothing to other APIs.
    """

    def __init__(self) -> None:
        self.turns: list[tuple[Role, list[Part]]] = []
        self.tools: list[tuple[str, msgspec.Raw]] = []
        self.beyond: list[str] = []
        self._proofs = Proofs()
        self._results = False  # the last turn has results of tools, and nothing else

    def read(self, value: msgspec.Raw) -> tuple[Turn, ...]:
        """The turns of ``input``, a text or items.

        Raises:
            InvalidRequestError: it is neither, or an item cannot be understood; names it.
        """
        if starts(value, b'"'):
            self._say("user", [Text(text=decode(_string, value, "input"), at="input")])
        else:
            items = decode(_items, value, "input")
            for number, item in enumerate(items):
                self._read_item(item, f"input[{number}]")
        return tuple(Turn(role=role, parts=tuple(parts)) for role, parts in self.turns)

    def _read_item(self, item: Item, at: str) -> None:
        kind = "message" if item.type is None and item.role is not None else item.type
        if kind == "message":
            self._read_message(item, at)
        elif kind in ("function_call", "custom_tool_call"):
            self._say("assistant", [self._call(item, at)])
        elif kind in ("function_call_output", "custom_tool_call_output"):
            self._answer(_result(item, at))
        elif kind == "reasoning":
            thought = self._thought(item, at)
            if thought is not None:
                self._say("assistant", [thought])
        elif kind == "additional_tools":
            self.tools.append((f"{at}.tools", item.tools))
        elif kind in _KEPT:
            raise untranslatable(at, _KEPT[kind])
        else:
            self.beyond.append(at)

    def _read_message(self, item: Item, at: str) -> None:
        role = _ROLES.get(item.role or "")
        if role is None:
            raise invalid(f"{at}.role", "must be user, assistant, system or developer")
        parts: list[Part] = list(read_content(item.content, f"{at}.content"))
        if parts:
            self._say(role, parts)

    def _say(self, role: Role, parts: list[Part]) -> None:
        if role == "assistant" and self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(parts)
        else:
            self.turns.append((role, parts))
        self._results = False

    def _answer(self, result: ToolResult) -> None:
        if self._results:
            self.turns[-1][1].append(result)
        else:
            self.turns.append(("user", [result]))
        self._results = True

    def _call(self, item: Item, at: str) -> ToolCall:
        if not item.name:
            raise invalid(f"{at}.name", "is missing")
        if not item.call_id:
            raise invalid(f"{at}.call_id", "is missing")
        free = item.type == "custom_tool_call"
        written = decode(_string, item.arguments, f"{at}.arguments") if item.arguments is not ABSENT else ""
        return ToolCall(
            id=item.call_id,
            name=full_name(item.namespace, item.name),
            arguments=item.input or "" if free else written,
            free=free,
            signature=self._proofs.take(item.call_id),
            at=at,
        )

    def _thought(self, item: Item, at: str) -> Thinking | None:
        raw_words = decode(_words, item.content, f"{at}.content") if item.content is not ABSENT else None
        words = "\n\n".join(each.text for each in item.summary or raw_words or ())
        return self._proofs.read(words, item.encrypted_content or "", item.id or "", at)


def _result(item: Item, at: str) -> ToolResult:
    if not item.call_id:
        raise invalid(f"{at}.call_id", "is missing")
    parts: list[Text | Image | Document] = []
    for part in read_content(item.output, f"{at}.output"):
        if isinstance(part, Refusal | Audio):
            raise invalid(part.at, "cannot be the output of a tool")
        parts.append(part)
    return ToolResult(
        call_id=item.call_id,
        parts=tuple(parts),
        name=item.name or "",
        free=item.type == "custom_tool_call_output",
        at=at,
    )

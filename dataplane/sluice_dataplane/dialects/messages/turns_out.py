"""Anthropic's wire: turns as ``system`` and ``messages``, for a provider.

What is said before the conversation is the system's; what the system says later is told in the user's turn, between
``<system>`` and ``</system>``, in its place.  Turns of one role in a row are one, results of tools first in it, as the
provider wants them.
"""

from typing import Any

from sluice_dataplane.dialects.conversation import (
    Audio,
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
from sluice_dataplane.dialects.messages import thoughts
from sluice_dataplane.dialects.messages.blocks_out import Block, call_block, medium_block, result_block, text_block
from sluice_dataplane.dialects.seam import To


class Prompt:
    """What is asked, as it grows turn by turn."""

    __slots__ = ("_messages", "_to", "system")

    def __init__(self, turns: tuple[Turn, ...], to: To) -> None:
        self._to = to
        self._messages: list[tuple[str, list[Block]]] = []
        self.system: list[Block] = []
        for turn in turns:
            self._add(turn)
        if not self._messages and self.system:
            self._messages, self.system = [("user", self.system)], []  # somebody must say something

    def fields(self) -> dict[str, Any]:
        """``system`` and ``messages``; a single block of plain words goes as these words."""
        if self._messages and self._messages[-1][0] == "assistant":
            _trim(self._messages[-1][1])
        fields: dict[str, Any] = {"system": _short(self.system)} if self.system else {}
        fields["messages"] = [{"role": role, "content": _short(_ordered(blocks))} for role, blocks in self._messages]
        return fields

    def in_loop_without_thought(self) -> bool:
        """Whether a tool's result is the last word, and the turn that called it does not begin with its thought."""
        if len(self._messages) < 2 or self._messages[-1][0] != "user":
            return False
        if not any(block["type"] == "tool_result" for block in self._messages[-1][1]):
            return False
        return not str(self._messages[-2][1][0]["type"]).endswith("thinking")

    def _add(self, turn: Turn) -> None:
        if turn.role in ("system", "developer"):
            self._add_system(turn)
        elif turn.role == "assistant":
            self._say("assistant", [block for part in turn.parts for block in self._said(part)])
        else:
            self._say("user", [block for part in turn.parts for block in self._given(part)])

    def _add_system(self, turn: Turn) -> None:
        for part in turn.parts:
            if not isinstance(part, Text):
                raise self._to.losses.refuse(part.at or "system", "the system can only say words to this model")
            if not self._messages:
                self.system += text_block(part.text, part.cache)
            elif part.text.strip():
                self._say("user", text_block(f"<system>{part.text}</system>", part.cache))

    def _say(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self._messages and self._messages[-1][0] == role:
            self._messages[-1][1].extend(blocks)
        else:
            self._messages.append((role, blocks))

    def _said(self, part: Part) -> list[Block]:
        """What the assistant said."""
        match part:
            case Text() | Refusal():
                return text_block(part.text, part.cache if isinstance(part, Text) else None)
            case Thinking():
                block = thoughts.own(part)
                return [] if block is None else [block]
            case ToolCall():
                return [call_block(part)]
            case _:
                raise self._to.losses.refuse(part.at or "messages", "an answer of this model's can only hold words")

    def _given(self, part: Part) -> list[Block]:
        """What the user said."""
        match part:
            case Text() | Refusal():
                return text_block(part.text, part.cache if isinstance(part, Text) else None)
            case Image() | Document():
                return [medium_block(part, self._to)]
            case ToolResult():
                return [result_block(part, self._to)]
            case Audio():
                raise self._to.losses.refuse(part.at or "audio", "this model cannot hear")
            case Thinking() | ToolCall():
                raise self._to.losses.refuse(part.at or "messages", "a user's turn cannot hold what a model does")


def _ordered(blocks: list[Block]) -> list[Block]:
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _short(blocks: list[Block]) -> str | list[Block]:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks


def _trim(blocks: list[Block]) -> None:
    """What the answer is to go on from may not end in white space."""
    if blocks[-1]["type"] == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()

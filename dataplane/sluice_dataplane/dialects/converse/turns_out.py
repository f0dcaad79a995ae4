"""Converse: a conversation's turns as ``system`` and ``messages``.  Pure.

Turns of a user and of the assistant alternate: consecutive ones of one side become one message.  What the system says
first is ``system``; what it says later stands in its place, in the user's words, between ``<system>`` tags.  Who
speaks among several (a turn's ``name``) cannot be said and is left out.

Source: the API reference (``Message``, ``ContentBlock``) and the pages on extended thinking and prompt caching.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import (
    Audio,
    Cache,
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
from sluice_dataplane.dialects.converse.families import Family, cache_point
from sluice_dataplane.dialects.converse.media_out import Block, Media
from sluice_dataplane.dialects.seam import To
from sluice_dataplane.dialects.values import members

ORIGIN: Final = "converse"  # of thoughts that a model behind this API has signed
_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NOT_ID: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_HASH_DIGITS: Final = 16


def write_turns(turns: Sequence[Turn], to: To, family: Family) -> tuple[list[Block], list[Block]]:
    """``system`` and ``messages`` of *turns*.  Where only the system speaks, it speaks as the user.

    Raises:
        InvalidRequestError: a part cannot be carried, or the assistant speaks first; names the field.
    """
    prompt = _Prompt(to, family)
    for turn in turns:
        prompt.add(turn)
    if not prompt.messages:
        if not prompt.system:
            raise to.losses.refuse("turns", "there is nothing to answer")
        return [], [{"role": "user", "content": prompt.system}]
    if prompt.messages[0]["role"] != "user":
        raise to.losses.refuse("turns", "with the provider of this model, the user speaks first")
    return prompt.system, prompt.messages


class _Prompt:
    """``system`` and ``messages`` as they grow."""

    __slots__ = ("_family", "_media", "_to", "messages", "system")

    def __init__(self, to: To, family: Family) -> None:
        self._to = to
        self._family = family
        self._media = Media(to)
        self.system: list[Block] = []
        self.messages: list[Block] = []

    def add(self, turn: Turn) -> None:
        """Write *turn* after those before it."""
        if turn.role in ("system", "developer"):
            self._system(turn)
            return
        content = [block for part in turn.parts for block in self._blocks(part, turn.role)]
        if any("document" in block for block in content) and not any("text" in block for block in content):
            content.append({"text": "."})  # the API wants words beside a file
        self._say(turn.role, content)

    def _say(self, role: str, content: list[Block]) -> None:
        if not content:
            return
        if self.messages and self.messages[-1]["role"] == role:
            said = self.messages[-1]["content"]
            assert isinstance(said, list)
            said += content
        else:
            self.messages.append({"role": role, "content": content})

    def _system(self, turn: Turn) -> None:
        blocks: list[Block] = []
        for part in turn.parts:
            if not isinstance(part, Text):
                raise self._to.losses.refuse(part.at or "turns", "the system can only say words here")
            text = f"<system>{part.text}</system>" if self.messages and part.text else part.text
            blocks += self._text(text, part.cache)
        if self.messages:
            self._say("user", blocks)
        else:
            self.system += blocks

    def _blocks(self, part: Part, role: str) -> list[Block]:
        match part:
            case Text() | Refusal():
                return self._text(part.text, part.cache if isinstance(part, Text) else None)
            case ToolCall():
                return [tool_use(part), *cache_point(part.cache, self._family)]
            case Thinking():
                return _thought(part) if role == "assistant" else []
            case _ if role == "assistant":
                raise self._to.losses.refuse(part.at or "turns", "an answer to this model can only hold words")
            case ToolResult():
                return self._result(part)
            case Audio():
                return [self._media.audio(part)]
            case Image() | Document():
                return [self._medium(part), *cache_point(part.cache, self._family)]

    def _medium(self, part: Image | Document) -> Block:
        return self._media.image(part) if isinstance(part, Image) else self._media.document(part)

    def _text(self, text: str, cache: Cache | None) -> list[Block]:
        """A block with no words in it is refused by the API, so there is none."""
        return [{"text": text}, *cache_point(cache, self._family)] if text.strip() else []

    def _result(self, result: ToolResult) -> list[Block]:
        content: list[Block] = []
        cache = result.cache
        for part in result.parts:
            cache = cache or part.cache
            if isinstance(part, Text):
                content += self._text(part.text, None)
            else:
                content.append(self._medium(part))
        block: Block = {"toolUseId": tool_id(result.call_id), "content": content}
        if result.is_error and self._family != "other":  # the other models know no status
            block["status"] = "error"
        return [{"toolResult": block}, *cache_point(cache, self._family)]


def _thought(thought: Thinking) -> list[Block]:
    """Only what a model behind this API has signed is given back to it: the rest it could not trust."""
    if thought.origin != ORIGIN:
        return []
    if thought.redacted:
        return [{"reasoningContent": {"redactedContent": thought.redacted}}]
    if not thought.signature:
        return []
    return [{"reasoningContent": {"reasoningText": {"text": thought.text, "signature": thought.signature}}}]


def tool_use(call: ToolCall) -> Block:
    """The block of *call*; arguments that are no object, as those of free tools, become the ``input`` of one."""
    arguments: object = msgspec.Raw(call.arguments.encode())
    try:
        if call.free:
            arguments = {"input": call.arguments}
        elif not call.arguments.strip():
            arguments = {}
        else:
            members.decode(call.arguments)
    except (ValueError, RecursionError):
        arguments = {"input": call.arguments}
    return {"toolUse": {"toolUseId": tool_id(call.id), "name": call.name, "input": arguments}}


def tool_id(text: str) -> str:
    """*text* as an id that the API takes: itself, or always the same other one."""
    if _ID.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{_NOT_ID.sub('_', text)[: 63 - _HASH_DIGITS]}_{digest}"

"""What a model thought, in chat completions: the fields that vendors have added to the API for it.

``reasoning_content`` (DeepSeek and most servers) and ``reasoning`` (vLLM, Groq, OpenRouter) are words only.  What
proves a thought to its provider travels in ``reasoning_details`` (OpenRouter) or ``thinking_blocks`` (LiteLLM).
A thought that a provider of chat completions had is given back to such a provider in the field it came in: its
signature here is the rest of its entry as JSON, or the name of the field where that is not ``reasoning_content``.
Clients get thoughts of other wires in OpenRouter's form, whose ``format`` says who can read the signature.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Thinking
from sluice_dataplane.dialects.values import encoder, items, said

ORIGIN: Final = "chat"
BARE: Final = "reasoning"  # the signature of what came in the field of this name
FORMATS: Final = {
    "messages": "anthropic-claude-v1",
    "converse": "anthropic-claude-v1",
    "gemini": "google-gemini-v1",
    "responses": "openai-responses-v1",
}
_ORIGINS: Final = {
    "anthropic-claude-v1": "messages",
    "google-gemini-v1": "gemini",
    "openai-responses-v1": "responses",
}
_WORDS: Final = {"reasoning.text": "text", "reasoning.summary": "summary", "thinking": "thinking"}


class Entry(msgspec.Struct, gc=False, omit_defaults=True):
    """One entry of ``reasoning_details`` or ``thinking_blocks``, or a piece of one."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    thinking: str | None = None
    data: str | None = None
    signature: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None
    origin: str | None = None

    @property
    def words(self) -> str:
        """What of it can be read."""
        return self.text or self.summary or self.thinking or ""

    @property
    def proves(self) -> bool:
        """Whether its provider must have it back."""
        return bool(self.signature or self.data)

    def proof(self) -> str:
        """All of it but its words, as JSON."""
        rest = msgspec.structs.replace(self, text=None, summary=None, thinking=None)
        return encoder.encode(rest).decode()

    def grow(self, piece: "Entry") -> None:
        """Take over what *piece* has besides words; what comes twice is not joined: it comes whole."""
        for name in ("data", "signature", "id", "format", "index", "origin"):
            if (value := getattr(piece, name)) is not None:
                setattr(self, name, value)


_entry: Final = msgspec.json.Decoder(Entry)


def entries(*lists: msgspec.Raw) -> list[Entry]:
    """The entries of *lists* that can be understood; the others only matter to who made them."""
    found: list[Entry] = []
    for each in lists:
        if not said(each):
            continue
        try:
            for raw in items.decode(each):
                found.extend(_entries_of(raw))
        except (ValueError, RecursionError):
            continue
    return found


def _entries_of(raw: msgspec.Raw) -> Iterable[Entry]:
    try:
        entry = _entry.decode(raw)
    except (ValueError, RecursionError):
        return ()
    return (entry,) if entry.words or entry.proves else ()


def of_provider(entry: Entry) -> Thinking:
    """A provider's whole entry."""
    if entry.data and not entry.words:
        return Thinking(redacted=entry.proof(), origin=ORIGIN)
    return Thinking(text=entry.words, signature=entry.proof() if entry.proves else "", origin=ORIGIN)


def of_client(entry: Entry, at: str) -> Thinking:
    """A client's: whose it is stands in it, and an entry in Anthropic's form is Anthropic's."""
    origin = entry.origin or _ORIGINS.get(entry.format or "")
    if origin is None:
        origin = "messages" if entry.type in ("thinking", "redacted_thinking") else ORIGIN
    if origin == ORIGIN:
        return msgspec.structs.replace(of_provider(entry), at=at)
    return Thinking(
        text=entry.words,
        signature=entry.signature or "",
        redacted=entry.data or "",
        id=entry.id or "",
        origin=origin,
        at=at,
    )


def for_client(thought: Thinking, index: int) -> Entry | None:
    """*thought*, which is the *index*-th of its message, as an entry; None where its words are all there is to it."""
    if thought.origin == ORIGIN:
        return _given_back(thought)
    form = FORMATS.get(thought.origin)
    if form is None or not (thought.signature or thought.redacted):
        return None
    return Entry(
        type="reasoning.encrypted" if thought.redacted else "reasoning.text",
        text=thought.text or None,
        data=thought.redacted or None,
        signature=thought.signature or None,
        id=thought.id or None,
        format=form,
        index=index,
        origin=thought.origin if _ORIGINS[form] != thought.origin else None,
    )


def for_provider(thoughts: list[Thinking]) -> dict[str, object]:
    """The fields of an assistant's message that give *thoughts* back; those of other wires are left out."""
    own = [thought for thought in thoughts if thought.origin == ORIGIN]
    fields: dict[str, object] = {}
    words = "\n\n".join(each.text for each in own if each.text and not each.signature)
    if words:
        fields["reasoning_content"] = words
    bare = "\n\n".join(each.text for each in own if each.signature == BARE)
    if bare:
        fields["reasoning"] = bare
    fields.update(lists_of([entry for entry in map(_given_back, own) if entry is not None]))
    return fields


def lists_of(found: list[Entry]) -> dict[str, object]:
    """*found* under the names of the fields they belong in."""
    fields: dict[str, object] = {}
    if details := [entry for entry in found if entry.type.startswith("reasoning")]:
        fields["reasoning_details"] = details
    if blocks := [entry for entry in found if not entry.type.startswith("reasoning")]:
        fields["thinking_blocks"] = blocks
    return fields


def _given_back(thought: Thinking) -> Entry | None:
    try:
        entry = _entry.decode(thought.redacted or thought.signature)
    except (ValueError, RecursionError):
        return None
    if thought.text:
        setattr(entry, _WORDS.get(entry.type, "text"), thought.text)
    return entry

"""What a model thought, as items of the Responses API carry it.

A client gives ``encrypted_content`` back unread, so that it can carry the thoughts of any provider: those of another
wire are JSON in base64 that names the wire.  A call whose thought was signed (Gemini's) has an item of its own, right
before it.
"""

import base64
from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Thinking, ToolCall
from sluice_dataplane.dialects.values import encoder

ORIGIN: Final = "responses"
_BEGINNING: Final = base64.b64encode(b'{"sluice":1,').decode()  # whole groups of three bytes: no other text begins so


class Sealed(msgspec.Struct, omit_defaults=True):
    """A thought of another wire; ``call`` is the call it was thought for, where it is that call's signature."""

    sluice: int
    origin: str = ""
    signature: str = ""
    redacted: str = ""
    text: str = ""
    call: str = ""


_sealed: Final = msgspec.json.Decoder(Sealed)


class Proofs:
    """What reasoning items of a request say, beside words: the signatures of calls that come after them."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}

    def take(self, call_id: str) -> str:
        """The signature of the call; "" where it has none."""
        return self._calls.pop(call_id, "")

    def read(self, words: str, encrypted: str, item_id: str, at: str) -> Thinking | None:
        """The thought of one item; None where it is only a call's signature."""
        sealed = _opened(encrypted)
        if sealed is None:
            return Thinking(text=words, signature=encrypted, id=item_id, origin=ORIGIN, at=at)
        if sealed.call:
            self._calls[sealed.call] = sealed.signature
            return None
        return Thinking(
            text=sealed.text or words,
            signature=sealed.signature,
            redacted=sealed.redacted,
            origin=sealed.origin,
            at=at,
        )


def encrypted_content(thought: Thinking, text: str, signature: str) -> str:
    """What proves *thought*, whose words are *text*, when the client gives it back; "" where nothing does.

    A signed text is sealed with its signature, which no other text fits.
    """
    if thought.origin == ORIGIN:
        return signature
    if not thought.origin:
        return ""
    sealed = Sealed(1, thought.origin, signature, thought.redacted, text if signature else "")
    return base64.b64encode(encoder.encode(sealed)).decode()


def call_proof(call: ToolCall, call_id: str) -> str:
    """What carries the signature of *call*, which the client knows as *call_id*; "" where it has none."""
    if not call.signature:
        return ""
    return base64.b64encode(encoder.encode(Sealed(1, signature=call.signature, call=call_id))).decode()


def _opened(encrypted: str) -> Sealed | None:
    if not encrypted.startswith(_BEGINNING):
        return None
    try:
        return _sealed.decode(base64.b64decode(encrypted, validate=True))
    except (ValueError, RecursionError):
        return None

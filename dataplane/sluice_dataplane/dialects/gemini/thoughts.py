"""Gemini's wire: thoughts, and the signatures that prove them to who had them.

A ``thoughtSignature`` is Gemini's own unless it is the base64 of an object that begins with ``origin``: then it carries
what another wire's provider must have back, through a client that knows only Gemini's.
Source: Google's page on thought signatures (they come on thoughts, on the first call of each step and on text, also on
an empty one; all are to be given back; ``skip_thought_signature_validator`` stands for one of a call that Gemini 3 did
not make itself).
"""

import base64
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sluice_dataplane.dialects.conversation import Thinking

ORIGIN: Final = "gemini"
NOBODYS: Final = "skip_thought_signature_validator"
_OURS: Final = "eyJvcmlnaW4i"  # what {"origin" is in base64
_URL_SAFE: Final = str.maketrans("-_", "+/")  # Google's Python client gives it back so


class _Carried(msgspec.Struct, frozen=True, omit_defaults=True):
    origin: str
    signature: str = ""
    redacted: str = ""
    id: str = ""


_carried: Final = msgspec.json.Decoder(_Carried)


def thought_of(text: str, signature: str, at: str = "") -> Thinking:
    """The thought that *text* and *signature* are."""
    if signature.startswith(_OURS):
        try:
            carried = _carried.decode(base64.b64decode(signature.translate(_URL_SAFE), validate=True))
        except (ValueError, RecursionError):
            return Thinking(text=text, origin=ORIGIN, at=at)
        return Thinking(
            text=text,
            signature=carried.signature,
            redacted=carried.redacted,
            id=carried.id,
            origin=carried.origin,
            at=at,
        )
    return Thinking(text=text, signature=signature, origin=ORIGIN, at=at)


def signature_of(thought: Thinking) -> str:
    """What a client of this wire carries for *thought*; "" where nothing must come back."""
    if thought.origin == ORIGIN:
        return thought.signature
    if not (thought.signature or thought.redacted or thought.id):
        return ""
    carried = _Carried(origin=thought.origin, signature=thought.signature, redacted=thought.redacted, id=thought.id)
    return base64.b64encode(msgspec.json.encode(carried)).decode()


def part_of(thought: Thinking) -> dict[str, Any] | None:
    """*thought* as a part; a signature alone stands on an empty text.  None where there is nothing to it."""
    signature = signature_of(thought)
    if not thought.text and not signature:
        return None
    part: dict[str, Any] = {"text": thought.text}
    if thought.text or thought.origin != ORIGIN:
        part["thought"] = True
    if signature:
        part["thoughtSignature"] = signature
    return part


def joined(pieces: Sequence[Thinking]) -> Thinking:
    """One thought of *pieces* that follow each other: streamed ones come so, the signature with the last."""
    return msgspec.structs.replace(pieces[-1], text="".join([each.text for each in pieces]), at=pieces[0].at)


def is_open(thought: Thinking) -> bool:
    """Whether more of *thought* may follow: nothing has proved it yet."""
    return not (thought.signature or thought.redacted or thought.id)

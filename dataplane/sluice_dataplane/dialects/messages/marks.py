"""Anthropic's wire: thoughts of other wires on their way through its clients.

A client of this wire gives thinking blocks back as it got them.  A signature that is another wire's says so in front,
so that it finds its way home, and is never sent to a provider that cannot read it.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Thinking
from sluice_dataplane.dialects.values import items, members, raw

ORIGIN: Final = "messages"
MARK: Final = b'"sluice:'  # how such a signature begins in JSON
_MARK: Final = "sluice"


class _Proof(msgspec.Struct, gc=False):
    type: str = ""
    signature: str | None = None
    data: str | None = None


_proof: Final = msgspec.json.Decoder(_Proof)


def marked(thought: Thinking, proof: str) -> str:
    """*proof*, a signature or a redacted thought of *thought*, as a client keeps it; Anthropic's own is as it was."""
    if thought.origin in ("", ORIGIN):
        return proof
    return f"{_MARK}:{thought.origin}:{thought.id}:{proof}"


def unmarked(proof: str) -> tuple[str, str, str]:
    """Of what a client keeps: the wire that made it, the thought's id there, and the signature or redacted thought."""
    pieces = proof.split(":", 3)
    if len(pieces) == 4 and pieces[0] == _MARK:
        return pieces[1], pieces[2], pieces[3]
    return ORIGIN, "", proof


def without_foreign(messages: msgspec.Raw) -> msgspec.Raw:
    """*messages* without thoughts that another wire signed; all else keeps its bytes.

    Raises:
        ValueError: they are not of this wire's form.
    """
    kept = [_without(each) if MARK in bytes(each) else each for each in items.decode(messages)]
    return raw([each for each in kept if each is not None])


def _without(message: msgspec.Raw) -> msgspec.Raw | None:
    """*message* without such thoughts; None where it is nothing else."""
    found = members.decode(message)
    blocks = items.decode(found["content"])
    found["content"] = raw(kept := [block for block in blocks if not (MARK in bytes(block) and _is_foreign(block))])
    return raw(found) if kept else None


def _is_foreign(block: msgspec.Raw) -> bool:
    found = _proof.decode(block)
    if found.type not in ("thinking", "redacted_thinking"):
        return False
    return unmarked(found.signature or found.data or "")[0] != ORIGIN

"""Anthropic's wire: thoughts of other wires on their way through its clients.

A client of this wire gives thinking blocks back as it got them.  A signature that is another wire's says so in front,
so that it finds its way home, and is never sent to a provider that cannot read it.
"""

from typing import Final

import msgspec

from sluice_dataplane.dialects.conversation import Part, Request, Thinking, ToolCall
from sluice_dataplane.dialects.values import ABSENT, UNREADABLE, items, members, raw

ORIGIN: Final = "messages"
MARK: Final = b'"sluice:'  # how such a signature begins in JSON
_MARK: Final = "sluice"
_CALL: Final = "call"  # in place of a wire: the proof is of the call that follows


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


def proof_of_call(call: ToolCall, request: Request) -> Thinking | None:
    """What stands before *call* where it is signed itself, as Gemini's are: a thought without words that carries it.

    None where the client asked for no thinking, and so expects no block of it.
    """
    wanted = request.reasoning is not None and request.reasoning.enabled
    return Thinking(signature=call.signature, origin=_CALL) if call.signature and wanted else None


def calls_proven(parts: list[Part]) -> list[Part]:
    """*parts* of a client's turn, with each such proof back at the call that it stands before."""
    found: list[Part] = []
    proof = ""
    for part in parts:
        if isinstance(part, Thinking) and part.origin == _CALL:
            proof = part.signature
            continue
        if proof and isinstance(part, ToolCall):
            found.append(msgspec.structs.replace(part, signature=proof))
            proof = ""
            continue
        found.append(part)
    return found


def without_foreign(messages: msgspec.Raw) -> msgspec.Raw:
    """*messages* without thoughts that another wire signed; all else keeps its bytes.

    Raises:
        ValueError: they are not of this wire's form.
    """
    kept = [_without(each) if MARK in bytes(each) else each for each in items.decode(messages)]
    return raw([each for each in kept if each is not None])


def _without(message: msgspec.Raw) -> msgspec.Raw | None:
    """*message* without such thoughts; None where it is nothing else."""
    try:
        found = members.decode(message)
        blocks = items.decode(found.get("content", ABSENT))
    except UNREADABLE:
        return message  # words alone, which may begin as a mark does
    found["content"] = raw(kept := [block for block in blocks if not (MARK in bytes(block) and _is_foreign(block))])
    return raw(found) if kept else None


def _is_foreign(block: msgspec.Raw) -> bool:
    found = _proof.decode(block)
    if found.type not in ("thinking", "redacted_thinking"):
        return False
    return unmarked(found.signature or found.data or "")[0] != ORIGIN

"""The scripted upstream's mind: what it says to a request, told by lines in the request itself.

The last user turn that has lines beginning with ``#do`` decides; without any the upstream says what it heard::

    #do say Hello                     these words
    #do call weather {"city":"Oslo"}  call a tool; twice: two parallel calls.  Once their results are there, the
                                      upstream says "tools said: <result>; <result>"
    #do json                          JSON that fits the schema asked for (of the answer, or of a forced tool)
    #do look                          what pictures came: "1 picture: image/png 3x2"
    #do read                          what documents came
    #do think Let me see              a signed thought first; after tool results the upstream tells whether the
                                      signature came back
    #do fail 429 retry-after=2        an error, with these headers
    #do break                         a stream that ends in an error
    #do usage cached=64 written=16 reasoning=8      besides what is counted
"""

import re
import struct
from typing import Any

import msgspec

from support.wires.schemas import fitting
from support.wires.values import (
    Call,
    Failure,
    Finish,
    Heard,
    Picture,
    Reply,
    Thought,
    Turn,
    Used,
    Words,
    proof_of,
    tokens_of,
)

_LINE = re.compile(r"^[ \t>]*#do[ \t]+(\w+)[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_PAIR = re.compile(r"([\w-]+)=(\S+)")
Part = Thought | Words | Call


class FailureAskedError(Exception):
    """The script wants a failure instead of an answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def reply_to(heard: Heard, number: int) -> Reply:
    """What the upstream says to *heard*; *number* makes its ids.

    Raises:
        FailureAskedError: it is to fail.
    """
    at, lines = _script(heard)
    told = dict(lines)
    if "fail" in told:
        raise FailureAskedError(_failure(told["fail"]))
    parts = _parts(heard, at, lines)
    parts, finish = _ended(parts, heard)
    return Reply(f"{number:020}", parts, finish, _used(heard, parts, told.get("usage", "")), breaks="break" in told)


def input_tokens(heard: Heard) -> int:
    """What the upstream counts for a request: its words, what tools gave, and 85 for a picture."""
    words = (tokens_of(turn.text) + sum(map(tokens_of, turn.results)) for turn in heard.turns)
    return sum(words) + 85 * sum(len(turn.pictures) for turn in heard.turns) + 10 * len(heard.tools)


def _script(heard: Heard) -> tuple[int, list[tuple[str, str]]]:
    """The lines, and the turn they stand in."""
    for i in range(len(heard.turns) - 1, -1, -1):
        if heard.turns[i].role == "user" and (lines := _LINE.findall(heard.turns[i].text)):
            return i, lines
    return max((i for i, turn in enumerate(heard.turns) if turn.role == "user" and turn.text), default=0), []


def _parts(heard: Heard, at: int, lines: list[tuple[str, str]]) -> list[Part]:
    after = heard.turns[at:]
    results = [result.strip() for turn in after for result in turn.results]
    told = dict(lines)
    if results:
        said = "tools said: " + "; ".join(results)
        if "look" in told:
            said += f" ({_pictures(after)})"
        if "think" in told:
            proofs = {proof for turn in after for proof in turn.proofs}
            said += " (signed)" if proof_of(heard.wire, told["think"]) in proofs else " (unsigned)"
        return [Words(said)]
    parts: list[Part] = []
    for verb, rest in lines:
        if verb != "look" or "call" not in told:  # what a tool is to show cannot be told before
            parts += _part(verb, rest, heard)
    if not any(isinstance(part, Words | Call) for part in parts):
        text = heard.turns[at].text if heard.turns else ""
        parts.append(Words(f"heard: {text.strip()[:200]}" if not lines else "ok"))
    return parts


def _part(verb: str, rest: str, heard: Heard) -> list[Part]:
    match verb:
        case "say":
            return [Words(rest)]
        case "think":
            return [Thought(rest)]
        case "call":
            name, _, arguments = rest.partition(" ")
            return [Call(name, arguments or "{}", free=_is_free(heard, name))]
        case "json":
            return [_json(heard)]
        case "look":
            return [Words(_pictures(heard.turns))]
        case "read":
            return [Words("; ".join(each for turn in heard.turns for each in turn.documents) or "no document")]
    return []


def _is_free(heard: Heard, name: str) -> bool:
    return any(tool.name == name and tool.schema is None for tool in heard.tools)


def _json(heard: Heard) -> Part:
    if heard.schema is not None:
        return Words(_encoded(heard.schema))
    tool = next((tool for tool in heard.tools if tool.name == heard.forced), None)
    if tool is None and len(heard.tools) == 1:
        tool = heard.tools[0]
    if tool is None or tool.schema is None:
        return Words("nobody asked for JSON")
    return Call(tool.name, _encoded(tool.schema))


def _encoded(schema: dict[str, Any]) -> str:
    return msgspec.json.encode(fitting(schema) if schema else {"ok": True}).decode()


def _pictures(turns: list[Turn]) -> str:
    seen = [_picture(each) for turn in turns for each in turn.pictures]
    return f"{len(seen)} picture{'s' * (len(seen) != 1)}: {', '.join(seen)}" if seen else "no picture"


def _picture(picture: Picture) -> str:
    if picture.url:
        return f"at {picture.url}"
    if picture.data.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack(">II", picture.data[16:24])
        return f"{picture.media_type} {width}x{height}"
    return f"{picture.media_type} {len(picture.data)} bytes"


def _failure(rest: str) -> Failure:
    status, _, headers = rest.partition(" ")
    return Failure(int(status), f"scripted failure {status}", headers=dict(_PAIR.findall(headers)))


def _ended(parts: list[Part], heard: Heard) -> tuple[list[Part], Finish]:
    """The parts up to a stop sequence or the ceiling, and why they end."""
    kept: list[Part] = []
    left = heard.ceiling
    finish: Finish = "stop"
    for whole in parts:
        part = _until_stop(whole, heard.stop) if isinstance(whole, Words) else whole
        text = part.arguments if isinstance(part, Call) else part.text
        if left is not None and tokens_of(text) > left and not isinstance(part, Call):
            kept.append(type(part)(text.encode()[: 4 * left].decode(errors="ignore")))
            return kept, "length"
        left = None if left is None else max(0, left - tokens_of(text))
        kept.append(part)
        finish = "tools" if isinstance(part, Call) else finish
    return kept, finish


def _until_stop(said: Words, stop: list[str]) -> Words:
    cut = min((i for word in stop if word and (i := said.text.find(word)) >= 0), default=len(said.text))
    return Words(said.text[:cut])


def _used(heard: Heard, parts: list[Part], told: str) -> Used:
    extra = {name: int(value) for name, value in _PAIR.findall(told)}
    thought = sum(tokens_of(part.text) for part in parts if isinstance(part, Thought)) + extra.get("reasoning", 0)
    said = sum(
        tokens_of(part.arguments if isinstance(part, Call) else part.text)
        for part in parts
        if not isinstance(part, Thought)
    )
    cached, written = extra.get("cached", 0), extra.get("written", 0)
    return Used(input_tokens(heard) + cached + written, said + thought, cached, written, thought)
